"""How far the word times of a rendered set can be trusted: they are held against two other sources.

``PYTHONPATH=tools python -m aligner_check.check_times FOLDER`` takes items of a rendered set, spread
over its ids, and prints differences of word times, the other source minus the set's:

* **energy**: where a word borders on a pause, the edges of that pause in the shipped, compressed file, by
  another rule than the set's own: 40 dB below the loudest 10 ms of the turn, against 35 dB and 5 ms.
* **second aligner**: words inside the talk, by `second_aligner`, which shares nothing with the set's.
* **windows**: of all these, the word times that windows, questions and numbers of the items rest on: by
  energy where the word borders on a pause, by the second aligner elsewhere.

With ``--recognise MODEL`` it also says how many of the words of the items' first turns Whisper understands.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Literal

import numpy as np
from aligner_check.second_aligner import models_path, second_word_times
from numpy.typing import NDArray

from tml_bench.errors import UserError
from tml_bench.media.audio import read_mono
from tml_bench.perception import asr
from tml_bench.perception.align import RATE
from tml_bench.synthesis.word_times import SHORT_SILENCE_S, said_phones
from tml_bench.tasks._timed.items import SpeechAnchor, TimedItem, load_items
from tml_bench.tasks._timed.meaning.wording import read
from tml_bench.tasks._timed.rendered import RenderedItem, RenderedTurn, RenderedWord, read_rendered, word_at

PAUSE_DB = -40.0
PAUSE_RMS_S = 0.01
NEAR_S = 0.15
"""A pause belongs to a word that ends or starts this close to it by the set's times."""
_ROOM_S = 0.25
"""So much beside a turn is given to the aligner with it."""

Edge = Literal["start", "end"]
EDGES: tuple[Edge, ...] = ("start", "end")
ENERGY = "energy, at pauses"
SECOND = "second aligner, inside the talk"
HEADER = (
    "| held against | edge | words | median, ms | mean abs | 95 % abs | within 50 ms |\n" + "| --- " * 7 + "|"
)


@dataclass(slots=True)
class TimeDifferences:
    """Differences in seconds, the other source minus the set's times.

    Attributes:
        of: of words' starts and of their ends.
    """

    of: dict[Edge, list[float]] = field(default_factory=lambda: {"start": [], "end": []})

    def rows(self, name: str) -> Iterator[str]:
        """A line of a table for starts and one for ends, if there are any."""
        for edge, values in self.of.items():
            if values:
                ms = 1000 * np.asarray(values)
                size = np.abs(ms)
                yield (
                    f"| {name} | {edge} | {len(ms)} | {np.median(ms):+.0f} | {size.mean():.0f} | "
                    f"{np.percentile(size, 95):.0f} | {100 * np.mean(size <= 50):.1f} % |"
                )


@dataclass(slots=True)
class TimeCheck:
    """All that was found.

    Attributes:
        energy: at pauses.
        second: inside the talk.
        windows: of either, the times that windows rest on, by source.
    """

    energy: TimeDifferences = field(default_factory=TimeDifferences)
    second: TimeDifferences = field(default_factory=TimeDifferences)
    windows: dict[str, TimeDifferences] = field(default_factory=lambda: defaultdict(TimeDifferences))

    def rows(self) -> Iterator[str]:
        """The lines of the table."""
        yield from self.energy.rows(ENERGY)
        yield from self.second.rows(SECOND)
        for source in sorted(self.windows):
            yield from self.windows[source].rows(f"**windows**: {source}")


def sampled(items: Sequence[TimedItem], n: int) -> list[TimedItem]:
    """At most ``n`` items, at least 1, evenly spread over the sorted ids; none of none."""
    ordered = sorted(items, key=lambda item: item.id)
    step = max(1.0, len(ordered) / n)
    return [ordered[int(k * step)] for k in range(min(n, len(ordered)))]


def check(
    folder: Path, items: Sequence[TimedItem], rendered: dict[str, RenderedItem], models: Path
) -> TimeCheck:
    """Hold the word times of these items against both sources.

    Raises:
        UserError: an extra is missing, or a file cannot be read.
    """
    found = TimeCheck()
    for item in items:
        used = set()
        for anchor in anchors(item):
            turn, word = word_at(anchor, rendered[item.id])
            used.add((turn.id, word, anchor.edge))
        audio, _ = read_mono(folder / rendered[item.id].audio, RATE)
        # The file ends with the last word; a pause follows.
        audio = np.pad(audio, (0, round(_ROOM_S * RATE)))
        for turn in rendered[item.id].turns:
            _check_turn(found, turn, audio, item.voice.startswith("gb"), models, used)
    return found


def anchors(item: TimedItem) -> Iterator[SpeechAnchor]:
    """Every moment of speech that something in the item rests on."""
    for event in item.events:
        yield event.anchor
        if until := getattr(event.window, "until", None):
            yield until
        if event.number:
            yield from (event.number.from_, event.number.to)
    yield from item.quiet_after


