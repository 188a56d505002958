"""Windows and matching: triples computed by hand, and properties against brute force."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import pytest
from hypothesis import given, strategies as st

from tml_bench.metrics.event_matching import (
    TOLERANCES_S,
    EventMatch,
    EventTarget,
    Right,
    answer,
    cue,
    half_width,
    match,
    periodic,
    scheduled,
    within,
)


def all_right(n: int, m: int) -> Right:
    return {(i, k) for i in range(n) for k in range(m)}


def pairs_of(right: Sequence[Sequence[int]]) -> Right:
    return {(i, k) for i, row in enumerate(right) for k, says_it in enumerate(row) if says_it}


@pytest.mark.parametrize(("d", "half"), [(1, 0.5), (5, 0.5), (7, 0.7), (20, 2.0), (30, 3.0), (60, 3.0)])
def test_half_width_of_scheduled_windows(d: float, half: float) -> None:
    assert half_width(d) == pytest.approx(half)
    assert scheduled(10.0, d)[:3] == pytest.approx((10.0, 10.0 - half, 10.0 + half))


@pytest.mark.parametrize(("period", "half"), [(1, 0.25), (2, 0.5), (4, 0.5), (10, 1.0), (60, 3.0)])
def test_half_width_of_beats(period: float, half: float) -> None:
    assert periodic(10.0, period)[:3] == pytest.approx((10.0, 10.0 - half, 10.0 + half))


def test_windows_of_cues_and_answers() -> None:
    assert cue(5.0, 2.0) == EventTarget(5.0, 4.8, 7.0, 4.8)
    assert cue(5.0, 2.0, until_s=6.0) == EventTarget(5.0, 4.8, 6.0, 4.8)
    assert answer(5.0, 3.0) == EventTarget(5.0, 5.0, 8.0, 5.0)
    with pytest.raises(ValueError, match="before it opens"):
        cue(5.0, 2.0, until_s=4.0)
    with pytest.raises(ValueError, match="has no window"):
        half_width(0.0)


@pytest.mark.parametrize(
    ("onset", "on_time"), [(4.79, False), (4.8, True), (5.0, True), (7.0, True), (7.01, False)]
)
def test_both_ends_of_a_window_belong_to_it(onset: float, on_time: bool) -> None:
    assert cue(5.0, 2.0).holds(onset) is on_time


def test_a_guess_counts_at_no_tolerance() -> None:
    assert within([4.7], [cue(5.0, 2.0)], all_right(1, 1), [3.0]) == [0]
    assert within([4.9], [answer(5.0, 2.0)], all_right(1, 1), [3.0]) == [0]
    assert within([4.7], [scheduled(5.0, 5.0)], all_right(1, 1), [0.25]) == [0]
    assert within([4.7], [scheduled(5.0, 5.0)], all_right(1, 1), [0.5]) == [1]


GOLDEN = [
    # onsets, times due (half-width 0.7), what is right, matches as (utterance, event, error, on time)
    ([10.2], [10.0], [[1]], [(0, 0, 0.2, True)]),
    ([9.2], [10.0], [[1]], [(0, 0, -0.8, False)]),
    ([10.2], [10.0], [[0]], []),
    ([], [10.0], [], []),
    ([10.2], [], [[]], []),
    # The second try is on time: it is matched, the first is a repetition.
    ([7.0, 10.0], [10.0], [[1], [1]], [(1, 0, 0.0, True)]),
    # Neither is on time: the nearer one is matched.
    ([7.0, 11.0], [10.0], [[1], [1]], [(1, 0, 1.0, False)]),
    # One on time and one late beat two late ones, although the sum of errors is greater.
    ([10.6, 15.0], [8.0, 10.0], [[1, 1], [0, 1]], [(0, 1, 0.6, True)]),
    # As many pairs as possible, before the least error.
    ([8.9, 10.9], [8.0, 10.0], [[1, 1], [0, 1]], [(0, 0, 0.9, False), (1, 1, 0.9, False)]),
    # Order is kept: "two" before "one" cannot match both.
    ([8.5, 10.0], [8.0, 10.0], [[0, 1], [1, 0]], [(0, 1, -1.5, False)]),
]


@pytest.mark.parametrize(("onsets", "due", "right", "expected"), GOLDEN)
def test_golden_matches(
    onsets: list[float],
    due: list[float],
    right: list[list[int]],
    expected: list[tuple[int, int, float, bool]],
) -> None:
    found = match(onsets, [scheduled(t, 7.0) for t in due], pairs_of(right))
    assert [(m.utterance, m.target, pytest.approx(m.error_s), m.on_time) for m in found] == expected


@pytest.mark.parametrize("shift", [-2.0, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 2.0])
def test_a_shifted_series_follows_the_windows(shift: float) -> None:
    due = [10.0, 20.0, 30.0]
    targets = [scheduled(t, t) for t in due]
    onsets = [t + shift for t in due]
    right = {(k, k) for k in range(3)}
    found = match(onsets, targets, right)
    assert [m.error_s for m in found] == pytest.approx([shift] * 3)
    assert [m.on_time for m in found] == [abs(shift) <= half_width(t) for t in due]
    curve = within(onsets, targets, right, TOLERANCES_S)
    assert curve == [3 if abs(shift) <= tau else 0 for tau in TOLERANCES_S]


def test_what_is_out_of_order_is_refused() -> None:
    with pytest.raises(ValueError, match="in order"):
        match([2.0, 1.0], [], set())
    with pytest.raises(ValueError, match="in order"):
        match([], [scheduled(2, 1), scheduled(1, 1)], set())
    with pytest.raises(ValueError, match="in order"):
        within([2.0, 1.0], [], set(), TOLERANCES_S)


Situation = tuple[list[float], list[EventTarget], Right]
TIMES = st.integers(0, 80).map(lambda k: k / 4)


@st.composite
def situations(
    draw: st.DrawFn,
) -> Situation:
    onsets = sorted(draw(st.lists(TIMES, max_size=5)))
    due = sorted(draw(st.lists(TIMES, max_size=4)))
    kind = draw(
        st.sampled_from([lambda t: scheduled(t, 8.0), lambda t: periodic(t, 2.0), lambda t: cue(t, 2.0)])
    )
    right = {pair for pair in sorted(all_right(len(onsets), len(due))) if draw(st.booleans())}
    return onsets, [kind(t) for t in due], right


def every_matching(n: int, m: int) -> Iterator[list[tuple[int, int]]]:
    for size in range(min(n, m) + 1):
        for rows in combinations(range(n), size):
            for columns in combinations(range(m), size):
                yield list(zip(rows, columns, strict=True))


@given(situations())
def test_matching_is_the_best_of_all(
    situation: Situation,
) -> None:
    onsets, targets, right = situation

    def worth(pairs: list[tuple[int, int]]) -> tuple[int, int, float]:
        on_time = sum(targets[k].holds(onsets[i]) for i, k in pairs)
        return on_time, len(pairs), -sum(abs(onsets[i] - targets[k].at_s) for i, k in pairs)

    found = match(onsets, targets, right)
    pairs = [(m.utterance, m.target) for m in found]
    possible = [p for p in every_matching(len(onsets), len(targets)) if right >= {*p}]
    assert pairs in possible
    assert worth(pairs) == max(map(worth, possible))
    for m in found:
        onset, target = onsets[m.utterance], targets[m.target]
        assert m == EventMatch(m.utterance, m.target, onset - target.at_s, target.holds(onset))
    for tau, most in zip(TOLERANCES_S, within(onsets, targets, right, TOLERANCES_S), strict=True):
        fitting = [p for p in possible if all(targets[k].holds_within(onsets[i], tau) for i, k in p)]
        assert most == max(map(len, fitting))


@given(situations())
def test_the_curve_never_falls(
    situation: Situation,
) -> None:
    onsets, targets, right = situation
    curve = within(onsets, targets, right, TOLERANCES_S)
    assert curve == sorted(curve)
