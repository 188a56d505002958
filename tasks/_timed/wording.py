"""Texts as the rules of the offline judge compare them, and the word lists those rules use.

Words are in the form of `tml_bench.plain_text`, without punctuation; contractions are written out ("I'll" is
"i will"), "don't forget" is "remember", figures are spelled ("21" is "twenty one"). Stems are words without
plural, ``-ing`` and ``-ed``.
"""

# ruff: noqa: SIM905 -- word lists read better as text

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from tml_bench.perception.align import spell
from tml_bench.perception.numbers import numbers_in
from tml_bench.plain_text import plain

_ASSENTS = (
    "ok|okay|sure( thing)?|all ?right|alright|got (it|that)|will do|of course|understood",
    "no (problem|worries)",
    "yes|yeah|yep|yup|oui|m+ h?m+|u?h huh|sounds good|great|perfect|wonderful|cool|ready|certainly",
    "absolutely|definitely|noted|right|fine|it is a deal|deal",
)
ASSENT = re.compile(rf"({'|'.join(_ASSENTS)})\b ?")
"""Words that take note of what was said, at the start of a reply."""
LAST_ASSENT = re.compile(r"\b(okay|ok|got (it|that)|understood|sure|right|alright)$")
AFTER_ASSENT = frozenset(
    (
        "starting start started now go going ahead carry on here we set let begin beginning begins "
        "waiting wait listening counting timer thing then done"
    ).split()
)
"""Words that may follow assent without saying anything."""
_PROMISES = (
    r"\b(i|we) (will|shall|am going to|am about to|can do|am ready|am listening|am counting|am waiting)\b",
    r"\b(i|we) (would be|am) (happy|glad)\b|\bi am on it\b|^will do\b|\blet me know\b|\bhappy to\b",
    r"\bwhenever you are\b|\bready when\b|\btimer (is )?(set|started|running)\b|\bstarting (now|the)\b",
    r"\bjust (say|tell|ring)\b|\bgo ahead\b|\bcarry on\b",
)
PROMISE = re.compile("|".join(_PROMISES))
"""Says what the speaker is going to do."""
LEAD = frozenset("okay ok and so oh well now here it is alright right yes hey then please just sorry".split())
"""Words that open or soften a reply."""
OPENING = frozenset("okay ok and so oh well hey sorry hello hi".split())
"""Words that may stand before a question."""
FUNCTION = frozenset(
    (
        "a an the this that these those there here it its he him his she her they them their we us our "
        "you your i me my is are was were be been being am do does did has have had will would can could "
        "should shall may might must of at to from by with into onto for as and or but so then than if "
        "some any very just also now yes no oh okay ok well please hey sorry actually right alright in on "
        "s let get go"
    ).split()
)
META = frozenset(
    (
        "say tell ask whether remind give correct prompt name word number count user english french "
        "spanish german italian talk describe about how long much many what who s ago"
    ).split()
)
"""Stems of words of a meaning that are about saying, not said."""
NO = frozenset("not never nothing none without neither nor".split())
COPULA = frozenset("is was means are mean be were".split())
ASKING = frozenset(
    (
        "what who whose where when why how which do does did is are can may could would will shall have "
        "has need"
    ).split()
)
OPPOSITES = tuple(
    (frozenset(a.split("/")), frozenset(b.split("/")))
    for a, b in (
        ("on", "off"), ("in", "out"), ("up", "down"), ("left", "right"), ("open", "close"), ("start", "stop"),
        ("more", "less"), ("first", "last"), ("before", "after"), ("faster", "slower"), ("louder", "quieter"),
        ("higher", "lower"), ("you/your/yours", "i/my/mine/me"),
    )
)  # fmt: skip
HOMOPHONES = {
    "see": "c", "sea": "c", "be": "b", "bee": "b", "are": "r", "you": "u", "why": "y", "tea": "t", "oh": "o",
    "for": "four", "fore": "four", "to": "two", "too": "two", "won": "one", "ate": "eight",
}  # fmt: skip
"""What recognisers write for a letter or a number said alone."""
_WRITTEN_OUT = tuple(
    (re.compile(pattern), written) for pattern, written in (
        (r"\bcan't\b|\bcannot\b", "can not"), (r"\bwon't\b", "will not"), (r"n't\b", " not"),
        (r"'ll\b", " will"), (r"'m\b", " am"), (r"'re\b", " are"), (r"'ve\b", " have"), (r"'d\b", " would"),
        (r"\b(it|that|what|here|there|he|she|who|where|how)'s\b", r"\1 is"), (r"\blet's\b", "let us"),
        (r"'s\b", ""), (r"\b(do|does) not forget( to| about)?\b", "remember"),
        (r"\b([a-z])\.([a-z])\.", r"\1\2"), (r"'", ""),
    )
)  # fmt: skip
_WITHOUT_APOSTROPHE = (_WRITTEN_OUT[0], *_WRITTEN_OUT[-3:-1])
"""Those that may match a text that has none."""