def pauses(audio: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Stretches of at least ``SHORT_SILENCE_S`` below ``PAUSE_DB``, outer ones included, in seconds."""
    width = round(PAUSE_RMS_S * RATE)
    power = np.convolve(audio.astype(np.float64) ** 2, np.full(width, 1 / width), mode="same")
    quiet = np.concatenate([[0], power < power.max() * 10 ** (PAUSE_DB / 10), [0]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(quiet)).reshape(-1, 2) / RATE
    return [(float(a), float(b)) for a, b in edges if b - a >= SHORT_SILENCE_S]


def _check_turn(
    found: TimeCheck,
    turn: RenderedTurn,
    session: NDArray[np.float32],
    british: bool,
    models: Path,
    used: set[tuple[str, int, Edge]],
) -> None:
    first = max(0, round((turn.start_s - _ROOM_S) * RATE))
    audio = session[first : round((turn.end_s + _ROOM_S) * RATE)]
    phones = said_phones(" ".join(word.text for word in turn.words), british)
    placed = second_word_times(audio, RATE, phones, models)
    silent = [(a + first / RATE, b + first / RATE) for a, b in pauses(audio)]
    for k, (word, (start, end)) in enumerate(zip(turn.words, placed, strict=True)):
        ours: dict[Edge, float] = {"start": word.start_s, "end": word.end_s}
        theirs: dict[Edge, float] = {"start": start + first / RATE, "end": end + first / RATE}
        for edge in EDGES:
            gap_s = _gap_s(turn.words, k, edge)
            sound = _nearest_edge(ours[edge], silent, edge) if gap_s > 0 else None
            if sound is not None:
                source, differences, other = ENERGY, found.energy, sound
            elif gap_s < np.inf:
                source, differences, other = SECOND, found.second, theirs[edge]
            else:
                continue
            differences.of[edge].append(other - ours[edge])
            if (turn.id, k, edge) in used:
                found.windows[source].of[edge].append(other - ours[edge])


def _gap_s(words: Sequence[RenderedWord], k: int, edge: Edge) -> float:
    """From a word's edge to its neighbour in the turn; infinite where there is none."""
    if edge == "start":
        return words[k].start_s - words[k - 1].end_s if k else np.inf
    return words[k + 1].start_s - words[k].end_s if k + 1 < len(words) else np.inf


def _nearest_edge(time_s: float, silent: Sequence[tuple[float, float]], edge: Edge) -> float | None:
    """Where sound begins or ends closest to a time; None where it does not within ``NEAR_S``."""
    edges = [b if edge == "start" else a for a, b in silent]
    nearest = min(edges, key=lambda other: abs(other - time_s), default=None)
    return nearest if nearest is not None and abs(nearest - time_s) <= NEAR_S else None


def understood(
    folder: Path, items: Sequence[TimedItem], rendered: dict[str, RenderedItem], model: str
) -> str:
    """The share of words of the items' first turns that Whisper hears, and the same for the worst voice.

    Words are compared without case and punctuation, with contractions and figures written out.

    Raises:
        UserError: the extra ``speech`` or the model is missing.
    """
    right: dict[str, int] = defaultdict(int)
    said: dict[str, int] = defaultdict(int)
    for item in items:
        audio, _ = read_mono(folder / rendered[item.id].audio, RATE)
        turn = rendered[item.id].turns[0]
        first = max(0, round((turn.start_s - _ROOM_S) * RATE))
        heard = asr.transcribe(audio[first : round((turn.end_s + _ROOM_S) * RATE)], model)
        words = read(item.turns[0].text).words
        matcher = SequenceMatcher(None, words, read(heard).words, autojunk=False)
        right[item.voice] += sum(block.size for block in matcher.get_matching_blocks())
        said[item.voice] += len(words)
    worst = min(said, key=lambda voice: right[voice] / said[voice])
    share = sum(right.values()) / sum(said.values())
    return (
        f"{model} understands {share:.1%} of the {sum(said.values())} words of {len(items)} instructions; "
        f"of {worst}, the worst voice, {right[worst] / said[worst]:.1%}"
    )


def main() -> None:
    """Print the table for a rendered set."""
    parser = argparse.ArgumentParser(
        description="Hold the word times of a rendered set against other sources."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=Path, help="items.jsonl, if not in the folder")
    parser.add_argument("-n", type=int, default=50, help="how many items")
    parser.add_argument(
        "--recognise", metavar="MODEL", help="also let this Whisper model listen to the items"
    )
    chosen = parser.parse_args()
    if chosen.n < 1:
        parser.error(f"-n {chosen.n}: give at least 1")
    try:
        rendered = read_rendered(chosen.folder)
        items = load_items(chosen.items or chosen.folder / "items.jsonl")
        some = sampled([item for item in items if item.id in rendered], chosen.n)
        if not some:
            raise UserError(f"{chosen.folder} has none of these items rendered", "give their --items")
        print(f"{len(some)} of {len(rendered)} items\n\n{HEADER}")
        for row in check(chosen.folder, some, rendered, models_path()).rows():
            print(row)
        if chosen.recognise:
            print("\n" + understood(chosen.folder, some, rendered, chosen.recognise))
    except UserError as error:
        parser.exit(2, f"{error.problem}; {error.remedy}\n")


if __name__ == "__main__":
    main()
