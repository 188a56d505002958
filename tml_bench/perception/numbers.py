"""Numbers named in English text or speech, each with the time of its first word.

Output is a list of whole numbers in the order said. Counting aloud stays apart ("one two three" is 1, 2, 3
and "nineteen twenty twenty one" is 19, 20, 21), which general text normalisers do not promise: Whisper's
glues the first to 123, word2number adds it up, text2num leaves ordinals and gives no times. That is why
this is our own. It is a plain left-to-right grammar, as transparent as its result is decisive for a score.
What of it counts repetitions, `tml_bench.perception.counts` decides.

What is a number:
    * Digits: ``21``, ``1,000``, ``1'000``, ``1 000``, ``21st``, ``$5``, ``3-4`` (3, 4), ``1...2...3``, in the
      digits of any script. Not a number: decimals (``3.5``), clock times (``12:30``), negative ones, digits
      inside a word (``h264``), more than six digits; number words of other languages are not known.
    * Words: zero to nineteen, tens, ``twenty-one``, ``twenty one``, ``a hundred and five``, ``two thousand
      twenty six``, "one oh five" (105), "a dozen", "half a dozen", "two dozen". Their ordinals too
      ("twenty-first" and "twenty first" are 21); ``second`` only next to ``first`` or ``third``, after a
      hyphen or before ``one``, ``rep`` and the like, for it is mostly a unit of time.
    * "Hundred" takes a number below ten before it: "fifteen hundred" is 15, 100.
    * A number of several words must be said in one breath: punctuation between them, or a pause of more than
      ``BREATH_S``, ends it ("twenty. one" is 20, 1). "Hundred one hundred two" is 100+1, 100+2: what
      follows a hundred belongs to it unless it leads another hundred itself.
    * ``to``/``too``, ``for``/``fore``, ``ate``, ``won`` are what recognisers write for 2, 4, 8, 1. They
      are numbers only in a run of counting: the number right before is one less and the one right after
      one more ("three for five"), or the two before end one less and a break follows ("two three for."),
      or a break precedes and the two after go on ("won two three"). A break is punctuation, a pause over
      ``BREATH_S`` or the transcript's edge.
    * ``one`` is a pronoun, and no number, after an ordinal ("the sixth one" is 6), a determiner or a usual
      adjective ("this one", "nice one"), a determiner and any one word ("the red one"), and before ``of``
      (but "one of ten" is 1, 10), ``another``, ``more``, ``thing``, ``day``, ``by``, "at a time".

Limits: "a couple", fractions and "double three" are not known; two counts said without a pause ("twenty one"
for 20, 1) are one number; a word that itself is transcribed as several numbers shares its time among them by
letters.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tml_bench import number_words as nw
from tml_bench.perception.number_tokens import NumberToken, number_tokens
from tml_bench.plain_text import plain
from tml_bench.timeline import Word

_ORDINALS = (*nw.ORDINAL_ONES, *nw.ORDINAL_TENS, *nw.ORDINAL_SCALES)
_MAY_BE = re.compile("|".join(("[0-9]", *nw.ONES, *nw.TENS_AS_SPELT, *nw.SCALES, *_ORDINALS, "dozen")))


NEAR = 8
"""Words farther off than this do not bear on a number."""


class SpokenNumber(NamedTuple):
    """A number that was said, from the onset of its first word to the end of its last, in seconds.

    Both are None where the transcript has no times; ``ordinal``: said as "third" rather than "three".
    """

    value: int
    start_s: float | None
    end_s: float | None
    ordinal: bool = False


@dataclass(slots=True)
class NumberItem:
    """A number, a homophone that may be one (``maybe``), or another word (``value`` None).

    ``length``: tokens it is made of, the first and the last of which it knows.
    """

    first: NumberToken
    last: NumberToken
    value: int | None = None
    ordinal: bool = False
    maybe: bool = False
    length: int = 1

    @property
    def is_number(self) -> bool:
        """Whether it is one for sure."""
        return self.value is not None and not self.maybe

    @property
    def breaks(self) -> bool:
        """Whether a break lies before it."""
        return self.first.breaks and not self.first.glued


def spoken_numbers(words: Sequence[Word]) -> tuple[SpokenNumber, ...]:
    """The numbers in a transcript, in the order said; empty for no words.

    Times may be None. One ``Word`` may hold several words ("twenty-one, two").
    """
    # Most texts hold none, and homophones alone make none.
    if not _MAY_BE.search(" ".join(plain(word.text) for word in words)):
        return ()
    items = number_items(words)
    kept = [item for k, item in enumerate(items) if item.is_number and not is_pronoun(items, k)]
    return tuple(SpokenNumber(i.value or 0, i.first.start_s, i.last.end_s, i.ordinal) for i in kept)


def numbers_in(text: str) -> tuple[int, ...]:
    """The numbers in a text without times."""
    return tuple(n.value for n in spoken_numbers([Word(piece, None, None) for piece in text.split()]))


def number_items(words: Sequence[Word]) -> list[NumberItem]:
    """A transcript as numbers and other words, pronouns among the numbers, homophones settled."""
    tokens = number_tokens(words)
    items: list[NumberItem] = []
    at = 0
    while at < len(tokens):
        value, length, ordinal = _number_at(tokens, at)
        token = tokens[at]
        if length:
            items.append(NumberItem(token, tokens[at + length - 1], value, ordinal, length=length))
        elif token.text in nw.HOMOPHONES:
            items.append(NumberItem(token, token, nw.HOMOPHONES[token.text], maybe=True))
        else:
            items.append(NumberItem(token, token))
        at += max(length, 1)
    _settle_homophones(items)
    return items


def is_pronoun(items: Sequence[NumberItem], at: int) -> bool:
    """Whether the item there is the pronoun "one"."""
    if items[at].first.text != "one" or items[at].length > 1:
        return False
    before = [item.first.text for item in clause_before(items, at)]
    after = clause_after(items, at)
    said = [item.first.text for item in after[:3]]
    return (
        (bool(before) and (items[at - 1].ordinal or before[0] in nw.PRONOUN_AFTER))
        or (len(before) > 1 and before[1] in nw.DETERMINERS and not _may_count(items, at))
        or before[:2] == ["by", "one"]
        or said == ["at", "a", "time"]
        or (said[:1] == ["of"] and not (len(after) > 1 and after[1].is_number))
        or (said[:1] == ["more"] and not nw.TIME_UNITS & set(said[1:2]))
        or (bool(said) and said[0] in nw.PRONOUN_BEFORE)
    )


def _may_count(items: Sequence[NumberItem], at: int) -> bool:
    """Whether two follows, or a word comes before that names a number."""
    return items[at - 1].first.text in nw.NAMES_A_NUMBER or (at + 1 < len(items) and items[at + 1].value == 2)


def clause_before(items: Sequence[NumberItem], at: int) -> list[NumberItem]:
    """The items before that one with no break between, the nearest first, `NEAR` at most."""
    found: list[NumberItem] = []
    while at > 0 and len(found) < NEAR and not items[at].breaks:
        at -= 1
        found.append(items[at])
    return found


def clause_after(items: Sequence[NumberItem], at: int) -> list[NumberItem]:
    """The items after that one with no break between, the nearest first, `NEAR` at most."""
    found: list[NumberItem] = []
    while at + 1 < len(items) and len(found) < NEAR and not items[at + 1].breaks:
        at += 1
        found.append(items[at])
    return found


def _number_at(tokens: Sequence[NumberToken], at: int) -> tuple[int, int, bool]:
    """Value, tokens used and whether ordinal, of the longest number that begins here; 0 used if none does."""
    text = tokens[at].text
    if text.startswith("#"):
        value, used, ordinal = int(text[1:].removesuffix("th")), 1, text.endswith("th")
        return _dozens(tokens, at, value, used) or (value, used, ordinal)
    value, used, ordinal = _below_hundred(tokens, at)
    if ordinal:
        return value, used, True
    if dozens := _dozens(tokens, at, value, used):
        return dozens
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


def _dozens(tokens: Sequence[NumberToken], at: int, value: int, used: int) -> tuple[int, int, bool] | None:
    """What is said in dozens after a number of so many tokens, if it is: "two dozen", "(half) a dozen"."""
    texts = [t.text for k, t in enumerate(tokens[at : at + 3], at) if k == at or _continues(tokens, k)]
    if used and value < 100 and texts[used : used + 1] == ["dozen"]:
        return 12 * value, used + 1, False
    if texts[:2] == ["a", "dozen"]:
        return 12, 2, False
    return (6, 3, False) if texts == ["half", "a", "dozen"] else None


def _rest(tokens: Sequence[NumberToken], at: int) -> tuple[int, int, bool]:
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


def _below_hundred(tokens: Sequence[NumberToken], at: int) -> tuple[int, int, bool]:
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
        named = after.glued or (_continues(tokens, at + 2) and tokens[at + 2].text in nw.REPETITION)
        if 0 < nw.ORDINAL_ONES.get(after.text, 0) < 10 and (after.text != "second" or named):
            return nw.TENS_AS_SPELT[text] + nw.ORDINAL_ONES[after.text], 2, True
    return nw.TENS_AS_SPELT[text], 1, False


def _continues(tokens: Sequence[NumberToken], at: int) -> bool:
    """Whether the token there exists and is said in one breath with the one before."""
    return at < len(tokens) and (not tokens[at].breaks or tokens[at].glued)


def _is_oh(tokens: Sequence[NumberToken], at: int) -> bool:
    return (
        _continues(tokens, at + 1)
        and _continues(tokens, at + 2)
        and tokens[at + 1].text in ("oh", "o")
        and 0 < nw.ONES.get(tokens[at + 2].text, 0) < 10
    )


def _second_is_ordinal(tokens: Sequence[NumberToken], at: int) -> bool:
    before = tokens[at - 1].text if at else ""
    after = tokens[at + 1].text if at + 1 < len(tokens) else ""
    return before in ("first", "#1th") or after in ("third", "#3th", *nw.REPETITION)


def _settle_homophones(items: Sequence[NumberItem]) -> None:
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
