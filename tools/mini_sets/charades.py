"""Render the mini set: ``python -m mini_sets.charades OUT``.

Needs the extras ``voices`` and ``speech``. Writes ``Charades_v1_test.csv``, ``Charades_v1_classes.txt``,
``charades_sta_test.txt`` and ``videos/*.mp4`` in the official layout, one spoken instruction per class and
per query, and ``manifest.json``. A drawn person does one to three things, standing still in between; the
times are chosen first and the motion is computed from them, so the annotation is the truth and not a
measurement.

``--seed N`` draws other people, rooms and times in the same format, to develop a model on;
``--videos-only`` leaves out what needs the voices.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from drawing import film, motion, props
from drawing.figure import Image, Pose, SceneCamera, draw
from mini_sets.repcount_a import someone

from tml_bench.synthesis import speech
from tml_bench.tasks.charades.loader import action_instruction, sentence_instruction

VERSION = "mini-1"
VOICE = speech.SynthesisVoice("hibari", 0.96, 0.95)
CLASSES = {
    "c001": ("Walking across the room", "walks across the room"),
    "c002": ("Sitting down on a stool", "sits down on a stool"),
    "c003": ("Getting up from a stool", "gets up from a stool"),
    "c004": ("Waving at the camera", "waves at the camera"),
    "c005": ("Stretching with both arms up", "stretches with both arms up"),
    "c006": ("Drinking out of a mug", "drinks out of a mug"),
    "c007": ("Sweeping the floor with a broom", "sweeps the floor with a broom"),
    "c008": ("Picking something up from the floor", "picks something up from the floor"),
    "c009": ("Marching on the spot", "marches on the spot"),
    "c010": ("Pulling a door open", "pulls a door open"),
}
"""Code, wording of the class file, and wording of the queries; our own, as are the codes."""
FRONTAL = ("c004", "c005")
PLAN: tuple[tuple[tuple[str, ...], float], ...] = (
    (("c001",), 30),
    (("c004",), 25),
    (("c002", "c003"), 30),
    (("c005",), 24),
    (("c006",), 30),
    (("c007",), 25),
    (("c008", "c009"), 30),
    (("c010",), 30),
    (("c009",), 15),
    (("c001", "c008"), 25),
    (("c004", "c005"), 30),
    (("c009", "c008", "c009"), 24),
    (("c001",), 25),
    (("c008",), 30),
)
"""What is done in each video, in order, and its frame rate."""
USUAL_S = {"c001": 3.6, "c002": 2.4, "c003": 2.4, "c008": 3.0, "c010": 3.5}
"""Middle of the range of durations; 5 s for the others."""


@dataclass(frozen=True, slots=True)
class CharadesScene:
    """One video.

    Attributes:
        id: five letters and digits.
        actions: (class, start, end) in order, seconds.
        length: of the video in seconds.
        fps: frames per second.
        seed: of everything about its looks.
    """

    id: str
    actions: list[tuple[str, float, float]]
    length: float
    fps: float
    seed: int


def plan(seed: int) -> list[CharadesScene]:
    """Lay out every video of the set; ``seed`` 0 is the set that ships."""
    items = []
    for number, (codes, fps) in enumerate(PLAN, start=1):
        rng = np.random.default_rng([seed, number])
        at, actions = 0.0, []
        for place, code in enumerate(codes):
            start = at + rng.uniform(2.2, 5.0 if place else 10.0)
            at = start + USUAL_S.get(code, 5.0) * rng.uniform(0.75, 1.5)
            actions.append((code, round(start, 1), round(at, 1)))
        length = round(at + rng.uniform(2.3, 6.0), 2)
        items.append(CharadesScene(f"MIN{number:02}", actions, length, fps, int(rng.integers(1 << 30))))
    return items


def painter(item: CharadesScene) -> Callable[[float], Image]:
    """What the camera shows at a time."""
    rng = np.random.default_rng(item.seed)
    width, height = ((480, 360), (480, 270))[rng.integers(2)]
    scale = height / 2.6
    camera = SceneCamera(scale, complex(width / 2, height - 0.3 * scale))
    codes = {code for code, _, _ in item.actions}
    facing = 0 if codes & set(FRONTAL) else int(rng.choice([-1, 1]))
    if "c010" in codes:
        facing = 1
    x = rng.uniform(-0.3, 0.3) - (0.9 * facing if "c001" in codes else 0.0)
    look, stage = someone(rng), film.room((width, height), camera, item.seed)
    if codes & {"c002", "c003"}:
        props.stool(stage, x - 0.38 * facing, camera)

    def picture(t: float) -> Image:
        image = stage.copy()
        if "c010" in codes:
            (_, start, end) = item.actions[0]
            props.door(image, x + 0.15, film.smooth((t - start) / (end - start) * 1.25 - 0.2), camera)
        pose = _pose(item, x, facing, t)
        film.shadow(image, complex(pose.pelvis.real, 0.02), 0.35, camera)
        draw(image, pose, look, camera)
        if "c007" in codes:
            props.broom(image, (pose.arms[0][2], pose.arms[1][2]), camera)
        if "c006" in codes:
            props.mug(image, pose.arms[1][2], facing, camera)
        return image

    return picture


def _pose(item: CharadesScene, x: float, facing: int, t: float) -> Pose:
    seated = False
    for code, start, end in item.actions:
        if t >= end:
            x += _WALK_M * facing if code == "c001" else 0.0
            seated = code == "c002"
        elif t >= start:
            return _act(code, x, facing, (t - start) / (end - start), t - start)
    if seated:
        return motion.sit(x, facing, 1.0, t)
    rest = _REST.get(item.actions[0][0])
    return rest(x, facing, t) if rest else motion.stand(x, facing, t)


_WALK_M = 1.8
_REST: dict[str, Callable[[float, int, float], Pose]] = {
    "c006": lambda x, facing, t: motion.drink(x, facing, 0.0, t),
    "c007": lambda x, facing, t: motion.sweep(x, facing, 0.0, t),
}
_ACTS: dict[str, Callable[[float, int, float, float], Pose]] = {
    "c001": lambda x, facing, share, t: motion.walk(x + _WALK_M * facing * share, facing, t),
    "c002": lambda x, facing, share, t: motion.sit(x, facing, share),
    "c003": lambda x, facing, share, t: motion.sit(x, facing, 1 - share),
    "c004": lambda x, facing, share, t: motion.wave(x, share, t),
    "c005": lambda x, facing, share, t: motion.stretch(x, share, t),
    "c006": motion.drink,
    "c007": motion.sweep,
    "c008": lambda x, facing, share, t: motion.pick_up(x, facing, share),
    "c009": motion.march,
    "c010": lambda x, facing, share, t: motion.reach(x, facing, share, complex(0.5, -0.38)),
}


def _act(code: str, x: float, facing: int, share: float, t: float) -> Pose:
    return _ACTS[code](x, facing, share, t)


def render(out: Path, seed: int = 0, videos_only: bool = False) -> None:
    """Write the set into ``out``."""
    items = plan(seed)
    for item in items:
        times = film.constant_times(item.fps, item.length)
        film.write_video(out / "videos" / f"{item.id}.mp4", times, painter(item), item.seed, fps=item.fps)
    _write_annotations(out, items)
    if not videos_only:
        entries = {}
        for code, (wording, _) in CLASSES.items():
            sentence, name = _query(code), wording.lower().replace(" ", "-")
            text = action_instruction(wording)
            entries[name] = film.spoken(out, f"instructions/{name}.flac", text, VOICE)
            text = sentence_instruction(sentence)
            entries[sentence] = film.spoken(out, f"instructions/{name}-sentence.flac", text, VOICE)
        speech.write_json(out / "instructions.json", entries)
        film.write_manifest(out, VERSION)


def _query(code: str) -> str:
    return f"a person {CLASSES[code][1]}."


def _write_annotations(out: Path, items: list[CharadesScene]) -> None:
    classes = [f"{code} {wording}\n" for code, (wording, _) in CLASSES.items()]
    (out / "Charades_v1_classes.txt").write_text("".join(classes), encoding="utf-8")
    header = "id,subject,scene,quality,relevance,verified,script,objects,descriptions,actions,length"
    with (out / "Charades_v1_test.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(header.split(","))
        for item in items:
            told = " ".join(_query(code).capitalize() for code, _, _ in item.actions)
            actions = ";".join(f"{code} {start:.2f} {end:.2f}" for code, start, end in item.actions)
            drawn = [
                item.id,
                f"D{item.id[3:]}",
                "Room",
                7,
                7,
                "Yes",
                told,
                "",
                told,
                actions,
                f"{item.length:.2f}",
            ]
            rows.writerow(drawn)
    queries = [
        f"{item.id} {start:.1f} {end:.1f}##{_query(code)}\n"
        for item in items
        for code, start, end in item.actions
        if [c for c, _, _ in item.actions].count(code) == 1
    ]
    (out / "charades_sta_test.txt").write_text("".join(queries), encoding="utf-8")


def main() -> None:
    """Render into the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Render the mini set.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--videos-only", action="store_true")
    chosen = parser.parse_args()
    render(chosen.out, chosen.seed, chosen.videos_only)


if __name__ == "__main__":
    main()
