"""What a judge of the reference replies: events with two scores, and one score of the task.

Asked for is ``{"Turn-taking event and score": [[[s, e], TT, IF], ...], "Task-specific score": k}``. Judges
write it in other ways too, so it is read as the reference reads it:

* a fenced block goes before the text around it;
* ``{a, b}`` and ``{"start_time": a, "end_time": b}`` are ``[a, b]``, and ``m:ss`` is seconds;
* clean JSON first; where there is none, whatever looks like ``[s, e]: TT, IF`` or ``[[s], [e]]: TT, IF``;
* an item with several intervals is as many events with the same scores;
* a score is ``int(float(x))``, so 4.9 is 4; ``null`` is none;
* of several task scores the last one counts.

Two things are done otherwise. A score outside 0 to 5 is none: it is no step of the scale. A task score of 0,
which the reference may lose, is kept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from tml_bench.judges.prompt import json_objects
from tml_bench.metrics.judged_events import JudgedEvent

EVENTS_KEY, TASK_KEY = "Turn-taking event and score", "Task-specific score"
HIGHEST = 5
_NUMBER = r"-?\d+(?:\.\d+)?"
_TIME = rf"\[?\s*({_NUMBER})\s*\]?"
_FENCED = re.compile(r"```[a-zA-Z]*\s*\n?(.*?)```", re.DOTALL)
_CLOCK = re.compile(r"(?<![\d.])\"?(\d{1,3}):(\d{2}(?:\.\d+)?)\"?(?![\d:])")
_BRACES = re.compile(rf"\{{\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\}}")
_NAMED = re.compile(
    rf"\{{\s*\"?start(?:_time)?\"?\s*:\s*({_NUMBER})\s*,\s*\"?end(?:_time)?\"?\s*:\s*({_NUMBER})\s*\}}"
)
_INTERVAL = re.compile(rf"\[\s*{_TIME}\s*,\s*{_TIME}\s*\]")
_SCORE = rf"\"?({_NUMBER}|null|none)\"?"
_SCORES = re.compile(rf"\s*\]?\s*[:,]\s*{_SCORE}\s*,\s*{_SCORE}", re.IGNORECASE)
_TASK = re.compile(rf"task[- ]specific score\"?\s*[:=]\s*{_SCORE}", re.IGNORECASE)


class JudgedReply(NamedTuple):
    """What a judge gave.

    Attributes:
        events: in the order given, times in seconds.
        task: the score of the task; None where there is none.
    """

    events: tuple[JudgedEvent, ...]
    task: int | None


def read_reply(text: str) -> JudgedReply | None:
    """Read a reply, see the module; None where it holds neither an event nor a score of the task."""
    for part in (*reversed(_FENCED.findall(text)), text):
        tidy = _tidied(part)
        events = _clean(tidy)
        found = JudgedReply(tuple(_scanned(tidy) if events is None else events), _task_score(tidy))
        if found.events or found.task is not None:
            return found
    return None


def _tidied(text: str) -> str:
    """A text with all times as seconds and all intervals in square brackets."""
    text = _CLOCK.sub(lambda m: f"{int(m[1]) * 60 + float(m[2]):g}", text)
    return _NAMED.sub(r"[\1, \2]", _BRACES.sub(r"[\1, \2]", text))


def _clean(text: str) -> list[JudgedEvent] | None:
    """The events of a JSON object; None where there is no such object, or nothing in it can be read."""
    for item in json_objects(text):
        if isinstance(given := item.get(EVENTS_KEY), list):
            events = [event for one in given for event in _events_of(one)]
            return events if events or not given else None
    return None


def _events_of(item: object) -> Iterator[JudgedEvent]:
    """The events of ``[intervals, TT, IF]``, or of ``[interval, interval, ..., TT, IF]``."""
    if not isinstance(item, list) or len(item) < 3:
        return
    *where, turn_taking, following = item
    scores = _score(turn_taking), _score(following)
    found = list(_intervals(where[0] if len(where) == 1 else where))
    for start, end in found:
        yield JudgedEvent(start, end, *scores)


def _intervals(value: object) -> Iterator[tuple[float, float]]:
    if not isinstance(value, list):
        return
    times = [_time(one) for one in value]
    if len(times) == 2 and times[0] is not None and times[1] is not None:
        yield times[0], times[1]
    else:
        for one in value:
            yield from _intervals(one)


def _time(value: object) -> float | None:
    """A time, also alone in a list."""
    if isinstance(value, list) and len(value) == 1:
        return _time(value[0])
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _scanned(text: str) -> Iterator[JudgedEvent]:
    """Intervals that two scores follow; those in a row share the scores after the last."""
    waiting: list[tuple[float, float]] = []
    last = 0
    for found in _INTERVAL.finditer(text):
        if text[last : found.start()].strip(" \n\t,[]"):
            waiting = []
        waiting.append((float(found[1]), float(found[2])))
        last = found.end()
        if scores := _SCORES.match(text, last):
            yield from (JudgedEvent(*times, _score(scores[1]), _score(scores[2])) for times in waiting)
            waiting, last = [], scores.end()


def _task_score(text: str) -> int | None:
    found = _TASK.findall(text)
    return _score(found[-1]) if found else None


def _score(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if math.isfinite(number) and 0 <= int(number) <= HIGHEST else None
