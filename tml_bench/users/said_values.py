"""Values named in a text: numbers, times of day, days and the like, and names, in one form each.

A number or time of day is the digits that it may be written with: "two hundred and five" is ``205``, "seven
thirty", "half past seven" and "7:30" are ``730``, "six o'clock" and "6 pm" are ``6``, "four zero seven" is
``407``. Of the closed classes in `CLASSES` (weekdays, months, colours, ...) each word is a value, and of
names each capitalised word that does not begin a sentence. Words are compared without plural endings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tml_bench.perception.numbers import NumberItem, is_pronoun, number_items
from tml_bench.plain_text import plain
from tml_bench.timeline import Word
from tml_bench.users.matching import says

_CLASSES = {
    "weekday": "monday tuesday wednesday thursday friday saturday sunday",
    "month": "january february march april may june july august september october november december",
    "part of the day": "morning afternoon evening",
    "colour": "red blue green yellow black white purple pink brown grey gray orange silver gold golden",
    "side": "left right",
    "seat": "window aisle",
    "room": "single double twin",
    "size": "small medium large",
    "direction": "north south east west",
    "meal": "breakfast lunch dinner",
}
CLASSES = {word: name for name, words in _CLASSES.items() for word in words.split()}
"""Words of which a goal names one and another is another value, with the name of their class."""
_SAME = {"tonight": "evening", "night": "evening", "gray": "grey", "golden": "gold", "noon": "12"}
NUMBER, NAME = "number", "name"
CLOCK = "o'clock"
"""In the place of what is counted: it is a time of day."""
_FUNCTION_WORDS = (
    "a an the of in at on for to from by and or but is are was be it i we you they he she that this "
    "there then please not no yes with as so if do does did can could would will my your our his her "
    "its us me now too also all what which who how when where"
)
FUNCTION = frozenset(_FUNCTION_WORDS.split())
"""Words that name nothing."""
_NEGATIONS_WORDS = "not no isn't wasn't without never instead"
_NEGATIONS = frozenset(_NEGATIONS_WORDS.split())
_NO_NAMES_WORDS = "i i'm i'd i'll i've ok okay mr mrs ms dr god pm am"
_NO_NAMES = frozenset(_NO_NAMES_WORDS.split())
_DATE_BEFORE_WORDS = "of in on until by since the this next last"
_DATE_BEFORE = frozenset(_DATE_BEFORE_WORDS.split())
_OWNER_WORDS = "the my her his your their its our on"
_OWNER = frozenset(_OWNER_WORDS.split())
_CLOCK_WORDS = "am pm a.m p.m o'clock"
_CLOCK = frozenset(_CLOCK_WORDS.split())
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_TIME = re.compile(r"(\d{1,2})[:.h](\d\d)")


@dataclass(frozen=True, slots=True)
class SaidValue:
    """A value that is named in a text.

    Attributes:
        kind: `NUMBER`, `NAME` or one of the classes.
        readings: the forms in which it may be written; one of them is the same as of another is the same.
        shown: as it stands in the text, or in digits.
        parts: of a number that is said in several, each.
        noun: what a number counts: the word behind it without its plural ending, `CLOCK`, or empty.
        negated: it is said not to be so.
        loose: it need not be meant as a value, as the ordinal in "first of all" or a lone "one".
    """

    kind: str
    readings: frozenset[str]
    shown: str
    parts: frozenset[str] = frozenset()
    noun: str = ""
    negated: bool = False
    loose: bool = False

    def same(self, other: SaidValue) -> bool:
        """Whether two values are one."""
        return self.kind == other.kind and not self.readings.isdisjoint(other.readings)


def stem(word: str) -> str:
    """A word without plural ending and genitive."""
    word = word.removesuffix("'s").removesuffix("'")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


@lru_cache(maxsize=4096)
def stems(text: str) -> tuple[str, ...]:
    """The words of a text, without endings, numbers in digits."""
    found = []
    for item in _items(text):
        number = item.is_number and item.value is not None
        found += [str(item.value)] if number else [stem(w) for w in re.split("[-/]", item.first.text) if w]
    return tuple(found)


@lru_cache(maxsize=4096)
def said_values(text: str) -> tuple[SaidValue, ...]:
    """The values named in a text, numbers first, then those of classes, then names; empty for no text."""
    items = _items(text)
    return (*_numbers(items), *_of_classes(items, text), *_names(text))


def _items(text: str) -> list[NumberItem]:
    return number_items([Word(piece, None, None) for piece in text.replace("/", " ").split()])


def _numbers(items: Sequence[NumberItem]) -> Iterator[SaidValue]:
    at = 0
    while at < len(items):
        end, digits, parts = _time_at(items, at) or _run_at(items, at)
        if end == at:
            at += 1
            continue
        clock = bool(_time_at(items, at)) or (end < len(items) and items[end].first.text in _CLOCK)
        noun = CLOCK if clock else _noun(items, end)
        word = items[at].first.text
        ordinal = items[at].ordinal and not any(_is_month(items, k) for k in (at - 2, at - 1, end, end + 1))
        small = parts <= {"1", "2", "3"}
        lone = end == at + 1 and (is_pronoun(items, at) or word == "one" or (ordinal and small))
        yield SaidValue(
            NUMBER,
            frozenset(digits),
            min(digits, key=lambda d: (len(d), d)),
            frozenset(parts),
            noun,
            _negated(items, at),
            lone,
        )
        at = end


_Found = tuple[int, set[str], set[str]]
"""Where a number ends, the digits of it and those of its parts."""


def _time_at(items: Sequence[NumberItem], at: int) -> _Found | None:
    """A time of day in words or with a colon."""
    texts = [item.first.text for item in items[at : at + 4]]
    if clock := _TIME.fullmatch(texts[0]):
        if ":" in texts[0] or (texts[1:] and texts[1] in _CLOCK):
            return _clock(int(clock[1]), int(clock[2]), at + 1)
        return None
    lead = 1 if texts[:2] == ["a", "quarter"] else 0
    first, value = texts[lead], items[at + lead].value
    minutes = {"half": 30, "quarter": 15}.get(first, value if items[at + lead].is_number else None)
    after = texts[lead + 1 : lead + 2]
    if minutes is None or not after or at + lead + 2 >= len(items):
        return None
    hour = items[at + lead + 2].value
    if after[0] not in ("past", "to", "before", "after") or not 0 < (hour or 0) <= 24 or minutes > 59:
        return None
    assert hour is not None
    late = after[0] in ("to", "before")
    return _clock(hour - 1 if late else hour, 60 - minutes if late else minutes, at + lead + 3)


def _clock(hour: int, minute: int, end: int) -> _Found:
    found = {f"{h}{minute:02}" if minute else str(h) for h in {hour, (hour - 1) % 12 + 1, hour or 12}}
    return end, found, set()


def _run_at(items: Sequence[NumberItem], at: int) -> _Found:
    """Numbers said on end, as of a telephone; one of them with what stands behind a decimal point."""
    parts: list[str] = []
    end = at
    while end < len(items) and (end == at or not items[end].breaks):
        item = items[end]
        if end > at and (item.ordinal or items[end - 1].ordinal):
            break
        if item.is_number and item.value is not None:
            spelt = item.first.text.strip("#thndrs")
            parts.append(spelt if spelt.isdigit() else str(item.value))
        elif re.fullmatch(r"\d+(?:\.\d+)?", item.first.text):
            parts.append(item.first.text)
        elif parts and item.first.text in ("oh", "o", "point") and end + 1 < len(items):
            if not items[end + 1].is_number:
                break
            parts.append("." if item.first.text == "point" else "0")
        else:
            break
        end += 1
    whole = "".join(parts)
    return end, {whole, whole.lstrip("0") or "0"}, {p.lstrip("0") or "0" for p in parts if p != "."}


def _noun(items: Sequence[NumberItem], at: int) -> str:
    if at >= len(items) or items[at].breaks:
        return ""
    word = items[at].first.text
    return "" if word in FUNCTION or word in _CLOCK or len(word) < 2 else stem(word)


def _is_month(items: Sequence[NumberItem], at: int) -> bool:
    return 0 <= at < len(items) and CLASSES.get(items[at].first.text) == "month"


def _negated(items: Sequence[NumberItem], at: int) -> bool:
    """Whether a negation stands shortly before, in the same clause; "less than" is none."""
    for k in range(at - 1, max(-1, at - 4), -1):
        if items[k + 1].breaks:
            return False
        word, before = items[k].first.text, items[k - 1].first.text if k else ""
        if word in _NEGATIONS or (word == "than" and before in ("rather", "other")):
            return True
    return False


def _of_classes(items: Sequence[NumberItem], text: str) -> Iterator[SaidValue]:
    written = set(_WORD.findall(text))
    for k, item in enumerate(items):
        word = stem(item.first.text)
        word = _SAME.get(word, word)
        kind = CLASSES.get(word)
        before = items[k - 1].first.text if k else ""
        if kind is None or (before == "good" and kind == "part of the day"):
            continue
        near = before in _DATE_BEFORE or any(
            0 <= j < len(items) and items[j].is_number for j in (k - 1, k + 1, k + 2)
        )
        if word in ("may", "march") and not (near or word.capitalize() in written):
            continue
        if word == "right" and (before not in _OWNER or (k + 1 < len(items) and items[k + 1].breaks)):
            continue
        yield SaidValue(kind, frozenset((word,)), word, negated=_negated(items, k))


def _names(text: str) -> Iterator[SaidValue]:
    for found in _WORD.finditer(text):
        before = text[: found.start()].rstrip(" \"'(*/")
        begins = not before or before[-1] in ".?!:;\u2026-*>"
        word = plain(found[0])
        known = word in _NO_NAMES | FUNCTION or stem(word) in CLASSES or len(word) < 2
        if found[0][0].isupper() and not begins and not known:
            yield SaidValue(NAME, frozenset((stem(word),)), found[0])


@lru_cache(maxsize=8192)
def holds(text: str, entry: str, *, strictly: bool = False) -> bool:
    """Whether one of an entry's alternatives, with ``|`` between them, is said in a text, as whole words.

    Strictly, a number must be meant as one, and whole; so must a month and the like.
    """
    if not strictly and says(text, entry):
        return True
    return any(_holds(text, one.strip(), strictly) for one in entry.split("|"))


def _holds(text: str, wanted: str, strictly: bool) -> bool:
    words, own = stems(wanted), [v for v in said_values(wanted) if v.noun in ("", CLOCK)]
    if len(own) == 1 and (own[0].kind == NUMBER or (len(words) == 1 and strictly)):
        said = [v for v in said_values(text) if not (strictly and (v.loose or is_idiom(v)))]
        forms = (v.readings if strictly else v.readings | v.parts for v in said if v.kind == own[0].kind)
        return any(not own[0].readings.isdisjoint(form) for form in forms)
    said_words = stems(text)
    places = range(len(said_words) - len(words) + 1) if words else ()
    return any(said_words[k : k + len(words)] == words for k in places)


_IDLE_WORDS = "second minute moment thing question time bit reason way more last other"
_IDLE = frozenset(_IDLE_WORDS.split())


def is_idiom(value: SaidValue) -> bool:
    """Whether a number is hardly one: "two questions", "one last thing", "ten minutes"."""
    return value.kind == NUMBER and value.noun in _IDLE and all(len(r) < 3 for r in value.readings)
