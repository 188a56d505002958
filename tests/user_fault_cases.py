"""Conversations of simulated users with and without planted faults; see their README for the format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from user_fault_scenarios import SCENARIOS

from tml_bench.scenario import Scenario
from tml_bench.timeline import Segment, Timeline, UserAct, UserLine, Word, WordSource

Part = Literal["tuning", "held_out", "goals_only"]
FOLDER = Path(__file__).parent / "golden" / "user_faults"
GAP_S = 0.7
WORD_S = 0.35
_LINE = re.compile(
    r"(?P<act>[a-z-]+) (?P<stage>\w+)(?: into (?P<into>[0-9.]+))?(?: why (?P<why>[a-z-]+))? \| (?P<text>.+)"
)


@dataclass(frozen=True)
class Said:
    """A turn: of the user with its act, else of the model; ``into`` as in the README."""

    text: str
    act: str = ""
    stage: str = ""
    into: float | None = None
    why: str = "answered"


@dataclass(frozen=True)
class FaultCase:
    """A conversation; ``kind`` of the fault in its last line, empty where all of its lines are clean."""

    scenario: Scenario
    turns: tuple[Said, ...]
    kind: str = ""

    @property
    def timeline(self) -> Timeline:
        """What was heard in it: words of equal length, turns with equal gaps."""
        lines: list[UserLine] = []
        segments: list[Segment] = []
        words: list[Word] = []
        at, stop = 0.5, 0.0
        for turn in self.turns:
            spoken = turn.text.split()
            length = WORD_S * len(spoken)
            if not turn.act:
                segments.append(Segment(at, at + length))
                words += [Word(w, at + k * WORD_S, at + (k + 1) * WORD_S) for k, w in enumerate(spoken)]
                at = stop = at + length + GAP_S
                continue
            start = at if turn.into is None else segments[-1].start_s + turn.into
            lines.append(UserLine(start, start + length, turn.text, UserAct(turn.act), turn.stage, turn.why))
            at = max(start + length + GAP_S, stop)
        source = WordSource.ADAPTER if words else WordSource.SILENT
        return Timeline(at + 1.0, tuple(segments), tuple(words), source, lines=tuple(lines))


@cache
def cases(part: Part) -> tuple[FaultCase, ...]:
    """The conversations of one part, clean ones and faulty ones as they come."""
    found: list[FaultCase] = []
    for scenario, rows in _conversations((FOLDER / f"{part}.txt").read_text().splitlines()):
        turns = tuple(_said(row) for row in rows if row[0] != "!")
        found.append(FaultCase(scenario, turns))
        for row in rows:
            if row[0] == "!":
                kind, place, rest = row[2:].split(" ", 2)
                ours = [k for k, turn in enumerate(turns) if turn.act]
                planted = _said(f"> {rest.removeprefix('| ')}") if rest[0] == "|" else _planted(rest)
                found.append(FaultCase(scenario, (*turns[: ours[int(place)]], planted), kind))
    return tuple(found)


def _planted(rest: str) -> Said:
    into, _, line = rest.partition(" | ")
    return replace(_said(f"> {line}"), into=float(into.removeprefix("into ")))


def _conversations(rows: list[str]) -> Iterator[tuple[Scenario, list[str]]]:
    scenario, found = "", list[str]()
    for row in rows:
        if row[0] == "@":
            if found:
                yield SCENARIOS[scenario], found
            scenario, found = row[2:], []
        else:
            found.append(row)
    yield SCENARIOS[scenario], found


def _said(row: str) -> Said:
    if row[0] == "<":
        return Said(row[2:])
    found = _LINE.fullmatch(row[2:])
    assert found is not None, row
    into = float(found["into"]) if found["into"] else None
    return Said(found["text"], found["act"], found["stage"], into, found["why"] or "answered")
