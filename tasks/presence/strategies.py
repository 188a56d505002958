"""Strategies without work: one sentence after each of the user's turns, whatever was said, and no call."""

from collections.abc import Mapping
from functools import partial

from tml_bench.respondents import spoken
from tml_bench.samples import Sample, Utterance
from tml_bench.task import Strategy
from tml_bench.tasks.presence.annotation import expected_of
from tml_bench.timeline import Segment, Timeline

AFTER_S = 0.4
USUAL = "same sentence"
SENTENCES = (
    "Okay, I am still working on it.",
    "Sure, no problem, done.",
    "Four.", "Cold.", "Paris.", "Seven.", "Eight.", "Green.",
    "Sure, the number is 384.",
    "Okay, in the morning.", "Okay, Dublin then.",
)  # fmt: skip
"""What anybody may say to anything, answers to questions that may come, and guesses."""


def same(text: str, sample: Sample) -> Timeline:
    """Says the same after each turn of the user."""
    item = expected_of(sample)
    said = [Utterance(end_s + AFTER_S, text=text) for _, end_s in item.talking]
    turns = [Segment(start_s, end_s) for start_s, end_s in item.talking]
    return spoken(said, turns, item.length_s, cut=True)


def sentences() -> Mapping[str, Strategy]:
    """All of them, by name."""
    return {f"always {text!r}": partial(same, text) for text in SENTENCES}
