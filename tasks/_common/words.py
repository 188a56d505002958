"""The words of a text, as the offline rules compare them: lower case, without punctuation and endings."""

# ruff: noqa: SIM905 -- word lists read better as text

import re
from functools import lru_cache

from tml_bench.perception.numbers import numbers_in
from tml_bench.plain_text import plain

_NO = frozenset("no not never nobody nothing none without cannot neither nor".split())
_FUNCTION = frozenset(
    (
        "a an the this that these those there here it its he him his she her hers they them their we us "
        "our you your i me my is are was were be been being am do does did has have had will would can "
        "could should shall may might must of at to from by with into onto for as and or but so then than "
        "while when where which who whom whose what how why if some any very just also now yes one"
    ).split()
)


def words(text: str) -> frozenset[str]:
    """The words of a text: lower case, without punctuation and endings."""
    return frozenset(stem(w) for w in _plain(text))


def content_words(text: str) -> frozenset[str]:
    """The words that carry meaning: no function words, no negations, no numbers in words."""
    return frozenset(stem(w) for w in _plain(text) if _carries_meaning(w))


@lru_cache(maxsize=8192)
def _carries_meaning(word: str) -> bool:
    return word not in _FUNCTION and word not in _NO and not numbers_in(word)


def negated(text: str) -> bool:
    """Whether a text says no."""
    return bool(_NO & set(_plain(text)))


def stem(word: str) -> str:
    """A word without plural, ``-ing`` and ``-ed``."""
    for ending in ("ing", "ed", "es", "s"):
        left = word.removesuffix(ending)
        if left != word and len(left) >= 3:
            return left[:-1] if ending in ("ing", "ed") and left[-1] == left[-2] else left.removesuffix("e")
    return word.removesuffix("e") if len(word) > 3 else word


def _plain(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", plain(text).replace("n't", " not"))
