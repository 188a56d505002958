"""An offline verdict depends on what is said, not on the characters it is written with."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from tml_bench.perception.numbers import numbers_in
from tml_bench.questions import Question, QuestionLine, Rule
from tml_bench.scoring.transcript_check import word_edits
from tml_bench.tasks._timed.meaning import rule as meaning_rule
from tml_bench.tasks._timed.spoken_time import seconds_in
from tml_bench.tasks.audio_multichallenge import scoring as multichallenge
from tml_bench.tasks.audio_multichallenge.conversations import ReplyCheck
from tml_bench.tasks.charades.scoring import said as start_and_stop
from tml_bench.tasks.fd_bench_v15 import behaviour
from tml_bench.tasks.proactive_video_qa.scoring import RULES as PVQA, coverage
from tml_bench.timeline import Timeline, Word, WordSource

VARIANTS = {
    "'": "\u2019\u02bc\uff07\u2018`\u00b4\u2032",
    '"': "\u201c\u201d\uff02\u00ab\u201e",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d",
    " ": "\u00a0\u2009\u202f\u3000",
    "?": "\uff1f\u061f",
    ".": "\uff0e\u3002",
    ",": "\uff0c\u3001",
    "e": "\u00e9\u00ea\U0001d41e",
    "o": "\u00f6\u00f8",
    **{str(d): "".join(chr(zero + d) for zero in (0x660, 0x6F0, 0x966, 0xFF10)) for d in range(10)},
}
INVISIBLE = "\u200b\u200d\ufeff\u00ad\u2060\u200e"


def written_otherwise(text: str, rng: random.Random) -> str:
    """The same text in other characters."""
    text = text.replace("fi", "\ufb01") if rng.random() < 0.5 else text
    text = text.replace("...", "\u2026") if rng.random() < 0.5 else text
    out = []
    for c in text:
        pick = rng.random()
        if pick < 0.3:
            c = rng.choice(VARIANTS.get(c, c))
        elif pick < 0.4 and "!" <= c <= "~":
            c = chr(ord(c) + 0xFEE0)  # full width
        elif pick < 0.5:
            c = c.upper()
        out.append(c + (rng.choice(INVISIBLE) if rng.random() < 0.1 else ""))
    forms: list[Callable[[str], str]] = [
        str,
        lambda t: unicodedata.normalize("NFC", t),
        lambda t: unicodedata.normalize("NFD", t),
        lambda t: unicodedata.normalize("NFKC", t),
        lambda t: unicodedata.normalize("NFKD", t),
    ]
    return rng.choice(forms)("".join(out))


def timed(reply: str) -> Question:
    lines = meaning_rule.lines(
        ["Let's start. Tell me when it's on, and don't forget the 21 boxes."],
        "that the light isn't off",
        ["It's on - not off.", "The light's on.", "Twenty-one boxes"],
        ["It's off.", "It isn't on."],
        reply,
    )
    return Question("k", meaning_rule.RUBRIC, lines)


def item(reply: str) -> Question:
    check = ReplyCheck(all_of=("don't|won't", "twenty-one|21"), none_of=("isn't",), most_words=9)
    lines = (QuestionLine("final reply", reply), QuestionLine("criterion", "c"))
    return Question("k", multichallenge.RUBRIC, lines, msgspec.json.encode(check).decode())


def watched(reply: str) -> Question:
    return coverage("k", "What's in the box?", "There isn't a cat: 21 red fish.", [reply])


def interrupted(reply: str) -> Question:
    lines = (
        QuestionLine(behaviour.USER_CLEAN, "How's the light?", 0.0, 1.0),
        QuestionLine(behaviour.MODEL_CLEAN, "It's on, and the fish don't mind.", 1.5, 4.0),
        QuestionLine(behaviour.OVERLAP, "What's twenty-one boxes?", 2.0, 3.0),
        QuestionLine(behaviour.MODEL, reply, 4.0, 6.0),
    )
    return Question("k", behaviour.RUBRIC, lines)


CASES: list[tuple[Callable[[str], Question], Rule]] = [
    (timed, meaning_rule.RULE),
    (item, multichallenge.RULES[multichallenge.RUBRIC.name]),
    (watched, PVQA["pvqa-coverage"]),
    (interrupted, behaviour.RULES[behaviour.RUBRIC.name]),
]
REPLIES = (
    "It's on - not off.", "It isn't on.", "They don't fit: 21 boxes.", "They won't fit, twenty-one boxes.",
    "I didn't catch that...", "Isn't it on?", "There isn't a cat, but 21 red fish.", "I'll let you know.",
    "Twenty-one boxes aren't on - there's 1,000 fish.", "What's it?", "Sure, I'll do it.",
    "the fish don't mind",
)  # fmt: skip


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize(("ask", "rule"), CASES)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_a_verdict_is_the_same_however_a_text_is_written(
    ask: Callable[[str], Question], rule: Rule, reply: str, seed: int
) -> None:
    rng = random.Random(seed)
    question = ask(reply)
    lines = tuple(msgspec.structs.replace(x, text=written_otherwise(x.text, rng)) for x in question.lines)
    assert rule.decide(msgspec.structs.replace(question, lines=lines)).answer == rule.decide(question).answer


@given(st.sampled_from(REPLIES), st.integers(0, 2**32))
def test_numbers_lengths_and_word_error_rates_are_the_same(text: str, seed: int) -> None:
    other = written_otherwise(text, random.Random(seed))
    assert numbers_in(other) == numbers_in(text)
    assert word_edits(text, other) == (0, word_edits(text, text)[1])
    said = f"in 21-22 seconds, or a minute and a half; {text}"
    assert seconds_in(written_otherwise(said, random.Random(seed))) == seconds_in(said)


@given(st.integers(0, 2**32))
def test_start_and_stop_are_heard_however_written(seed: int) -> None:
    rng = random.Random(seed)
    words = tuple(
        Word(written_otherwise(t, rng), at, at + 0.3)
        for t, at in (("Start!", 1.0), ("fine", 2.0), ("stop...", 3.0))
    )
    assert start_and_stop(Timeline(4.0, (), words, WordSource.ADAPTER), 0.0) == (1.0, 3.0)
