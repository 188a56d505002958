"""How far off the edges of speech are, on speech whose edges are known, in ordinary sound.

Needs the extra ``voices``; the commands espeak-ng and flite add more voices. ``--recorded FOLDER`` adds real
speech, a folder of files below it a speaker. Prints one row a condition; see ``docs/perception.md``.

    .venv/bin/python benchmarks/edge_accuracy.py --clips clips --recorded recordings
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import edge_truth as truth
import numpy as np
from edge_truth import LEVELS_DBFS, RATE, Clip, Samples

from tml_bench.perception import vad
from tml_bench.timeline import Segment

A_TRACK = 7
"""So many clips are one after another in a track, all of one speaker and of one level."""

Surround = Callable[[Clip, np.random.Generator], tuple[Samples, int, int]]
"""A clip with what surrounds it, and the first sample and the one after the last of what is speech."""


class Condition(NamedTuple):
    """What surrounds each clip, and what lies under the whole track at how many dB below the clips' RMS."""

    name: str
    surround: Surround
    noise: str = ""
    below_db: float = 0.0


class Error(NamedTuple):
    """What was found of one clip; the errors are in ms, late is positive, none where it was missed."""

    speaker: str
    level_dbfs: float
    onset: float
    offset: float


def as_it_is(clip: Clip, random: np.random.Generator) -> tuple[Samples, int, int]:
    """Nothing around it."""
    return clip.samples, 0, clip.samples.size


def as_spoken(clip: Clip, random: np.random.Generator) -> tuple[Samples, int, int]:
    """Whatever the engine or the recording has around it, which is too soft to be an edge."""
    return _beside(clip.lead, np.empty(0), clip.samples, np.empty(0), clip.tail)


