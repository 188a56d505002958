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
      earlier repetition has used and that is said in its place: after the end of repetition k - 1 (k = 1:
      after the start), and at most `LATEST_S` after the end of repetition k. Negative when said before
      the repetition is complete.
    * Counted aloud: repetitions with a latency, of the repetitions or, if more, of the numbers said one after
      the other from the start until `LATEST_S` after the end (`numbers_in_turn`). Numbers recited over and
      over are all in place now and then, and of several named for each repetition one is right; who says
      more numbers than there are repetitions is divided by what was said.

Sources: off by one and absolute error from TransRAC (Hu et al., CVPR 2022, arXiv 2204.01018), where the
denominator has 0.1 added; here it is n alone. "Last number after the penultimate repetition" is the rule of a
realtime evaluation on that data, made precise here; running error and latency are ours.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

LATEST_S = 2.0
"""A number said later than this after its repetition is out of place: twice a reaction (0.2 s), producing a
word (0.6 s) and a micro-turn (0.2 s)."""
Said = tuple[float, int]
"""Onset in seconds and the number said."""


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


def numbers_in_turn(said: Sequence[Said], start_s: float, end_s: float) -> int:
    """How many numbers are said one after the other from ``start_s`` to `LATEST_S` after ``end_s``.

    A number said again right after itself, within `LATEST_S`, is the same; 0 counts nothing.
    """
    heard = [(at, value) for at, value in said if value and start_s <= at <= end_s + LATEST_S]
    again = sum(a[1] == b[1] and b[0] - a[0] <= LATEST_S for a, b in pairwise(heard))
    return len(heard) - again


def latencies(said: Sequence[Said], ends: Sequence[float], start_s: float) -> list[float | None]:
    """Latency of each repetition in seconds; None where its number was not said in its place.

    Numbers and ends are in order; ``start_s`` is the video's first instant. Empty without repetitions.
    """
    found: list[float | None] = []
    free = list(said)
    for k, end in enumerate(ends, start=1):
        since = ends[k - 2] if k > 1 else start_s
        until = end + LATEST_S
        hit = next((i for i, (at, value) in enumerate(free) if value == k and since <= at <= until), None)
        found.append(None if hit is None else free[hit][0] - end)
        if hit is not None:
            del free[: hit + 1]
    return found
