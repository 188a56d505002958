"""Hand-labelled replies, and how often the offline judge errs on them.

``pairs.jsonl`` has one event a line: what the user said, the meaning, accepted and rejected examples, and
replies with labels a person gave. The events of ``held out`` and of the first half of ``development`` are
not those of the items; those of ``independent`` are, with paraphrases and near misses in mind. So are those
of the second half of ``development``, written by somebody who had not read the rule; judged blind it had
7.3 % errors there. Version 3 of the rule was written with all three in view. ``fresh`` is two sets of 408
replies by people who have read neither the rule nor each other's; the rule was changed for none of them and
is only counted. It had 6.1 % errors on the first before its last change, and 5.1 % after it.

An error is a reply that is right by one and not by the other: whether what is not right is a mere
acknowledgement moves no score. Of talks of a length the rule says nothing, so they are counted apart.
``python -m timed_pairs`` prints the tables and every error but those on the fresh part.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from tml_bench.questions import Question
from tml_bench.tasks._timed.items import CUESPEAK, TIMESPEAK
from tml_bench.tasks._timed.meaning.rule import RIGHT, RUBRIC, RULE, lines

PAIRS = Path(__file__).parent / "pairs.jsonl"
PARTS = ("development", "held out", "independent", "fresh")
MISSING = "missing"
"""Stands for the answer that the rule does not give."""
Label = Literal["right", "wrong", "acknowledgement"]


class PairReply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reply and what a person says it is."""

    text: str
    label: Label


class LabelledPair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event with replies.

    Attributes:
        part: one of `PARTS`.
        family: of the event.
        user: what the user has said.
        meaning: as in items.
        accept: as in items.
        reject: as in items.
        replies: to be judged.
    """

    part: Literal["development", "held out", "independent", "fresh"]
    family: str
    user: str
    meaning: str
    accept: tuple[str, ...]
    reject: tuple[str, ...]
    replies: tuple[PairReply, ...]


def load_pairs(path: Path = PAIRS) -> list[LabelledPair]:
    """The labelled events."""
    return [msgspec.json.decode(line, type=LabelledPair) for line in path.read_bytes().splitlines()]


def judged(events: Iterable[LabelledPair]) -> Iterator[tuple[LabelledPair, PairReply, str, str]]:
    """Every reply with the rule's answer, or `MISSING`, and its explanation."""
    for event in events:
        for reply in event.replies:
            asked = lines([event.user], event.meaning, event.accept, event.reject, reply.text)
            decision = RULE.decide(Question("pair", RUBRIC, asked))
            yield event, reply, decision.answer or MISSING, decision.explanation


@cache
def _all_judged() -> tuple[tuple[LabelledPair, PairReply, str, str], ...]:
    """What `judged` gives of all labelled events, for the tables of them."""
    return tuple(judged(load_pairs()))


def parts() -> tuple[str, ...]:
    """The parts that there are."""
    there = {event.part for event in load_pairs()}
    return tuple(part for part in PARTS if part in there)


def confusion(part: str) -> Counter[tuple[str, str]]:
    """How many replies of a part have a label and an answer."""
    found = ((reply.label, answer) for event, reply, answer, _ in _all_judged() if event.part == part)
    return Counter(found)


def errs(label: str, answer: str) -> bool:
    """Whether an answer is an error: right by one and not by the other."""
    return answer != MISSING and (label == RIGHT) != (answer == RIGHT)


def table(part: str) -> str:
    """The confusion of a part as a Markdown table, with the share that is wrong."""
    found = confusion(part)
    total = sum(n for (_, answer), n in found.items() if answer != MISSING)
    wrong = sum(n for (label, answer), n in found.items() if errs(label, answer))
    names = RUBRIC.answers
    rows = [f"| **{a}** | " + " | ".join(str(found[a, b]) for b in names) + " |" for a in names]
    head = f"| {part}, n = {total} | " + " | ".join(f"judged {b}" for b in names) + " |"
    error = f"Errors: {wrong} of {total} ({100 * wrong / total:.1f} %)."
    missing = f" {found.total() - total} more are talks of a length, which the rule does not judge."
    return "\n".join([head, "|" + " --- |" * (len(names) + 1), *rows, "", error + missing])


def family_table() -> str:
    """Errors of every family in every part as a Markdown table: errors / replies."""
    shown = parts()
    counts: Counter[tuple[str, str]] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()
    for event, reply, answer, _ in _all_judged():
        counts[event.family, event.part] += answer != MISSING
        wrong[event.family, event.part] += errs(reply.label, answer)
    rows = []
    for family in TIMESPEAK + CUESPEAK:
        cells = [
            f"{wrong[family, p]} / {counts[family, p]}" if counts[family, p] else "missing" for p in shown
        ]
        rows.append(f"| `{family}` | " + " | ".join(cells) + " |")
    head = "| errors / replies | " + " | ".join(shown) + " |"
    return "\n".join([head, "|" + " --- |" * (len(shown) + 1), *rows])


def main() -> None:
    """Print the tables, and the errors on all parts but the fresh one."""
    print("\n\n".join([*map(table, parts()), family_table()]))
    for event, reply, answer, why in judged(load_pairs()):
        if event.part != "fresh" and errs(reply.label, answer):
            print(f"{event.meaning} | {reply.text} | {reply.label}, judged {answer}: {why}", file=sys.stderr)


if __name__ == "__main__":
    main()
