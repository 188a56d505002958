"""Repaired turn-taking measures: golden triples by hand, and what must hold for any input."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from tml_bench.metrics.turn_taking import interruption, pause_handling, turn_end
from tml_bench.metrics.vocalisations import Interval, Vocalisation, classify, merge


def takeover(start: float, end: float) -> Vocalisation:
    return Vocalisation(start, end, True)


def brief(start: float) -> Vocalisation:
    return Vocalisation(start, start + 0.4, False)


def test_merge_joins_up_to_half_a_second() -> None:
    assert merge([(1.0, 2.0), (2.5, 3.0), (3.75, 4.0)]) == ((1.0, 3.0), (3.75, 4.0))
    assert merge([]) == ()


@pytest.mark.parametrize(
    ("segments", "words", "kinds"),
    [
        ([], None, []),
        ([(1.0, 1.9)], None, [False]),
        ([(1.0, 2.0)], None, [True]),
        ([(1.0, 1.5)], [(1.0, 1.2), (1.2, 1.4)], [False]),
        ([(1.0, 1.5)], [(1.0, 1.1), (1.1, 1.3), (1.3, 1.5)], [True]),
        ([(1.0, 1.5)], [(0.0, 0.9), (1.0, 1.5), (1.4, 1.8)], [False]),  # by midpoint only one is inside
        ([(1.0, 1.3), (1.7, 4.0)], None, [True]),  # "Yes, ... it is": one takeover from 1.0
        ([(1.0, 1.3), (2.0, 4.0)], None, [False, True]),
    ],
)
def test_classify(segments: list[Interval], words: list[Interval] | None, kinds: list[bool]) -> None:
    assert [v.takeover for v in classify(segments, words)] == kinds


@pytest.mark.parametrize(
    ("speech", "expected"),
    [
        ([], (False, False, None, None)),
        ([brief(3.0), brief(6.0)], (False, False, None, None)),
        ([takeover(5.75, 8.0)], (False, True, 0.75, 0.75)),
        ([brief(2.0), takeover(5.5, 8.0), takeover(9.0, 12.0)], (False, True, 0.5, 0.5)),
        ([takeover(4.5, 8.0)], (True, False, None, -0.5)),
        ([takeover(0.5, 2.0), takeover(5.5, 8.0)], (True, False, None, -4.5)),
        ([takeover(4.9375, 8.0)], (False, True, -0.0625, -0.0625)),  # within the tolerance: not clipped
        ([brief(5.5), takeover(6.5, 8.0)], (False, True, 0.5, 0.5)),  # "Yes." opens the response
        ([brief(5.25), brief(6.0), takeover(7.0, 8.0)], (False, True, 0.25, 0.25)),
        ([brief(5.5), takeover(7.0, 8.0)], (False, True, 2.0, 2.0)),  # 1.1 s later: not its opening
        ([brief(4.5), takeover(5.5, 8.0)], (False, True, 0.5, 0.5)),  # while the user spoke: a backchannel
        ([brief(3.75), takeover(4.75, 8.0)], (True, False, None, -0.25)),
    ],
)
def test_turn_end_at_5(speech: list[Vocalisation], expected: tuple[object, ...]) -> None:
    assert turn_end(speech, 5.0)[:4] == expected


def test_turn_end_rows() -> None:
    rows = turn_end([brief(2.0), brief(5.0), takeover(6.0, 8.0), takeover(9.0, 12.0), brief(13.0)], 5.0).rows
    assert [(r["event"], r["start_s"]) for r in rows] == [
        ("backchannel", 2.0),
        ("opening", 5.0),
        ("response", 6.0),
        ("takeover", 9.0),
        ("backchannel", 13.0),
    ]


@pytest.mark.parametrize(
    ("speech", "user_end", "expected"),
    [
        ([], 9.0, (False, False, False)),
        ([takeover(3.0, 5.0)], 9.0, (True, False, False)),  # at the pause's start
        ([takeover(5.0, 7.0)], 9.0, (True, False, False)),  # 1.0 s after its end
        ([takeover(5.25, 7.0)], 9.0, (False, False, True)),
        ([takeover(0.0, 2.0)], 9.0, (False, False, True)),  # a greeting
        ([takeover(2.5, 6.0)], 9.0, (False, False, True)),  # spoke before the pause, across it
        ([brief(3.5)], 9.0, (False, True, False)),
        ([brief(1.0)], 9.0, (False, False, False)),
        ([takeover(9.5, 12.0)], 9.0, (False, False, False)),  # the answer
        ([takeover(4.75, 7.0)], 4.5, (False, False, False)),  # the turn ended within the second
        ([takeover(0.0, 2.0), brief(3.5), takeover(4.5, 6.0)], 9.0, (True, True, True)),
    ],
)
def test_pause_from_3_to_4(
    speech: list[Vocalisation], user_end: float, expected: tuple[bool, bool, bool]
) -> None:
    assert pause_handling(speech, (3.0, 4.0), user_end)[:3] == expected


@pytest.mark.parametrize(
    ("speech", "yielded", "stop", "turn"),
    [
        ([], None, None, (False, False, None, None)),
        # Stops 0.5 s in, answers 0.75 s after the interruption.
        ([takeover(6.0, 10.5), takeover(13.75, 16.0)], True, 0.5, (False, True, 0.75, 0.75)),
        # Never yields: stop latency is not cut at the user's end, and talking on is no response.
        ([takeover(6.0, 20.0)], False, 10.0, (False, False, None, None)),
        # Yields exactly at the end: that is too late.
        ([takeover(6.0, 13.0)], False, 3.0, (False, False, None, None)),
        # Done before the interruption.
        ([takeover(6.0, 9.0), takeover(14.0, 16.0)], None, None, (False, True, 1.0, 1.0)),
        # Yields, then starts again while the user speaks.
        ([takeover(6.0, 10.25), takeover(12.0, 16.0)], True, 0.25, (True, False, None, -1.0)),
        # Silent so far, starts as the interruption does: interrupted, nothing heard after.
        ([takeover(10.0, 12.0)], True, 2.0, (False, False, None, None)),
    ],
)
def test_interruption_from_10_to_13(
    speech: list[Vocalisation], yielded: bool | None, stop: float | None, turn: tuple[object, ...]
) -> None:
    found = interruption(speech, (10.0, 13.0))
    assert (found.yielded, found.stop_latency_s, found.turn[:4]) == (yielded, stop, turn)
    assert len(found.rows) == len(speech)


# Dyadic times keep float arithmetic exact, so that moving them cannot move them across a threshold.
GRID = 64


@st.composite
def speech_of(draw: st.DrawFn) -> list[Interval]:
    steps = draw(st.lists(st.tuples(st.integers(1, 128), st.integers(1, 256)), max_size=8))
    at, segments = 0, []
    for gap, length in steps:
        segments.append(((at + gap) / GRID, (at + gap + length) / GRID))
        at += gap + length
    return segments


TIMES = st.integers(0, 20 * GRID).map(lambda n: n / GRID)


@given(speech_of(), TIMES, TIMES, TIMES, st.integers(0, 1000).map(lambda n: n / GRID))
def test_moving_everything_changes_nothing(
    segments: list[Interval], a: float, b: float, c: float, by: float
) -> None:
    first, second, third = sorted((a, b, c))
    here = classify(segments, None)
    there = classify([(s + by, e + by) for s, e in segments], None)
    assert turn_end(here, a)[:4] == turn_end(there, a + by)[:4]
    paused = pause_handling(here, (first, second), third)
    assert paused[:3] == pause_handling(there, (first + by, second + by), third + by)[:3]
    one, other = interruption(here, (first, second)), interruption(there, (first + by, second + by))
    assert (one.yielded, one.stop_latency_s, one.turn[:4]) == (
        other.yielded,
        other.stop_latency_s,
        other.turn[:4],
    )


def later(speech: Sequence[Vocalisation], by: float) -> list[Vocalisation]:
    return [Vocalisation(v.start_s + by, v.end_s + by, v.takeover) for v in speech]


@given(speech_of(), TIMES, st.integers(1, 1000).map(lambda n: n / GRID))
def test_speaking_later_adds_exactly_that_to_signed_latency(
    segments: list[Interval], end: float, by: float
) -> None:
    speech = classify(segments, None)
    # A backchannel that crosses the user's end becomes an opening; everything else just moves.
    takeovers = [v for v in speech if v.takeover]
    for moving, user_end in ((takeovers, end), (speech, 0.0)):
        before = turn_end(moving, user_end).signed_latency_s
        after = turn_end(later(moving, by), user_end).signed_latency_s
        assert after == (None if before is None else before + by)


@given(speech_of(), TIMES)
def test_a_takeover_is_early_or_a_response(segments: list[Interval], end: float) -> None:
    speech = classify(segments, None)
    found = turn_end(speech, end)
    assert found.early_start + found.response == any(v.takeover for v in speech)
    assert (found.latency_s is not None) == found.response
    assert found.latency_s is None or found.latency_s >= -0.1


@given(speech_of())
def test_vocalisations_are_apart_and_cover_the_speech(segments: list[Interval]) -> None:
    merged = merge(segments)
    assert all(b[0] - a[1] > 0.5 for a, b in pairwise(merged))
    assert all(any(s <= a and b <= e for s, e in merged) for a, b in segments)
