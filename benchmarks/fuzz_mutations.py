"""Damaged inputs for `fuzz.py`: every one follows from its seeds and the state of a random generator."""

from __future__ import annotations

import json
import re
from random import Random

WORDS = (
    b"", b"\x00", b"\xff", b"\xff\xfe", b"\x80", b"\n", b"\r\n", b'"', b"\\", b",", b"[" * 3000,
    b'{"a":' * 3000, b"\\ud800", b"\xed\xa0\x80", b"\xc0\xaf", b"-", b"1e400", b"-1e400", b"NaN", b"Infinity",
    b"9" * 5000, b"9223372036854775808", b"-1", b"0", b"null", b"true", b"../../x", b"/etc/passwd", b"=1+1",
    b"\x1b[2J", b"\xe2\x80\xae", b"\xf0\x9f\x98\x80", b"a" * 5000,
)  # fmt: skip
VALUES: tuple[object, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**400, -(2**63) - 1, 0.5, 1e308, -0.0,
    float("inf"), float("nan"), "", " ", "\x00", "\ud800", "\u202e", "a" * 5000, "1e400", "NaN", "../../x",
    "/etc/passwd", "CON", "\x1b[2J", "🙂", [], {}, [None], [[[[]]]], {"": {}}, {"a": [1, "b"]}, [0] * 300,
)  # fmt: skip
TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|\w+|[\[\]{},:;|\t]')


class Mutator:
    """Draws damaged inputs from real ones.

    Args:
        seeds: Real inputs, at least one.
        text: Whether they are text (JSON, JSON lines, CSV), also damaged by token and by value.
    """

    def __init__(self, seeds: list[bytes], text: bool) -> None:
        if not seeds:
            raise ValueError("a target needs at least one real input")
        self.seeds = seeds
        self.text = text

    def draw(self, random: Random) -> bytes:
        """One seed with one to about eight changes, or two seeds joined."""
        data = random.choice(self.seeds)
        changes = [self.bytes_changed]
        if self.text:
            changes += [self.token_changed, value_changed, value_changed]
        for _ in range(1 + min(7, int(random.expovariate(0.7)))):
            data = random.choice(changes)(data, random)
        return data

    def token_changed(self, data: bytes, random: Random) -> bytes:
        """One token of a text replaced, dropped or doubled."""
        tokens = list(TOKEN.finditer(data))
        if not tokens:
            return random.choice(WORDS)
        one = random.choice(tokens)
        new = random.choice((b"", one[0] * 2, random.choice(tokens)[0], random.choice(WORDS)))
        return data[: one.start()] + new + data[one.end() :]

    def bytes_changed(self, data: bytes, random: Random) -> bytes:
        """Bits flipped; bytes put in, left out, doubled, cut off or written over; the end of another seed."""
        begin = random.randrange(len(data) + 1)
        end = min(len(data), begin + 1 + int(random.expovariate(0.05)))
        kind = random.randrange(8)
        if kind == 0 and begin < len(data):
            return data[:begin] + bytes([data[begin] ^ (1 << random.randrange(8))]) + data[begin + 1 :]
        if kind == 1:
            return data[:begin] + random.choice(WORDS) + data[begin:]
        if kind == 2:
            return data[:begin] + data[end:]
        if kind == 3:
            return data[:end] + data[begin:]
        if kind == 4:
            return data[:begin]
        if kind == 5:
            other = random.choice(self.seeds)
            return data[:begin] + other[random.randrange(len(other) + 1) :]
        if kind == 6:
            return data[:begin] + random.randbytes(end - begin) + data[end:]
        width = random.choice((1, 2, 4, 8))
        number = random.choice(
            (0, 1, 2 ** (8 * width) - 1, 2 ** (8 * width - 1), random.getrandbits(8 * width))
        )
        return data[:begin] + number.to_bytes(width, random.choice(("little", "big"))) + data[begin + width :]


def value_changed(data: bytes, random: Random) -> bytes:
    """One value of a JSON document, or of one line of JSON lines, replaced, dropped, doubled or nested.

    What is no JSON is left as it is.
    """
    lines = [data] if _parsed(data) is not None else data.split(b"\n")
    at = random.randrange(len(lines))
    line = _parsed(lines[at])
    if line is not None:
        lines[at] = _dumped(_changed(line, random), lines[at])
    return b"\n".join(lines)


def _parsed(data: bytes) -> object:
    """The value of a JSON text; None where it is none or cannot be held."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _dumped(value: object, otherwise: bytes) -> bytes:
    """A value as JSON, with lone surrogates as escapes; ``otherwise`` where it cannot be written."""
    try:
        return json.dumps(value).encode()
    except (ValueError, RecursionError):
        return otherwise


def _changed(value: object, random: Random) -> object:
    """The value with one change at a random depth."""
    inside = isinstance(value, dict | list) and value and random.random() < 0.8
    if isinstance(value, dict) and inside:
        key = random.choice(list(value))
        kind = random.randrange(8)
        if kind == 0:
            return {name: found for name, found in value.items() if name != key}
        if kind == 1:
            return {**value, str(random.choice(VALUES)): value[key]}
        return {**value, key: _changed(value[key], random)}
    if isinstance(value, list) and inside:
        at = random.randrange(len(value))
        kind = random.randrange(8)
        if kind == 0:
            return value[:at] + value[at + 1 :]
        if kind == 1:
            return value[: at + 1] + value[at:]
        return [*value[:at], _changed(value[at], random), *value[at + 1 :]]
    kind = random.randrange(6)
    if kind == 0:
        return [value]
    if kind == 1:
        return str(value)
    if kind == 2 and isinstance(value, int | float):
        return random.choice((-value, 1000, 0.5))
    return random.choice(VALUES)