class WordedText(NamedTuple):
    """A text in words.

    Attributes:
        words: every word, in order.
        stems: of all words, those that only contrast aside.
        content: of the words that carry meaning; all of them where none does.
        numbers: that it names, in order.
        negated: whether it says no.
    """

    words: tuple[str, ...]
    stems: frozenset[str]
    content: frozenset[str]
    numbers: tuple[int, ...]
    negated: bool

    @property
    def bare(self) -> tuple[str, ...]:
        """Words without those that open or soften; all of them if none is left."""
        return tuple(w for w in self.words if w not in LEAD) or self.words


@lru_cache(maxsize=8192)
def read(text: str) -> WordedText:
    """A text in words.

    A clause such as ``not expresso``, or ``it's not Venus`` before another clause, only contrasts: it counts
    among the words alone.
    """
    text = plain(text)
    clauses = re.split("(?<=[,;:.!?-]) ", text)
    before = (_denies(clause) for clause in clauses[:-1])
    kept = " ".join(
        c for c, denies in zip(clauses, (*before, False), strict=True) if not (denies or _contrast(c))
    )
    said = words(kept)
    content = frozenset(stem(w) for w in said if w not in FUNCTION and w not in NO)
    everything = frozenset(map(stem, said))
    whole = said if kept == text else words(text)
    return WordedText(whole, everything, content or everything, numbers_in(kept), bool(NO & set(said)))


def words(text: str) -> tuple[str, ...]:
    """The words of a text; see the module's docstring."""
    said = plain(text)
    for pattern, written in _WRITTEN_OUT if "'" in said else _WITHOUT_APOSTROPHE:
        said = pattern.sub(written, said)
    said = re.sub(r"(?<=\d),(?=\d{3})", "", said)
    said = re.sub(r"\d+", lambda m: f" {spell(int(m[0]))} " if len(m[0]) <= 6 else m[0], said)
    return tuple(re.findall(r"[^\W_]+", said))


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """A word without plural, ``-ing`` and ``-ed``."""
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word.removesuffix(ending).rstrip("e")
    return word.rstrip("e") if len(word) > 3 else word


def stems(said: Sequence[str]) -> frozenset[str]:
    """The stems of words."""
    return frozenset(map(stem, said))


NUMBER_STEMS = stems([word for k in (*range(100), 100, 1000) for word in spell(k).split()])


def _contrast(clause: str) -> bool:
    return bool(re.match(r"not\b", clause.strip())) and len(clause.split()) <= 4


def _denies(clause: str) -> bool:
    """Whether a clause says what a thing is not, in a few words: ``it isn't Venus``."""
    said = words(clause)
    opening = r"(it|that|this|he|she|they|there)( is| was| are| were)? not\b"
    return len(said) <= 7 and bool(re.match(opening, " ".join(said)))
