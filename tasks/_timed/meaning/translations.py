"""Translations said a little otherwise: little words, endings and order may differ."""

from collections.abc import Collection, Sequence

from tml_bench.tasks._timed.meaning.frames import strippings
from tml_bench.tasks._timed.meaning.word_lists import FOREIGN_FUNCTION, FOREIGN_NO, FUNCTION, NO
from tml_bench.tasks._timed.meaning.word_match import Words
from tml_bench.tasks._timed.meaning.wording import WordedText, stem

LONG_WORD = 6
"""In a word of as many letters one may be wrong."""


def translation_in(accepted: Sequence[WordedText], known: Collection[str], words: Words) -> str | None:
    """A translation with another little word, ending or order; no other word that carries meaning.

    Args:
        accepted: translations that are right.
        known: stems that are no surprise.
        words: what is said.

    Returns:
        What is said without frames; None where it is no such translation.
    """
    left = min(strippings(words), key=len) or words
    said = [w for w in left if w not in FOREIGN_FUNCTION]
    for t in accepted:
        wanted = [w for w in t.words if w not in FOREIGN_FUNCTION]
        missing = [w for w in wanted if not any(_alike(w, s) for s in said)]
        extra = [
            s
            for s in said
            if stem(s) not in known and s not in FUNCTION and not any(_alike(w, s) for w in wanted)
        ]
        denies = bool(set(t.words) & (FOREIGN_NO | NO)) == bool(set(left) & (FOREIGN_NO | NO))
        enough = len(missing) <= len(wanted) // 4 and len(missing) < len(wanted)
        if denies and enough and len(extra) <= (0 if missing or len(wanted) < 2 else 1):
            return " ".join(left)
    return None


def _same(a: str, b: str) -> int:
    """How many letters two words begin with that are the same."""
    return next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _alike(a: str, b: str) -> bool:
    """Whether two words differ in their ending at most, or long ones in one letter, as recognisers write."""
    shorter, longer = sorted((len(a), len(b)))
    if a == b or shorter <= 3:
        return a == b
    first = _same(a, b)
    if shorter < LONG_WORD or first >= max(3, longer - 2):
        return first >= max(3, longer - 2)
    return first + min(_same(a[::-1], b[::-1]), shorter - first) >= longer - 1
