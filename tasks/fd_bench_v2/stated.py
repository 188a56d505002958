"""Whether a turn holds to a value, by its words alone: what it only denies or replaces does not count.

"Five people, not four" holds to five and not to four; "four or five" holds to both, and so does a list of
everything. What is said back to the user, two lines or more in a row or all words ever heard, is none of the
model's own.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache

from tml_bench.users.matching import plain_words

ECHO_SHARE = 0.8
"""Who says so much of what was heard says it back."""
_SMALL = "a|an|the|at|for|on|in|to|of|by|under|with|about|your|this|that"
_BETWEEN = rf"(?:\s+(?:{_SMALL}))*\s*$"
_DENIED = re.compile(rf"\b(?:not|no longer|instead of|rather than){_BETWEEN}")
_REFUSED = re.compile(
    r"\b(?:not|never|dont|cant|cannot|wont|shouldnt|mustnt|avoid|against|refuse to|unable to)"
    r"(?:\s+\w+){0,4}\s*$"
)
_BEFORE = re.compile(rf"\b(?:originally|previously|initially|earlier|the old|replac\w+){_BETWEEN}")
_WAS = re.compile(rf"\b(?:was|were|said|had){_BETWEEN}")
_NOW = re.compile(r"\b(?:now|but|instead|changed|corrected|updated)\b")
_FROM = re.compile(
    rf"\b(?:chang|mov|updat|switch|correct|push|shift|adjust|reschedul)\w*\b[^.?!]*\bfrom{_BETWEEN}"
)
_TO = re.compile(r"[^.?!]*?\bto\b")


def holds(turn: str, wanted: str) -> bool:
    """Whether a turn says one of the alternatives of ``wanted``, at least once without denying it."""
    return any(not _DENIED.search(before) for before, _ in _found(turn, wanted))


def holds_still(turn: str, unwanted: str, refusing: bool = False) -> bool:
    """Whether a turn says one of the alternatives other than to deny or replace it, or, if so, refuse it."""
    ways = (_DENIED, _BEFORE, _REFUSED) if refusing else (_DENIED, _BEFORE)
    return any(
        not (any(way.search(before) for way in ways) or _replaced(before, after))
        for before, after in _found(turn, unwanted)
    )


def _replaced(before: str, after: str) -> bool:
    """Whether something else comes in its place: "from four to five", "it was four and is five now"."""
    moved = _FROM.search(before) and _TO.match(after)
    return bool(moved or (_WAS.search(before) and _NOW.search(after)))


def _found(turn: str, alternatives: str) -> list[tuple[str, str]]:
    """What stands before and after each place at which one of the alternatives is said."""
    text = re.sub(r"['\u2019]", "", turn.lower())
    found = []
    for words in map(plain_words, alternatives.split("|")):
        if words:
            pattern = r"(?<!\w)" + r"[\W_]+".join(map(re.escape, words)) + r"(?!\w)"
            found += [(text[: m.start()], text[m.end() :]) for m in re.finditer(pattern, text)]
    return found


@lru_cache(maxsize=1024)
def own_words(turn: str, heard: tuple[str, ...]) -> str:
    """A turn without what it says back: nearly all words ever heard, or two or more of the last lines."""
    said = plain_words(turn)
    ever = set(plain_words(" ".join(heard)))
    if len(heard) > 2 and len(ever & set(said)) >= ECHO_SHARE * len(ever):
        return " ".join(word for word in said if word not in ever)
    for first in range(len(heard) - 1):
        lines = plain_words(" ".join(heard[first:]))
        if not lines or len(said) < ECHO_SHARE * len(lines):
            continue
        blocks = SequenceMatcher(None, said, lines, autojunk=False).get_matching_blocks()
        if sum(block.size for block in blocks) >= ECHO_SHARE * len(lines):
            back = {k for block in blocks for k in range(block.a, block.a + block.size)}
            return " ".join(word for k, word in enumerate(said) if k not in back)
    return turn
