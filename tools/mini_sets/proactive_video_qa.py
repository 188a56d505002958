"""Render the mini set: ``python -m mini_sets.proactive_video_qa OUT``.

Needs the extras ``voices`` and ``speech``. Writes ``<WEB|EGO|TV|VAD>/anno.json`` and ``videos/*.mp4`` in
the official layout, every question spoken, and ``manifest.json``. The scenes and what happens when are in
:mod:`drawing.scenes`; the pictures are computed from the times, so the
annotation is the truth and not a measurement.

``--videos-only`` leaves out what needs the voices.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drawing import film
from drawing.scenes import Scene, scenes

from tml_bench.synthesis import speech

VERSION = "mini-1"
FPS = {"WEB": 25, "EGO": 30, "TV": 24, "VAD": 15}
NOISE = {"VAD": 3.0}
VOICE = speech.SynthesisVoice("joe", 1.04, 0.95)


def identifier(subset: str, number: int) -> str:
    """The ``question_id`` of the ``number``-th item (from 1) of a subset; also the stem of its files."""
    return f"mini_{subset.lower()}_{number}"


def annotation(scene: Scene, name: str) -> dict[str, Any]:
    """One item of ``anno.json``."""
    said = [{"role": "user", "content": text, "time": time} for time, text in scene.subtitles]
    return {
        "video": f"{name}.mp4",
        "question_id": name,
        "duration": scene.duration_s,
        "conversation": [{"role": "user", "content": scene.question, "time": 0.0}, *said],
        "answer": [
            {
                "content": event.answer,
                "reply_timespan": [event.start_s, event.until_s],
                "related_timespan": [event.start_s, event.end_s],
            }
            for event in scene.events
        ],
    }


def by_subset() -> dict[str, Sequence[Scene]]:
    """The scenes of each subset, in order."""
    grouped: dict[str, list[Scene]] = defaultdict(list)
    for scene in scenes():
        grouped[scene.subset].append(scene)
    return dict(grouped)


def render(out: Path, videos_only: bool = False) -> None:
    """Write the set into ``out``."""
    entries: dict[str, object] = {}
    for subset, group in by_subset().items():
        items = []
        for number, scene in enumerate(group, start=1):
            name = identifier(subset, number)
            fps, noise = FPS[subset], NOISE.get(subset, film.NOISE)
            times = film.constant_times(fps, scene.duration_s)
            film.write_video(
                out / subset / "videos" / f"{name}.mp4", times, scene.picture, number, noise, fps
            )
            items.append(annotation(scene, name))
            if not videos_only:
                entries[name] = film.spoken(out, f"{subset}/questions/{name}.flac", scene.question, VOICE)
        speech.write_json(out / subset / "anno.json", items)
    if not videos_only:
        speech.write_json(out / "instructions.json", entries)
        film.write_manifest(out, VERSION)


def main() -> None:
    """Render into the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Render the mini set.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--videos-only", action="store_true")
    chosen = parser.parse_args()
    render(chosen.out, chosen.videos_only)


if __name__ == "__main__":
    main()
