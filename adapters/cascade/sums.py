"""Numbers in running speech, and sums that are wrong.

Words are in lower case, without marks. A number ends with the first word that is none of it, so that it is
known one word later.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tml_bench.number_words import ONES, TENS

_REACH = 14
"""So many words may lie between two numbers of a sum."""
_CLOSE = 0.35
"""A slip is off by at most this part of the right number; what is farther off is no sum that was meant."""
_CLAIMS = frozenset(
    (
        "so", "that's", "thats", "it's", "is", "be", "are", "make", "makes", "equals", "comes", "come",
        "there's", "gives", "altogether", "total", "spent",
    )
)  # fmt: skip
_ADDED = frozenset(("more", "plus", "another", "added", "add", "extra"))
_TAKEN = frozenset(("minus", "less", "fewer", "left", "lost", "gave", "eaten"))
_TIMES = frozenset(("each", "every", "times", "apiece", "per", "of", "at", "a", "an"))
_NO_AMOUNT = frozenset(("o'clock", "oclock", "am", "pm", "percent"))


@dataclass(frozen=True, slots=True)
class SaidNumber:
    """A number, which the words from ``first`` up to and without ``end`` say."""

    first: int
    end: int
    value: int


def numbers(words: Sequence[str]) -> list[SaidNumber]:
    """The whole numbers up to 999 of a text, in digits or words; no ordinals, no times of the day."""
    found = []
    k = 0
    while k < len(words):
        if (number := _number_at(words, k)) is None:
            k += 1
            continue
        following = words[number.end] if number.end < len(words) else ""
        if following not in _NO_AMOUNT:
            found.append(number)
        k = number.end
    return found


def _number_at(words: Sequence[str], k: int) -> SaidNumber | None:
    first, _, second = words[k].partition("-")
    if re.fullmatch(r"\d{1,3}", words[k]):
        return SaidNumber(k, k + 1, int(words[k]))
    if second and first in TENS and second in ONES:
        return SaidNumber(k, k + 1, TENS[first] + ONES[second])
    if first in TENS:
        unit = ONES.get(words[k + 1], 0) if k + 1 < len(words) else 0
        return (
            SaidNumber(k, k + 2, TENS[first] + unit) if 0 < unit < 10 else SaidNumber(k, k + 1, TENS[first])
        )
    return SaidNumber(k, k + 1, ONES[first]) if first in ONES and not second else None


def slips(words: Sequence[str]) -> list[tuple[int, int]]:
    """Results of sums that are wrong: the index of the word at which it is known, and the right number."""
    found = []
    said = numbers(words)
    fresh = 0
    for k, claim in enumerate(said):
        if k == fresh or not _claims(words, said[k - 1], claim):
            continue
        right = _result(words, said[fresh:k], claim)
        if right is None:
            continue
        fresh = k
        if right != claim.value and abs(right - claim.value) <= _CLOSE * right:
            found.append((claim.end, right))
    return found


def _claims(words: Sequence[str], before: SaidNumber, claim: SaidNumber) -> bool:
    between = words[before.end : claim.first]
    return len(between) <= _REACH and not _CLAIMS.isdisjoint(between)


def _result(words: Sequence[str], terms: Sequence[SaidNumber], claim: SaidNumber) -> int | None:
    """What a claim should be by the numbers before it; None when they make no sum."""
    last = terms[-1]
    around = words[max(0, last.first - 2) : claim.first]
    if "half" in around:
        return last.value // 2 if last.value % 2 == 0 else None
    if not {"double", "twice"}.isdisjoint(around):
        return 2 * last.value
    if len(terms) < 2 or last.first - terms[-2].end > _REACH:
        return None
    a, b = terms[-2].value, last.value
    near = {*words[terms[-2].first : claim.first]}
    if near & _ADDED:
        return a + b
    if near & _TAKEN:
        return a - b
    if near & _TIMES:
        return a * b
    return a + b if "and" in near else None
