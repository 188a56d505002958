"""A reply in clauses: what is said last counts, what is denied or only mentioned is set aside."""

# ruff: noqa: SIM905 -- word lists read better as text

import re
from functools import lru_cache
from typing import NamedTuple

from tml_bench.tasks._timed.meaning.word_lists import SPELLINGS
from tml_bench.tasks._timed.meaning.wording import written_out


class Clause(NamedTuple):
    """A part of a reply between two marks of punctuation or conjunctions.

    Attributes:
        words: its words, in order; never none.
        end: the mark after it; empty where a conjunction or nothing follows.
    """

    words: tuple[str, ...]
    end: str

    @property
    def text(self) -> str:
        """The words, with single spaces."""
        return " ".join(self.words)


_MARK = re.compile(r"\s*([.!?;:,]+|\s-+\s|--+|\.\.+)\s*")
_AUXILIARY = frozenset(
    """
    is are was were do does did can could will would should shall am have has had might may must or if why
    better certainly definitely just still really actually
    """.split()
)
"""A "not" after these belongs to what is said; after other words it contrasts."""
_CONJUNCTION = re.compile(
    r"(?:but|because|since|although|though|whereas|instead of|rather than|and not|as opposed to|unlike|"
    r"which is|"
    r"as it|as that|so that)\b"
)
_CORRECTION = (
    "no wait|wait no|wait a second no|no no|i mean|i meant|scratch that|make that|or rather|correction|"
    "let me correct myself|sorry i mean|"
    "sorry i meant|oh wait|wait|hang on|hold on|my mistake|my bad|oops|no sorry|sorry no|no it is|"
    "no that is|strike that|rather|no actually|"
    "actually no"
)
_CORRECTS = re.compile(rf"(?:{_CORRECTION})\b ?")


@lru_cache(maxsize=8192)
def clauses(text: str) -> tuple[Clause, ...]:
    """The clauses of a text, in order; empty for no words."""
    said = written_out(text).replace("…", ",")
    pieces = _MARK.split(f"{said} ")
    found: list[Clause] = []
    for spoken, mark in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
        words = tuple(SPELLINGS.get(w, w) for w in re.findall(r"[^\W_]+", spoken))
        parts = _parts(words)
        for k, part in enumerate(parts):
            found.append(
                Clause(part, (mark.strip()[:1] or "-" if mark else "") if k == len(parts) - 1 else "")
            )
    return tuple(found)


def _parts(words: tuple[str, ...]) -> list[tuple[str, ...]]:
    """A clause parted before its conjunctions, and before a "not" that contrasts."""
    if not words:
        return []
    starts = [0]
    for k in range(1, len(words)):
        contrast = words[k] == "not" and words[k - 1] not in _AUXILIARY
        if contrast or _CONJUNCTION.match(" ".join(words[k : k + 3])):
            starts.append(k)
    return [words[a:b] for a, b in zip(starts, [*starts[1:], len(words)], strict=True)]


def last_word(said: tuple[Clause, ...], keep: frozenset[str]) -> tuple[Clause, ...]:
    """What is left when the speaker corrects themselves: what follows the correction, if anything does.

    Args:
        said: the clauses.
        keep: texts that are answers, and no corrections.
    """
    for k in range(len(said) - 1, 0, -1):
        text = said[k].text
        match = _CORRECTS.match(text)
        if not match or any(f"{text} ".startswith(f"{form} ") and _CORRECTS.match(form) for form in keep):
            continue
        rest = tuple(text[match.end() :].split())
        after = (*((Clause(rest, said[k].end),) if rest else ()), *said[k + 1 :])
        if after:
            return after
    return said
