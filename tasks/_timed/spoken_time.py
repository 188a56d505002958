"""Lengths of time said in English, in seconds.

Numbers are those of `tml_bench.perception.numbers`, and decimals in figures (``9.5``). A number counts as a
length where ``seconds`` or ``minutes`` follows, with at most ``and a half``, ``point five`` or ``more``
between; a range ("nine or ten seconds") gives both its numbers, minutes and seconds together ("a minute and
ten seconds") give one. Also ``a minute``, ``half a minute``, ``a minute and a half``. Without any unit in the
text, every number counts as seconds ("ten, I think"), but ordinals ("longer than the first", "number two")
and a "one" that stands for a thing or before one ("the first one won", "I heard one knock"). Hours, fractions
other than halves and "a couple" are not known.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from tml_bench.perception.numbers import spoken_numbers
from tml_bench.plain_text import plain
from tml_bench.timeline import Word

_UNITS = {"second": 1.0, "sec": 1.0, "s": 1.0, "minute": 60.0, "min": 60.0}
_DECIMAL = re.compile(r"\d+\.\d+")
_RANGE = {"or", "to", "and", "through", "until", "between"}


class _Length(NamedTuple):
    start: int
    end: int
    value: float
    unit: float | None


@lru_cache(maxsize=4096)
def seconds_in(text: str) -> tuple[float, ...]:
    """Every length of time in a text, seconds, in order; empty when there is none."""
    tokens = re.findall(r"\d+(?:[.,]\d+)*|[a-z]+(?:'[a-z]+)?", _spaced(text))
    lengths: list[_Length] = []
    for length in sorted([*_numbers(tokens), *_bare_minutes(tokens)]):
        if not lengths or length.start >= lengths[-1].end:
            lengths.append(length)
    lengths = _ranges(tokens, lengths)
    if any(length.unit for length in lengths):
        return _joined(tokens, [length for length in lengths if length.unit])
    return tuple(length.value for length in lengths if not _names_a_thing(tokens, length))


_ORDINALS = set(re.split(" ", "first second third fourth fifth sixth seventh eighth ninth tenth"))
_BEFORE_A_THING = _ORDINALS | set(
    re.split(" ", "the this that which each every no any only last next other another question round")
)
_AFTER_A_LENGTH = set(re.split(" ", "i you it that give or to and maybe perhaps about in so then long at"))


def _names_a_thing(tokens: list[str], length: _Length) -> bool:
    """Whether a number without a unit says which or how many things, and no length of time."""
    first, after = tokens[length.start], tokens[length.end : length.end + 1]
    if first in _ORDINALS or tokens[max(0, length.start - 1) : length.start] == ["number"]:
        return True
    one = first == "one" and length.end == length.start + 1
    before = set(tokens[max(0, length.start - 1) : length.start])
    return one and (bool(before & _BEFORE_A_THING) or not set(after) <= _AFTER_A_LENGTH)


def _spaced(text: str) -> str:
    """Lower case; hyphens and dashes between numbers become spaces, units come off their figures."""
    said = re.sub(r"(?<=\d) ?- ?(?=\d)", " to ", plain(text))
    return re.sub(r"(?<=\d)(?=s\b|sec|min)", " ", said).replace("-", " ")


def _numbers(tokens: list[str]) -> list[_Length]:
    found: list[tuple[int, int, float]] = [
        (k, k + 1, float(token)) for k, token in enumerate(tokens) if _DECIMAL.fullmatch(token)
    ]
    # Token places serve as times, so that every number comes with its place.
    words = [Word(token, float(k), k + 1.0) for k, token in enumerate(tokens)]
    for number in spoken_numbers(words):
        if number.start_s is not None and number.end_s is not None:
            found.append((int(number.start_s), int(number.end_s), float(number.value)))
    return [_with_unit(tokens, *place) for place in sorted(found)]


def _with_unit(tokens: list[str], start: int, end: int, value: float) -> _Length:
    if tokens[end : end + 1] == ["more"] and _unit(tokens, end + 1):
        end += 1
    if tokens[end : end + 3] == ["and", "a", "half"]:
        end, value = end + 3, value + 0.5
    elif tokens[end : end + 1] == ["point"] and end + 1 < len(tokens):
        tenths = _digit(tokens[end + 1])
        if tenths is not None:
            end, value = end + 2, value + tenths / 10
    unit = _unit(tokens, end)
    if unit and tokens[end + 1 : end + 4] == ["and", "a", "half"]:
        return _Length(start, end + 4, value + 0.5, unit)
    return _Length(start, end + 1 if unit else end, value, unit)


def _digit(token: str) -> int | None:
    numbers = spoken_numbers([Word(token, None, None)])
    return numbers[0].value if len(numbers) == 1 and numbers[0].value < 10 else None


def _unit(tokens: list[str], at: int) -> float | None:
    if at >= len(tokens):
        return None
    return _UNITS.get(tokens[at]) or _UNITS.get(tokens[at].removesuffix("s"))


def _bare_minutes(tokens: list[str]) -> list[_Length]:
    """``a minute``, ``half a minute``, ``a minute and a half``."""
    found = []
    for k, token in enumerate(tokens):
        if token not in ("minute", "min") or tokens[k - 1 : k] != ["a"]:
            continue
        if tokens[max(0, k - 2) : k - 1] == ["half"]:
            found.append(_Length(k - 2, k + 1, 0.5, 60.0))
        elif tokens[k + 1 : k + 4] == ["and", "a", "half"]:
            found.append(_Length(k - 1, k + 4, 1.5, 60.0))
        else:
            found.append(_Length(k - 1, k + 1, 1.0, 60.0))
    return found


def _ranges(tokens: list[str], lengths: list[_Length]) -> list[_Length]:
    """Give the first number of a range the unit of the second."""
    found = list(lengths)
    for k in reversed(range(len(found) - 1)):
        a, b = found[k], found[k + 1]
        if a.unit is None and b.unit and set(tokens[a.end : b.start]) <= _RANGE and b.start - a.end <= 1:
            found[k] = a._replace(unit=b.unit)
    return found


def _joined(tokens: list[str], lengths: list[_Length]) -> tuple[float, ...]:
    """Seconds of every length, minutes with the seconds that follow them."""
    values: list[float] = []
    minutes: _Length | None = None
    for length in lengths:
        if minutes and length.unit == 1.0 and set(tokens[minutes.end : length.start]) <= {"and"}:
            values[-1] += length.value
        else:
            values.append(length.value * (length.unit or 1.0))
        minutes = length if length.unit == 60.0 else None
    return tuple(values)
