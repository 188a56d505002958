"""Render the mini set: ``python -m mini_sets.repcount_a OUT``.

Needs the extras ``voices`` and ``speech``. Writes ``annotation/test.csv`` and ``video/test/*.mp4`` in the
official layout (with the columns ``fps`` to ``cycle_start_id`` of the extended annotation), one spoken
instruction per action and ``manifest.json``. A drawn person repeats an exercise; cycle boundaries are
chosen first, snapped to frames, and the motion is computed from them, so the annotation is the truth and
not a measurement.

``--seed N`` draws other people, rooms, tempi and counts in the same format, to develop a model on;
``--videos-only`` leaves out what needs the voices.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from drawing import figure, film
from drawing.figure import STANDING, TORSO, Colour, Image, Look, Pose, SceneCamera

from tml_bench.synthesis import speech
from tml_bench.tasks.repcount_a.loader import CANONICAL, LABELS, SPOKEN, instruction

VERSION = "mini-1"

VOICE = speech.SynthesisVoice("joe", 1.0, 0.95)
PLAN: tuple[tuple[str, int, float | None], ...] = (
    ("squat", 6, 30),
    ("jump_jack", 12, 25),
    ("push_up", 8, 24),
    ("situp", 5, 30),
    ("front_raise", 7, 25),
    ("pull_up", 4, 30),
    ("squant", 9, 15),
    ("jumpjacks", 15, 30),
    ("pushups", 3, 30),
    ("situp", 10, 25),
    ("frontraise", 11, None),
    ("pullups", 6, 24),
    ("jump_jack", 8, 15),
    ("squat", 13, 30),
)
"""Type as written in the annotation (its known misspellings included), count, and frames per second; None is
a variable frame rate."""
CYCLE_S = {"squat": 1.5, "jump_jack": 1.0, "push_up": 1.4, "situp": 2.0, "front_raise": 1.5, "pull_up": 2.2}
"""Middle of the range of cycle lengths."""
LONGEST_S = 25.0


@dataclass(frozen=True, slots=True)
class RepetitionScene:
    """One video.

    Attributes:
        name: of the file.
        kind: type as in the annotation.
        times: presentation time of every frame, seconds.
        fps: constant rate; None for a variable one.
        cycles: (first, last) frame of every repetition.
        depths: how far each repetition goes, about 0.85 to 1.
        seed: of everything else about its looks.
    """

    name: str
    kind: str
    times: list[Fraction]
    fps: float | None
    cycles: list[tuple[int, int]]
    depths: list[float]
    seed: int

    @property
    def action(self) -> str:
        """The canonical name of the action."""
        return CANONICAL.get(self.kind, self.kind)


def plan(seed: int) -> list[RepetitionScene]:
    """Lay out every video of the set; ``seed`` 0 is the set that ships."""
    items = []
    for number, (kind, count, fps) in enumerate(PLAN, start=1):
        rng = np.random.default_rng([seed, number])
        if seed:
            count = int(rng.integers(3, 16))
        items.append(_lay_out(f"mini_{number:02}.mp4", kind, count, fps, rng))
    return items


def _lay_out(
    name: str, kind: str, count: int, fps: float | None, rng: np.random.Generator
) -> RepetitionScene:
    base = CYCLE_S[CANONICAL.get(kind, kind)] * rng.uniform(0.85, 1.15)
    drift = rng.uniform(-0.35, 0.35)  # gets slower or faster from the first repetition to the last
    lengths = base * (1 + drift * (np.arange(count) / max(count - 1, 1) - 0.5)) * rng.uniform(0.9, 1.1, count)
    pauses = np.zeros(count)
    for after in rng.choice(count - 1, size=min(count - 1, int(rng.integers(0, 3))), replace=False):
        pauses[after] = rng.uniform(0.6, 2.0)
    lead, tail = rng.uniform(1.2, 2.5), rng.uniform(1.2, 2.5)
    shrink = min(1.0, (LONGEST_S - lead - tail) / float(lengths.sum() + pauses.sum()))
    stretch = (
        max(shrink, (10.0 - lead - tail) / float(lengths.sum() + pauses.sum())) if shrink == 1.0 else shrink
    )
    lengths, pauses = lengths * stretch, pauses * stretch
    starts = lead + np.concatenate([[0.0], np.cumsum(lengths + pauses)[:-1]])
    duration = float(lead + lengths.sum() + pauses.sum() + tail)
    times = (
        film.constant_times(fps, duration)
        if fps
        else film.variable_times(duration, int(rng.integers(1 << 30)))
    )
    seconds = np.array([float(t) for t in times])
    bounds = [
        (int(np.abs(seconds - s).argmin()), int(np.abs(seconds - e).argmin()))
        for s, e in zip(starts, starts + lengths, strict=True)
    ]
    return RepetitionScene(
        name,
        kind,
        times,
        fps,
        bounds,
        [float(d) for d in rng.uniform(0.85, 1.0, count)],
        int(rng.integers(1 << 30)),
    )


def effort(item: RepetitionScene, t: float) -> float:
    """How far into a repetition the body is at ``t`` seconds: 0 at rest, 1 at the deepest point."""
    for (first, last), depth in zip(item.cycles, item.depths, strict=True):
        start, end = float(item.times[first]), float(item.times[last])
        if start <= t < end:
            share = (t - start) / (end - start)
            return depth * (film.smooth(share / 0.48) if share < 0.5 else film.smooth((1 - share) / 0.48))
    return 0.0


def squat(e: float, sway: float, facing: int) -> Pose:
    """Down into the knees with the arms stretched forward."""
    hands = 0.54 * complex(math.sin(1.5 * e + 0.05), -math.cos(1.5 * e + 0.05))
    pelvis = complex(-0.24 * e * facing, STANDING - 0.44 * e)
    feet = 0.24 * e + 0.08j
    return figure.side(
        pelvis, 0.04 + 0.7 * e + sway, [hands, hands + 0.03 - 0.02j], [feet - 0.03, feet + 0.04], facing
    )


def jump_jack(e: float, sway: float, facing: int) -> Pose:
    """Hop the feet apart while the arms swing up, and back."""
    wide, hop = 0.12 + 0.32 * e, 0.06 * 4 * e * (1 - e)
    pelvis = complex(sway, 0.08 + math.sqrt(0.855**2 - (wide - 0.1) ** 2) + hop)
    angle = math.radians(-78 + 155 * e)
    hands = [
        pelvis + 1j * TORSO + s * 0.19 + 0.55 * complex(s * math.cos(angle), math.sin(angle)) for s in (-1, 1)
    ]
    return figure.front(pelvis, hands, [complex(s * wide, 0.08 + hop) for s in (-1, 1)], sway)


def push_up(e: float, sway: float, facing: int) -> Pose:
    """A straight body on its hands and toes, down to the floor and up."""
    length = 0.85 + TORSO
    ankle, hand = complex(-0.8, 0.13), complex(-0.8 + 0.94 * length, 0.05)
    tilt = math.asin((0.58 - 0.34 * e + sway - ankle.imag) / length)
    along = complex(math.cos(tilt), math.sin(tilt))
    pelvis, neck = ankle + 0.85 * along, ankle + length * along
    foot = complex(ankle.real - pelvis.real, ankle.imag)
    placed = complex(facing * pelvis.real, pelvis.imag)
    hands = [hand - neck, hand - neck + 0.04 - 0.02j]
    return figure.side(placed, math.pi / 2 - tilt, hands, [foot, foot + 0.02], facing, 0.4 - 0.9j, nod=-0.3)


def situp(e: float, sway: float, facing: int) -> Pose:
    """Lying on the back with bent knees, up to the knees and down."""
    lean = -1.38 + 1.5 * e + sway
    up = complex(math.sin(lean), math.cos(lean))
    hands = [0.19 * up - 0.05 * up * -1j, 0.17 * up]
    return figure.side(-0.1 * facing + 0.13j, lean, hands, [0.40 + 0.08j, 0.45 + 0.08j], facing, elbow=1)


def front_raise(e: float, sway: float, facing: int) -> Pose:
    """Straight arms with weights lifted forward to the shoulders' height."""
    angle = math.radians(-86 + 92 * e)
    hand = 0.55 * complex(math.cos(angle), math.sin(angle))
    feet = [-0.03 + 0.08j, 0.05 + 0.08j]
    return figure.side(complex(0, STANDING), 0.03 - 0.06 * e + sway, [hand - 0.02, hand + 0.02], feet, facing)


