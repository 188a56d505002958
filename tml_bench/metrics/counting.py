"""Counting repetitions: was the count right, when, and how far behind did it run?

Conventions:
    Times are seconds on one clock. ``said`` is every number said, in order: (onset, value). ``ends`` are the
    ends of the repetitions in order, so the true count at time t is the number of ends at or before t.

Measures of the result, prediction p (None when no number was said), true count n:
    * Off by one: OBO = |p - n| <= 1. No prediction is wrong, also for n = 0.
    * Absolute error: |p - n| / n; no prediction counts as p = 0, so silence has error 1. Undefined for n = 0.
    * Prediction with the video running: the last number said at or after the end of the repetition before
      the last (`last_number` from ``penultimate_end``): a count that was right only because it ran ahead does
      not stand. With fewer than two repetitions every number said since the video's start counts.

Measures along the way:
    * Running error: e(t) = |last value said by t - true count at t|, 0 said before the first number; its mean
      over time, and at fractions of the time. One who counts a perfect video late by d seconds errs by
      d / (mean repetition length).
    * Latency of repetition k: onset of the number k - end of repetition k, for the first k said that no
      earlier repetition has used and that is said after the end of repetition k - 1 (k = 1: after the start).
      Negative when said before the repetition is complete. Only numbers that stand are used (`standing`): a
      number below the ones before takes the higher ones back, so that naming several gains nothing.

Sources: off by one and absolute error from TransRAC (Hu et al., CVPR 2022, arXiv 2204.01018), where the
denominator has 0.1 added; here it is n alone. "Last number after the penultimate repetition" is the rule of a
realtime evaluation on that data, made precise here; running error and latency are ours.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

Said = tuple[float, int]
"""Onset in seconds and the number said."""


SLIP = 5
"""A number so far below the one before, and left again at once, is misheard and takes nothing back."""


class CountStep(NamedTuple):
    """A stretch of the running count: the last number said, 0 before the first, and repetitions ended."""

    start_s: float
    end_s: float
    said: int
    true: int

    @property
    def error(self) -> int:
        """|said - true|."""
        return abs(self.said - self.true)


def penultimate_end(ends: Sequence[float], start_s: float) -> float:
    """End of the repetition before the last; ``start_s`` with fewer than two repetitions."""
    return ends[-2] if len(ends) > 1 else start_s


def last_number(said: Sequence[Said], from_s: float) -> int | None:
    """The last number with its onset at or after ``from_s``; None if there is none."""
    return next((value for at, value in reversed(said) if at >= from_s), None)


def off_by_one(prediction: int | None, count: int) -> bool:
    """Whether the prediction is within one of the count; None never is."""
    return prediction is not None and abs(prediction - count) <= 1


def absolute_error(prediction: int | None, count: int) -> float:
    """|prediction - count| / count; None counts as 0. Raises ValueError unless ``count`` is positive."""
    if count <= 0:
        raise ValueError(f"the relative error of a count of {count} is undefined")
    return abs((prediction or 0) - count) / count


def running_count(
    said: Sequence[Said], ends: Sequence[float], start_s: float, end_s: float
) -> list[CountStep]:
    """The count said beside the true one, as steps that cover [start_s, end_s].

    Numbers said before ``start_s`` do not count. Empty if the stretch has no length.
    """
    heard = [(at, value) for at, value in said if at >= start_s]
    edges = sorted({start_s, end_s, *(t for t, _ in heard), *ends})
    inside = [t for t in edges if start_s <= t <= end_s]
    onsets, order = [at for at, _ in heard], sorted(ends)
    steps = []
    for a, b in pairwise(inside):
        at = bisect_right(onsets, a)
        steps.append(CountStep(a, b, heard[at - 1][1] if at else 0, bisect_right(order, a)))
    return steps


def mean_error(steps: Sequence[CountStep]) -> float:
    """Mean of the running error over time, in repetitions. Raises ValueError if the steps cover no time."""
    total = sum(s.end_s - s.start_s for s in steps)
    if total <= 0:
        raise ValueError("the running error of no time is undefined")
    return sum(s.error * (s.end_s - s.start_s) for s in steps) / total


def error_at(steps: Sequence[CountStep], fraction: float) -> int:
    """The running error at a fraction of the time covered, in [0, 1]; at an edge, of what comes after.

    Raises:
        ValueError: there are no steps.
    """
    if not steps:
        raise ValueError("the running error of no time is undefined")
    t = steps[0].start_s + fraction * (steps[-1].end_s - steps[0].start_s)
    return next((s.error for s in steps if t < s.end_s), steps[-1].error)


def standing(said: Sequence[Said]) -> list[Said]:
    """The numbers that no later one has taken back, in order, each where it was said first; empty for none.

    A number takes back the higher ones said before it: the count is that number, so they were wrong. Two
    cases take nothing back: a slip, which is a number at least `SLIP` below the one before after which the
    count goes on above that; and a new series, which begins with 0 or 1 and goes on by ones. A number that
    leaps ahead in a new series shows that it was none. One that stands and is said again is not said anew. So
    whoever names several numbers a repetition ("nine, ten, eleven", then "ten, eleven, twelve") is taken at
    one of them.
    """
    series: list[list[Said]] = [[]]
    for k, (at, value) in enumerate(said):
        before = said[k - 1][1] if k else value
        after = said[k + 1][1] if k + 1 < len(said) else value
        if value <= 1 < before and after <= value + 1:
            series.append([])
        elif value > before + 1:
            series = [[number for numbers in series for number in numbers]]
        if not (value <= before - SLIP and after > before):
            series[-1] = [(t, v) for t, v in series[-1] if v <= value]
        if value not in (v for _, v in series[-1]):
            series[-1].append((at, value))
    return [number for numbers in series for number in numbers]


def latencies(said: Sequence[Said], ends: Sequence[float], start_s: float) -> list[float | None]:
    """Latency of each repetition in seconds; None where its number was not said in time.

    Numbers and ends are in order; ``start_s`` is the video's first instant. Empty without repetitions.
    """
    found: list[float | None] = []
    free = standing(said)
    for k, end in enumerate(ends, start=1):
        since = ends[k - 2] if k > 1 else start_s
        hit = next((i for i, (at, value) in enumerate(free) if value == k and at >= since), None)
        found.append(None if hit is None else free[hit][0] - end)
        if hit is not None:
            del free[: hit + 1]
    return found
