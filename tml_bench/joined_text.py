"""Pieces of a transcript joined to one text, and the beginning of a text.

A service that splits words sends the spaces between them. If at least a tenth of a session's
pieces begin or end with white space, the pieces of a reply are joined as they stand, but for a space
between a sentence's end and a capital. Otherwise they are words or sentences and a space goes between them,
but not before a mark of punctuation or a contraction's end, nor beside a character of a script that sets no
spaces. Texts of different replies never touch.
"""

import re
from collections.abc import Sequence

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f"
_UNIT = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_NO_SPACE_BEFORE = re.compile(rf"[^\w\s]+$|['’]\w{{1,2}}\b|[{_UNSPACED}]")
_NO_SPACE_AFTER = re.compile(rf"[{_UNSPACED}]$")
_SENTENCE_END = re.compile(r"\w\w[.!?…]+[\"'’”)]*$")


def carry_spaces(texts: Sequence[str]) -> bool:
    """Whether pieces bring the spaces between words with them."""
    carrying = sum(text != text.strip() for text in texts)
    return 0 < len(texts) <= 10 * carrying


def joined(texts: Sequence[str], as_they_stand: bool) -> str:
    """The pieces of one reply as one text, whose words are set apart by single spaces."""
    whole = ""
    for text in texts:
        if as_they_stand:
            space = _SENTENCE_END.search(whole[-8:]) and text[:1].isupper()
        else:
            space = not (_NO_SPACE_BEFORE.match(text) or _NO_SPACE_AFTER.search(whole))
        whole += " " * bool(space) + text
    return " ".join(whole.split())


def heard_part(text: str, share: float) -> str:
    """The beginning of a text: the words that begin within that share of its characters, spaces aside.

    In a script that sets no spaces every character is a word. Nothing for 0, all of it for 1.
    """
    units = list(_UNIT.finditer(text))
    length = sum(len(unit[0]) for unit in units)
    at, end = 0, 0
    for unit in units:
        if at >= share * length:
            break
        at, end = at + len(unit[0]), unit.end()
    return text[:end]
