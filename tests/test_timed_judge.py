"""The offline judge: one example per point of its rule, and its error rate on hand-labelled replies."""

from __future__ import annotations

import pytest
import timed_pairs as pairs

from tml_bench.judges.rules import RuleJudge
from tml_bench.questions import Question
from tml_bench.tasks._timed.items import CUESPEAK, TIMESPEAK
from tml_bench.tasks._timed.meaning_rule import NOTHING, RIGHT, RUBRIC, RULE, WRONG, decide, lines
from tml_bench.tasks._timed.wording import read, stem, words

LANTERN = ("Say lantern in six seconds.", "says lantern", ("Lantern.", "Okay, lantern!"), ("Six seconds.",))
DRAIN = (
    "Tell me when to drain the pasta.",
    "tells the user to drain the pasta",
    ("Drain the pasta.", "Time to drain the pasta."),
    ("Salt the pasta.",),
)
TWELVE = (
    "Catch my sums. Seven plus five is thirteen.",
    "says twelve",
    ("Twelve.", "It's twelve."),
    ("Thirteen.",),
)
THERE = ("Ask if I'm there.", "asks whether the user is there", ("Are you there?",), ("I'm here.",))
LONG = ("How long was that?", "says how long it was", ("About {N} seconds.",), ("A while.",))
SEA = (
    "Talk about the sea.",
    "talks about the sea",
    ("The sea is deep and blue, full of fish and salt, and it moves with the moon.",),
    ("The desert is dry and hot.",),
)
WIN = ("Say who wins.", "says you win", ("You win.", "You win!"), ("It's a draw.",))
CAMERA = ("First lights, then camera.", "says camera", ("Camera.", "And camera!"), ("Lights.",))
LETTER = ("Next letter?", "says the letter C", ("C.", "It's C."), ("D.",))


def judge(event: tuple[str, str, tuple[str, ...], tuple[str, ...]], reply: str) -> str | None:
    user, meaning, accept, reject = event
    return RULE.decide(Question("q", RUBRIC, lines([user], meaning, accept, reject, reply))).answer


@pytest.mark.parametrize(
    ("event", "reply", "answer"),
    [
        (LANTERN, "and now... LANTERN!", "right"),
        (LANTERN, "Six seconds!", "wrong"),
        (LANTERN, "I'll say lantern in six seconds.", "acknowledgement"),
        (LANTERN, "Got it, six seconds.", "acknowledgement"),
        (LANTERN, "Okay.", "acknowledgement"),
        (LANTERN, "A lantern lights up dark caves underground.", "wrong"),
        (DRAIN, "Your pasta needs you to drain it.", "right"),
        (DRAIN, "Do not drain the pasta.", "wrong"),
        (DRAIN, "Stir the soup.", "wrong"),
        (TWELVE, "12", "right"),
        (TWELVE, "No, seven plus five makes twelve.", "right"),
        (TWELVE, "Seven plus five is thirteen.", "wrong"),
        (TWELVE, "Eleven.", "wrong"),
        (THERE, "Hello, are you still there?", "right"),
        (THERE, "You are there.", "wrong"),
        (LONG, "Nine or ten seconds.", "right"),
        (LONG, "Hard to say.", "wrong"),
        (SEA, "The sea covers most of the earth and its waves never rest.", "right"),
        (SEA, "What would you like to hear about the sea, my friend of old?", "wrong"),
        (SEA, "The sea.", "wrong"),
        (WIN, "I win.", "wrong"),
        (CAMERA, "Lights, camera!", "wrong"),
        (LETTER, "See.", "right"),
    ],
)
def test_each_point_of_the_rule(
    event: tuple[str, str, tuple[str, ...], tuple[str, ...]], reply: str, answer: str
) -> None:
    assert judge(event, reply) == answer


def test_where_nothing_is_expected_nothing_is_right() -> None:
    nothing = ("We went out.", NOTHING, (), ())
    assert judge(nothing, "Mm-hm.") == "acknowledgement"
    assert judge(nothing, "How lovely, where did you go?") == "wrong"


def test_through_the_judge_of_the_harness() -> None:
    offline = RuleJudge({RUBRIC.name: RULE})
    user, meaning, accept, reject = LANTERN
    (verdict,) = offline.answer([Question("q", RUBRIC, lines([user], meaning, accept, reject, "Lantern."))])
    assert (verdict.answer, verdict.explanation) == ("right", "an accepted example")
    assert offline.id == "rules timed-meaning=2"


def test_wording() -> None:
    assert words("Don’t! It's 21, café; I'll") == (
        "do",
        "not",
        "it",
        "is",
        "twenty",
        "one",
        "cafe",
        "i",
        "will",
    )
    assert words("Don't forget to call") == ("remember", "call")
    assert [stem(w) for w in ("trays", "pouring", "poured", "glass", "use", "uses")] == [
        "tray", "pour", "pour", "glass", "use", "us"]  # fmt: skip
    assert read("It's espresso, not expresso.").content == {"espresso"}
    assert not read("It's espresso, not expresso.").negated
    assert read("It's not espresso.").negated


# ---- hand-labelled replies


def test_the_pairs_cover_every_family_in_every_part() -> None:
    events = pairs.load_pairs()
    assert sum(len(event.replies) for event in events) == 455
    for part in pairs.PARTS:
        assert {e.family for e in events if e.part == part} == set(TIMESPEAK + CUESPEAK)
    assert len({(e.part, e.meaning, r.text) for e in events for r in e.replies}) == 455


@pytest.mark.parametrize(
    ("part", "errors", "falsely_right"),
    [("development", 4, 1), ("held out", 15, 2), ("independent", 15, 3)],
)
def test_error_rate_on_hand_labelled_replies(part: str, errors: int, falsely_right: int) -> None:
    found = pairs.confusion(part)
    assert sum(n for (label, answer), n in found.items() if label != answer) == errors
    assert sum(n for (label, answer), n in found.items() if label != answer == "right") == falsely_right
    assert f"Errors: {errors} of {sum(found.values())}" in pairs.table(part)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("It's not Venus, it's Mercury.", RIGHT),
        ("Actually, it's not Venus. It's Mercury.", RIGHT),
        ("That isn't Venus: Mercury.", RIGHT),
        ("It's not Mercury, it's Venus.", WRONG),
        ("It's not Mercury.", WRONG),
        ("That's not Venus, that's Mars.", WRONG),
    ],
)
def test_what_a_thing_is_not_is_set_aside_before_what_it_is(reply: str, answer: str) -> None:
    accept, reject = ("Mercury.", "It is Mercury."), ("Venus.", "Mars.")
    shown = lines(("Stop me.",), "corrects it to Mercury", accept, reject, reply)
    assert decide(Question("k", RUBRIC, shown)).answer == answer
