"""Pooling of scored events: triples of events, window and right answer, worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tml_bench.metrics.judged_events import (
    NOTHING,
    EventScores,
    JudgedEvent as E,
    bins,
    mean_of_bins,
    plain_means,
    scored,
    timed,
    timed_means,
    weighted,
)

WHOLE = [E(0, 10, 5, 4), E(10, 40, 2, 3)]
SHIPPED = [E(8.08, 29.68, 1, 1), E(30, 45, 4, 2), E(45, 75, 4, 5)]
ODD = [E(1, 1, 5, 5), E(4, 2, 1, 1), E(5, 9, None, 3), E(5, 9, 3, None), E(10, 20, 4, 2)]
OVERLAPPING = [E(0, 10, 1, 1), E(5, 15, 5, 3)]
LATE = [E(80, 90, 3, 3), E(110, 130, 5, 1)]


@pytest.mark.parametrize(
    ("events", "plain", "with_times"),
    [
        ([], NOTHING, NOTHING),
        (WHOLE, EventScores(3.5, 3.5), EventScores(3.5, 3.5)),
        (SHIPPED, EventScores(3.0, 2.667), EventScores(3.0, 2.667)),
        # The two without a score never count; those that do not end after they start count in one script.
        (ODD, EventScores(3.333, 2.667), EventScores(4.0, 2.0)),
        (OVERLAPPING, EventScores(3.0, 2.0), EventScores(3.0, 2.0)),
        ([E(5, 9, None, 3)], NOTHING, NOTHING),
        ([E(3, 3, 0, 0)], EventScores(0.0, 0.0), NOTHING),
    ],
)
def test_both_scripts_count_their_events(
    events: list[E], plain: EventScores, with_times: EventScores
) -> None:
    assert plain_means(events) == plain
    assert timed_means(events) == with_times


def test_how_many_events_each_script_counts() -> None:
    assert (len(scored(ODD)), len(timed(ODD))) == (3, 1)


@pytest.mark.parametrize(
    ("events", "window", "right"),
    [
        (WHOLE, (0, 75), EventScores(2.75, 3.25)),  # (5*10 + 2*30) / 40, (4*10 + 3*30) / 40
        (WHOLE, (0, 15), EventScores(4.0, 3.667)),  # (5*10 + 2*5) / 15, (4*10 + 3*5) / 15
        (WHOLE, (40, 75), NOTHING),
        (OVERLAPPING, (0, 75), EventScores(3.0, 2.0)),
        (OVERLAPPING, (5, 10), EventScores(3.0, 2.0)),  # what is scored twice counts twice
        (SHIPPED, (0, 75), EventScores(3.027, 3.027)),  # 201.6 / 66.6 both ways
        (LATE, (0, 75), NOTHING),
        (LATE, (75, 120), EventScores(4.0, 2.0)),
        (ODD, (0, 15), EventScores(4.0, 2.0)),
        ([], (0, 75), NOTHING),
    ],
)
def test_seconds_in_the_window_are_the_weight(
    events: list[E], window: tuple[float, float], right: EventScores
) -> None:
    assert weighted(events, *window) == right


def test_eight_bins_of_fifteen_seconds() -> None:
    none = NOTHING
    assert bins(WHOLE) == (
        EventScores(4.0, 3.667), EventScores(2.0, 3.0), EventScores(2.0, 3.0), none, none, none, none, none,
    )  # fmt: skip
    # What lasts beyond 120 s counts up to there.
    assert bins(LATE)[5] == EventScores(3.0, 3.0)
    assert bins(LATE)[7] == EventScores(5.0, 1.0)
    assert bins([]) == (none,) * 8


@pytest.mark.parametrize(
    ("events", "right"),
    [
        (WHOLE, EventScores(2.667, 3.222)),  # (4 + 2 + 2) / 3, (11/3 + 3 + 3) / 3: not rounded before
        (SHIPPED, EventScores(2.8, 2.8)),  # 1, 1, 4, 4, 4 and 1, 1, 2, 5, 5
        (LATE, NOTHING),
        ([], NOTHING),
    ],
)
def test_the_second_rule_is_the_mean_of_five_bins(events: list[E], right: EventScores) -> None:
    assert mean_of_bins(events) == right


SCORES = st.integers(1, 5)
WHOLE_BINS = st.lists(st.tuples(SCORES, SCORES), min_size=5, max_size=5)


@given(WHOLE_BINS)
def test_the_two_rules_agree_where_every_bin_is_covered(given_scores: list[tuple[int, int]]) -> None:
    events = [E(15 * k, 15 * (k + 1), *pair) for k, pair in enumerate(given_scores)]
    assert weighted(events, 0, 75) == mean_of_bins(events) == plain_means(events)


@given(st.lists(st.tuples(st.floats(0, 140), st.floats(0.1, 60), SCORES, SCORES), max_size=8))
def test_means_stay_within_the_scores_whatever_the_order(rows: list[tuple[float, float, int, int]]) -> None:
    events = [E(start, start + length, a, b) for start, length, a, b in rows]
    for pool in (plain_means, timed_means, mean_of_bins, lambda e: weighted(e, 0, 75)):
        found = pool(events)
        assert pool(events[::-1]) == found
        for value, given_scores in zip(found, ([r[2] for r in rows], [r[3] for r in rows]), strict=True):
            assert value is None or min(given_scores) <= value <= max(given_scores)