def with_clicks(clip: Clip, random: np.random.Generator) -> tuple[Samples, int, int]:
    """A click of 2 ms, as loud as the clip's peak, 50 to 300 ms before and after."""
    before, after = (round(ms * RATE / 1000) for ms in random.uniform(50, 300, 2))
    click = np.full(RATE // 500, np.abs(clip.samples).max()) * np.where(
        np.arange(RATE // 500) % 16 < 8, 1, -1
    )
    return _beside(click, np.zeros(before), clip.samples, np.zeros(after), click)


def with_breaths(clip: Clip, random: np.random.Generator) -> tuple[Samples, int, int]:
    """Breaths of 150 to 350 ms, 15 to 30 dB below; one ends 40 to 150 ms before, one begins as late after."""
    gaps = [np.zeros(round(ms * RATE / 1000)) for ms in random.uniform(40, 150, 2)]
    breaths = [
        truth.levelled(
            truth.breath(round(random.uniform(0.15, 0.35) * RATE), random),
            20 * np.log10(truth.rms(clip.samples)) - random.uniform(15, 30),
        )
        for _ in range(2)
    ]
    return _beside(breaths[0], gaps[0], clip.samples, gaps[1], breaths[1])


def _beside(*parts: Samples) -> tuple[Samples, int, int]:
    start = parts[0].size + parts[1].size
    return np.concatenate(parts), start, start + parts[2].size


def softly(sound: Callable[[int, np.random.Generator], Samples], below_db: float = 30.0) -> Surround:
    """100 to 400 ms of a soft sound run into the clip and out of it, and are part of the speech."""

    def surround(clip: Clip, random: np.random.Generator) -> tuple[Samples, int, int]:
        level = 20 * np.log10(truth.rms(clip.samples)) - below_db
        soft = [truth.levelled(sound(round(s * RATE), random), level) for s in random.uniform(0.1, 0.4, 2)]
        whole = np.concatenate([soft[0], clip.samples, soft[1]])
        return whole, 0, whole.size

    return surround


def in_a_room(clip: Clip, random: np.random.Generator) -> tuple[Samples, int, int]:
    """Reverberation of 0.8 s; the speech ends where it ended before."""
    return truth.reverberant(clip.samples, random), 0, clip.samples.size


CONDITIONS = (
    Condition("clean", as_it_is),
    Condition("own lead and tail", as_spoken),
    Condition("white 40 dB", as_it_is, "white", 40),
    Condition("white 25 dB", as_it_is, "white", 25),
    Condition("white 15 dB", as_it_is, "white", 15),
    Condition("pink 25 dB", as_it_is, "pink", 25),
    Condition("pink 15 dB", as_it_is, "pink", 15),
    Condition("brown 25 dB", as_it_is, "brown", 25),
    Condition("mains buzz 25 dB", as_it_is, "buzz", 25),
    Condition("babble 25 dB", as_it_is, "babble", 25),
    Condition("click", with_clicks),
    Condition("breath", with_breaths),
    Condition("soft hum", softly(truth.hum)),
    Condition("soft noise", softly(truth.white)),
    Condition("reverberation 0.8 s", in_a_room),
)


def tracks(
    condition: Condition, clips: list[Clip]
) -> Iterator[tuple[str, float, Samples, list[tuple[int, int]]]]:
    """Each speaker's clips at each level, some to a track: speaker, level, track, where the speech is."""
    for number, speaker in enumerate(dict.fromkeys(clip.speaker for clip in clips)):
        own = [clip for clip in clips if clip.speaker == speaker]
        for level in LEVELS_DBFS:
            for first in range(0, len(own), A_TRACK):
                random = np.random.default_rng([number, round(-level), first])
                group = [clip.at(level) for clip in own[first : first + A_TRACK]]
                track, spans = _track(condition, group, random)
                yield speaker, level, _add_noise(track, condition, level, random, clips, speaker), spans


def _track(
    condition: Condition, group: list[Clip], random: np.random.Generator
) -> tuple[Samples, list[tuple[int, int]]]:
    parts, spans, at = [], [], 0
    for clip in group:
        gap = round(random.uniform(1.0, 2.0) * RATE)
        part, start, end = condition.surround(clip, random)
        spans.append((at + gap + start, at + gap + end))
        parts += [np.zeros(gap), part]
        at += gap + part.size
    return np.concatenate([*parts, np.zeros(round(1.5 * RATE))]), spans


def _add_noise(
    track: Samples,
    condition: Condition,
    level: float,
    random: np.random.Generator,
    clips: list[Clip],
    speaker: str,
) -> Samples:
    kinds: dict[str, Callable[[int], Samples]] = {
        "white": lambda n: truth.white(n, random),
        "pink": lambda n: truth.coloured(n, random, 1.0),
        "brown": lambda n: truth.coloured(n, random, 2.0),
        "buzz": lambda n: truth.buzz(n, random),
        "babble": lambda n: truth.babble(n, random, clips, speaker),
    }
    if not condition.noise:
        return track
    return track + kinds[condition.noise](track.size) * 10 ** ((level - condition.below_db) / 20)


def errors(condition: Condition, clips: list[Clip], rate: int = RATE) -> tuple[list[Error], int]:
    """Of each clip, and how many segments were found where no clip is."""
    found, false = [], 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "track.wav"
        for speaker, level, track, spans in tracks(condition, clips):
            truth.write(path, track, rate)
            pairs, strangers = compared(vad.speech_segments(vad.listen(path)), spans)
            false += strangers
            found += [Error(speaker, level, *pair) for pair in pairs]
    return found, false


def compared(
    segments: Iterable[Segment], spans: list[tuple[int, int]]
) -> tuple[list[tuple[float, float]], int]:
    """Errors in ms of the first onset and the last offset among the segments that touch each span."""
    segments = tuple(segments)
    pairs = []
    for start, end in ((start / RATE, end / RATE) for start, end in spans):
        own = [s for s in segments if s.start_s < end and s.end_s > start]
        pairs.append(
            (1000 * (own[0].start_s - start), 1000 * (own[-1].end_s - end)) if own else (np.nan, np.nan)
        )
    touching = {
        s for start, end in spans for s in segments if s.start_s < end / RATE and s.end_s > start / RATE
    }
    return pairs, len(segments) - len(touching)


def row(name: str, found: list[Error], false: int) -> str:
    """One row: how many, missed, false, then mean error, median and 95th percentile of its size, per edge."""
    cells = []
    for values in (np.array([e.onset for e in found]), np.array([e.offset for e in found])):
        values = values[~np.isnan(values)]
        if not values.size:
            cells += ["-"] * 3
            continue
        size = np.abs(values)
        cells += [f"{values.mean():+.0f}", f"{np.median(size):.0f}", f"{np.percentile(size, 95):.0f}"]
    missed = sum(np.isnan(e.onset) for e in found)
    return f"| {name} | {len(found)} | {missed} | {false} | " + " | ".join(cells) + " |"


HEAD = (
    "| condition | clips | missed | false | onset mean | median | p95 | offset mean | median | p95 |\n"
    "| --- " + "| ---: " * 9 + "|"
)


def main() -> None:
    """Print the table of synthetic speech, then that of recorded speech."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, default=Path(tempfile.gettempdir()) / "edge-clips")
    parser.add_argument("--held-out", action="store_true", help="other texts and voices than were fitted to")
    parser.add_argument("--recorded", type=Path, help="a folder with a folder of recordings for each speaker")
    parser.add_argument("--recorded-only", action="store_true")
    arguments = parser.parse_args()
    sets = {}
    if not arguments.recorded_only:
        synthetic = truth.synthetic(arguments.clips, arguments.held_out)
        sets[f"{len({c.speaker for c in synthetic})} synthetic voices"] = synthetic
    if arguments.recorded:
        real = truth.recorded(arguments.recorded)
        sets[f"{len({c.speaker for c in real})} recorded voices"] = real
    for title, clips in sets.items():
        print(f"\n{title}\n\n{HEAD}", flush=True)
        for condition in CONDITIONS:
            print(row(condition.name, *errors(condition, clips)), flush=True)


if __name__ == "__main__":
    main()
