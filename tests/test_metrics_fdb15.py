"""The rules of FD-bench v1.5: every number here was worked out by hand from its description."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tml_bench.metrics.fdb15_reference import (
    MODEL_GAP_S,
    USER_GAP_S,
    OverlapStretch,
    merge,
    responses,
    split_time,
    stops,
    words_before,
    words_per_minute,
)
from tml_bench.metrics.turn_taking import OverlapResponse, overlapped
from tml_bench.metrics.vocalisations import Vocalisation

# ---- merging


@pytest.mark.parametrize(
    ("gap_s", "first_end", "joined"),
    [
        (USER_GAP_S, 0.4, True),  # 1.0 - 0.4 is exactly 0.6, also in floats
        (USER_GAP_S, 0.399, False),
        (MODEL_GAP_S, 0.5, True),
        (MODEL_GAP_S, 0.499, False),
    ],
)
def test_segments_at_most_the_gap_apart_are_one(gap_s: float, first_end: float, joined: bool) -> None:
    apart = ((0.0, first_end), (1.0, 2.0))
    assert merge(apart, gap_s) == (((0.0, 2.0),) if joined else apart)


def test_merging_chains_and_empty_input_is_empty() -> None:
    assert merge([(0.0, 1.0), (1.4, 2.0), (2.5, 3.0), (4.0, 5.0)], 0.5) == ((0.0, 3.0), (4.0, 5.0))
    assert merge([], 0.5) == ()


# ---- latency_stop_list


@pytest.mark.parametrize(
    ("user", "model", "expected"),
    [
        # The model yields 0.8 s after the user comes in at 7.
        ([(0.0, 3.0), (7.0, 9.0)], [(4.0, 7.8), (10.0, 12.0)], [OverlapStretch(7.0, 7.8, False)]),
        # The model talks on: the stretch ends with the user and is censored.
        ([(7.0, 9.0)], [(4.0, 12.0)], [OverlapStretch(7.0, 9.0, True)]),
        # The model starts into the user: the stretch is from the model's start.
        ([(7.0, 9.0)], [(8.0, 8.5)], [OverlapStretch(8.0, 8.5, False)]),
        # Both end together: seen, not censored.
        ([(7.0, 9.0)], [(4.0, 9.0)], [OverlapStretch(7.0, 9.0, False)]),
        # The context turn counts like any other; sorted by end.
        (
            [(0.0, 3.0), (7.0, 9.0)],
            [(2.5, 7.5)],
            [OverlapStretch(2.5, 3.0, True), OverlapStretch(7.0, 7.5, False)],
        ),
        # Touching is not overlapping.
        ([(0.0, 3.0)], [(3.0, 5.0)], []),
        # Three decimals.
        ([(7.00049, 9.0)], [(4.0, 7.80051)], [OverlapStretch(7.0, 7.801, False)]),
        ([], [(1.0, 2.0)], []),
        ([(1.0, 2.0)], [], []),
    ],
)
def test_stops(
    user: list[tuple[float, float]], model: list[tuple[float, float]], expected: list[OverlapStretch]
) -> None:
    assert list(stops(user, model)) == expected


def test_of_stops_with_one_end_the_shortest_is_kept() -> None:
    # Ends 9.0002 and 9.0004 are the same millisecond: lengths 1.0002 and 0.2004.
    user = [(8.0, 9.0002), (8.8, 9.0004)]
    assert stops(user, [(7.0, 12.0)]) == (OverlapStretch(8.8, 9.0, True),)


def test_length_of_a_stop() -> None:
    assert OverlapStretch(7.0, 7.8, False).length_s == pytest.approx(0.8)


# ---- latency_resp_list


@pytest.mark.parametrize(
    ("user", "model", "expected"),
    [
        ([(0.0, 3.0), (7.0, 9.0)], [(4.0, 7.8), (10.0, 12.0)], [(3.0, 4.0), (9.0, 10.0)]),
        # A start at the very end of the user is not strictly after it.
        ([(0.0, 3.0)], [(3.0, 4.0), (5.0, 6.0)], [(3.0, 5.0)]),
        # Two users, one answer: the later user's end.
        ([(0.0, 3.0), (4.0, 5.0)], [(5.5, 6.0)], [(5.0, 5.5)]),
        # Never answered: nothing.
        ([(0.0, 3.0), (7.0, 9.0)], [(4.0, 6.0)], [(3.0, 4.0)]),
        ([(0.0, 3.0)], [(1.0, 8.0)], []),
        ([(0.0, 3.00049)], [(4.00051, 5.0)], [(3.0, 4.001)]),
        ([], [(1.0, 2.0)], []),
    ],
)
def test_responses(
    user: list[tuple[float, float]], model: list[tuple[float, float]], expected: list[tuple[float, float]]
) -> None:
    assert list(responses(user, model)) == expected


Segments = st.lists(st.floats(0, 30), max_size=8).map(
    lambda edges: merge(list(zip(*[iter(sorted(edges))] * 2, strict=False)), 0.0)
)


@given(Segments, Segments)
def test_lists_are_within_both_speakers(
    user: tuple[tuple[float, float], ...], model: tuple[tuple[float, float], ...]
) -> None:
    found = stops(user, model)
    assert [s.end_s for s in found] == sorted({s.end_s for s in found})
    assert all(s.length_s > -1e-9 for s in found)
    starts = {round(a, 3) for a, _ in model}
    assert all(start in starts and end <= start for end, start in responses(user, model))


# ---- before and after


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([(1.0, 2.0), (5.0, 6.0)], 5.0),  # the first word that begins after 4
        ([(1.0, 2.0), (3.5, 4.2), (5.0, 6.0)], 3.5),  # the word under way at 4
        ([(1.0, 2.0), (3.0, 4.0), (4.0, 4.5)], 4.0),  # ends at 4: before; begins at 4: after
        ([(5.0, 6.0), (1.0, 2.0)], 5.0),  # in the order of starts
        ([(1.0, 2.0), (2.0, 3.0)], 3.0),  # none after: the end of the last word
        ([(1.0, None), (None, 5.0)], 4.0),  # nothing usable: the overlap's end
        ([], 4.0),
        ([(9.0, 12.0)], 9.0),
        ([(11.0, 12.0)], 10.0),  # cut to the clip
    ],
)
def test_split_time(words: list[tuple[float | None, float | None]], expected: float) -> None:
    assert split_time(words, 4.0, 10.0) == expected


def test_split_time_is_cut_to_short_audio() -> None:
    assert split_time([], 4.0, 3.0) == 3.0


def test_words_that_end_by_the_split_are_before() -> None:
    words = [(1.0, 2.0), (2.0, 4.0), (3.9, 4.1), (None, 1.0), (5.0, 6.0)]
    assert words_before(words, 4.0) == (((1.0, 2.0), (2.0, 4.0)), ((3.9, 4.1), (5.0, 6.0)))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([(1.0, 1.5), (2.0, 3.0)], 60.0),  # two words in 2 s
        ([(0.0, 0.2), (9.0, 10.0), (10.0, 12.0)], 15.0),  # pauses are in the span
        ([(1.0, 1.0)], None),
        ([], None),
        ([(None, 2.0)], None),
    ],
)
def test_words_per_minute(words: list[tuple[float | None, float | None]], expected: float | None) -> None:
    assert words_per_minute(words) == expected


# ---- repaired: one event


def said(*spans: tuple[float, float]) -> list[Vocalisation]:
    return [Vocalisation(a, b, takeover=True) for a, b in spans]


@pytest.mark.parametrize(
    ("spans", "talked_over", "stop", "censored", "kept", "early", "response"),
    [
        # The overlap lasts from 7 to 9 in a clip of 20 s.
        ([(4.0, 7.4), (9.7, 12.0)], True, 0.4, False, False, False, 0.7),
        ([(4.0, 15.0)], True, None, True, True, False, None),  # talks on
        ([(4.0, 9.5), (10.5, 12.0)], True, None, True, False, False, 1.5),  # yields late, then answers
        ([(4.0, 10.0), (11.0, 12.0)], True, None, True, True, False, None),  # exactly KEPT_S after
        ([(4.0, 7.4), (8.0, 12.0)], True, 0.4, False, False, True, None),  # begins into the overlap
        ([(4.0, 6.0), (9.5, 12.0)], False, None, None, None, False, 0.5),  # silent when it begins
        ([(4.0, 6.0)], False, None, None, None, False, None),
        ([], False, None, None, None, False, None),
        ([(4.0, 9.0)], True, None, True, False, False, None),  # ends with the overlap: not before it
        ([(7.0, 7.5)], True, 0.5, False, False, False, None),  # starts with the overlap
    ],
)
def test_overlap(
    spans: list[tuple[float, float]],
    talked_over: bool,
    stop: float | None,
    censored: bool | None,
    kept: bool | None,
    early: bool,
    response: float | None,
) -> None:
    found = overlapped(said(*spans), (7.0, 9.0), 20.0)
    expected = OverlapResponse(talked_over, stop, censored, kept, early, response, found.rows)
    assert found._replace(stop_latency_s=None, response_latency_s=None) == expected._replace(
        stop_latency_s=None, response_latency_s=None
    )
    assert found.stop_latency_s == (None if stop is None else pytest.approx(stop))
    assert found.response_latency_s == (None if response is None else pytest.approx(response))


def test_talking_to_the_clip_s_end_is_keeping_on() -> None:
    assert overlapped(said((4.0, 9.5)), (7.0, 9.0), 9.5).kept_talking is True
    assert overlapped(said((4.0, 9.4)), (7.0, 9.0), 9.5).kept_talking is False
