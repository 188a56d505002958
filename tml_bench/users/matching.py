"""Whether a text says something, in one of several wordings: whole words, without case and punctuation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
_QUESTION = re.compile(
    r"(what|when|where|who|whom|whose|which|why|how|do|does|did|can|could|would|will|shall|should|may|is|are|"
    r"was|were|have|has|tell me|give me|and your|and the)\b"
)
_SENTENCE = re.compile(r"[^.!?]+[.!?]*")


@lru_cache(maxsize=4096)
def plain_words(text: str) -> tuple[str, ...]:
    """Its words in lower case; an apostrophe joins what stands around it."""
    return tuple(_WORD.findall(re.sub(r"['\u2019]", "", text.lower())))


def says(text: str, alternatives: str) -> bool:
    """Whether a text holds one of the alternatives, which have ``|`` between them, word for word."""
    words = plain_words(text)
    return any(_holds(words, plain_words(one)) for one in alternatives.split("|"))


def says_all(text: str, entries: Iterable[str]) -> bool:
    """Whether a text holds each entry in one of its alternatives; True where there are none."""
    return all(says(text, entry) for entry in entries)


def _holds(words: Sequence[str], wanted: Sequence[str]) -> bool:
    size = len(wanted)
    return size > 0 and any(words[k : k + size] == wanted for k in range(len(words) - size + 1))


def questions(text: str) -> list[str]:
    """The sentences that ask for something: with a question mark, or begun as questions are."""
    sentences = (one.strip() for one in _SENTENCE.findall(text))
    return [one for one in sentences if one.endswith("?") or _QUESTION.match(" ".join(plain_words(one)))]
