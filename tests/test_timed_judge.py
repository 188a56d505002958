"""The offline judge: one example per point of its rule, and its error rate on hand-labelled replies."""

from __future__ import annotations

import pytest
import timed_pairs as pairs

from tml_bench.judges.rules import RuleJudge
from tml_bench.questions import Question
from tml_bench.tasks._timed.items import CUESPEAK, TIMESPEAK
from tml_bench.tasks._timed.meaning.rule import NOTHING, RIGHT, RUBRIC, RULE, WRONG, decide, lines
from tml_bench.tasks._timed.meaning.wording import read, stem, values, words

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
BONG = ("Strike three.", "says bong three times", ("Bong, bong, bong.",), ("Ding, ding, ding.",))
BUZZ = ("Buzz when I say um.", "says buzz", ("Buzz.", "Buzz, buzz!"), ("Beep.",))
SORRY = ("I keep saying it.", "says no sorry", ("No sorry.", "No sorry, no sorry!"), ("So sorry.",))
GONE = (
    "Tell me when fifteen seconds have passed.",
    "says that fifteen seconds have gone by",
    ("Fifteen seconds.", "Fifteen seconds gone."),
    ("Fifty seconds.",),
)
FRUITS = (
    "Count the fruits. I bought four pounds of cherries.",
    "says the count four (fruits mentioned)",
    ("Four.", "That's four."),
    ("Three.",),
)
SUM = (
    "Eighty a week, so over two weeks that's a hundred and seventy.",
    "says two times eighty is a hundred and sixty",
    ("A hundred and sixty.", "It's a hundred and sixty."),
    ("A hundred and seventy.",),
)
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
        (LONG, "From start to stop it was 12 seconds.", "right"),
        (LONG, "You said that 12 seconds ago.", "right"),
        (LONG, "She thought for 12 seconds.", "right"),
        (LONG, "From when you said start until you said got it, I make it 12 seconds.", "right"),
        (LONG, "You said it was 12 seconds.", "wrong"),
        (LONG, "It was not 12 seconds.", "wrong"),
        (LONG, "Longer than the first.", "wrong"),
        (SEA, "The sea covers most of the earth and its waves never rest.", None),
        (SEA, "I'd rather not talk about the sea today.", None),
        (LANTERN, "Six seconds are up: lantern. Carry on!", "right"),
        (LANTERN, "Shall I say lantern?", "wrong"),
        (LANTERN, "Do you want me to say lantern now?", "wrong"),
        (LANTERN, "I was about to say lantern.", "acknowledgement"),
        (LANTERN, "I can't say lantern.", "wrong"),
        (LANTERN, "Not yet, but soon: lantern.", "wrong"),
        (LANTERN, "Anything but lantern.", "wrong"),
        (LANTERN, "Lantern, or maybe candle.", "wrong"),
        (LANTERN, "I love lanterns.", "wrong"),
        (LANTERN, "Candle, lantern, lamp.", "wrong"),
        (DRAIN, "Could you drain the pasta now, please?", "right"),
        (DRAIN, "Almost time to drain the pasta.", "wrong"),
        (DRAIN, "Did you drain the pasta?", "wrong"),
        (DRAIN, "If the pasta is soft, drain it.", "right"),
        (TWELVE, "Twelve, not thirteen.", "right"),
        (TWELVE, "Thirteen, no wait, twelve.", "right"),
        (TWELVE, "Twelve, no wait, thirteen.", "wrong"),
        (TWELVE, "Twelve or thirteen.", "wrong"),
        (TWELVE, "Number twelve.", "right"),
        (WIN, "I win.", "wrong"),
        (CAMERA, "Lights, camera!", "wrong"),
        (LETTER, "See.", "right"),
        (LETTER, "See, hear, and say nothing.", "wrong"),
        (LANTERN, "Ahem, laaantern!", "right"),
        (LANTERN, "Um, lantern.", "right"),
        (LANTERN, "Lantern, six seconds, got it.", "acknowledgement"),
        (LANTERN, "Lantern at six.", "wrong"),
        (LANTERN, "Lantern, I can say it whenever you like.", "wrong"),
        (LANTERN, "Lantern makers.", "wrong"),
        (DRAIN, "Drain 'em now!", "right"),
        (DRAIN, "Your nice pasta, drain it.", "right"),
        (DRAIN, "The pasta is drained.", "wrong"),
        (DRAIN, "Your pasta is done, drain it.", "right"),
        (DRAIN, "No drain for you.", "wrong"),
        (CAMERA, "Camera is a word.", "wrong"),
        (CAMERA, "Changed to camera.", "acknowledgement"),
        (THERE, "Hello? You there?", "right"),
        (THERE, "Shall I ask if you are there?", "wrong"),
        (BONG, "Bong!", "wrong"),
        (BONG, "Bong, bong, bong!", "right"),
        (BUZZ, "Bzzz, buzz!", "right"),
        (SORRY, "Sorry!", "wrong"),
        (SORRY, "no sorry you do not need to say it", "right"),
        (GONE, "It's been 15 seconds. Five seconds left.", "right"),
        (GONE, "Fifteen seconds left.", "wrong"),
        (FRUITS, "Four pounds of cherries, got it.", "acknowledgement"),
        (FRUITS, "Four fruits.", "right"),
        (SUM, "that's 160 for the two weeks not 170", "right"),
        (SUM, "that's 170 for the two weeks not 160", "wrong"),
    ],
)
def test_each_point_of_the_rule(
    event: tuple[str, str, tuple[str, ...], tuple[str, ...]], reply: str, answer: str | None
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
    assert offline.id == "rules timed-meaning=3"


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
    assert [stem(w) for w in ("trays", "pouring", "stopped", "glass", "use", "uses")] == [
        "tray", "pour", "stop", "glass", "use", "us"]  # fmt: skip
    assert words("Grey, mooooo") == words("gray, moo")
    assert read("It is not espresso.").negated


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ("Nineteen forty five.", (1945,)),
        ("It ended in 1945.", (1945,)),
        ("Half past five.", (530,)),
        ("It's 5:30.", (530,)),
        ("One twenty.", (120,)),
        ("That's the second one.", (2,)),
        ("Just a second.", ()),
        ("One, two, three.", (1, 2, 3)),
    ],
)
def test_numbers_that_are_said_as_one_are_one(said: str, numbers: tuple[int, ...]) -> None:
    assert values(" ".join(words(said))) == numbers


