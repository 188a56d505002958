"""Texts as the offline judge compares them: words, stems, numbers.

Words are in the form of `tml_bench.plain_text`, without punctuation; contractions are written out ("I'll" is
"i will"), "don't forget" is "remember", figures are spelled ("21" is "twenty one", "5:30" "five thirty"),
spellings of one word are one ("grey", "gray"), and letters drawn out are two ("mooooo" is "moo"). Stems are
words without plural, ``-ing`` and ``-ed``.
"""

# ruff: noqa: SIM905 -- word lists read better as text

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from tml_bench.perception.align import spell
from tml_bench.perception.numbers import numbers_in
from tml_bench.plain_text import plain
from tml_bench.tasks._timed.meaning.word_lists import FOREIGN_NO, FUNCTION, NO, SPELLINGS

_WRITTEN_OUT = tuple(
    (re.compile(pattern), written) for pattern, written in (
        (r"(?<!\w)'em\b", "them"),
        (r"\bcan't\b|\bcannot\b", "can not"), (r"\bwon't\b", "will not"), (r"n't\b", " not"),
        (r"'ll\b", " will"), (r"'m\b", " am"), (r"'re\b", " are"), (r"'ve\b", " have"), (r"'d\b", " would"),
        (r"\b(it|that|what|here|there|he|she|who|where|how|this|time|dinner|kettle|answer)'s\b", r"\1 is"),
        (r"\blet's\b", "let us"), (r"'s\b", ""), (r"\b(?:do|does) not forget( to| about)?\b", "remember"),
        (r"\bwithout further ado\b|\bno doubt( about it)?\b|\bif you do not mind\b|\bdo not worry\b", ","),
        (r"\bwhy do not (you|we)\b", "let us"), (r"\bdo not hesitate to\b", ""),
        (r"\bdo not stop (?=\w+ing\b)", "keep "),
        (r"\b([a-z])\.([a-z])\.", r"\1\2"), (r"(?<=[a-z])'(?=[a-z])", ""),
    )
)  # fmt: skip


_HEARD_PRODUCT = re.compile(r"\b(\d{1,2})[-. ](\d{1,2})s (?:or|are) (?=(\d{1,3})\b)")
"""How recognisers write "four fives are twenty": "4-5s are 20", "4.5s or 20"."""


class WordedText(NamedTuple):
    """A text in words.

    Attributes:
        words: every word, in order.
        stems: of all words.
        content: of the words that carry meaning; all of them where none does.
        numbers: that it names, in order; two said as one ("one twenty") are one.
        negated: whether it says no.
    """

    words: tuple[str, ...]
    stems: frozenset[str]
    content: frozenset[str]
    numbers: tuple[int, ...]
    negated: bool

    @property
    def key(self) -> str:
        """All words in one, so that "ta da" is "tada"."""
        return "".join(self.words)


@lru_cache(maxsize=8192)
def read(text: str) -> WordedText:
    """A text in words."""
    return of_words(words(text))


@lru_cache(maxsize=16384)
def of_words(said: tuple[str, ...]) -> WordedText:
    """Words with what is known of them."""
    everything = stems(said)
    content = frozenset(stem(w) for w in said if w not in FUNCTION)
    no = set(said) & (NO | FOREIGN_NO)
    return WordedText(said, everything, content or everything, values(" ".join(said)), bool(no))


def written_out(text: str) -> str:
    """A text in plain form with its punctuation, contractions and figures written out."""
    said = plain(text)
    for pattern, written in _WRITTEN_OUT:
        said = pattern.sub(written, said)
    said = _HEARD_PRODUCT.sub(_product, said)
    said = re.sub(r"(?<=\d),(?=\d{3})", "", said)
    said = re.sub(r"\b(\d{1,2})[:.](\d\d)\b", lambda m: f"{spell(int(m[1]))} {spell(int(m[2]))}", said)
    said = re.sub(r"\b(1[1-9])(\d\d)\b", lambda m: f"{spell(int(m[1]))} {spell(int(m[2]))}", said)
    said = re.sub(r"(\d+)(?:st|nd|rd|th)\b", r"number \1", said)
    said = re.sub(r"\d+", lambda m: f" {spell(int(m[0]))} " if len(m[0]) <= 6 else m[0], said)
    said = re.sub(r"([a-z])\1{2,}", r"\1\1", said)
    return re.sub(r"(?<=\w)-(?=\w)", " ", said)