def pull_up(e: float, sway: float, facing: int) -> Pose:
    """Hanging from a bar, up until the chin is over it, and down."""
    pelvis = complex(sway, 1.13 + 0.43 * e)
    feet = [pelvis + complex(s * 0.1 + sway, -0.83 + 0.04 * e) for s in (-1, 1)]
    return figure.front(pelvis, [s * 0.32 + _BAR * 1j for s in (-1, 1)], feet, sway)


_BAR = 2.2
_POSES: dict[str, Callable[[float, float, int], Pose]] = {
    "squat": squat,
    "jump_jack": jump_jack,
    "push_up": push_up,
    "situp": situp,
    "front_raise": front_raise,
    "pull_up": pull_up,
}
_SHIRTS: tuple[Colour, ...] = (
    (176, 60, 52),
    (58, 110, 160),
    (70, 130, 84),
    (196, 160, 70),
    (120, 84, 140),
    (90, 94, 100),
)
_SKINS: tuple[Colour, ...] = ((226, 186, 158), (214, 170, 140), (168, 118, 86), (122, 82, 58))
_TROUSERS: tuple[Colour, ...] = ((48, 58, 92), (60, 60, 64), (92, 76, 58), (40, 74, 74))
_HAIRS: tuple[Colour, ...] = ((60, 42, 30), (28, 24, 22), (150, 112, 62), (110, 106, 104))
_SIZES = ((480, 360), (480, 270), (432, 324))


