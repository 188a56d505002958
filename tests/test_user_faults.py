"""Planted faults of a simulated user are found, and clean lines are let be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st
from msgspec import structs
from user_fault_cases import Part, cases
from user_fault_scenarios import SCENARIOS

from tml_bench.timeline import Segment, Timeline, UserAct, UserLine, Word, WordSource
from tml_bench.users.faults import FaultKind, user_faults

RESTAURANT = SCENARIOS["restaurant"]


def _counts(part: Part) -> tuple[int, int, int, int]:
    """Planted faults, those found in their line as their kind, clean lines, those found faulty."""
    planted = found = clean = alarms = 0
    for case in cases(part):
        lines, faults = case.timeline.lines, user_faults(case.scenario, case.timeline)
        if case.kind:
            planted += 1
            found += any(f.line == len(lines) - 1 and f.kind == case.kind for f in faults)
        else:
            clean += len(lines)
            alarms += len({f.line for f in faults})
    return planted, found, clean, alarms


def test_planted_faults_are_caught_and_clean_lines_are_not() -> None:
    parts: tuple[Part, ...] = ("tuning", "held_out", "goals_only")
    counts = [_counts(part) for part in parts]
    for planted, found, clean, alarms in counts:
        assert found >= 0.95 * planted
        assert alarms <= 0.05 * clean
    planted, _, clean, _ = map(sum, zip(*counts, strict=True))
    assert planted >= 60
    assert clean >= 200


def test_every_kind_is_planted_in_both_halves() -> None:
    for half in ("tuning", "held_out"):
        assert {case.kind for case in cases(half)} == {"", *FaultKind}


def _spoken(text: str, start_s: float) -> tuple[Word, ...]:
    return tuple(Word(w, start_s + 0.3 * k, start_s + 0.3 * (k + 1)) for k, w in enumerate(text.split()))


def _line(text: str, start_s: float, act: UserAct = UserAct.GOAL, stage: str = "T1", why: str = "answered",
          **more: bool) -> UserLine:  # fmt: skip
    return UserLine(start_s, start_s + 2.0, text, act, stage, why, **more)


OPENING = _line("Hi, I would like a table for four people on Friday, please.", 0.0, why="opening")
REPLY = _spoken("Four people on Friday. At what time, please, would you like to come?", 3.0)
TALK = Timeline(20.0, (Segment(3.0, 6.9),), REPLY, WordSource.ADAPTER, lines=(OPENING,))


def _kinds(*lines: UserLine, timeline: Timeline = TALK) -> list[FaultKind]:
    return [f.kind for f in user_faults(RESTAURANT, structs.replace(timeline, lines=(OPENING, *lines)))]


def test_a_fault_names_its_line_time_kind_and_reason() -> None:
    timeline = structs.replace(TALK, lines=(OPENING, _line("Sorry, we will be nine.", 8.0, stage="T2")))
    (fault,) = user_faults(RESTAURANT, timeline)
    assert (fault.line, fault.at_s, fault.text) == (1, 8.0, "Sorry, we will be nine.")
    assert fault.kind is FaultKind.CONTRADICTS
    assert fault.reason == "says 9, which nobody has named; its own is 4, 5, 5550142"


@pytest.mark.parametrize(
    ("into_s", "act", "why", "faulty"),
    [
        (0.4, UserAct.GOAL, "answered", False),  # it cannot have heard it yet
        (1.5, UserAct.GOAL, "answered", True),
        (3.7, UserAct.GOAL, "answered", False),  # the last of a sound
        (1.5, UserAct.GOAL, "barge-in", False),
        (1.5, UserAct.BACKCHANNEL, "backchannel", False),
        (1.5, UserAct.ASIDE, "aside", False),
        (1.5, UserAct.AGAIN, "silence", True),
    ],
)
def test_talking_over_is_a_fault_unless_told_to_or_before_it_could_hear(
    into_s: float, act: UserAct, why: str, faulty: bool
) -> None:
    stage = "T1" if act is UserAct.AGAIN else "T2"
    line = _line("Sorry, I miscounted, we will be five.", 3.0 + into_s, act, stage, why)
    heard = structs.replace(TALK, words=_spoken("Four on Friday.", 3.0))
    kinds = _kinds(line, timeline=heard)
    assert (FaultKind.OVER in kinds) is faulty


def test_what_the_model_said_first_is_not_revealed_early() -> None:
    early = _line("Half past seven, please.", 8.0, UserAct.ANSWER)
    assert _kinds(early) == [FaultKind.EARLY]
    offered = structs.replace(TALK, words=(*REPLY, *_spoken("Is seven thirty fine?", 7.0)))
    assert _kinds(early, timeline=offered) == []


def test_what_its_prompt_tells_is_known_but_no_later_goal() -> None:
    flight = SCENARIOS["flight"]
    prompted = replace(flight, prompt="You are Bob, flight 88 is full. Fly on Thursday, then on Friday.")
    asked = Timeline(20.0, (), _spoken("Your name?", 3.0), WordSource.ADAPTER)

    def kinds(text: str) -> list[FaultKind]:
        opening = _line("A flight from Denver to Boston on Thursday morning, please.", 0.0)
        lines = (opening, _line(text, 8.0, UserAct.ANSWER))
        return [f.kind for f in user_faults(prompted, structs.replace(asked, lines=lines))]

    assert kinds("It is Bob, and not on flight 88.") == []
    assert kinds("It is Jim, thanks to Jim.") == [FaultKind.CONTRADICTS]
    assert kinds("It is Bob, flying on Friday.") == [FaultKind.EARLY]


@pytest.mark.parametrize(
    "text",
    [
        "I can't give you my password.",
        "Would you like me to spell it for you?",
        "Could you help me with that?",
        "I'd be happy with that, and I need help with the rest.",
        "The task is due on Friday.",
        "I am not an assistant, I just need a table.",
        "Is my table booked?",
        "Can I do anything else?",
    ],
)
def test_people_say_this(text: str) -> None:
    assert FaultKind.CHARACTER not in _kinds(_line(text, 8.0, UserAct.ANSWER))


@pytest.mark.parametrize(
    "text",
    [
        "I cannot provide medical advice.",
        "I'm an AI, so I have no friends.",
        "Let me help you with that.",
        "# Table for four",
        "Caller: a table for four.",
        "I've reserved a table for you.",
        "(sighs) A table for four.",
        "The scenario says four people.",
    ],
)
def test_people_do_not_say_this(text: str) -> None:
    assert FaultKind.CHARACTER in _kinds(_line(text, 8.0, UserAct.ANSWER))


@given(st.lists(st.tuples(st.sampled_from(UserAct), st.text(max_size=60)), max_size=4), st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_line_can_be_judged(said: list[tuple[UserAct, str]], heard: str) -> None:
    lines = [_line(text, 4.0 * k, act, "T2") for k, (act, text) in enumerate(said)]
    _kinds(*lines, timeline=structs.replace(TALK, words=_spoken(heard, 1.0)))


def test_a_line_may_come_again_if_it_was_cut_or_asked_for_or_nobody_answered() -> None:
    again = structs.replace(OPENING, start_s=8.0, end_s=10.0, act=UserAct.AGAIN)
    assert _kinds(again) == [FaultKind.REPEATS]
    cut = structs.replace(TALK, lines=(structs.replace(OPENING, cut=True), again))
    assert user_faults(RESTAURANT, cut) == ()
    asked = structs.replace(TALK, words=_spoken("Sorry, I didn't catch that.", 3.0))
    assert _kinds(again, timeline=asked) == []
    unanswered = Timeline(20.0, lines=(OPENING, again))
    assert user_faults(RESTAURANT, unanswered) == ()


def test_without_words_of_the_model_only_what_needs_none_is_judged() -> None:
    nameless = structs.replace(TALK, words=(), word_source=WordSource.NONE)
    assert _kinds(_line("We will be nine.", 8.0, stage="T2"), timeline=nameless) == []
    assert _kinds(_line("As an AI, I have no friends.", 8.0, stage="T2"), timeline=nameless) == ["character"]
    assert _kinds(_line("We will be five.", 5.0, stage="T2"), timeline=nameless) == ["over"]


def test_hanging_up_needs_as_many_tries_as_it_has_patience_for() -> None:
    no = "I can only talk about the weather."
    tries = [
        _line(text, 8.0 * k, UserAct.AGAIN) for k, text in enumerate(RESTAURANT.stages[0].again, start=1)
    ]
    heard = tuple(w for k in range(3) for w in _spoken(no, 8.0 * k + 3.0))
    timeline = Timeline(40.0, (), heard, WordSource.ADAPTER)
    assert _kinds(*tries, _line("Goodbye.", 24.0, UserAct.HANG_UP), timeline=timeline) == []
    assert _kinds(tries[0], _line("Goodbye.", 24.0, UserAct.HANG_UP), timeline=timeline) == ["order"]