def test_a_talk_is_not_judged_by_rules_and_says_why() -> None:
    user, meaning, accept, reject = SEA
    decision = decide(Question("q", RUBRIC, lines([user], meaning, accept, reject, "The sea is blue.")))
    assert decision.answer is None
    assert "--judge openai" in decision.explanation


# ---- hand-labelled replies


def test_the_pairs_cover_every_family_in_every_part() -> None:
    events = pairs.load_pairs()
    for part in pairs.parts():
        missing = {"own_duration"} if part == "fresh" else set()
        assert {e.family for e in events if e.part == part} == {*TIMESPEAK, *CUESPEAK} - missing
    texts = [(e.part, e.user, e.meaning, r.text) for e in events for r in e.replies]
    assert len(texts) == len(set(texts)) >= 455


MOST_ERRORS = {"development": 0.02, "held out": 0.04, "independent": 0.08, "fresh": 0.08}


@pytest.mark.parametrize("part", pairs.parts())
def test_error_rate_on_hand_labelled_replies(part: str) -> None:
    found = pairs.confusion(part)
    errors = sum(n for (label, answer), n in found.items() if pairs.errs(label, answer))
    total = sum(n for (_, answer), n in found.items() if answer != pairs.MISSING)
    assert errors <= MOST_ERRORS[part] * total
    assert f"Errors: {errors} of {total}" in pairs.table(part)


def test_only_talks_are_not_judged() -> None:
    missing = {
        event.family for event, _, answer, _ in pairs.judged(pairs.load_pairs()) if answer == "missing"
    }
    assert missing == {"own_duration"}
    assert "| `own_duration` | missing |" in pairs.family_table()


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


@pytest.mark.parametrize(
    ("accept", "reject", "reply", "answer"),
    [
        (("Two.", "That's two."), ("Three.",), "Too so far.", RIGHT),
        (("Four.", "Number four."), ("Five.",), "That's for.", RIGHT),
        (("Four.", "Number four."), ("Five.",), "That's for you.", WRONG),
        (("Two.", "That's two."), ("Three.",), "For so far.", WRONG),
        (("Wright.", "It was the Wright brothers."), ("Ford.",), "It was the right brothers.", RIGHT),
        (("Ahoy.", "Ahoy, ahoy!"), ("Land.",), "Ahoi ahoi", RIGHT),
        (("Hat.", "A hat."), ("Cat.",), "Kat.", WRONG),
        (("Oops.", "Oops, oops!"), ("Um.",), "Ups, Ups", RIGHT),
        (("Oh no.", "Oh no!"), ("Oh yes.",), "Oh, number.", RIGHT),
        (("Un tavolo per quattro.",), ("Un tavolo per tre.",), "Un tavolo per 4.", RIGHT),
        (("Un tavolo per quattro.",), ("Un tavolo per tre.",), "Un tavolo per 5.", WRONG),
    ],
)
def test_a_recognisers_word_of_the_same_sound(
    accept: tuple[str, ...], reject: tuple[str, ...], reply: str, answer: str
) -> None:
    shown = lines(("Count aloud, or say it.",), f"says {accept[0]}", accept, reject, reply)
    assert decide(Question("k", RUBRIC, shown)).answer == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [("Bitte kommen sie heirein.", RIGHT), ("Bitte kommen Sie heraus.", WRONG), ("Bitte gehen Sie.", WRONG)],
)
def test_one_letter_of_a_long_word_of_a_translation_may_be_misheard(reply: str, answer: str) -> None:
    accept, reject = ("Bitte kommen Sie herein.", "Kommt bitte herein."), ("Auf Wiedersehen.",)
    shown = lines(("In German, please.",), "translates please come in into German", accept, reject, reply)
    assert decide(Question("k", RUBRIC, shown)).answer == answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("3-7s are 21.", RIGHT),
        ("3.7s or 21.", RIGHT),
        ("3 7s or 21", RIGHT),
        ("3-7s are 22.", WRONG),
        ("3.7s or 22.", WRONG),
        ("3 or 21.", WRONG),
        ("22 or 21.", WRONG),
    ],
)
def test_a_product_as_recognisers_write_it_names_its_result_alone(reply: str, answer: str) -> None:
    accept, reject = ("Twenty one.", "Three sevens are twenty one."), ("Twenty two.",)
    told = "Three of us had soup at seven pounds, so that's twenty two."
    shown = lines((told,), "says three times seven is twenty one", accept, reject, reply)
    assert decide(Question("k", RUBRIC, shown)).answer == answer


def test_an_accepted_report_of_a_length_is_no_report_of_somebody_else() -> None:
    """An item accepts these words; all its examples with a number in them are right by the rule."""
    said = "You said that {N} seconds ago.", "From start to stop it was {N} seconds."
    accept = ("{N} seconds ago.", "About {N} seconds.", *said)
    for text in accept:
        reply = text.replace("{N}", "16")
        shown = lines(("When did I say it?",), "says how long ago it was", accept, ("No idea.",), reply)
        assert decide(Question("k", RUBRIC, shown)).answer == RIGHT, text
