"""Phrases that fill the time and say nothing: "um", "let me see", "one moment please"."""

# ruff: noqa: SIM905 -- word lists read better as text

import re
from collections.abc import Sequence

from tml_bench.tasks._timed.meaning.wording import words

FIRST = 6
_SENTENCE_END = re.compile(r"(?<=[.!?\u2026])\s+")
FILLERS = frozenset(
    (
        "um uh er erm hm hmm mm mhm ah oh well so like right okay ok alright now let us me my see think just "
        "a an the one moment second sec seconds minute please hold on wait hang tight bear with you know i "
        "mean kind of sort actually basically anyway there we go give"
    ).split()
)
_CONTENT = frozenset(("i know", "i see", "you mean", "let go"))


def is_filler(said: Sequence[str]) -> bool:
    """Whether an utterance is made of fillers alone; no for no words."""
    return bool(said) and all(word in FILLERS for word in said) and " ".join(said) not in _CONTENT


def filler_words(utterances: Sequence[str]) -> tuple[int, int]:
    """How many words are in phrases of fillers alone, and how many there are.

    A phrase is a sentence, or what there is of one in an utterance. The first of those, up to `FIRST` words
    of it, is an acknowledgement and no filler.
    """
    phrases = [words(phrase) for text in utterances for phrase in _SENTENCE_END.split(text)]
    fillers = [len(phrase) for phrase in phrases if is_filler(phrase)]
    return sum(fillers) - min([FIRST, *fillers[:1]]) * bool(fillers), sum(map(len, phrases))
