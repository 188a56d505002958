"""What looks doubtful in the item file of a set as a whole, and its counts.

``PYTHONPATH=tools python -m timed_review ITEMS.jsonl``, beside ``python -m tml_bench.tasks._timed.items``.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

from tml_bench.perception.numbers import numbers_in
from tml_bench.tasks._timed.items import VOICES, TimedItem, load_items, spoken_words

SIZES = {"ts": {"dev": 47, "test": 237}, "cs": {"dev": 45, "test": 225}}
"""Items of each split, by the prefix of a task's ids."""


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


def review(items: Sequence[TimedItem]) -> Iterator[str]:
    """Items that are too much alike, splits that are not full, and then the counts."""
    for a, b in near_duplicates(items):
        yield f"doubt: {a} and {b} are the same but for numbers and names"
    for task in sorted({item.task for item in items}):
        for split, size in SIZES[task].items():
            if (n := sum((item.task, item.split) == (task, split) for item in items)) != size:
                yield f"doubt: split {split} of {task} holds {n} items of {size}"
    yield from _counts(items)


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


if __name__ == "__main__":
    print("\n".join(review(load_items(Path(sys.argv[1])))))
