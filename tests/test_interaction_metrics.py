"""How turns are taken, against timelines worked out by hand, by our rules and by tau-voice's on ticks."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tml_bench.metrics.interaction import (
    BACKCHANNEL,
    RESPONSE,
    TURN,
    UNDIRECTED,
    VOCAL_TIC,
    YIELD,
    InteractionEvent,
    UserTalk,
    floor_time,
    interaction_events,
)
from tml_bench.metrics.interaction_ticks import TICK_S, tick_events
from tml_bench.metrics.vocalisations import Interval, Vocalisation, classify
from tml_bench.timeline import SpeechKind

GOLDEN = [
    json.loads(line)
    for line in (Path(__file__).parent / "golden" / "interaction.jsonl").read_text().splitlines()
]


def talk_of(golden: dict[str, Any]) -> list[UserTalk]:
    return [UserTalk(start, end, kind, *awaits) for kind, start, end, *awaits in golden["user"]]


def speech_of(golden: dict[str, Any]) -> list[Interval]:
    return [(start, end) for start, end in golden["model"]]


def plain(events: tuple[InteractionEvent, ...]) -> list[tuple[str, float, bool, float | None]]:
    return sorted((e.kind, round(e.at_s, 6), e.right, _rounded(e.latency_s)) for e in events)


def _rounded(latency_s: float | None) -> float | None:
    return None if latency_s is None else round(latency_s, 6)


def wanted(events: list[list[Any]]) -> list[tuple[str, float, bool, float | None]]:
    return sorted((kind, at_s, right, latency_s) for kind, at_s, right, latency_s in events)


def ids(golden: dict[str, Any]) -> str:
    return str(golden["name"])


def test_there_are_twenty_timelines_at_least() -> None:
    assert len(GOLDEN) >= 20
    seen = {event[0] for golden in GOLDEN for event in golden["events"]}
    assert seen >= {TURN, RESPONSE, YIELD, BACKCHANNEL, VOCAL_TIC, UNDIRECTED, "to-model", "to-user"}


@pytest.mark.parametrize("golden", GOLDEN, ids=ids)
def test_our_measures_are_those_worked_out_by_hand(golden: dict[str, Any]) -> None:
    said = classify(speech_of(golden), None)
    found = interaction_events(talk_of(golden), said, golden["duration_s"])
    assert plain(found) == wanted(golden["events"])


@pytest.mark.parametrize("golden", GOLDEN, ids=ids)
def test_the_rule_on_ticks_is_followed_to_the_letter(golden: dict[str, Any]) -> None:
    found = tick_events(talk_of(golden), speech_of(golden), golden["duration_s"])
    assert plain(found.events) == wanted(golden["ticks"])
    assert found.interrupts == golden["interrupts"]


@pytest.mark.parametrize("golden", GOLDEN, ids=ids)
def test_all_time_is_shared_out(golden: dict[str, Any]) -> None:
    user = [(u.start_s, u.end_s) for u in talk_of(golden)]
    assert floor_time(user, speech_of(golden), golden["duration_s"]) == pytest.approx(golden["floor"])


def test_kinds_have_the_names_that_timelines_give_them() -> None:
    assert [kind.value for kind in SpeechKind] == [TURN, BACKCHANNEL, VOCAL_TIC, UNDIRECTED, "shared"]


def turns_of(events: tuple[InteractionEvent, ...], kind: str) -> list[bool]:
    return [event.right for event in events if event.kind == kind]


def test_an_acknowledgement_is_an_answer_and_a_late_backchannel_is_none() -> None:
    """ "On it." after the turn, and "Mm-hm." within it, 0.2 s before its end."""
    answer = Vocalisation(7.0, 9.0, True)
    for at_s, latency_s in ((3.3, 0.3), (2.8, 4.0)):
        found = interaction_events([UserTalk(1, 3)], (Vocalisation(at_s, at_s + 0.4, False), answer), 12.0)
        assert [e.latency_s for e in found if e.kind == RESPONSE] == [pytest.approx(latency_s)]


def test_one_who_always_talks_yields_never_and_ignores_everything() -> None:
    talk = [UserTalk(2, 4), UserTalk(6, 6.4, BACKCHANNEL), UserTalk(9, 12)]
    found = interaction_events(talk, (Vocalisation(0.2, 20.0, True),), 20.0)
    assert turns_of(found, YIELD) == [False, False]
    assert turns_of(found, BACKCHANNEL) == [True]
    assert turns_of(found, RESPONSE) == []


def test_one_who_stops_for_everything_yields_always_and_ignores_nothing() -> None:
    talk = [UserTalk(2, 4), UserTalk(6, 6.4, BACKCHANNEL), UserTalk(9, 9.4, UNDIRECTED)]
    said = tuple(Vocalisation(a, b, True) for a, b in ((0.2, 2.2), (4.2, 6.2), (6.8, 9.2)))
    found = interaction_events(talk, said, 20.0)
    assert turns_of(found, YIELD) == [True]
    assert turns_of(found, BACKCHANNEL) == turns_of(found, UNDIRECTED) == [False]


@pytest.mark.parametrize("breath_s", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("latency_s", [-0.1, 0.0, 0.2, 2.0])
@pytest.mark.parametrize("listening", [(), ((2.0, 2.3),), ((1.6, 2.0), (3.0, 3.6))])
@pytest.mark.parametrize("opening", [True, False])
def test_a_perfect_partner_does_everything_right_whatever_its_manners(
    breath_s: float, latency_s: float, listening: tuple[Interval, ...], opening: bool
) -> None:
    """It listens aloud or not, answers at once or when it must, breathes, and talks on over what is none."""
    user = [
        UserTalk(1, 5),
        UserTalk(9, 9.3, BACKCHANNEL),
        UserTalk(11, 11.4, VOCAL_TIC),
        UserTalk(13, 15, UNDIRECTED),
        UserTalk(18, 20),
        UserTalk(26, 27, UNDIRECTED),
        UserTalk(30, 31),
    ]
    begins = 5 + latency_s
    first = [(begins, begins + 0.4), (begins + 1.2, 12.0)] if opening else [(begins, 12.0)]
    model = [*listening, *first, (12.0 + breath_s, 18.4), (20.0 + latency_s, 23.0), (31 + latency_s, 31.5)]
    found = interaction_events(user, classify(model, None), 40.0)
    assert [event for event in found if event.kind not in ("to-model", "to-user") and not event.right] == []
    kinds = [event.kind for event in found]
    counts = {kind: kinds.count(kind) for kind in (TURN, RESPONSE, YIELD, BACKCHANNEL, VOCAL_TIC, UNDIRECTED)}
    assert counts == {TURN: 3, RESPONSE: 3, YIELD: 1, BACKCHANNEL: 1, VOCAL_TIC: 1, UNDIRECTED: 2}


def test_words_tell_a_backchannel_from_a_takeover() -> None:
    """Three words in 0.9 s are no backchannel."""
    words = [(2.0, 2.2), (2.2, 2.5), (2.5, 2.9)]
    assert turns_of(interaction_events([UserTalk(1, 5)], classify([(2.0, 2.9)], words), 9.0), TURN) == [False]
    assert turns_of(interaction_events([UserTalk(1, 5)], classify([(2.0, 2.9)], None), 9.0), TURN) == [True]


def test_nothing_is_made_of_what_the_end_of_the_recording_cuts_short() -> None:
    speaking = (Vocalisation(0.2, 6.0, True),)
    talk = [UserTalk(5.0, 6.0), UserTalk(5.5, 5.8, BACKCHANNEL)]
    assert turns_of(interaction_events(talk, speaking, 6.0), YIELD) == []
    assert turns_of(interaction_events(talk, speaking, 6.0), BACKCHANNEL) == []
    aside = [UserTalk(3, 4, UNDIRECTED)]
    assert interaction_events(aside, (), 5.0) == ()
    assert turns_of(interaction_events(aside, (), 6.0), UNDIRECTED) == [True]


def test_who_has_finished_has_not_stopped_for_anybody() -> None:
    """Unless it is not known; and it goes without saying that who talks on does so."""
    said = (Vocalisation(1.0, 5.7, True),)
    talk = [UserTalk(3, 3.4, BACKCHANNEL), UserTalk(5, 5.4, BACKCHANNEL)]
    assert turns_of(interaction_events(talk, said, 9.0), BACKCHANNEL) == [True, False]
    assert turns_of(interaction_events(talk, said, 9.0, said), BACKCHANNEL) == [True]


def test_without_the_user_there_are_no_events() -> None:
    assert interaction_events([], classify([(1, 5)], None), 9.0) == ()
    assert tick_events([], [(1, 5)], 9.0) == ((), 0)
    assert tick_events([UserTalk(0, 1)], [], 0.0) == ((), 0)
    assert floor_time([], [], 0.0) == (0.0, 0.0, 0.0, 0.0)


spans = st.lists(st.integers(1, 399), min_size=2, max_size=16, unique=True).map(
    lambda found: [(a / 10, b / 10) for a, b in list(pairwise(sorted(found)))[::2]]
)


@given(spans, spans)
def test_shares_of_time_add_up(user: list[Interval], model: list[Interval]) -> None:
    shares = floor_time(user, model, 40.0)
    assert sum(shares) == pytest.approx(40.0)
    assert min(shares) >= 0
    length = sum(end - start for start, end in user)
    assert shares.user_s + shares.both_s == pytest.approx(length)


@given(spans, spans)
def test_latencies_on_ticks_are_whole_ticks(user: list[Interval], model: list[Interval]) -> None:
    found = tick_events([UserTalk(*span) for span in user], model, 40.0)
    for event in found.events:
        ticks = (event.latency_s or 0.0) / TICK_S
        assert ticks == pytest.approx(round(ticks))
