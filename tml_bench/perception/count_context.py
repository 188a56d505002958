"""Whether a number counts repetitions: rules 2 to 4 and 8 to 11 of `tml_bench.perception.counts`."""

import re
from collections.abc import Sequence
from itertools import takewhile

from tml_bench.perception import count_words as cw
from tml_bench.perception.numbers import NumberItem, clause_after, clause_before, is_pronoun

_YEARS = range(1900, 2100)
_FAR_AHEAD = 100
"""Nobody skips as many repetitions: a number farther ahead is misheard ("1334" for thirteen of 34)."""
_FAR_BACK = 2
"""A number before another noun goes back if it is lower than the running count by more than this."""


def is_count(items: Sequence[NumberItem], at: int, running: int | None) -> bool:
    """Whether the number there states the count; ``running`` is what the count was, None for not known."""
    before, after = clause_before(items, at), clause_after(items, at)
    said, following = _texts(before), _texts(after)
    if items[at].ordinal:
        return _numbers_a_repetition(items[at], before, after, running)
    return not (
        _measures(said, following, bool(after) and after[0].ordinal)
        or _is_clock(items, at)
        or (items[at].value in _YEARS and running is None)
        or (running is not None and (items[at].value or 0) > running + _FAR_AHEAD)
        or _aims(items[at], before, said)
        or _is_left(items, at, running)
        or _hedged(items, at)
        or (items[at].first.text == "one" and _names_no_number(items, at, before, said))
        or _goes_back(items[at], after, running)
    )


def relative(items: Sequence[NumberItem], at: int) -> int:
    """How many more the words from there on say to be done ("one more", "and another"); 0 for none."""
    said, following = _up_to_and(clause_before(items, at)), _up_to_and(clause_after(items, at))
    if items[at].first.text == "another":
        more, rest = 1, following[1:] if following[:1] == ["one"] else following
    elif items[at].is_number and following[:1] == ["more"]:
        more, rest = items[at].value or 0, following[1:]
    else:
        return 0
    led = bool(cw.RELATIVE_LEADS & set(said))
    if led and rest and rest[0] in cw.REPETITIONS:
        rest = rest[1:]
    fits = set(said) <= cw.RELATIVE_LEADS | cw.FILLERS and set(rest) <= cw.RELATIVE_TAILS | {"and"}
    return more if fits and (led or more == 1) else 0


def sounds_as_next(items: Sequence[NumberItem], at: int, running: int | None) -> bool:
    """Whether a word that may be the next number ends a clause where a number would: rule 4, and "second"."""
    if clause_after(items, at):
        return False
    before = {i.first.text for i in clause_before(items, at) if not i.is_number}
    if items[at].first.text == "second" and not items[at].is_number:
        return running == 1 and before <= cw.BEFORE_AN_ORDINAL
    return items[at].maybe and items[at].value == (running or 0) + 1 and before <= cw.LEADS | cw.FILLERS


def whole_of_joined(items: Sequence[NumberItem], at: int) -> int:
    """The count in a decimal that is two numbers: "1.33 more to go" is 1, and 33 to come; 0 for none."""
    found = re.fullmatch(r"(\d+)\.\d+", items[at].first.text)
    return int(found[1]) if found and _is_left(items, at, None) else 0


def ten_of_joined(items: Sequence[NumberItem], at: int, running: int | None) -> int:
    """The next ten in "34 more to go" after 29, which is 30, and 4 to come; 0 for none."""
    value = items[at].value or 0
    ten = value - value % 10
    joined = items[at].is_number and value % 10 and running is not None and ten == running + 1 >= 20
    return ten if joined and _is_left(items, at, None) else 0


def says_none(items: Sequence[NumberItem], at: int) -> bool:
    """Whether the words there say that there was no repetition: "none", "no reps so far"."""
    text, following = items[at].first.text, _texts(clause_after(items, at))
    if text == "no" and following[:1] and following[0] in cw.REPETITIONS:
        following = following[1:]
    elif text not in cw.NOTHING:
        return False
    return set(following) <= {"so", "far", "yet", "at", "all"}


def _texts(items: Sequence[NumberItem]) -> list[str]:
    return [item.first.text for item in items]


def _up_to_and(items: Sequence[NumberItem]) -> list[str]:
    """The words up to the first "and", which is the last of them: it may part what no pause parts."""
    words = _texts(items)
    return words[: words.index("and") + 1] if "and" in words else words


def _numbers_a_repetition(
    item: NumberItem, before: Sequence[NumberItem], after: Sequence[NumberItem], running: int | None
) -> bool:
    """Rule 2; a cardinal number right before makes a fraction of it ("one third")."""
    if before and before[0].is_number and not before[0].ordinal:
        return False
    said, following = _texts(before), _texts(after)
    led = not said or said[0] in cw.BEFORE_AN_ORDINAL or before[0].ordinal
    counted = running or 0
    if not after or after[0].is_number or following[0] in cw.AFTER_AN_ORDINAL:
        return led or (said[0] == "a" and following[:1] == ["one"])
    if following[0] in cw.LABELS | cw.UNITS or said[:1] == ["at"]:
        return False
    names = (
        bool(said) and said[0] in cw.BEFORE_AN_ORDINAL and following[0] not in ("of", "thing", "few", "place")
    )
    return names and (running is None or item.value in (counted, counted + 1))


