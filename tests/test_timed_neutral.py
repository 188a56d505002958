"""What is neutral is decided by its place, in code: soon after a turn, first, short, and no reply."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from timed_items import event, item
from timed_scores import heard, sample as made, scored as by_rules, values

from tml_bench.questions import Verdict
from tml_bench.samples import Sample
from tml_bench.tasks._timed.expected import expected_of
from tml_bench.tasks._timed.meaning.rule import ACKNOWLEDGEMENT, RIGHT, WRONG
from tml_bench.tasks._timed.neutral import holds
from tml_bench.tasks._timed.scoring import questions, score
from tml_bench.timeline import Segment, Timeline, Word, WordSource


def sample(*after_s: float, **more: object) -> Sample:
    """Asked from 0.5 to 2.75 s; events are due so long after."""
    events = [
        event(id=f"e{k}", after_s=after, window={"kind": "scheduled", "d_s": after})
        for k, after in enumerate(after_s, 1)
    ]
    return made(item(events=events, **more))


TWO = sample(2.0, 4.0)
"""Due at 4.75 and 6.75 s, give or take half a second: within reach from 1.25 and from 3.25 s on."""
ONE = sample(7.0)
"""Due at 9.75 s, within reach from 6.05 s on."""
NONE = sample()


def scored(
    one: Sample, answers: Mapping[str, str], *said: float, length_s: float = 0.4
) -> dict[str, float | None]:
    """Scored with the answers a judge gave, by question; the utterances begin when they are said to."""
    segments = tuple(Segment(at, at + length_s) for at in said)
    words = tuple(Word("word", at, at + length_s) for at in said)
    timeline = Timeline(60.0, segments, words, WordSource.ADAPTER if said else WordSource.SILENT)
    assert {question.key for question in questions(one, timeline)} == set(answers)
    found = score(one, timeline, {key: Verdict(answer) for key, answer in answers.items()})
    return {n: v.numerator / v.denominator if v.denominator else None for n, v in found.values.items()}


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        (ACKNOWLEDGEMENT, ACKNOWLEDGEMENT, "neutral"),
        (ACKNOWLEDGEMENT, WRONG, "neutral"),
        (WRONG, WRONG, "neutral"),
        (ACKNOWLEDGEMENT, RIGHT, "early"),
        (RIGHT, WRONG, "early"),
    ],
)
def test_what_is_right_for_some_event_is_no_acknowledgement(first: str, second: str, counts: str) -> None:
    """At 3.5 s, 0.75 s after the user's turn, near both events and before the window of either."""
    assert [d.target.opens_s for d in expected_of(TWO).due] == pytest.approx([4.25, 6.25])
    found = scored(TWO, {"0-e1": first, "0-e2": second}, 3.5)
    assert found["acknowledged"] == (counts == "neutral")
    assert found["early"] == (0.5 if counts == "early" else 0)
    assert found["meaning"] == (0.5 if counts == "early" else 0)
    assert found["false_alarms_per_minute"] == 0


def test_an_acknowledgement_is_taken_out_and_the_others_keep_their_events() -> None:
    answers = {
        "0-e1": ACKNOWLEDGEMENT,
        "0-e2": WRONG,
        "1-e1": RIGHT,
        "1-e2": WRONG,
        "2-e1": WRONG,
        "2-e2": RIGHT,
    }
    found = scored(TWO, answers, 3.5, 4.75, 6.75)
    assert (found["on_time"], found["timed_f1"], found["acknowledged"]) == (1.0, 1.0, 1.0)
    assert found["onset_error"] == pytest.approx(0.0)


def test_what_is_in_a_window_is_no_acknowledgement() -> None:
    """At 4.5 s, 1.75 s after the turn, and in the first event's window."""
    found = scored(TWO, {"0-e1": ACKNOWLEDGEMENT, "0-e2": WRONG}, 4.5)
    assert (found["acknowledged"], found["false_alarms_per_minute"]) == (0, 1)


@pytest.mark.parametrize("one", [ONE, NONE])
@pytest.mark.parametrize(
    ("at_s", "length_s", "neutral"),
    [
        (2.56, 0.4, True),  # less than 0.2 s before the turn's end
        (2.54, 0.4, False),
        (5.75, 0.2, True),  # 3 s after it
        (5.76, 0.2, False),
        (3.0, 5.0, True),
        (3.0, 5.01, False),
    ],
)
def test_an_acknowledgement_comes_soon_after_a_turn_and_is_short(
    one: Sample, at_s: float, length_s: float, neutral: bool
) -> None:
    """Nobody is asked."""
    found = scored(one, {}, at_s, length_s=length_s)
    assert (found["acknowledged"], found["false_alarms_per_minute"]) == (neutral, not neutral)


def test_of_two_only_the_first_is_neutral() -> None:
    found = scored(ONE, {}, 3.0, 4.0)
    assert (found["acknowledged"], found["false_alarms_per_minute"]) == (1, 1)


def test_one_remark_is_neutral_where_the_item_cuts_finer() -> None:
    """Events every second are told apart by a quarter of one: so is "Sure. I will say it." """
    one = sample(16.0, 17.0)
    assert expected_of(one).silence_s == 0.25
    assert scored(one, {}, 3.0, 3.7)["false_alarms_per_minute"] == 0
    assert scored(one, {}, 3.0, 3.85)["false_alarms_per_minute"] == 0
    assert scored(one, {}, 3.0, 3.95)["false_alarms_per_minute"] == 1
    assert scored(one, {}, 3.0, 5.9, length_s=2.6)["false_alarms_per_minute"] == 1