def someone(rng: np.random.Generator) -> Look:
    """A person with colours drawn at random."""
    chosen = [colours[rng.integers(len(colours))] for colours in (_SKINS, _HAIRS, _SHIRTS, _TROUSERS)]
    return Look(*chosen)


def painter(item: RepetitionScene) -> Callable[[float], Image]:
    """What the camera shows at a time."""
    rng = np.random.default_rng(item.seed)
    width, height = _SIZES[rng.integers(len(_SIZES))]
    scale = height / 2.75
    camera = SceneCamera(scale, complex(width * rng.uniform(0.42, 0.58), height - 0.32 * scale))
    facing = int(rng.choice([-1, 1]))
    look, phase, shake = someone(rng), rng.uniform(0, 6.28), float(rng.choice([0.0, 0.0, 0.8]))
    stage = film.room((width, height), camera, item.seed)
    _furnish(stage, item.action, camera)

    def picture(t: float) -> Image:
        image = stage.copy()
        sway = 0.010 * math.sin(1.5 * t + phase) + 0.006 * math.sin(3.7 * t + 2 * phase)
        pose = _POSES[item.action](effort(item, t), sway, facing)
        film.shadow(
            image,
            complex(pose.pelvis.real, 0.02),
            0.75 if item.action in ("push_up", "situp") else 0.35,
            camera,
        )
        figure.draw(image, pose, look, camera)
        _hold(image, item.action, pose, camera)
        if not shake:
            return image
        move = np.array([[1, 0, shake * math.sin(1.1 * t)], [0, 1, shake * math.sin(1.7 * t + phase)]])
        shaken = cv2.warpAffine(image, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(shaken, np.uint8)

    return picture


def _furnish(image: Image, action: str, camera: SceneCamera) -> None:
    if action in ("push_up", "situp"):
        mat = [-1.15 - 0.10j, 1.15 - 0.10j, 1.05 + 0.07j, -1.05 + 0.07j]
        figure.polygon(image, mat, (66, 98, 110), camera)
    if action == "pull_up":
        for x in (-0.75, 0.75):
            figure.limb(image, (x + 0j, complex(x, _BAR)), (0.035, 0.035), (70, 72, 78), camera)
        figure.limb(image, (-0.8 + 1j * _BAR, 0.8 + 1j * _BAR), (0.025, 0.025), (120, 122, 128), camera)


def _hold(image: Image, action: str, pose: Pose, camera: SceneCamera) -> None:
    if action == "front_raise":
        for arm in pose.arms:
            hand = arm[2] + 0.03 * (arm[2] - arm[1]) / abs(arm[2] - arm[1])
            figure.limb(image, (hand, hand), (0.075, 0.075), (58, 60, 66), camera)
            figure.limb(image, (hand, hand), (0.03, 0.03), (150, 152, 158), camera)


def render(out: Path, seed: int = 0, videos_only: bool = False) -> None:
    """Write the set into ``out``."""
    items = plan(seed)
    for item in items:
        film.write_video(
            out / "video" / "test" / item.name, item.times, painter(item), item.seed, fps=item.fps
        )
    write_annotation(out / "annotation" / "test.csv", items)
    if not videos_only:
        entries = {
            action: film.spoken(out, f"instructions/{action}.flac", instruction(action), VOICE)
            for action in SPOKEN
            if action != "others"
        }
        speech.write_json(out / "instructions.json", entries)
        film.write_manifest(out, VERSION)


def write_annotation(path: Path, items: list[RepetitionScene]) -> None:
    """Write the official columns, then those of the extended annotation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = [f"L{k}" for k in range(1, LABELS + 1)]
    extra = ["fps", "duration", "num_frames", "segment_start", "segment_end", "cycle_start_id"]
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["", "type", "name", "count", *labels, *extra])
        for number, item in enumerate(items):
            frames = [f"{edge:.1f}" for cycle in item.cycles for edge in cycle]
            fps = item.fps or len(item.times) / float(item.times[-1])
            duration = round(len(item.times) / fps, 3)
            filler = [""] * (LABELS - len(frames))
            measured = [round(fps, 3), duration, len(item.times), 0, len(item.times), 0]
            rows.writerow([number, item.kind, item.name, len(item.cycles), *frames, *filler, *measured])


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
