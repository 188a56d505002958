"""A transcript in words and figures, each with its time, for what is read from them (`numbers`, `counts`).

A token is a word in the form of `tml_bench.plain_text`, or ``#`` and the digits of a whole number (``th``
behind those of ``21st``), or one of ``% / $ £ € °``. A *break* lies before a token where punctuation stands,
or where the pause is longer than ``BREATH_S``. Letters and digits stay in one token: "h264" is a word.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tml_bench.plain_text import plain
from tml_bench.timeline import Word

BREATH_S = 0.4
"""A longer pause separates numbers; within "twenty one" speakers leave less than 0.1 s."""
MOST_DIGITS = 6
"""A figure with more has no ``#``, and is no number; nor have decimals, clock times and negative ones."""
_SIGNS = "%/$£€°"
_SILENT = "#\"'"
"""Neither token nor break."""
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]|_")
_FIGURE = re.compile(r"(?<!\w)(?P<figure>[0-9]+(?:[.,:'][0-9]+)*)(?P<suffix>st|nd|rd|th)?(?!\w)")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:[,'][0-9]{3})+")

_Piece = tuple[str, int, int]
"""A token's text, and where in the text it begins and ends."""


@dataclass(slots=True)
class NumberToken:
    """A token; see the module.

    ``glued``: a hyphen ties it to the one before; ``breaks``: a break lies before it.
    """

    text: str
    start_s: float | None
    end_s: float | None
    glued: bool = False
    breaks: bool = True


def number_tokens(words: Sequence[Word]) -> list[NumberToken]:
    """The tokens of a transcript in order; empty for no words. One ``Word`` may hold several words."""
    found: list[NumberToken] = []
    pending_break = True
    for word in words:
        said = plain(word.text)
        glued = False
        for text, begin, end in _pieces(said):
            if text == "-" and begin > 0 and said[begin - 1] != " ":
                glued = True
            elif not (text[-1].isalnum() or text in _SIGNS):
                pending_break = pending_break or text not in _SILENT
            elif found and _goes_on(found[-1], text) and not pending_break:
                found[-1].text += text[1:]
                found[-1].end_s = _share(word, said, begin, end)[1]
            else:
                token = NumberToken(text, *_share(word, said, begin, end), glued)
                token.breaks = pending_break or (bool(found) and _paused(found[-1], token))
                found.append(token)
                pending_break = glued = False
    return found


def _goes_on(before: NumberToken, text: str) -> bool:
    """Whether three digits that begin with 0 belong to the figure before, as in "1 000"."""
    return (
        re.fullmatch("#0[0-9]{2}", text) is not None
        and re.fullmatch("#[1-9][0-9]{0,2}", before.text) is not None
    )


def _pieces(text: str) -> list[_Piece]:
    """Figures, words and punctuation marks of a text."""
    if text.isalpha():
        return [(text, 0, len(text))]
    text = text.replace("..", "  ")
    pieces: list[_Piece] = []
    taken = []
    for m in _FIGURE.finditer(text):
        taken.append((m.start(), m.end()))
        pieces += _figures(
            m["figure"],
            bool(m["suffix"]),
            m.start(),
            negative=re.search("(?:^| )-$", text[: m.start()]) is not None,
        )
    for m in _TOKEN.finditer(text):
        if not any(a < m.end() and m.start() < b for a, b in taken):
            pieces.append((m.group(), m.start(), m.end()))
    return sorted(pieces, key=lambda p: p[1])


def _figures(figure: str, ordinal: bool, begin: int, negative: bool) -> list[_Piece]:
    """The whole numbers of a figure, or the figure as it is."""
    if _THOUSANDS.fullmatch(figure):
        parts = [(re.sub("[,']", "", figure), begin)]
    else:
        parts = [(m.group(), begin + m.start()) for m in re.finditer("[0-9]+", figure)]
    whole = not negative and not re.search("[.:]", figure) and all(len(p) <= MOST_DIGITS for p, _ in parts)
    if not whole:
        return [(figure, begin, begin + len(figure))]
    ends = [at - 1 for _, at in parts[1:]] + [begin + len(figure)]
    suffix = "th" if ordinal else ""
    return [(f"#{digits}{suffix}", at, stop) for (digits, at), stop in zip(parts, ends, strict=True)]


def _share(word: Word, said: str, begin: int, end: int) -> tuple[float | None, float | None]:
    """When a piece of a word is said: a part of the word's time, by letters."""
    alone = not any(c.isalnum() for c in said[:begin] + said[end:])
    if word.start_s is None or word.end_s is None or alone:
        return word.start_s, word.end_s
    step = (word.end_s - word.start_s) / len(said)
    return word.start_s + begin * step, word.start_s + end * step


def _paused(before: NumberToken, after: NumberToken) -> bool:
    return before.end_s is not None and after.start_s is not None and after.start_s - before.end_s > BREATH_S
