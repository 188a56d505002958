"""What became of what was expected, read from the rows of a score.

A row's ``event`` is a task's own text. These are understood, in any task; others are shown and count nothing:

    expected X                  an event that is due in the row's stretch
    on time X: ...              it came: ``early``, ``late`` and ``wrong length`` likewise
    turn K, turn K judged       a stretch that is due, and a reply in it; right where its ``score`` is over 0
    repetition K                an instant to be told of; missed where its ``latency_s`` is not known
    action, said                a stretch to be named and what was named, right where they overlap by half
    user_end, interruption      an answer is due at the end; ``response``, ``early_start`` are it
    item N, met: ...            what a reply must hold, at any time; also ``not_met``, ``no verdict``
    hit, miss                   an opportunity that was taken, or was not
    yield, no_yield             at an interruption the floor was given up, or was not
    behaviour X, nothing owed   what was done about an overlap; right where the value of ``expected`` is 1
    reply: ...                  speech; where stretches are due and it begins in none, a false alarm
    false alarm, takeover, pause_takeover, other_takeover       speech that nothing called for
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tml_bench.metric import Mark, Value
from tml_bench.viewer.sample_schema import ViewedWindow, WindowState

Row = Mapping[str, str | float | None]

_NAMED = re.compile(r"(on time|early|late|wrong length) ([^:]*): ?(.*)", re.DOTALL)
_ITEM = re.compile(r"item \d+, (met|not_met|no verdict): (.*)", re.DOTALL)
_NUMBERED = re.compile(r"(turn|repetition) \d+")
_STATES = {
    "on time": WindowState.HIT, "early": WindowState.EARLY, "late": WindowState.LATE,
    "wrong length": WindowState.WRONG, "response": WindowState.HIT, "early_start": WindowState.EARLY,
    "hit": WindowState.HIT, "miss": WindowState.MISSED, "yield": WindowState.HIT,
    "no_yield": WindowState.WRONG, "met": WindowState.HIT, "not_met": WindowState.MISSED,
    "no verdict": WindowState.UNKNOWN,
}  # fmt: skip
_UNCALLED = ("false alarm", "false_alarm", "takeover", "pause_takeover", "other_takeover")
_HALF = 0.5
_SAME_S = 1e-3
"""Times that differ by less are one."""


@dataclass(slots=True)
class ExpectedEvent:
    """Something that was due, and what became of it.

    From ``start_s``, None where it is due at no certain time, to ``end_s``, None for an instant.
    """

    start_s: float | None
    end_s: float | None
    label: str
    state: WindowState = WindowState.MISSED
    happened: str = ""


@dataclass(slots=True)
class SampleHappenings:
    """What was due in a sample, in the order of its rows, and how often something else was said."""

    expected: list[ExpectedEvent] = field(default_factory=list)
    false_alarms: int = 0
    told: bool = False
    """Any row is understood; without, nothing is known."""

    def count(self, state: WindowState) -> int | None:
        """How many of those due ended so; None where the task tells of nothing."""
        return sum(one.state is state for one in self.expected) if self.told else None


def happenings(rows: Sequence[Row], values: Mapping[str, Value] = {}) -> SampleHappenings:
    """Read the rows of a score, and from its values what they leave open; nothing is known of no rows."""
    reader = _RowReader({str(row.get("event", "")) for row in rows}, values)
    for row in rows:
        reader.take(str(row.get("event", "")), row)
    return reader.finish()


class _RowReader:
    def __init__(self, events: set[str], values: Mapping[str, Value]) -> None:
        self.found = SampleHappenings()
        self._events, self._values = events, values
        self._due: dict[str, ExpectedEvent] = {}
        self._replies: list[float] = []
        self._owes_answer = "pause" not in events

    def take(self, event: str, row: Row) -> None:
        start, end = _number(row.get("start_s")), _number(row.get("end_s"))
        name = event.partition(":")[0]
        if name in _UNCALLED:
            # After an answer the floor is the model's own.
            if event != "takeover" or not self._events & {"response", "early_start"}:
                self.found.told = True
                self.found.false_alarms += 1
        elif named := _NAMED.fullmatch(event):
            self._settle(named[2], _STATES[named[1]], f"{named[1]}: {named[3]}")
        elif item := _ITEM.fullmatch(event):
            self.found.told = True
            self.found.expected.append(ExpectedEvent(None, None, item[2], _STATES[item[1]]))
        elif event.startswith("expected "):
            self._expect(event.removeprefix("expected "), start, end)
        elif _NUMBERED.fullmatch(event):
            self._expect(event, start, end)
            if event.startswith("repetition") and _number(row.get("latency_s")) is not None:
                self._settle(event, WindowState.HIT, f"{row['latency_s']:+.2f} s")
        elif event.startswith("turn ") and event.endswith(" judged"):
            self._judged(event.removesuffix(" judged"), _number(row.get("score")))
        elif event == "action":
            self._expect(event, start, end)
        elif event == "said" and start is not None and "action" in self._due:
            self._named_stretch(start, end)
        elif event == "user_end" and self._owes_answer:
            self._expect("answer", start, None)
        elif event == "interruption":
            self._expect("answer", end, None)
        elif event in ("response", "early_start"):
            if "answer" in self._due:
                self._settle("answer", _STATES[event], event)
        elif event in ("hit", "miss") or (event in ("yield", "no_yield") and "interruption" in self._events):
            self._expect(event, start, end)
            self._settle(event, _STATES[event], "")
        elif event.startswith("behaviour ") or event == "nothing owed":
            self._behaved(event, start, end)
        elif event.startswith("reply: ") and start is not None:
            self._replies.append(start)

    def _expect(self, name: str, start: float | None, end: float | None) -> None:
        if start is not None:
            self.found.told = True
            self._due[name] = ExpectedEvent(start, end, name)
            self.found.expected.append(self._due[name])

    def _settle(self, name: str, state: WindowState, happened: str) -> None:
        if name in self._due:
            self._due[name].state, self._due[name].happened = state, happened

    def _judged(self, name: str, score: float | None) -> None:
        if name in self._due and self._due[name].state is not WindowState.HIT and score is not None:
            self._settle(name, WindowState.HIT if score > 0 else WindowState.WRONG, f"judged {score:g}")

    def _behaved(self, event: str, start: float | None, end: float | None) -> None:
        right = self._values.get("expected")
        if right is not None:
            self._expect("overlap", start, end)
            self._settle("overlap", WindowState.HIT if right.numerator else WindowState.WRONG, event)

    def _named_stretch(self, start: float, end: float | None) -> None:
        begin, last = self._due["action"].start_s, self._due["action"].end_s
        if begin is None or last is None:
            return
        stop = start if end is None else end
        common = max(0.0, min(stop, last) - max(start, begin))
        whole = max(stop, last) - min(start, begin)
        if whole > 0 and common / whole >= _HALF:
            state = WindowState.HIT
        elif common > 0 or start == begin:
            state = WindowState.WRONG
        else:
            state = WindowState.EARLY if start < begin else WindowState.LATE
        self._settle("action", state, f"said {start:.2f} to {stop:.2f} s")

    def finish(self) -> SampleHappenings:
        """All rows have been taken: replies in no stretch that was due were not called for."""
        due = ((one.start_s, one.end_s) for one in self.found.expected)
        spans = [(start, end) for start, end in due if start is not None and end is not None]
        if spans:
            outside = (not any(start <= at <= end for start, end in spans) for at in self._replies)
            self.found.false_alarms += sum(outside)
        return self.found


def windows(marks: Sequence[Mark], found: SampleHappenings) -> tuple[ViewedWindow, ...]:
    """What a task marks, in order of time, with what became of it, and what was due besides."""
    free = list(found.expected)
    shown = []
    for mark in marks:
        due = next((one for one in free if _is_same(mark, one)), None)
        if due is None:
            # What an ideal respondent does is one way of many, told of only where nothing better is.
            ideal = mark.label.startswith("ideal ") and not found.told
            state = WindowState.UNKNOWN if ideal else WindowState.CONTEXT
            shown.append(ViewedWindow(mark.start_s, mark.end_s, mark.label, ideal, state))
            continue
        free.remove(due)
        shown.append(ViewedWindow(mark.start_s, mark.end_s, mark.label, True, due.state, due.happened))
    placed = ((o.start_s, o) for o in free)
    shown += (
        ViewedWindow(start, o.end_s, o.label, True, o.state, o.happened)
        for start, o in placed
        if start is not None
    )
    return tuple(sorted(shown, key=lambda w: (w.start_s, w.label)))


def _is_same(mark: Mark, due: ExpectedEvent) -> bool:
    if due.start_s is None or abs(mark.start_s - due.start_s) > _SAME_S:
        return False
    if mark.end_s is None or due.end_s is None:
        return mark.end_s is due.end_s
    return abs(mark.end_s - due.end_s) <= _SAME_S


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
