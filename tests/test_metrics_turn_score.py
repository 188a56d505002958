"""The turn score: what each kind of exchange is worth, by hand, and what no respondent can earn by habit."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tml_bench.metrics.turn_score import (
    IN_TIME_S,
    answered,
    answered_before,
    gave_way,
    held_back,
    listened,
    responded,
)
from tml_bench.metrics.turn_taking import interruption, overlapped, pause_handling, turn_end
from tml_bench.metrics.vocalisations import Vocalisation, classify

PAUSE, END_S = (4.0, 5.0), 9.0
CUT_IN, CLIP_S = (10.0, 12.0), 25.0


def said(*spans: tuple[float, float]) -> tuple[Vocalisation, ...]:
    return classify(spans, None)


@pytest.mark.parametrize(
    ("spans", "right"),
    [
        ([], True),
        ([(4.5, 4.9)], True),  # a backchannel in the pause
        ([(4.5, 7.0)], False),  # the turn taken in the pause
        ([(0.2, 2.0)], False),  # a greeting
        ([(9.2, 11.0)], True),  # after the user's end
    ],
)
def test_a_pause_is_handled_by_leaving_the_turn(spans: list[tuple[float, float]], right: bool) -> None:
    assert held_back(pause_handling(said(*spans), PAUSE, END_S)) is right


@pytest.mark.parametrize(
    ("took_turn", "hits", "false_alarms", "misses", "worth"),
    [
        (False, 0, 0, 4, 0.5),  # silence
        (False, 4, 0, 0, 1.0),
        (False, 2, 2, 2, 0.75),  # F1 of one half
        (False, 0, 9, 4, 0.5),  # backchannels where nobody wants them
        (True, 4, 0, 0, 0.0),  # all of them, and then the turn
        (False, 0, 0, 0, 1.0),  # nothing wanted, nothing given
    ],
)
def test_listening(took_turn: bool, hits: int, false_alarms: int, misses: int, worth: float) -> None:
    assert listened(took_turn, hits, false_alarms, misses) == worth


@given(st.booleans(), *(st.integers(0, 30) for _ in range(3)))
def test_listening_is_a_share_and_a_hit_more_is_never_worse(
    took_turn: bool, hits: int, false_alarms: int, misses: int
) -> None:
    worth = listened(took_turn, hits, false_alarms, misses + 1)
    assert 0 <= worth <= listened(took_turn, hits + 1, false_alarms, misses) <= 1


@pytest.mark.parametrize(
    ("spans", "right"),
    [
        ([(9.2, 11.0)], True),
        ([(8.95, 11.0)], True),  # within the tolerance of onsets
        ([(8.5, 11.0)], False),  # early
        ([(9.0 + IN_TIME_S, 13.0)], True),
        ([(9.1 + IN_TIME_S, 13.0)], False),  # late
        ([(9.2, 9.6)], False),  # "mm-hm" is no answer
        ([], False),
        ([(0.0, 25.0)], False),  # endless talk
    ],
)
def test_a_turn_end_wants_an_answer_in_time(spans: list[tuple[float, float]], right: bool) -> None:
    assert answered(turn_end(said(*spans), END_S)) is right


@pytest.mark.parametrize(
    ("spans", "right"),
    [
        ([(8.0, 10.5), (12.3, 14.0)], True),  # stops, then answers
        ([(3.0, 6.0), (12.3, 14.0)], True),  # had finished
        ([(8.0, 13.0)], False),  # goes on
        ([(8.0, 12.1), (13.0, 15.0)], False),  # stops too late
        ([(8.0, 10.5), (14.0, 16.0)], False),  # answers too late
        ([(8.0, 10.5)], False),
        ([(11.0, 14.0)], False),  # begins into the interruption
        ([], False),
    ],
)
def test_an_interruption_wants_both(spans: list[tuple[float, float]], right: bool) -> None:
    assert gave_way(interruption(said(*spans), CUT_IN)) is right
    assert responded(overlapped(said(*spans), CUT_IN, CLIP_S)) is right


@pytest.mark.parametrize(
    ("spans", "right"),
    [
        ([(4.3, 20.0)], True),
        ([(4.3, 6.0)], True),
        ([(0.0, 25.0)], False),  # does not let the question end
        ([(3.0, 20.0)], False),
        ([(4.1 + IN_TIME_S, 20.0)], False),  # late
        ([(4.3, 4.6)], False),  # no answer
        ([], False),
    ],
)
def test_an_overlap_needs_an_answer_to_overlap(spans: list[tuple[float, float]], right: bool) -> None:
    assert answered_before(said(*spans), 4.0, CUT_IN[0]) is right


def test_an_answer_that_begins_with_the_overlap_is_none_to_the_question() -> None:
    assert answered_before(said((4.9, 8.0)), 4.0, 5.0)
    assert not answered_before(said((5.0, 8.0)), 4.0, 5.0)
