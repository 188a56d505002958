"""Backchannel matching: golden triples by hand, and the best matching by brute force."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, strategies as st

from tml_bench.metrics.backchannel import match, windows_of
from tml_bench.metrics.vocalisations import Interval, Vocalisation


def brief(start: float) -> Vocalisation:
    return Vocalisation(start, start + 0.4, False)


@pytest.mark.parametrize(
    ("onsets", "windows", "counts"),
    [
        ([], [], (0, 0, 0)),
        ([], [(1.0, 2.0)], (0, 0, 1)),
        ([3.0], [], (0, 1, 0)),
        ([1.0], [(1.0, 2.0)], (1, 0, 0)),
        ([2.0], [(1.0, 2.0)], (1, 0, 0)),
        ([2.25], [(1.0, 2.0)], (0, 1, 1)),
        ([1.0, 1.75], [(1.0, 2.0)], (1, 1, 0)),  # one per window
        ([1.5], [(1.0, 2.0), (1.0, 2.0)], (1, 0, 1)),  # one window per prediction
        ([2.0, 3.5], [(1.0, 4.0), (1.5, 2.5)], (2, 0, 0)),  # the narrow window must be served first
        ([1.0, 5.0, 9.0], [(0.5, 1.5), (8.0, 9.5), (12.0, 13.0)], (2, 1, 1)),
    ],
)
def test_match(onsets: list[float], windows: list[Interval], counts: tuple[int, int, int]) -> None:
    assert match([brief(t) for t in onsets], windows)[:3] == counts


def test_takeovers_are_not_predictions() -> None:
    found = match([Vocalisation(1.0, 4.0, True), brief(6.0)], [(0.5, 1.5)])
    assert found[:3] == (0, 1, 1)
    assert [(r["event"], r["start_s"], r["end_s"]) for r in found.rows] == [
        ("miss", 0.5, 1.5),
        ("takeover", 1.0, 4.0),
        ("false_alarm", 6.0, 6.4),
    ]


WINDOWS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 6)).map(lambda t: (float(t[0]), float(t[0] + t[1]))),
    max_size=4,
)


@given(st.lists(st.integers(0, 18).map(float), max_size=4).map(sorted), WINDOWS)
def test_no_matching_has_more_hits(onsets: list[float], windows: list[Interval]) -> None:
    padded: list[Interval | None] = [*windows, *[None] * len(onsets)]
    best = max(
        sum(w is not None and w[0] <= t <= w[1] for t, w in zip(onsets, order, strict=False))
        for order in permutations(padded, len(onsets))
    )
    found = match([brief(t) for t in onsets], windows)
    assert found.hits == best
    assert (found.hits + found.false_alarms, found.hits + found.misses) == (len(onsets), len(windows))


@pytest.mark.parametrize(
    ("distribution", "windows"),
    [
        ([], ()),
        ([1.0] * 10, ()),  # flat
        ([0, 0, 0, 1.0, 0, 0, 0, 0, 0, 0], ((3.0, 4.0),)),
        ([0, 0, 0.5, 0.5, 0, 0, 0, 0, 0, 0], ((2.0, 4.0),)),
        ([0, 0.5, 0, 0.5, 0, 0, 0, 0, 0, 0], ((1.0, 2.0), (3.0, 4.0))),  # 1 s apart
        ([0, 0.2, 0, 0.8, 0, 0, 0, 0, 0, 0], ((3.0, 4.0),)),  # exactly twice the uniform share
    ],
)
def test_windows_of_ten_seconds(distribution: list[float], windows: tuple[Interval, ...]) -> None:
    assert windows_of(distribution, 10.0) == windows


def test_close_peaks_are_one_window() -> None:
    assert windows_of([0, 1, 0, 1, 0, 0, 0, 0], 4.0) == ((0.5, 2.0),)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_scale_of_the_distribution_does_not_matter(distribution: list[float]) -> None:
    one, other = windows_of(distribution, 8.0), windows_of([x * 2 for x in distribution], 8.0)
    assert one == other
    assert all(0 <= a < b <= 8.0 + 1e-9 for a, b in one)
