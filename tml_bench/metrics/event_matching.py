"""Speech at the right time: windows around expected onsets, one-to-one matching, onset errors.

Conventions:
    Times are seconds on one clock. An onset is the first voiced sample of an utterance. A target is an
    expected event: its time t* and the window, both ends included, within which an onset is on time.
    Comparisons allow `EPSILON_S` for rounding. What an utterance means is decided elsewhere and comes as a
    set of pairs (utterance, target), by their indices: those where that utterance says what that event asks
    for. Meaning never depends on time, and time never on meaning.

Windows:
    * Scheduled, d seconds after the moment the user named: |onset - t*| <= min(3, max(0.5, 0.1 d)). Half a
      second is a micro-turn of 0.2-0.4 s and a vocal reaction of 0.2 s; a tenth is the coefficient of
      variation of human interval timing (0.05-0.15; its fall with duration: Lewis & Miall 2009); 3 s is the
      widest tolerance of proactive video benchmarks (2 s in StreamingBench, 3 s in OmniPro).
    * Periodic, period p: the same with d = p, but at most p/4, so that no onset fits two beats.
    * Cue, identifiable at t* (normally the end of the deciding word): t* - 0.2 <= onset <= t* + w, cut off at
      the next cue where one is given. Before t* - 0.2 it is a guess, at any tolerance. w = 1 s for a fixed
      word (reaction 0.2, word production 0.6, micro-turn 0.2; Levinson & Torreira 2015), 2 s by default, 4 s
      for translating (ear-voice span of interpreters: 2-5 s).
    * Answer to a question that ends at t*: t* <= onset <= t* + w; before t* it is none, at any tolerance.

Measures:
    * Matching (`match`): one to one and in order, among pairs whose meaning is right: as many pairs on time
      as possible, then as many pairs as possible, then the least sum of |onset - t*|. An utterance that does
      not stand where an answer may (``placed``) is on time for nothing.
    * An event is on time, early (right, before its window opens), late (right, after it closes) or missed.
    * Signed onset error of a pair: onset - t*; negative is early.
    * Tolerance curve (`within`): how many events can be matched, one to one and in order, to utterances that
      are right and have |onset - t*| <= tau, for tau in `TOLERANCES_S`. It never falls with tau. Alignment is
      off by 0.05-0.1 s, which is why no tau is below 0.2 s.
    * An utterance matched to no event is a false alarm; it is a repetition too if it is right for some event.
"""

import math
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence, Set
from typing import NamedTuple

EPSILON_S = 1e-6
GUESS_S = 0.2
"""How long before a cue can be known an onset still counts: a micro-turn, and what an aligner may be off."""
SHORTEST_S, SHARE, LONGEST_S = 0.5, 0.1, 3.0
"""Half-width of a scheduled window: at least, as a share of the time to wait, at most."""
TOLERANCES_S = (0.25, 0.5, 1.0, 2.0, 3.0)

Right = Set[tuple[int, int]]
"""Which utterance says what which event asks for, by their indices."""


class EventTarget(NamedTuple):
    """An expected event.

    Attributes:
        at_s: expected onset t*.
        opens_s: first onset that is on time.
        closes_s: last onset that is on time.
        never_before_s: an onset before it counts at no tolerance.
    """

    at_s: float
    opens_s: float
    closes_s: float
    never_before_s: float = -math.inf

    def holds(self, onset_s: float) -> bool:
        """Whether an onset is on time."""
        return self.opens_s - EPSILON_S <= onset_s <= self.closes_s + EPSILON_S

    def holds_within(self, onset_s: float, tolerance_s: float) -> bool:
        """Whether an onset is within a tolerance of the expected one, and no guess."""
        near = abs(onset_s - self.at_s) <= tolerance_s + EPSILON_S
        return near and onset_s >= self.never_before_s - EPSILON_S


class EventMatch(NamedTuple):
    """An utterance that says what an event asks for, by their indices; ``error_s`` is onset - t*."""

    utterance: int
    target: int
    error_s: float
    on_time: bool


def half_width(d_s: float) -> float:
    """Half the width of a scheduled window, seconds. Raises ValueError unless ``d_s`` is positive."""
    if d_s <= 0:
        raise ValueError(f"a time to wait of {d_s:g} s has no window")
    return min(LONGEST_S, max(SHORTEST_S, SHARE * d_s))


def scheduled(at_s: float, d_s: float) -> EventTarget:
    """The target of an event due ``d_s`` seconds after the moment the user named; raises as `half_width`."""
    half = half_width(d_s)
    return EventTarget(at_s, at_s - half, at_s + half)


