"""The reference adapters that converse: when they speak, what they say, and when they give way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tml_bench.adapter import MicroTurn, SessionStart, StepAdapter
from tml_bench.adapters.reference.conversing import (
    Cooperative,
    Forgetful,
    Interrupter,
    Stonewall,
    Talker,
)
from tml_bench.plugins import adapter_class
from tml_bench.report.layout import is_ruler
from tml_bench.samples import Reference

RATE, TICK = 8000, 1600
TICK_NS = 200_000_000
ONE = "one alpha beta gamma delta epsilon zeta eta theta iota"
TWO = "two alpha beta gamma delta epsilon zeta eta theta iota"
THREE = "three alpha beta gamma delta epsilon zeta eta theta iota"
REPLIES = (ONE, TWO, THREE)
HELP = "Okay, I can help you with that. Let me explain how it works."
REPLY_S = 3.0
"""What each of them takes."""

Spans = list[tuple[float, float]]


def converse(
    adapter: StepAdapter, user: Sequence[tuple[float, float]], length_s: float, reference: Reference
) -> tuple[Spans, list[tuple[float, str]]]:
    """When the adapter is heard beside a user who speaks in those spans, and its words with their onsets."""
    adapter.start(SessionStart("x", TICK_NS, reference=reference))
    times = np.arange(round(length_s * RATE)) / RATE
    talks = np.zeros(len(times), np.bool_)
    for a, b in user:
        talks |= (times >= a) & (times < b)
    sound = np.where(talks, 0.1 * np.sin(2 * np.pi * 220 * times), 0.0).astype(np.float32)
    spans: Spans = []
    words = []
    for k in range(len(times) // TICK):
        turn = MicroTurn(k, k * TICK_NS, (k + 1) * TICK_NS, sound[k * TICK : (k + 1) * TICK])
        output = adapter.step(turn)
        if output is None:
            continue
        assert output.audio is not None
        handed_s = (k + 1) * 0.2
        begun = spans.pop()[0] if spans and spans[-1][1] == pytest.approx(handed_s) else handed_s
        spans.append((begun, handed_s + len(output.audio) / RATE))
        words += [(handed_s + w.start_s, w.text) for t in output.transcript for w in t.words]
    return spans, words


def cooperate(
    user: Sequence[tuple[float, float]], length_s: float = 30.0, endpoint: float = 0.6, yields: bool = True
) -> tuple[Spans, list[str]]:
    """When `cooperative` is heard, and the first words of what it begins to say."""
    adapter = Cooperative(endpoint, yields, audio_in=RATE, audio_out=RATE)
    spans, words = converse(adapter, user, length_s, Reference(replies=REPLIES))
    return spans, [text for _, text in words if text in {"one", "two", "three"}]


def near(*spans: tuple[float, float]) -> object:
    return [(pytest.approx(a), pytest.approx(b)) for a, b in spans]


def test_it_answers_each_turn_with_the_next_answer_and_the_last_again() -> None:
    turns = [(1.0, 3.0), (8.03, 9.51), (15.0, 16.0), (22.0, 23.0)]
    spans, firsts = cooperate(turns)
    assert spans == near((3.6, 6.6), (10.2, 13.2), (16.6, 19.6), (23.6, 26.6))
    assert firsts == ["one", "two", "three", "three"]


@pytest.mark.parametrize(
    ("endpoint", "ended", "onset"), [(0.6, 3.0, 3.6), (0.6, 3.01, 3.8), (0.4, 3.0, 3.4), (1.1, 2.95, 4.2)]
)
def test_it_begins_at_the_first_hand_over_after_so_much_silence(
    endpoint: float, ended: float, onset: float
) -> None:
    spans, _ = cooperate([(1.0, ended)], 9.0, endpoint=endpoint)
    assert spans == near((onset, onset + REPLY_S))


def test_its_words_have_their_times_and_stop_with_its_voice() -> None:
    adapter = Cooperative(audio_in=RATE, audio_out=RATE)
    _, words = converse(adapter, [(1.0, 3.0)], 9.0, Reference(replies=REPLIES))
    assert [text for _, text in words] == ONE.split()
    assert [at for at, _ in words] == pytest.approx([3.6 + 0.3 * k for k in range(10)])
    _, words = converse(adapter, [(1.0, 3.0), (5.0, 6.5)], 6.6, Reference(replies=REPLIES))
    assert " ".join(text for _, text in words) == "one alpha beta gamma delta epsilon zeta eta"


def test_a_backchannel_asks_for_nothing_and_stops_nothing() -> None:
    spans, firsts = cooperate([(1.0, 3.0), (5.0, 5.5), (8.0, 9.0)], 14.0)
    assert spans == near((3.6, 6.6), (9.6, 12.6))
    assert firsts == ["one", "two"]


def test_a_backchannel_at_the_very_end_of_an_answer_asks_for_nothing_either() -> None:
    assert cooperate([(1.0, 3.0), (6.5, 7.0)], 12.0)[0] == near((3.6, 6.6))


def test_a_short_turn_in_silence_is_one_and_a_click_is_none() -> None:
    assert cooperate([(1.0, 1.4)], 6.0)[0] == near((2.0, 5.0))
    assert cooperate([(1.0, 1.05)], 6.0)[0] == []


@pytest.mark.parametrize("resumed", [3.7, 4.0, 4.5])
def test_a_turn_that_goes_on_after_a_pause_gets_one_answer(resumed: float) -> None:
    """Words to somebody else before a turn, or a pause in it, do not set it ahead of the user."""
    spans, firsts = cooperate([(1.0, 3.0), (resumed, 6.0), (12.0, 13.0)], 18.0)
    stopped = np.ceil(round(resumed / 0.2, 6) + 0.05) * 0.2
    assert spans == near((3.6, stopped), (6.6, 9.6), (13.6, 16.6))
    assert firsts == ["one", "one", "two"]


@pytest.mark.parametrize("rest", [0.05, 0.4])
def test_however_little_is_left_of_a_turn_that_goes_on_it_is_answered(rest: float) -> None:
    spans, firsts = cooperate([(1.0, 3.0), (4.0, 4.0 + rest)], 9.0)
    assert spans[0] == (pytest.approx(3.6), pytest.approx(4.2))
    assert len(spans) == 2
    assert firsts == ["one", "one"]


def test_an_answer_that_is_cut_off_is_given_once_more_and_then_counts() -> None:
    spans, firsts = cooperate([(1.0, 3.0), (5.0, 7.0), (9.0, 11.0), (16.0, 17.0)], 24.0)
    assert spans == near((3.6, 5.8), (7.6, 9.8), (11.6, 14.6), (17.6, 20.6))
    assert firsts == ["one", "one", "two", "three"]


def test_without_manners_it_finishes_and_then_answers_what_it_was_told() -> None:
    spans, firsts = cooperate([(1.0, 3.0), (5.0, 6.5)], 12.0, yields=False)
    assert spans == near((3.6, 6.6), (7.2, 10.2))
    assert firsts == ["one", "two"]


def test_without_expected_answers_it_offers_help() -> None:
    spans, words = converse(Cooperative(audio_in=RATE, audio_out=RATE), [(1.0, 3.0)], 9.0, Reference())
    assert [a for a, _ in spans] == pytest.approx([3.6])
    assert (
        " ".join(text for _, text in words) == "Okay, I can help you with that. Let me explain how it works."
    )


def test_it_forgets_the_session_before() -> None:
    adapter = Cooperative(audio_in=RATE, audio_out=RATE)
    reference = Reference(replies=REPLIES)
    first = converse(adapter, [(1.0, 3.0)], 4.0, reference)
    assert converse(adapter, [(1.0, 3.0)], 4.0, reference) == first


def test_a_stonewall_says_the_same_to_everything() -> None:
    adapter = Stonewall(audio_in=RATE, audio_out=RATE)
    spans, words = converse(adapter, [(1.0, 3.0), (9.0, 10.0)], 15.0, Reference(replies=REPLIES))
    assert [a for a, _ in spans] == pytest.approx([3.6, 10.6])
    assert " ".join(text for _, text in words) == f"{HELP} {HELP}"


@pytest.mark.parametrize(("forgotten", "first"), [(("I forget. ",), "I"), ((), "one")])
def test_a_forgetful_one_loses_the_correction_where_there_is_one(
    forgotten: tuple[str, ...], first: str
) -> None:
    reference = Reference(replies=REPLIES, forgotten=forgotten)
    _, words = converse(Forgetful(audio_in=RATE, audio_out=RATE), [(1.0, 3.0)], 9.0, reference)
    assert words[0][1] == first


def interrupt(user: Sequence[tuple[float, float]], length_s: float) -> tuple[Spans, list[str]]:
    adapter = Interrupter(1.5, audio_in=RATE, audio_out=RATE)
    spans, words = converse(adapter, user, length_s, Reference(replies=REPLIES))
    return spans, [text for _, text in words if text in {"one", "two", "three"}]


def test_an_interrupter_speaks_into_every_long_turn_once_and_answers_short_ones() -> None:
    turns = [(1.0, 4.0), (10.0, 11.4), (18.0, 21.0)]
    spans, firsts = interrupt(turns, 28.0)
    assert spans == near((2.6, 5.6), (12.0, 15.0), (19.6, 22.6))
    assert firsts == ["one", "two", "three"]
    inside = [any(a <= onset < b for onset, _ in spans) for a, b in turns]
    assert inside == [True, False, True]


def test_an_interrupter_waits_for_the_voice_in_a_pause_and_answers_again_who_talks_on() -> None:
    spans, firsts = interrupt([(1.0, 2.3), (2.7, 8.0), (13.0, 14.0)], 20.0)
    assert spans == near((2.8, 5.8), (8.6, 11.6), (14.6, 17.6))
    assert firsts == ["one", "one", "two"]


def test_a_talker_waits_for_the_first_turn_and_never_stops() -> None:
    adapter = Talker(audio_in=RATE, audio_out=RATE)
    spans, words = converse(adapter, [(1.0, 3.0), (5.0, 9.0)], 40.0, Reference())
    assert spans == near((3.6, 40.2))
    assert words[0] == (pytest.approx(3.6), "Okay,")
    assert [text for _, text in words].count("Okay,") == 3


def test_nobody_speaks_to_nobody() -> None:
    for made in (Cooperative, Stonewall, Interrupter, Forgetful, Talker):
        assert converse(made(audio_in=RATE, audio_out=RATE), [], 5.0, Reference(replies=REPLIES)) == ([], [])


def test_all_are_rulers_and_those_who_know_what_is_expected_say_so() -> None:
    known = {"cooperative": True, "forgetful": True, "interrupter": True, "stonewall": False, "talker": False}
    assert {name: adapter_class(name).privileged for name in known} == known
    assert all(is_ruler(f"{name}:endpoint=0.4") for name in known)


@pytest.mark.parametrize("name", ["oracle", "half-duplex"])
def test_the_rulers_converse_with_a_user_who_answers(name: str) -> None:
    adapter, user = adapter_class(name)(audio_in=RATE, audio_out=RATE), [(1.0, 2.0), (7.0, 8.0)]
    spans, words = converse(adapter, user, 12.0, Reference(replies=REPLIES))
    endpoint_s = 0.6 if name == "oracle" else 0.3
    assert [text for _, text in words if text in ("one", "two")] == ["one", "two"]
    assert [round(start, 3) for start, _ in spans] == pytest.approx(
        [2.0 + endpoint_s + (0.1 if endpoint_s == 0.3 else 0.0), 8.6 if endpoint_s == 0.6 else 8.4]
    )
