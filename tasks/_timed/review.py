"""What looks doubtful in an item file, and its counts; see ``items``."""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.perception.numbers import numbers_in
from tml_bench.tasks._common.records import json_lines
from tml_bench.tasks._timed.items import REST_S, SIZES, VOICES, SpeechAnchor, TimedItem, spoken_words
from tml_bench.tasks._timed.validate import latest_after_anchor, problems, sound

WORD_S = 0.33
"""Length of a word at a voice's own pace, for estimates where nothing is rendered yet."""


def doubts(item: TimedItem) -> list[str]:
    """What breaks no rule but deserves a look, each as ``<id>: <field>: <what>``."""
    return [f"{item.id}: {text}" for text in (*_estimated_tail(item), *_estimated_overlaps(item))]


def estimated_places(item: TimedItem) -> dict[str, tuple[float, float]]:
    """About when every turn starts and ends, by id."""
    places: dict[str, tuple[float, float]] = {}
    for turn in item.turns:
        before = places.get(turn.after, (0.0, 0.0))[1]
        start = turn.at_s if turn.at_s is not None else before + turn.gap_s
        places[turn.id] = (start, start + len(spoken_words(turn.text)) * WORD_S / turn.pace)
    return places


def _estimated_tail(item: TimedItem) -> Iterator[str]:
    places = estimated_places(item)
    end_s = max((end for _, end in places.values()), default=0.0)
    for event in item.events:
        if event.anchor.turn in places and sound(event):
            anchor_s = _estimated_anchor(item, event.anchor, places)
            needed = anchor_s + latest_after_anchor(event) + REST_S - end_s
            if needed > item.tail_s + 0.5:
                yield f"tail_s: {item.tail_s:g} may be short for event {event.id!r}; needs about {needed:.1f}"


def _estimated_anchor(item: TimedItem, anchor: SpeechAnchor, places: dict[str, tuple[float, float]]) -> float:
    start, end = places[anchor.turn]
    if not anchor.word:
        return end if anchor.edge == "end" else start
    words = next(spoken_words(turn.text) for turn in item.turns if turn.id == anchor.turn)
    same = anchor.places(words)
    place = same[anchor.nth - 1] if anchor.nth <= len(same) else len(words) - 1
    return start + (end - start) * (place + (anchor.edge == "end")) / len(words)


def _estimated_overlaps(item: TimedItem) -> Iterator[str]:
    for (_, (_, end)), (name, (start, _)) in pairwise(estimated_places(item).items()):
        if start < end - 0.3:
            yield f"turn {name!r}: starts at about {start:.1f} s, in the turn before, up to about {end:.1f} s"


def masked(item: TimedItem) -> str:
    """The user's words without numbers, quoted words and the words of the expected replies.

    Two items of a family with the same masked text differ in nothing that matters.
    """
    said = {word for event in item.events for text in event.accept[:1] for word in spoken_words(text)}
    text = " | ".join(turn.text for turn in item.turns)
    text = re.sub(r"[\"“‘']\b[^\"”’']+[\"”’']", "“”", text)
    words = ("#" if numbers_in(w) else "_" if w in said and len(w) > 3 else w for w in spoken_words(text))
    return " ".join(words)


def near_duplicates(items: Iterable[TimedItem]) -> list[tuple[str, str]]:
    """Pairs of items that differ only in what `masked` leaves out."""
    groups: dict[tuple[str, str], list[str]] = {}
    for item in items:
        groups.setdefault((item.task, masked(item)), []).append(item.id)
    return [pair for ids in groups.values() for pair in combinations(ids, 2)]


def report(path: Path) -> tuple[list[str], list[str]]:
    """What is wrong with a file and what looks doubtful, and then its counts.

    Raises:
        UserError: the file cannot be read.
    """
    read, wrong = json_lines(path, TimedItem, "give an items.jsonl")
    wrong += [f"{path}:{line}: {text}" for line, item in read for text in problems(item)]
    items = [item for _, item in read]
    lines = [f"doubt: {path}:{line}: {text}" for line, item in read for text in doubts(item)]
    lines += [f"doubt: {a} and {b} are the same but for numbers and names" for a, b in near_duplicates(items)]
    for split, size in SIZES.items():
        n = sum(item.split == split for item in items)
        lines += [f"doubt: split {split} holds {n} items of {size}"] if n != size else []
    return wrong, [*lines, *_counts(items)]


def _counts(items: Sequence[TimedItem]) -> Iterator[str]:
    yield f"{'family':<20} {'dev':>4} {'test':>5} {'silent':>7} {'events':>7}  voices"
    for family in dict.fromkeys(i.family for i in items):
        chosen = [i for i in items if i.family == family]
        splits = Counter(i.split for i in chosen)
        voices = Counter(i.voice for i in chosen)
        spread = " ".join(f"{v}:{voices[v]}" for v in VOICES if voices[v])
        silent, events = sum(not i.events for i in chosen), sum(len(i.events) for i in chosen)
        yield f"{family:<20} {splits['dev']:>4} {splits['test']:>5} {silent:>7} {events:>7}  {spread}"
    splits, levels = Counter(i.split for i in items), Counter(i.difficulty for i in items)
    hard = ", ".join(f"{levels[k]} of difficulty {k}" for k in (1, 2, 3))
    yield f"{len(items)} items: {splits['dev']} dev, {splits['test']} test; {hard}"


def main() -> None:
    """Print what is wrong with an item file (then the status is 1), what looks doubtful, and counts."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("path", type=Path)
    try:
        wrong, lines = report(parser.parse_args().path)
    except UserError as error:
        sys.exit(str(error))
    print("\n".join([*(f"error: {text}" for text in wrong), *lines]))
    sys.exit(bool(wrong))
