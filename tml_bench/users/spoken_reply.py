"""What a language model's reply comes to when it is spoken: words, no more than a person says at once."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from tml_bench.plain_text import plain

MAX_SENTENCES, MAX_WORDS = 4, 50
"""Of one turn."""
LONGEST_WORD = 60
"""Characters of a word; the rest of a longer one is not said."""
LONGEST_READ = 4000
"""Most characters that are looked at of a reply, after its thoughts: a turn has a tenth of them."""

_TAG = re.compile(r"[\[(<{*]\s*(next|stay)\s*[\])>}*]\s*[:.-]?", re.IGNORECASE)
_BARE_TAG = re.compile(r"^\W*(next|stay)\s*[:\n]", re.IGNORECASE)
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|$)", re.IGNORECASE | re.DOTALL)
_OWN_LABEL = re.compile(
    r"^[\"'*]*(?:user|caller|customer|examiner|human|me|you)\s*:[\"'*]*\s*", re.IGNORECASE
)
_OTHER_LABEL = re.compile(
    r"\n\s*[\"'*]*(?:assistant|agent|ai|bot|model|system|user|caller)\s*:", re.IGNORECASE
)
_DIRECTIONS = (
    re.compile(r"\[[^\]]*(?:\]|$)"),
    re.compile(r"\((?![^)]*\d)[^)]*(?:\)|$)"),
    re.compile(r"(?:^|(?<=[.!?]))\s*(?<!\*)\*(?!\*)[^*]+\*(?!\*)(?=\s|$)"),
    re.compile(r"</?[a-z][^>]*>", re.IGNORECASE),
)
_MARKUP = re.compile(r"^\s*(?:[-*+#>]+|\d+[.)])\s+|```\w*|[*_`~#|]+", re.MULTILINE)
_ASCII = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": ", ", "—": ", ", "/": " ", "&": " and "})
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"']?\s+")


@dataclass(frozen=True, slots=True)
class SpokenReply:
    """A reply as it is spoken.

    Attributes:
        text: the words; empty where there are none that could be said.
        moves_on: whether the model says that the goal is met; None where it does not say.
        ends: it says the phrase that ends the conversation, and nothing after it.
    """

    text: str
    moves_on: bool | None = None
    ends: bool = False


def spoken_reply(raw: str, end_phrase: str = "") -> SpokenReply:
    """Read a reply: without thoughts, tags, stage directions, markup, labels, and what is too long.

    ``[next]`` or ``[stay]`` anywhere in it, the first counts, is what ``moves_on`` is made of.
    """
    text = _THOUGHTS.sub(" ", raw).strip()[:LONGEST_READ]
    tag = _TAG.search(text) or _BARE_TAG.search(text)
    moves_on = None if tag is None else tag[1].lower() == "next"
    text = _BARE_TAG.sub("", _TAG.sub(" ", text)).strip()
    text = _OWN_LABEL.sub("", text)
    if label := _OTHER_LABEL.search(text):
        text = text[: label.start()]
    for direction in _DIRECTIONS:
        text = direction.sub(" ", text)
    text = _words_alone(_MARKUP.sub(" ", text))
    text, ends = _until(text, end_phrase)
    return SpokenReply(text if ends else _short(text), moves_on, ends)


def _words_alone(text: str) -> str:
    kept = (
        c if unicodedata.category(c)[0] not in "CSM" or c in "$+=%€£" else " " for c in text.translate(_ASCII)
    )
    text = re.sub(
        r"\s+([,.;:!?])", r"\1", " ".join(word[:LONGEST_WORD] for word in "".join(kept).split())
    ).strip(" ,;:-")
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    return text if any(map(str.isalnum, text)) else ""


def _until(text: str, end_phrase: str) -> tuple[str, bool]:
    """The text up to the end phrase, where it holds it, ending in a full stop."""
    words = re.findall(r"\w+", plain(end_phrase))
    if not words:
        return text, False
    found = re.search(r"\b" + r"\W+".join(map(re.escape, words)) + r"\b", text, re.IGNORECASE)
    if found is None:
        return text, False
    before = _short(text[: found.start()], sentences=MAX_SENTENCES - 1, words=MAX_WORDS - len(words))
    # A sentence that was cut off before the phrase would run into it.
    return f"{before} {found[0]}.".strip(), True


def _short(text: str, sentences: int = MAX_SENTENCES, words: int = MAX_WORDS) -> str:
    """Its first sentences, as many as fit; the first words of one that is too long by itself."""
    kept: list[str] = []
    for sentence in _SENTENCE_END.split(text)[:sentences]:
        if kept and len(" ".join([*kept, sentence]).split()) > words:
            break
        kept.append(sentence)
    cut = " ".join(kept).split()
    return " ".join(cut) if len(cut) <= words else " ".join(cut[:words]).rstrip(",;:-") + "."
