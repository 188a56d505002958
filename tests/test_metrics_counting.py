"""Counting: golden values computed by hand, and what must hold for any count."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from tml_bench.metrics.counting import (
    LATEST_S,
    absolute_error,
    error_at,
    last_number,
    latencies,
    mean_error,
    numbers_in_turn,
    off_by_one,
    penultimate_end,
    running_count,
)

ENDS = [2.0, 4.0, 6.0]


@pytest.mark.parametrize(
    ("prediction", "count", "right"),
    [
        (3, 3, True),
        (2, 3, True),
        (4, 3, True),
        (1, 3, False),
        (5, 3, False),
        (None, 3, False),
        (None, 0, False),
    ],
)
def test_off_by_one(prediction: int | None, count: int, right: bool) -> None:
    assert off_by_one(prediction, count) is right


def test_absolute_error() -> None:
    assert absolute_error(6, 4) == 0.5
    assert absolute_error(0, 4) == 1.0
    assert absolute_error(None, 4) == 1.0
    with pytest.raises(ValueError, match="undefined"):
        absolute_error(1, 0)


def test_the_last_number_must_come_after_the_penultimate_repetition() -> None:
    assert penultimate_end(ENDS, 0.5) == 4.0
    assert penultimate_end([2.0], 0.5) == 0.5
    assert penultimate_end([], 0.5) == 0.5
    said = [(1.0, 1), (3.9, 3), (4.0, 2)]
    assert last_number(said, 4.0) == 2
    assert last_number(said, 4.1) is None
    assert last_number([(4.5, 3), (9.0, 12)], 4.0) == 12
    assert last_number([], 0.0) is None


def test_running_error_by_hand() -> None:
    # True count 0 1 2 3 from 0 2 4 6; said 1 from 3 and 3 from 5.
    steps = running_count([(3.0, 1), (5.0, 3)], ENDS, 0.0, 8.0)
    assert [(s.start_s, s.said, s.true, s.error) for s in steps] == [
        (0.0, 0, 0, 0),
        (2.0, 0, 1, 1),
        (3.0, 1, 1, 0),
        (4.0, 1, 2, 1),
        (5.0, 3, 2, 1),
        (6.0, 3, 3, 0),
    ]
    assert mean_error(steps) == pytest.approx(3 / 8)
    assert [error_at(steps, f) for f in (0.0, 0.25, 0.5, 0.75, 1.0)] == [0, 1, 1, 0, 0]


def test_silence_errs_by_the_true_count() -> None:
    steps = running_count([], ENDS, 0.0, 8.0)
    assert mean_error(steps) == pytest.approx((2 + 4 + 6) / 8)


def test_no_time_has_no_error() -> None:
    assert running_count([], ENDS, 3.0, 3.0) == []
    with pytest.raises(ValueError, match="undefined"):
        mean_error([])
    with pytest.raises(ValueError, match="undefined"):
        error_at([], 0.5)


@given(st.floats(0, 1.9))
def test_late_by_d_errs_by_d_per_repetition(delay: float) -> None:
    ends = [2.0 * k for k in range(1, 6)]
    said = [(end + delay, k) for k, end in enumerate(ends, start=1)]
    assert mean_error(running_count(said, ends, 0.0, 12.0)) == pytest.approx(5 * delay / 12)
    assert latencies(said, ends, 0.0) == pytest.approx([delay] * 5)


def test_latency_takes_the_first_saying_in_its_place() -> None:
    # "1" before the video, "3" too early (before repetition 2 ended), then 2 early by 0.5 and 3 late by 1.
    said = [(-1.0, 1), (1.0, 3), (2.5, 1), (3.5, 2), (7.0, 3)]
    assert latencies(said, ENDS, 0.0) == [0.5, -0.5, 1.0]


def test_a_number_is_in_its_place_for_two_seconds() -> None:
    assert latencies([(4.0, 1)], [2.0], 0.0) == [LATEST_S]
    assert latencies([(4.001, 1)], [2.0], 0.0) == [None]
    assert latencies([(7.0, 1), (2.5, 1)][::-1], [2.0], 0.0) == [0.5]


def test_numbers_said_in_turn() -> None:
    assert numbers_in_turn([], 0.0, 9.0) == 0
    said = [(-1.0, 1), (1.0, 1), (2.0, 2), (3.0, 2), (4.0, 0), (5.0, 1), (8.0, 1), (11.0, 4), (11.1, 5)]
    assert numbers_in_turn(said, 0.0, 9.0) == 5


def test_a_number_that_is_never_said_has_no_latency() -> None:
    assert latencies([(2.0, 1), (6.0, 3)], ENDS, 0.0) == [0.0, None, 0.0]
    assert latencies([], ENDS, 0.0) == [None, None, None]
    assert latencies([(1.0, 1)], [], 0.0) == []


@given(
    st.lists(st.tuples(st.floats(0, 10), st.integers(0, 5)), max_size=6),
    st.lists(st.floats(0, 10), max_size=5),
)
def test_steps_cover_the_time_once(said: list[tuple[float, int]], ends: list[float]) -> None:
    steps = running_count(sorted(said, key=lambda s: s[0]), sorted(ends), 0.0, 10.0)
    assert steps[0].start_s == 0.0
    assert steps[-1].end_s == 10.0
    assert all(a.end_s == b.start_s for a, b in pairwise(steps))
    assert mean_error(steps) >= 0