# ---- what an acknowledgement may say


LATE = made(
    item(
        events=[
            event(after_s=20.0, window={"kind": "scheduled", "d_s": 20.0}, reject=["Seven seconds are over."])
        ]
    )
)
POLITE = (
    "Sure, I can help with that.", "Okay.", "Of course!", "Absolutely, happy to help.", "Got it.",
    "No problem at all.", "You got it, starting the clock.", "Mhm.", "Sounds good to me.", "Right away.",
    "Certainly. Give me a moment.", "Will do, boss.", "Leave it to me.", "That's easy enough.", "Roger.",
    "Consider it done.", "Okay, I'll say lighthouse in seven seconds.",
    "I am going to say lighthouse then.", "Yes, I'd love to!", "Great idea.", "Sure thing.",
    "Okay, go ahead.", "I'm ready when you are.", "Gotcha.", "Alright, listening.", "Happy to.",
    "Let's do it.", "I'd be glad to do that for you.", "Fine by me.", "As you wish.", "Yep, no worries.",
    "Noted, thank you.", "Sounds like a plan.", "All right, I'll keep an ear out.", "Very well.",
    "Sure, just start whenever you like.", "Okay, timer set.", "Understood, counting down in my head.",
    "On it.", "My pleasure.",
)  # fmt: skip


@pytest.mark.parametrize("text", POLITE)
def test_a_polite_perfect_model_gets_everything(text: str) -> None:
    """It got half of this item, 60 on TimeSpeak and 46 on CueSpeak, unless the judge knew the words."""
    found = values(by_rules(LATE, heard((3.2, text), (22.75, "Lighthouse."))))
    assert (found["on_time"], found["acknowledged"]) == (1, 1)
    assert values(by_rules(NONE, heard((3.2, text))))["quiet"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "Lighthouse.",
        "Sure, lighthouse!",
        "Okay, it's a LIGHTHOUSE, I think.",
        "I'll wait. Lighthouse.",
        "Lighthouse, I'll say.",
        "Seven seconds are over.",
    ],
)
def test_a_reply_said_at_once_is_none(text: str) -> None:
    found = values(by_rules(LATE, heard((3.2, text), (22.75, "Lighthouse."))))
    assert (found["on_time"], found["acknowledged"]) == (0.5, 0)


@pytest.mark.parametrize(
    ("text", "reply", "held"),
    [
        # A reply of everyday words must be all that is said.
        ("Okay, let's go.", "Go!", False),
        ("Okay, go!", "Go!", True),
        ("Sure, that one is easy.", "One.", False),
        ("One.", "One.", True),
        ("And one.", "One.", True),
        ("Right.", "Right.", True),
        ("All right, got it.", "Right.", False),
        ("No problem.", "No.", False),
        ("Done.", "Well done.", False),
        ("Well done!", "Well done.", True),
        ("I'd love to.", "Love.", False),
        ("You know I can.", "You know.", False),
        ("I'm starting now.", "Now.", False),
        # Whole words, in one spelling.
        ("That is a lighthouses thing.", "Lighthouse.", False),
        ("Feliz cumpleaños abuela", "feliz cumpleanos, abuela", True),
        ("It’s twenty-one then.", "It is 21.", True),
        ("She doesn't mind.", "She does not mind!", True),
        ("Twenty-two.", "Twenty one.", False),
        ("", "One.", False),
        # What is promised is not said yet.
        ("I'll count to three.", "Three.", False),
        ("I will, three.", "Three.", False),
        ("I will. Three.", "Three.", True),
        ("We're going to hear three.", "Three.", False),
    ],
)
def test_what_holds_a_reply(text: str, reply: str, held: bool) -> None:
    assert holds(text, ("Unicorn.", reply)) == held


# ---- after an order to stop


def stop(period: float = 4.0) -> Sample:
    """Ticks at 5.25, 9.25 and 13.25; told to stop until 14.7; from 16.7 on nothing more may be said."""
    beats = [
        event(id=f"e{k}", accept=["Tick."], reject=["Tock."], meaning="says tick", after_s=k * period,
              window={"kind": "scheduled", "period_s": period})
        for k in range(1, 4)
    ]  # fmt: skip
    turns = [
        {"id": "a", "text": "Say tick again and again.", "at_s": 0.0},
        {"id": "b", "text": "Stop.", "after": "a", "gap_s": 3.3 * period},
    ]
    return made(item(family="periodic_until_stop", turns=turns, events=beats, quiet_after=[{"turn": "b"}]))


@pytest.mark.parametrize(
    ("text", "at_s", "on_time", "stopped"),
    [
        ("Okay, stopping here.", 15.5, 1, 1),
        ("You're welcome, that was fun!", 17.6, 1, 1),
        ("All done. Let me know when you need the beat again.", 17.0, 1, 1),
        ("Tick.", 17.25, 0.75, 0),
        ("Tock.", 17.25, 0.75, 0),
        ("That was fun!", 17.8, 0.75, 0),
    ],
)
def test_a_closing_is_neutral(text: str, at_s: float, on_time: float, stopped: float) -> None:
    """Seven of ten cost a fifth of the item."""
    assert expected_of(stop()).quiet_from == (pytest.approx(16.7),)
    beats = [(1.25 + 4 * k, "Tick.") for k in range(1, 4)]
    found = values(by_rules(stop(), heard(*beats, (at_s, text))))
    assert (found["on_time"], found["stopped"]) == (pytest.approx(on_time), stopped)
    assert found["acknowledged"] == stopped
