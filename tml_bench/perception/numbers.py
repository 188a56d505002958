"""Numbers said in English speech, each with the time of its first word.

Output is a list of whole numbers in the order said. Counting aloud stays apart ("one two three" is 1, 2, 3
and "nineteen twenty twenty one" is 19, 20, 21), which general text normalisers do not promise: Whisper's
glues the first to 123, word2number adds it up, text2num leaves ordinals and gives no times. That is why
this is our own. It is a plain left-to-right grammar, as transparent as its result is decisive for a score.

What is a number:
    * Digits: ``21``, ``1,000``, ``21st``, ``$5``, ``3-4`` (3, 4), ``1...2...3``. Not a number: decimals
      (``3.5``), clock times (``12:30``), negative ones, digits inside a word (``h264``), more than six
      digits; number words of other languages are not known either.
    * Words: zero to nineteen, tens, ``twenty-one``, ``twenty one``, ``a hundred and five``, ``two thousand
      twenty six``, and "one oh five" (105). Their ordinals too ("twenty-first" is 21); ``second`` only next
      to ``first`` or ``third`` or after a hyphen, for it is mostly a unit of time.
    * "Hundred" takes a number below ten before it: "fifteen hundred" is 15, 100.
    * A number of several words must be said in one breath: punctuation between them, or a pause of more than
      ``BREATH_S``, ends it ("twenty. one" is 20, 1). "Hundred one hundred two" is 100+1, 100+2: what
      follows a hundred belongs to it unless it leads another hundred itself.
    * ``to``/``too``, ``for``/``fore``, ``ate``, ``won`` are what recognisers write for 2, 4, 8, 1. They
      are numbers only in a run of counting: the number right before is one less and the one right after
      one more ("three for five"), or the two before end one less and a break follows ("two three for."),
      or a break precedes and the two after go on ("won two three"). A break is punctuation, a pause over
      ``BREATH_S`` or the transcript's edge.
    * ``one`` is a pronoun, and no number, in "no/any/every/some/this/that/which/the/another/each/last/next
      one" and "one of/another/thing/day/more/by".
    * A number before ``more`` or ``to go`` says what is left, not what has been: not a number here.

Limits: "a dozen", "a couple", fractions and "double three" are not known; two counts said without a pause
("twenty one" for 20, 1) are one number; a word that itself is transcribed as several numbers shares its
time among them by letters.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tml_bench import number_words as nw
from tml_bench.plain_text import plain
from tml_bench.timeline import Word

VERSION = "english-numbers 2"
"""Name and version of the rules in this module."""
BREATH_S = 0.4
"""A longer pause separates numbers; within "twenty one" speakers leave less than 0.1 s."""
_MOST_DIGITS = 6
_ORDINALS = (*nw.ORDINAL_ONES, *nw.ORDINAL_TENS, *nw.ORDINAL_SCALES)
_MAY_BE = re.compile("|".join(("[0-9]", *nw.ONES, *nw.TENS_AS_SPELT, *nw.SCALES, *_ORDINALS)))

# Letters and digits of any script stay in one token, so that "h264" and "3٣" are words, not numbers.
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]|_", re.UNICODE)
_FIGURE = re.compile(r"(?<![\w])(?P<figure>[0-9]+(?:[.,:][0-9]+)*)(?P<suffix>st|nd|rd|th)?(?!\w)")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")


class SpokenNumber(NamedTuple):
    """A number that was said, from the onset of its first word to the end of its last, in seconds.

    Both are None where the transcript has no times; ``ordinal``: said as "third" rather than "three".
    """

    value: int
    start_s: float | None
    end_s: float | None
    ordinal: bool = False


@dataclass(slots=True)
class _Token:
    """A word in lower case, or ``#`` and the digits of a number.

    ``glued``: a hyphen ties it to the one before; ``breaks``: a break lies before it.
    """

    text: str
    start_s: float | None
    end_s: float | None
    glued: bool = False
    breaks: bool = True


@dataclass(slots=True)
class _Item:
    """A number, a homophone that may be one (``maybe``), or another word (``value`` None)."""

    first: _Token
    last: _Token
    value: int | None = None
    ordinal: bool = False
    maybe: bool = False


def spoken_numbers(words: Sequence[Word]) -> tuple[SpokenNumber, ...]:
    """The numbers in a transcript, in the order said; empty for no words.

    Times may be None. One ``Word`` may hold several words ("twenty-one, two").
    """
    # Most texts hold none, and homophones alone make none.
    if not _MAY_BE.search(" ".join(plain(word.text) for word in words)):
        return ()
    items = _items(_tokens(words))
    _settle_homophones(items)
    kept = [
        item
        for k, item in enumerate(items)
        if item.value is not None and not item.maybe and not _is_no_count(items, k)
    ]
    return tuple(SpokenNumber(i.value or 0, i.first.start_s, i.last.end_s, i.ordinal) for i in kept)


def numbers_in(text: str) -> tuple[int, ...]:
    """The numbers in a text without times."""
    return tuple(n.value for n in spoken_numbers([Word(piece, None, None) for piece in text.split()]))


def _tokens(words: Sequence[Word]) -> list[_Token]:
    found: list[_Token] = []
    pending_break = True
    for word in words:
        glued = False
        said = plain(word.text)
        for text, begin, end in _pieces(said):
            if text == "-" and begin > 0:
                glued = True
                continue
            if not text[-1].isalnum():
                pending_break = pending_break or text not in "$€£#%\"'"
                continue
            token = _Token(text, *_share(word, said, begin, end), glued)
            token.breaks = pending_break or (bool(found) and _paused(found[-1], token))
            found.append(token)
            pending_break = glued = False
    return found


def _pieces(text: str) -> list[tuple[str, int, int]]:
    """Figures (with ``#`` before), words and punctuation marks in a transcript's word, with their places."""
    if text.isalpha():
        return [(text, 0, len(text))]
    text = text.replace("..", "  ")
    pieces, taken = [], []
    for m in _FIGURE.finditer(text):
        taken.append((m.start(), m.end()))
        pieces += _figures(m["figure"], bool(m["suffix"]), m.start(), negative=text[: m.start()] == "-")
    for m in _TOKEN.finditer(text):
        if not any(a < m.end() and m.start() < b for a, b in taken):
            pieces.append((m.group(), m.start(), m.end()))
    return sorted(pieces, key=lambda p: p[1])


def _figures(figure: str, ordinal: bool, begin: int, negative: bool) -> list[tuple[str, int, int]]:
    """The whole numbers of a figure; a decimal, a clock time, a negative or a huge one is a plain word."""
    if _THOUSANDS.fullmatch(figure):
        parts = [(figure.replace(",", ""), begin)]
    else:
        parts = [(m.group(), begin + m.start()) for m in re.finditer("[0-9]+", figure)]
    whole = not negative and not re.search("[.:]", figure) and all(len(p) <= _MOST_DIGITS for p, _ in parts)
    if not whole:
        return [("figure", begin, begin + len(figure))]
    end = begin + len(figure)
    ends = [at - 1 for _, at in parts[1:]] + [end]
    suffix = "th" if ordinal else ""
    return [(f"#{digits}{suffix}", at, stop) for (digits, at), stop in zip(parts, ends, strict=True)]


def _share(word: Word, said: str, begin: int, end: int) -> tuple[float | None, float | None]:
    alone = not any(c.isalnum() for c in said[:begin] + said[end:])
    if word.start_s is None or word.end_s is None or alone:
        return word.start_s, word.end_s
    step = (word.end_s - word.start_s) / len(said)
    return word.start_s + begin * step, word.start_s + end * step


def _paused(before: _Token, after: _Token) -> bool:
    return before.end_s is not None and after.start_s is not None and after.start_s - before.end_s > BREATH_S


def _items(tokens: Sequence[_Token]) -> list[_Item]:
    items: list[_Item] = []
    at = 0
    while at < len(tokens):
        value, length, ordinal = _number_at(tokens, at)
        token = tokens[at]
        if length:
            items.append(_Item(token, tokens[at + length - 1], value, ordinal))
        elif token.text in nw.HOMOPHONES:
            items.append(_Item(token, token, nw.HOMOPHONES[token.text], maybe=True))
        else:
            items.append(_Item(token, token))
        at += max(length, 1)
    return items


def _number_at(tokens: Sequence[_Token], at: int) -> tuple[int, int, bool]:
    """Value, tokens used and whether ordinal, of the longest number that begins here; 0 used if none does."""
    text = tokens[at].text
    if text.startswith("#"):
        return int(text[1:].removesuffix("th")), 1, text.endswith("th")
    value, used, ordinal = _below_hundred(tokens, at)
    if ordinal:
        return value, used, True
    total = 0
    if not used:
        # "a hundred", or a bare "hundred" when counting aloud.
        lead = 1 if text == "a" and _continues(tokens, at + 1) and tokens[at + 1].text in nw.SCALES else 0
        if tokens[at + lead].text not in nw.SCALES and tokens[at].text not in nw.ORDINAL_SCALES:
            return 0, 0, False
        value, used = 1, lead
    elif used == 1 and value < 10 and _is_oh(tokens, at):
        return 100 * value + nw.ONES[tokens[at + 2].text], 3, False
    while (after := at + used) < len(tokens):
        name = tokens[after].text
        joined = _continues(tokens, after) or used == 0
        scale = (nw.SCALES | nw.ORDINAL_SCALES).get(name)
        if not joined or scale is None or value >= (10 if scale == 100 else 1000):
            break
        if total and scale == 1000:
            value, total = value + total, 0
        total += value * scale
        used += 1
        value = 0
        if name in nw.ORDINAL_SCALES:
            return total, used, True
        rest, length, ordinal = _rest(tokens, at + used)
        value, used = rest, used + length
        if ordinal or not length:
            break
    return total + value, used, ordinal


def _rest(tokens: Sequence[_Token], at: int) -> tuple[int, int, bool]:
    """What follows a hundred or a thousand in the same number, with a leading "and"; it may be nothing."""
    lead = 1 if _continues(tokens, at) and tokens[at].text == "and" else 0
    if not _continues(tokens, at + lead):
        return 0, 0, False
    value, used, ordinal = _below_hundred(tokens, at + lead)
    after = at + lead + used
    # "one hundred | one hundred one": it leads the next number; but "two thousand three hundred" goes on.
    if used and _continues(tokens, after) and tokens[after].text == tokens[at - 1].text:
        # "one hundred twenty | one hundred twenty one"
        value, used = (value // 10 * 10, 1) if used == 2 else (0, 0)
    return (value, lead + used, ordinal) if used else (0, 0, False)


def _below_hundred(tokens: Sequence[_Token], at: int) -> tuple[int, int, bool]:
    text = tokens[at].text
    if text in nw.ONES:
        return nw.ONES[text], 1, False
    if text in nw.ORDINAL_TENS:
        return nw.ORDINAL_TENS[text], 1, True
    if text in nw.ORDINAL_ONES:
        known = text != "second" or _second_is_ordinal(tokens, at)
        return (nw.ORDINAL_ONES[text], 1, True) if known else (0, 0, False)
    if text not in nw.TENS_AS_SPELT:
        return 0, 0, False
    if _continues(tokens, at + 1):
        after = tokens[at + 1]
        if 0 < nw.ONES.get(after.text, 0) < 10:
            return nw.TENS_AS_SPELT[text] + nw.ONES[after.text], 2, False
        if 0 < nw.ORDINAL_ONES.get(after.text, 0) < 10 and (after.text != "second" or after.glued):
            return nw.TENS_AS_SPELT[text] + nw.ORDINAL_ONES[after.text], 2, True
    return nw.TENS_AS_SPELT[text], 1, False


def _continues(tokens: Sequence[_Token], at: int) -> bool:
    """Whether the token there exists and is said in one breath with the one before."""
    return at < len(tokens) and (not tokens[at].breaks or tokens[at].glued)


def _is_oh(tokens: Sequence[_Token], at: int) -> bool:
    return (
        _continues(tokens, at + 1)
        and _continues(tokens, at + 2)
        and tokens[at + 1].text in ("oh", "o")
        and 0 < nw.ONES.get(tokens[at + 2].text, 0) < 10
    )


def _second_is_ordinal(tokens: Sequence[_Token], at: int) -> bool:
    before = tokens[at - 1].text if at else ""
    after = tokens[at + 1].text if at + 1 < len(tokens) else ""
    return before in ("first", "#1th") or after in ("third", "#3th")


def _settle_homophones(items: Sequence[_Item]) -> None:
    """Decide which homophones are numbers, by what stood before any was decided, left to right."""
    for k, item in enumerate(items):
        if not item.maybe:
            continue
        near = {d: items[k + d] if 0 <= k + d < len(items) else None for d in (-2, -1, 1, 2)}
        value = item.value or 0  # which every homophone has
        fits = {d: i is not None and not i.maybe and i.value == value + d for d, i in near.items()}
        following = near[1]
        if (
            (fits[-1] and fits[1])
            or (fits[-2] and fits[-1] and (following is None or following.first.breaks))
            or (fits[1] and fits[2] and item.first.breaks)
        ):
            item.maybe = False


def _is_no_count(items: Sequence[_Item], k: int) -> bool:
    before = items[k - 1].first.text if k and not items[k].first.breaks else ""
    after = [i.first.text for i in items[k + 1 : k + 3]]
    if k + 1 < len(items) and items[k + 1].first.breaks:
        after = []
    if after[:1] == ["more"] or after == ["to", "go"]:
        return True
    return items[k].first.text == "one" and (
        before in nw.PRONOUN_AFTER or (bool(after) and after[0] in nw.PRONOUN_BEFORE)
    )