def periodic(at_s: float, period_s: float) -> EventTarget:
    """The target of a beat of a series; raises as `half_width`."""
    half = min(half_width(period_s), period_s / 4)
    return EventTarget(at_s, at_s - half, at_s + half)


def cue(at_s: float, w_s: float, until_s: float | None = None) -> EventTarget:
    """The target of a reaction to a cue known at ``at_s``: on time for ``w_s`` s, but not after ``until_s``.

    Raises:
        ValueError: ``until_s`` lies before the window opens.
    """
    opens = at_s - GUESS_S
    closes = at_s + w_s if until_s is None else min(at_s + w_s, until_s)
    if closes < opens:
        raise ValueError(f"the window closes at {closes:g} s, before it opens at {opens:g} s")
    return EventTarget(at_s, opens, closes, opens)


def answer(at_s: float, w_s: float) -> EventTarget:
    """The target of an answer to a question that ends at ``at_s``, on time for ``w_s`` seconds."""
    return EventTarget(at_s, at_s, at_s + w_s, at_s)


def match(
    onsets: Sequence[float],
    targets: Sequence[EventTarget],
    right: Right,
    placed: Collection[int] | None = None,
) -> list[EventMatch]:
    """Match utterances to events, both in order, where ``right`` allows it; see the module's docstring.

    Args:
        onsets: of the utterances, in order.
        targets: the events, in order.
        right: which utterance says what which event asks for.
        placed: the utterances that may be on time at all; None for all.

    Returns:
        Pairs in order; empty when there are none.

    Raises:
        ValueError: ``onsets`` or ``targets`` are not in order.
    """
    _check(onsets, targets)

    def on_time(i: int, k: int) -> bool:
        return targets[k].holds(onsets[i]) and (placed is None or i in placed)

    values = {(i, k): (int(on_time(i, k)), 1, -abs(onsets[i] - targets[k].at_s)) for i, k in right}
    return [
        EventMatch(i, k, onsets[i] - targets[k].at_s, on_time(i, k))
        for i, k in _best(len(onsets), len(targets), values)
    ]


def within(
    onsets: Sequence[float], targets: Sequence[EventTarget], right: Right, tolerances_s: Sequence[float]
) -> list[int]:
    """How many events can be matched at each tolerance; see the module's docstring. Raises as `match`."""
    _check(onsets, targets)
    # Of an utterance the later event comes first, so that no chain of rising events holds two of them.
    in_order = sorted(right, key=lambda pair: (pair[0], -pair[1]))
    return [
        _longest_rise(k for i, k in in_order if targets[k].holds_within(onsets[i], tolerance))
        for tolerance in tolerances_s
    ]


def _longest_rise(numbers: Iterable[int]) -> int:
    """How many of some numbers, at most, each greater than the one before, can be taken in their order."""
    lasts: list[int] = []
    for number in numbers:
        # The least number in which a rise of one more than so many can end.
        at = bisect_left(lasts, number)
        lasts[at : at + 1] = [number]
    return len(lasts)


_Worth = tuple[int, int, float]


def _best(n: int, m: int, values: dict[tuple[int, int], _Worth]) -> list[tuple[int, int]]:
    """The one-to-one, order-preserving pairs with the greatest sum of values, compared place by place."""
    if not values:
        return []
    nothing: list[_Worth] = [(0, 0, 0.0)] * (m + 1)
    best, valued = [nothing], {i for i, _ in values}
    for i in range(n):
        before = best[-1]
        if i not in valued:
            best.append(before)
            continue
        row = nothing[:1]
        for k in range(m):
            most = max(before[k + 1], row[k])
            if worth := values.get((i, k)):
                most = max(most, _sum(before[k], worth))
            row.append(most)
        best.append(row)
    pairs = []
    i, k = n, m
    while i and k:
        if best[i][k] == best[i - 1][k]:
            i -= 1
        elif best[i][k] == best[i][k - 1]:
            k -= 1
        else:
            i, k = i - 1, k - 1
            pairs.append((i, k))
    return pairs[::-1]


def _sum(a: _Worth, b: _Worth) -> _Worth:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _check(onsets: Sequence[float], targets: Sequence[EventTarget]) -> None:
    due = [target.at_s for target in targets]
    if [*onsets] != sorted(onsets) or due != sorted(due):
        raise ValueError("onsets and targets must be in order of time")
