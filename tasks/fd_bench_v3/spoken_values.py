"""Values of arguments: whether two are the same, and whether a text says one. What the offline rules know.

Texts are compared as pieces: words in the form of `tml_bench.plain_text` and numbers in digits, however they
are written or said. Two values are the same where

* one is a number and the other within 5 % of it;
* their pieces run together are the same ("B 7 8 9", "B789"), or the same words, whatever their order and
  endings, but for words that name the kind of thing ("electricity bill", "electricity") and for the other
  names of `_ALIASES`;
* both are dates of the same month and day, and not of different years.

They differ where both are numbers, dates, currencies or ways of travel that do not fit, where both hold
digits and not the same, and where the request names both and they have no word in common: the user corrected
one by the other. All else cannot be told without knowing what words mean.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

from tml_bench.perception.numbers import number_items
from tml_bench.plain_text import plain
from tml_bench.tasks._common.words import content_words, stem
from tml_bench.timeline import Word

NUMBER_SHARE = 0.05
"""A number may be off by this share of the expected one."""
RECITED_SHARE = 0.2
"""A reply is recited where a smaller share of its content words belongs to the conversation."""
ECHO_SHARE = 0.8
"""A reply that says so much of the request's words, in order, echoes it; who confirms it says less."""

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
_MONTH = {name: k for k, full in enumerate(_MONTHS, start=1) for name in (full, full[:3])} | {"sept": 9}
_ALIASES = {
    "eur": "euro", "€": "euro", "usd": "dollar", "$": "dollar", "gbp": "pound", "£": "pound", "jpy": "yen",
    "chf": "franc", "st": "street", "ave": "avenue", "rd": "road", "blvd": "boulevard", "apt": "apartment",
    "licence": "license", "driver": "driving", "drivers": "driving", "drive": "driving", "drives": "driving",
    "car": "driving", "bike": "cycling", "biking": "cycling", "bicycle": "cycling", "bicycling": "cycling",
    "walk": "walking", "foot": "walking", "bus": "transit",
}  # fmt: skip
_CLOSED = tuple(
    frozenset(map(stem, names.split()))
    for names in ("euro dollar pound yen franc", "driving transit walking cycling")
)
"""Of these no two are the same, whatever they are called."""
_KINDS = frozenset(
    map(
        stem,
        (
            "account",
            "bill",
            "card",
            "city",
            "flight",
            "number",
            "order",
            "the",
            "a",
            "an",
            "my",
            "on",
            "by",
            "in",
        ),
    )
)
_SAID_NUMBERS = (
    (re.compile(r"\b(1[1-9]|[2-9][1-9]) 100\b"), r"\g<1>00"),
    (re.compile(r"\b(\d+) point (\d+)\b"), r"\1.\2"),
    (re.compile(r"\b(\d+) (dollars?|euros?|pounds?) (?:and )?(\d\d) (?:cents?|pence)\b"), r"\1.\3 \2"),
)
"""Twelve hundred; three point five; ninety-nine dollars and ninety-nine cents."""
_FIGURE = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")


class SpokenDate(NamedTuple):
    """A day; ``year`` is None where it is not said."""

    month: int
    day: int
    year: int | None = None

    def fits(self, other: "SpokenDate") -> bool:
        """Whether both are one day, as far as is said."""
        same = self[:2] == other[:2]
        return same and (self.year == other.year or None in (self.year, other.year))


@lru_cache(maxsize=4096)
def pieces(text: str) -> tuple[str, ...]:
    """The words and numbers of a text, in order, numbers in digits; empty for no text."""
    written = plain(text.replace("_", " "))
    items = number_items([Word(piece, None, None) for piece in written.split()])
    found = [str(i.value or 0) if i.is_number else i.first.text.removesuffix("'s") for i in items]
    joined = " ".join(piece.replace("'", "") for piece in found)
    for pattern, written in _SAID_NUMBERS:
        joined = pattern.sub(written, joined)
    return tuple(joined.split())


def same(expected: object, actual: object, request: str = "") -> bool | None:
    """Whether an argument is the expected one, in a request; None where that cannot be told.

    A text that begins with ``$`` stands for a part of a result: there every value that is not empty will do.
    """
    if isinstance(expected, str) and expected.startswith("$"):
        return actual not in ("", None)
    if expected == actual or actual is None:
        return expected == actual
    if not isinstance(expected, str | int | float) or not isinstance(actual, str | int | float):
        return None
    if isinstance(expected, bool) or isinstance(actual, bool):
        return True if str(expected).lower() == str(actual).lower() else None
    if not (isinstance(expected, str) and isinstance(actual, str)):
        wanted, given = _number(expected), _number(actual)
        if wanted is None or given is None:
            return None
        return abs(given - wanted) <= NUMBER_SHARE * abs(wanted) + 1e-9
    return _same_text(expected, actual, request)


