"""Hand-labelled replies, and how often the offline judge errs on them.

``pairs.jsonl`` has one event a line: what the user said, the meaning, accepted and rejected examples, and
replies with labels a person gave. Three parts: ``development`` was used while the rule was written, ``held
out`` was labelled before it and only counted after; their events are not those of the items.
``independent`` was written later, apart from them, on events of the items, and labelled before the rule was
asked; the rule was not changed for it.
``python -m timed_pairs`` prints the confusion tables and every error on the first half.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from tml_bench.questions import Question
from tml_bench.tasks._timed.meaning_rule import RUBRIC, RULE, lines

PAIRS = Path(__file__).parent / "pairs.jsonl"
PARTS = ("development", "held out", "independent")
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

    part: Literal["development", "held out", "independent"]
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
    """Every reply with the rule's answer and its explanation."""
    for event in events:
        for reply in event.replies:
            asked = lines([event.user], event.meaning, event.accept, event.reject, reply.text)
            decision = RULE.decide(Question("pair", RUBRIC, asked))
            yield event, reply, str(decision.answer), decision.explanation


def confusion(part: str) -> Counter[tuple[str, str]]:
    """How many replies of a part have a label and an answer."""
    events = [event for event in load_pairs() if event.part == part]
    return Counter((reply.label, answer) for _, reply, answer, _ in judged(events))


def table(part: str) -> str:
    """The confusion of a part as a Markdown table, with the share that is wrong."""
    found = confusion(part)
    total, hits = sum(found.values()), sum(n for (a, b), n in found.items() if a == b)
    names = RUBRIC.answers
    rows = [f"| **{a}** | " + " | ".join(str(found[a, b]) for b in names) + " |" for a in names]
    head = f"| {part}, n = {total} | " + " | ".join(f"judged {b}" for b in names) + " |"
    error = f"Errors: {total - hits} of {total} ({100 * (total - hits) / total:.1f} %)."
    return "\n".join([head, "|" + " --- |" * (len(names) + 1), *rows, "", error])


def main() -> None:
    """Print the confusion tables, and the errors on the development half."""
    print("\n\n".join(table(part) for part in PARTS))
    for event, reply, answer, why in judged(load_pairs()):
        if event.part == "development" and answer != reply.label:
            print(f"{event.meaning} | {reply.text} | {reply.label}, judged {answer}: {why}", file=sys.stderr)


if __name__ == "__main__":
    main()