def _measures(said: Sequence[str], following: Sequence[str], fraction: bool) -> bool:
    """Rule 8: units and labels, signs and denials."""
    unit = bool(following) and (following[0] in cw.UNITS or fraction)
    product = following[:1] == ["times"] and len(following) > 1 and following[1].startswith("#")
    named = bool(said) and (said[0] in cw.LABELS or said[0] in cw.NEVER_AFTER)
    return unit or product or named


def _is_clock(items: Sequence[NumberItem], at: int) -> bool:
    """Whether "a.m." or "p.m." follows."""
    return _texts(items[at + 1 : at + 3]) in (["a", "m"], ["p", "m"])


def _aims(item: NumberItem, before: Sequence[NumberItem], said: Sequence[str]) -> bool:
    """Rule 8: what is to be reached."""
    first, second = ([*said, "", ""])[:2]
    if cw.AIMS & set(said[:4]):
        return True
    if first == "of":
        return second not in cw.OF_THE_COUNT
    if first == "/":
        return len(before) > 1 and before[1].is_number
    if first == "to":
        verbs = set(said[1:]) & {"count", "counting", "scale"}
        # "We're up to ten" has counted ten.
        return bool(verbs) or (second in cw.TO_AN_AIM and second != "up")
    if first == "it":
        return second == "make" and bool({"let's", "lets"} & set(said))
    return (first == "for" and second in cw.FOR_AN_AIM) or (first == "me" and second == "give")


def _is_left(items: Sequence[NumberItem], at: int, running: int | None) -> bool:
    """Rule 8: what is still to come, said before the next number."""
    following = clause_after(items, at)
    near = _texts(list(takewhile(lambda item: not item.is_number, following[:4])))
    if cw.LEFT & set(near) or cw.LEFT_NEXT & set(near[:1]):
        return True
    if any(near[k : k + 2] in (["to", "go"], ["to", "come"]) for k in range(3)):
        return True
    # Recognisers break "23 more to go" after the number; whether they did, the count tells.
    apart = not following and running is not None and items[at].value not in (running, running + 1)
    words = _texts(items[at + 1 : at + 3])
    return apart and (words[:1] in (["more"], ["left"], ["remaining"]) or words == ["to", "go"])


def _hedged(items: Sequence[NumberItem], at: int) -> bool:
    """Rule 10, from either side."""
    numbers = [k for k in range(max(0, at - 4), min(len(items), at + 5)) if items[k].is_number]
    here = numbers.index(at)
    pairs = zip(numbers[max(0, here - 1) : here + 1], numbers[max(0, here - 1) + 1 : here + 2], strict=False)
    return any(_alternatives(items, a, b) or _range(items, a, b, at) for a, b in pairs)


def _alternatives(items: Sequence[NumberItem], a: int, b: int) -> bool:
    """Whether two numbers are joined by "or", or named by "between ... and"."""
    between = _texts(items[a + 1 : b])
    if between == ["and"]:
        return _texts(clause_before(items, a))[:1] == ["between"]
    return "or" in between and set(between) <= cw.ALTERNATIVES


def _range(items: Sequence[NumberItem], a: int, b: int, at: int) -> bool:
    """Whether the number at ``at`` is an end of the range that two numbers form."""
    if b == a + 1:
        pair = items[b].first.glued and not items[a].first.glued
        chain = b + 1 < len(items) and items[b + 1].is_number and items[b + 1].first.glued
        return pair and not chain and (items[b].value or 0) > (items[a].value or 0) + 1
    joined = _texts(items[a + 1 : b]) in (["to"], ["through"], ["until"]) and not items[a + 1].breaks
    if not joined or items[b].breaks:
        return False
    return at == a or _texts(clause_before(items, a))[:1] != ["from"]


def _names_no_number(
    items: Sequence[NumberItem], at: int, before: Sequence[NumberItem], said: Sequence[str]
) -> bool:
    """Rule 9, of the word "one"."""
    if is_pronoun(items, at):
        return True
    if at + 1 < len(items) and items[at + 1].value == 2:
        return False
    if at and items[at - 1].ordinal:  # "the sixth ... one"
        return True
    return bool(said) and said[0] not in cw.LEADS | cw.FILLERS and not before[0].is_number


def _goes_back(item: NumberItem, after: Sequence[NumberItem], running: int | None) -> bool:
    """Rule 11."""
    if running is None or (item.value or 0) >= running - _FAR_BACK or not after or after[0].is_number:
        return False
    return after[0].first.text.isalpha() and after[0].first.text not in cw.AFTER_A_COUNT
