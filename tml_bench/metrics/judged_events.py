"""Scores that a judge gave to stretches of a conversation, pooled as Full-Duplex-Bench v2 does, oddities too.

Conventions:
    Times are seconds from the session's start. Scores are whole numbers, None where the judge gave none. The
    stretches are the judge's own: they may overlap, leave gaps, and stand in any order.

Measures:
    * Plain (``score.py``): means over the events that have both scores, however long they are.
    * Timed (``score_time.py``): the same over those that also end after they start.
    * Weighted: over a window, the sum of score x seconds in the window over the sum of those seconds, of
      timed events. So long talk weighs more, and what is scored twice counts twice.
    * Bins: weighted over ``BIN_S`` each, from 0 to ``BINS_END_S``.
    * Window, first rule: weighted over 0 to ``WINDOW_S``, which is what published numbers cover.
    * Window, second rule: the mean of the bins in it that have a value.

    How published numbers pool bins and items is not stated; hence two rules. They agree where every bin is
    covered for equally long. Values are rounded to ``DECIMALS``, as the reference writes them; empty input
    gives None.

Source: Full-Duplex-Bench v2 (arXiv 2510.07838), ``scoring/`` of the public repository, April 2026.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

BIN_S, BINS_END_S = 15.0, 120.0
WINDOW_S = 75.0
DECIMALS = 3


class JudgedEvent(NamedTuple):
    """A stretch of a conversation and what a judge gave it."""

    start_s: float
    end_s: float
    turn_taking: int | None
    instruction_following: int | None


class EventScores(NamedTuple):
    """Turn taking and instruction following, pooled; None where nothing is covered."""

    turn_taking: float | None
    instruction_following: float | None


NOTHING = EventScores(None, None)


def scored(events: Iterable[JudgedEvent]) -> tuple[JudgedEvent, ...]:
    """The events with both scores."""
    return tuple(e for e in events if e.turn_taking is not None and e.instruction_following is not None)


def timed(events: Iterable[JudgedEvent]) -> tuple[JudgedEvent, ...]:
    """Of these, those that end after they start."""
    return tuple(event for event in scored(events) if event.end_s > event.start_s)


def plain_means(events: Sequence[JudgedEvent]) -> EventScores:
    """Means over events that have both scores, each counting alike."""
    return _rounded(_weighted([(event, 1.0) for event in scored(events)]))


def timed_means(events: Sequence[JudgedEvent]) -> EventScores:
    """The same over timed events."""
    return plain_means(timed(events))


def weighted(events: Iterable[JudgedEvent], start_s: float, end_s: float) -> EventScores:
    """Means over a window, each event weighing as many seconds as it lasts in it."""
    return _rounded(_over(events, start_s, end_s))


def bins(events: Iterable[JudgedEvent], end_s: float = BINS_END_S) -> tuple[EventScores, ...]:
    """Weighted means over each ``BIN_S`` from 0 to ``end_s``."""
    return tuple(map(_rounded, _bins(events, end_s)))


def mean_of_bins(events: Iterable[JudgedEvent], end_s: float = WINDOW_S) -> EventScores:
    """Means of the bins up to ``end_s`` that have a value, each counting alike."""
    covered = [one for one in _bins(events, end_s) if one != NOTHING]
    found = zip(*covered, strict=True) if covered else ((), ())
    return _rounded(EventScores(*(_mean([v for v in values if v is not None]) for values in found)))


def _bins(events: Iterable[JudgedEvent], end_s: float) -> list[EventScores]:
    known = timed(events)
    return [_over(known, k * BIN_S, (k + 1) * BIN_S) for k in range(round(end_s / BIN_S))]


def _over(events: Iterable[JudgedEvent], start_s: float, end_s: float) -> EventScores:
    overlaps = ((e, min(e.end_s, end_s) - max(e.start_s, start_s)) for e in timed(events))
    return _weighted([(event, length) for event, length in overlaps if length > 0])


def _weighted(events: Sequence[tuple[JudgedEvent, float]]) -> EventScores:
    total = math.fsum(weight for _, weight in events)
    if not total:
        return NOTHING
    sums = (
        math.fsum((getattr(event, name) or 0) * weight for event, weight in events)
        for name in EventScores._fields
    )
    return EventScores(*(one / total for one in sums))


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _rounded(found: EventScores) -> EventScores:
    return EventScores(*(None if value is None else round(value, DECIMALS) for value in found))
