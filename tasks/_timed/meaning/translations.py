"""Translations said a little otherwise: little words, endings and order may differ."""

from collections.abc import Collection, Sequence

from tml_bench.tasks._timed.meaning.frames import strippings
from tml_bench.tasks._timed.meaning.word_lists import FOREIGN_FUNCTION, FOREIGN_NO, FUNCTION, NO
from tml_bench.tasks._timed.meaning.word_match import Words
from tml_bench.tasks._timed.meaning.wording import WordedText, stem


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
            if not any(_alike(w, s) for w in wanted) and stem(s) not in known and s not in FUNCTION
        ]
        denies = bool(set(t.words) & (FOREIGN_NO | NO)) == bool(set(left) & (FOREIGN_NO | NO))
        enough = len(missing) <= len(wanted) // 4 and len(missing) < len(wanted)
        if denies and enough and len(extra) <= (0 if missing or len(wanted) < 2 else 1):
            return " ".join(left)
    return None


def _alike(a: str, b: str) -> bool:
    """Whether two words differ in their ending at most."""
    common = next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return a == b or (common >= max(3, max(len(a), len(b)) - 2) and len(a) > 3 and len(b) > 3)