def _product(heard: re.Match[str]) -> str:
    one, other, result = (int(number) for number in heard.groups())
    return f"{spell(one)} times {spell(other)} is " if one * other == result else heard[0]


def undrawn(text: str, known: Iterable[str]) -> str:
    """A text in which a word drawn out ("flaaash") is written as a known word that it is."""
    squeezed = {re.sub(r"(.)\1+", r"\1", word): word for word in known}

    def word_of(match: re.Match[str]) -> str:
        return squeezed.get(re.sub(r"(.)\1+", r"\1", match[0].lower()), match[0])

    return re.sub(r"\w*([^\W\d_])\1\1\w*", word_of, text, flags=re.IGNORECASE)


@lru_cache(maxsize=8192)
def words(text: str) -> tuple[str, ...]:
    """The words of a text; see the module's docstring."""
    return tuple(SPELLINGS.get(w, w) for w in re.findall(r"[^\W_]+", written_out(text)))


_ENDINGS = ("ing", "ed", "es", "s")


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """A word without plural, ``-ing`` and ``-ed``, and without what they double or drop."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            bare = word.removesuffix(ending).rstrip("e")
            doubled = (
                len(bare) > 3 and bare[-1] == bare[-2] and bare[-1] not in "ls" and ending in _ENDINGS[:2]
            )
            return bare[:-1] if doubled else bare
    return word.rstrip("e") if len(word) > 3 else word


def stems(said: Iterable[str]) -> frozenset[str]:
    """The stems of words."""
    return frozenset(map(stem, said))


NUMBER_WORDS = frozenset(word for k in (*range(100), 100, 1000) for word in spell(k).split()) | frozenset(
    "once twice first second third fourth fifth sixth seventh eighth ninth tenth half dozen".split()
)
ANY_NUMBER = rf"(?:{'|'.join(sorted(NUMBER_WORDS - {'second'}))})"
"""A pattern of one word of a number."""
NUMBER_STEMS = stems(NUMBER_WORDS - {"second"})
_SAID_OTHERWISE = (
    (re.compile(r"\bonce\b"), "one"), (re.compile(r"\btwice\b"), "two"), (re.compile(r"\bthrice\b"), "three"),
    (re.compile(r"\b(?<!a )second\b(?! (ago|left|to go))"), "number two"),
    (re.compile(r"\bfirst\b"), "number one"),
)  # fmt: skip
_ORDINAL_ONE = re.compile(r"\b(first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth) one\b")
_UNIT_AFTER = re.compile(
    rf"\b({'|'.join(sorted(NUMBER_WORDS - {'second', 'first'}))}|per|every|just a|last) second\b"
)


@lru_cache(maxsize=8192)
def values(said: str) -> tuple[int, ...]:
    """The numbers in words, in order; two that are said as one are one ("five thirty" is 530)."""
    if match := re.fullmatch(r"(.*?)\b(?:a )?(half|quarter) past (.*)", said):
        hours = values(match[3])
        return (
            *values(match[1]),
            *((100 * hours[0] + (30 if match[2] == "half" else 15),) if hours else ()),
            *hours[1:],
        )
    said = _ORDINAL_ONE.sub(r"\1", said)
    text = said if _UNIT_AFTER.search(said) else _SAID_OTHERWISE[3][0].sub(_SAID_OTHERWISE[3][1], said)
    for pattern, number in (*_SAID_OTHERWISE[:3], _SAID_OTHERWISE[4]):
        text = pattern.sub(number, text)
    found: list[int] = []
    for run in _runs(text):
        named = numbers_in(run)
        two = len(named) == 2 and named[0] < 21 and 10 <= named[1] < 100 and named[1] != named[0] + 1
        found += [100 * named[0] + named[1]] if two else named
    return tuple(found)


def _runs(text: str) -> list[str]:
    """Number words that follow each other, each run with the two words before it and the one after."""
    runs: list[list[str]] = []
    run: list[str] = []
    said = text.split()
    for k, word in enumerate(said):
        if word in NUMBER_WORDS or word == "thousand" or (run and word in ("and", "oh")):
            run = [*(run or [w for w in said[max(0, k - 2) : k] if w not in NUMBER_WORDS]), word]
        elif run:
            runs.append([*run, word])
            run = []
    runs.append(run)
    return [" ".join(r) for r in runs if r]