def _same_text(expected: str, actual: str, request: str) -> bool | None:
    wanted, given = pieces(expected), pieces(actual)
    if "".join(wanted) == "".join(given):
        return True
    day, other = dates(expected), dates(actual)
    if day and other:
        return day[0].fits(other[0])
    words, others = _names(wanted), _names(given)
    if words and words == others:
        return True
    digits, figures = _digits(wanted), _digits(given)
    if digits and figures and not day:
        if digits != figures:
            return False
        return True if words <= others or others <= words else None
    if any(words <= closed and others <= closed for closed in _CLOSED if words and others):
        return False
    if not words & others and not (day or other) and says(request, expected) and says(request, actual):
        return False
    return None


def says(text: str, value: object) -> bool:
    """Whether a text says a value: its pieces in a row, a date in whatever form, or all of its words."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    wanted, said = pieces(str(value)), pieces(text)
    if not wanted:
        return False
    if _in_a_row("".join(wanted), said):
        return True
    day = dates(str(value))
    if day:
        return any(day[0].fits(one) for one in dates(text))
    if isinstance(value, int | float) or (_digits(wanted) and len(wanted) == 1):
        return False
    words = _names(wanted)
    return bool(words) and words <= _names(said)


def dates(text: str) -> tuple[SpokenDate, ...]:
    """The days that a text names, in order: 2026-05-03, 5/3, May 3rd, the third of May, 3 May 2026."""
    return tuple(_dates(pieces(text)))


def _dates(found: Sequence[str]) -> Iterator[SpokenDate]:
    for k, piece in enumerate(found):
        after = [*found[k + 1 : k + 4], "", "", ""]
        if piece in _MONTH and _is_day(after[0]):
            yield SpokenDate(_MONTH[piece], int(after[0]), _year(after[1]))
        elif _is_day(piece) and piece not in found[k - 1 : k] and (k == 0 or found[k - 1] not in _MONTH):
            named = after[1:] if after[0] == "of" else after
            if named[0] in _MONTH and not _is_day(named[1]):
                yield SpokenDate(_MONTH[named[0]], int(piece), _year(named[1]))
            elif after[0] == "/" and _is_day(after[1]) and int(piece) <= 12:
                yield SpokenDate(int(piece), int(after[1]), _year(after[2]))
        elif _year(piece) and _is_day(after[0]) and _is_day(after[1]) and int(after[0]) <= 12:
            yield SpokenDate(int(after[0]), int(after[1]), int(piece))


def recited(reply: str, *conversation: str) -> float:
    """How much a reply counts: below 1 where its words hardly belong to the conversation, as lists of values.

    Its share of content words that are also in the conversation, over ``RECITED_SHARE``; 1 at most.
    """
    said = content_words(reply)
    known = said & content_words(" ".join(conversation))
    return min(1.0, len(known) / (RECITED_SHARE * len(said))) if said else 1.0


@lru_cache(maxsize=1024)
def own_words(reply: str, request: str) -> str:
    """A reply without what it echoes: if it says nearly all of the request in order, only the rest counts."""
    said, asked = pieces(reply), pieces(request)
    blocks = SequenceMatcher(None, said, asked, autojunk=False).get_matching_blocks()
    if not asked or sum(block.size for block in blocks) < ECHO_SHARE * len(asked):
        return reply
    echoed = {k for block in blocks for k in range(block.a, block.a + block.size)}
    return " ".join(piece for k, piece in enumerate(said) if k not in echoed)


def _names(found: Sequence[str]) -> frozenset[str]:
    """The words of pieces without their endings and other names; those of the kind of thing only if alone."""
    named = (_ALIASES.get(piece, piece) for piece in found)
    words = frozenset(stem(name) for name in named if name[-1].isalnum())
    return (words - _KINDS) or words


def _digits(found: Sequence[str]) -> str:
    return re.sub(r"\D", "", "".join(found))


def _in_a_row(wanted: str, said: Sequence[str]) -> bool:
    """Whether pieces in a row, run together, are a text."""
    for first in range(len(said)):
        joined = ""
        for piece in said[first:]:
            joined += piece
            if joined == wanted:
                return True
            if len(joined) >= len(wanted):
                break
    return False


def _number(value: str | float) -> float | None:
    """The one number that a value is or names; None where there is none, or there are several."""
    if not isinstance(value, str):
        return float(value)
    figures = _FIGURE.findall(value)
    if figures:
        return float(figures[0].replace(",", "")) if len(figures) == 1 else None
    named = [piece for piece in pieces(value) if piece.isdigit()]
    return float(named[0]) if len(named) == 1 else None


def _is_day(piece: str) -> bool:
    return piece.isdigit() and 1 <= int(piece) <= 31


def _year(piece: str) -> int | None:
    return int(piece) if re.fullmatch(r"20\d\d", piece) else None
