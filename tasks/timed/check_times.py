"""How far the word times of a rendered set can be trusted: they are held against three other sources.

``python -m tml_bench.tasks.timed.check_times FOLDER`` takes items of a rendered set, spread over its ids,
and prints for every source the signed and absolute differences of word onsets and ends:

* **energy**: where a word borders on a silence of 150 ms or more, the edge of energy against the aligner's
  own time, both from the shipped, compressed file. (The set itself has the energy's time there.)
* **piper**: the same texts spoken by Piper, whose duration predictor says where each word lies, against
  the aligner's times of that audio. What Piper counts as the space between two words (under 100 ms; more
  is a pause) is shared by them.
* **whisper**: Whisper's word times (cross-attention) of the shipped file against the set's. Whisper is known
  to be 80-120 ms off; this finds words that are wholly misplaced, not milliseconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from tml_bench.media import engines, speech
from tml_bench.media.audio import read_mono
from tml_bench.media.word_times import SILENCE_S, word_times
from tml_bench.perception import asr
from tml_bench.perception.align import RATE
from tml_bench.tasks.timed.items import Item, load_items, spoken_words
from tml_bench.tasks.timed.rendered import Rendered, RenderedTurn, read_rendered

MARGIN_S = 0.05
_SAME_S = 0.2
"""A silence belongs to the boundary that the aligner put this close to it."""
_SPACE_S = 0.1


@dataclass(slots=True)
class Differences:
    """Differences in seconds, the other source minus the word times.

    Attributes:
        onsets: of words' starts.
        ends: of words' ends.
    """

    onsets: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)

    def rows(self, name: str) -> Iterator[str]:
        """A line of a table for onsets and one for ends."""
        for edge, values in (("onsets", self.onsets), ("ends", self.ends)):
            if values:
                ms = 1000 * np.asarray(values)
                size = np.abs(ms)
                yield (
                    f"| {name} | {edge} | {len(ms)} | {np.median(ms):+.0f} | {size.mean():.0f} | "
                    f"{np.percentile(size, 95):.0f} | {100 * np.mean(size <= 50):.0f} % |"
                )


HEADER = "| source | edge | words | median, ms | mean abs | 95 % abs | within 50 ms |\n" + "| --- " * 7 + "|"


def sampled(items: Sequence[Item], n: int) -> list[Item]:
    """At most ``n`` items, evenly spread over the sorted ids."""
    ordered = sorted(items, key=lambda item: item.id)
    step = max(1.0, len(ordered) / n)
    return [ordered[int(k * step)] for k in range(min(n, len(ordered)))]


def against_energy(folder: Path, items: Sequence[Item], rendered: dict[str, Rendered]) -> Differences:
    """Edges of pauses inside turns and of turns, against the aligner's own times."""
    found = Differences()
    for item in items:
        for turn, _, audio in _turns(folder, item, rendered[item.id]):
            text = " ".join(word.text for word in turn.words)
            words = word_times(audio, text, item.voice.startswith("gb"), snap=False)
            silences = [(a / RATE, b / RATE) for a, b in speech.silences(audio, RATE)]
            for (_, _, end), (_, start, _) in pairwise(words):
                for a, b in silences:
                    if b - a >= SILENCE_S and abs(a - end) < _SAME_S and abs(b - start) < _SAME_S:
                        found.ends.append(a - end)
                        found.onsets.append(b - start)
    return found


def against_piper(items: Sequence[Item]) -> Differences:
    """Piper's own marks of these items' texts, against the aligner's times of Piper's audio."""
    found = Differences()
    for item in items:
        for turn in item.turns:
            audio, marks = _piper_marks(turn.text)
            words = word_times(audio, turn.text)
            if len(marks) != len(words):  # Piper joined or split words, as in "9:30"
                continue
            # The first onset and the last end are the energy's in both.
            marks = _spaces_shared(marks)
            found.onsets += [mark[0] - word[1] for mark, word in zip(marks[1:], words[1:], strict=True)]
            found.ends += [mark[1] - word[2] for mark, word in zip(marks[:-1], words[:-1], strict=True)]
    return found


def against_whisper(folder: Path, items: Sequence[Item], rendered: dict[str, Rendered]) -> Differences:
    """Whisper's word times against the set's, where it hears the same words; first words left out."""
    found = Differences()
    for item in items:
        for turn, start_s, audio in _turns(folder, item, rendered[item.id]):
            heard = asr.whisper_words(audio)
            ours = [" ".join(spoken_words(word.text)) for word in turn.words]
            theirs = [" ".join(spoken_words(text)) for text, _, _ in heard]
            for block in SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks():
                for k in range(block.size):
                    word, other = turn.words[block.a + k], heard[block.b + k]
                    if block.b + k:
                        found.onsets.append(other[1] + start_s - word.start_s)
                        found.ends.append(other[2] + start_s - word.end_s)
    return found


def _spaces_shared(marks: list[tuple[float, float]]) -> list[tuple[float, float]]:
    shared = [list(mark) for mark in marks]
    for before, after in pairwise(shared):
        if after[0] - before[1] < _SPACE_S:
            before[1] = after[0] = (before[1] + after[0]) / 2
    return [(start, end) for start, end in shared]


def _turns(
    folder: Path, item: Item, rendered: Rendered
) -> Iterator[tuple[RenderedTurn, float, NDArray[np.float32]]]:
    """Turns with the session time of their audio's first sample, and the audio."""
    audio, _ = read_mono(folder / rendered.audio, RATE)
    for turn in rendered.turns:
        first = max(0, round((turn.start_s - MARGIN_S) * RATE))
        yield turn, first / RATE, audio[first : round((turn.end_s + MARGIN_S) * RATE)]


def _piper_marks(text: str) -> tuple[NDArray[np.float32], list[tuple[float, float]]]:
    """Piper's audio at 16 kHz, and start and end of every word by its duration predictor."""
    rate, audio, marks = engines.joe_marks(text)
    return soxr.resample(audio, rate, RATE).astype(np.float32), marks


def main() -> None:
    """Print the table for a rendered set."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=Path, help="items.jsonl, if not in the folder")
    parser.add_argument("-n", type=int, default=50, help="how many items")
    chosen = parser.parse_args()
    rendered = read_rendered(chosen.folder)
    items = load_items(chosen.items or chosen.folder / "items.jsonl")
    some = sampled([item for item in items if item.id in rendered], chosen.n)
    print(f"{len(some)} of {len(rendered)} items\n\n{HEADER}")
    for name, found in (
        ("energy", against_energy(chosen.folder, some, rendered)),
        ("piper", against_piper(some)),
        ("whisper", against_whisper(chosen.folder, some, rendered)),
    ):
        for row in found.rows(name):
            print(row)


if __name__ == "__main__":
    main()
