"""Silence, repetition and telling, on numbers."""

from __future__ import annotations

import pytest

from tml_bench.metrics.presence import (
    DeadAir,
    dead_air,
    free_from,
    in_time,
    speaks_at,
    telling_onset,
    times_repeated,
)


@pytest.mark.parametrize(
    ("speech", "expected"),
    [
        ([], DeadAir(10.0, 10.0)),
        ([(1.0, 2.0)], DeadAir(10.0, 10.0)),
        ([(3.0, 4.0)], DeadAir(8.0, 8.0)),
        ([(4.0, 6.0)], DeadAir(6.0, 8.0)),
        ([(3.0, 11.0)], DeadAir(0.0, 0.0)),
        ([(3.4, 4.0), (5.5, 11.5)], DeadAir(1.5, 1.5)),
        ([(5.5, 11.5), (3.4, 4.1)], DeadAir(0.0, 0.0)),
        ([(2.5, 7.0), (4.0, 5.0)], DeadAir(5.0, 5.0)),
        ([(2.0, 2.1), (12.0, 13.0)], DeadAir(9.9, 9.9)),
    ],
)
def test_dead_air_is_what_is_silent_on_both_sides_for_long(
    speech: list[tuple[float, float]], expected: DeadAir
) -> None:
    assert dead_air(2.0, 12.0, speech) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("utterances", "times"),
    [
        ([], 0),
        (["um"], 1),
        (["um", "um", "um"], 3),
        (["one moment", "one moment please", "one moment"], 2),
        (["still on it i am still on it now and still on it i see"], 2),
        (["let me see now let me see now let me see now"], 3),
        (["okay rome", "okay oslo", "okay lisbon"], 1),
    ],
)
def test_a_phrase_is_an_utterance_or_four_words_in_a_row(utterances: list[str], times: int) -> None:
    assert times_repeated([text.split() for text in utterances]) == times


def test_a_result_is_told_from_the_utterance_on_unless_that_began_before_it_was_there() -> None:
    assert telling_onset(5.0, 7.0, 4.0) == 5.0
    assert telling_onset(3.0, 7.0, 4.0) == 7.0


def test_it_can_be_told_once_the_user_is_silent() -> None:
    user = [(1.0, 2.0), (4.0, 6.0)]
    assert [free_from(at, user) for at in (0.0, 1.5, 3.0, 4.0, 6.0)] == [0.0, 2.0, 3.0, 6.0, 6.0]


@pytest.mark.parametrize(
    ("onset_s", "number_s", "speech", "right"),
    [
        (13.0, 13.0, [], True),
        (13.1, 13.1, [], False),
        (16.0, 16.0, [(10.5, 14.0)], True),
        (16.0, 16.0, [(10.5, 12.9)], False),
        (16.0, 16.0, [(13.1, 15.9)], False),
        (12.0, 20.0, [], True),
        (12.0, 20.1, [], False),
        (25.0, 25.0, [(8.0, 26.0)], False),
        (9.9, 11.0, [], True),
    ],
)
def test_in_time_is_after_no_long_silence_and_said_before_long(
    onset_s: float, number_s: float, speech: list[tuple[float, float]], right: bool
) -> None:
    assert in_time(onset_s, number_s, 10.0, speech) is right


def test_nobody_is_talked_over_at_the_very_end_of_a_turn() -> None:
    assert [speaks_at(at, [(1.0, 3.0)], 0.2) for at in (0.9, 1.0, 2.7, 2.9, 3.0)] == [
        False, True, True, False, False,
    ]  # fmt: skip
