"""Which replies fall into which expected spans, found without comparing each with each.

A long video has as many spans as replies. Times and spans are sorted once, so that what is asked costs a
bisection, and the replies of a span no more than there are of them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

Span = tuple[float, float]


class ExpectedSpans:
    """Closed spans, in any order, which may overlap."""

    def __init__(self, spans: Sequence[Span]) -> None:
        ordered = sorted(spans)
        self._starts = [start for start, _ in ordered]
        self._reach = list(accumulate((end for _, end in ordered), max))
        first: dict[float, int] = {}
        for place, (start, _) in enumerate(spans):
            first.setdefault(start, place)
        self._openings = sorted(first.items())

    def hold(self, at_s: float) -> bool:
        """Whether a time is in one of them."""
        begun = bisect_right(self._starts, at_s)
        return begun > 0 and at_s <= self._reach[begun - 1]

    def held_before(self, opening_s: float) -> bool:
        """Whether a time is in one of those that open before it."""
        begun = bisect_left(self._starts, opening_s)
        return begun > 0 and opening_s <= self._reach[begun - 1]

    def opening_after(self, at_s: float, within_s: float) -> float | None:
        """Where the first, in the order given, of those opens that open so soon after a time, not at it."""
        k = bisect_right(self._openings, at_s, key=lambda one: one[0])
        near: list[tuple[int, float]] = []
        while k < len(self._openings) and self._openings[k][0] - at_s <= within_s:
            opening_s, place = self._openings[k]
            near.append((place, opening_s))
            k += 1
        return min(near)[1] if near else None


class SortedTimes:
    """Times, in any order, and which of them fall into a closed span."""

    def __init__(self, times_s: Sequence[float]) -> None:
        self._places = sorted(range(len(times_s)), key=times_s.__getitem__)
        self._times = [times_s[place] for place in self._places]

    def _edges(self, span: Span) -> tuple[int, int]:
        return bisect_left(self._times, span[0]), bisect_right(self._times, span[1])

    def count(self, span: Span) -> int:
        """How many fall into it."""
        begin, end = self._edges(span)
        return max(0, end - begin)

    def inside(self, span: Span) -> list[int]:
        """The places, in the order given, of those that fall into it."""
        begin, end = self._edges(span)
        return sorted(self._places[begin:end])
