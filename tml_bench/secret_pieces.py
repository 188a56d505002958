"""Finds pieces of known secrets in a text: whole or cut, as they are, URL-encoded, escaped or in base64.

A service that refuses a key likes to show a part of it, and a text may end in the middle of one. A piece is a
run of 5 characters of a secret, of 6 of its base64, which hold as much. The prefix that all keys of a service
have is no secret. A secret may be made of words: where speech is recorded they must stay, so there it takes
12 characters of such a secret in a row, unless five of them are no word either, such as ``y-012``. One
character five times is no piece.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Span = tuple[int, int]

SHORTEST = 12
"""Characters after the prefix of a secret of which pieces are looked for; shorter ones are whole or none."""
PIECE = 5
"""Characters in a row that are a piece of a secret."""
WORDY_PIECE = 12
"""The same where words stay, for words and numbers that a secret is made of."""
PREFIXES = (
    "sk-proj-", "sk-svcacct-", "sk-admin-", "sk-ant-api03-", "sk-or-v1-", "sk-", "sk_", "AIzaSy", "hf_",
    "gsk_", "xai-", "pplx-", "r8_", "ghp_", "github_pat_",
)  # fmt: skip
"""What all keys of a service begin with, the longer before what it begins with."""
_STRUCTURE = re.compile(r"[\s{}\"',:]+|-{5}")
_LONG_PART = 20
_QUICK = 4
_STEP = 2
_LONG = 1000
_SLOTS = 1_000_003
_LAYERS = 3
_WORD = re.compile(r"[A-Za-z]?[a-z]*|[A-Z]+|[0-9]+")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[^A-Za-z0-9]")
_quads = re.compile(f"(?s){'.' * _QUICK}").findall


class SecretPieces:
    """Finds pieces of these secrets.

    Args:
        secrets: known to be ones.
        maybe: may be paths or words; only those that look random have pieces.
        words_stay: words that one of ``secrets`` is made of are no pieces.
    """

    def __init__(
        self, secrets: Iterable[str] = (), maybe: Iterable[str] = (), *, words_stay: bool = False
    ) -> None:
        self._pieces: dict[int, set[str]] = {}
        self._quick: set[str] = set()
        for secret in (part for each in secrets for part in _parts(each)):
            self._add(secret, words_stay and not _is_random(secret))
        for secret in (part for each in maybe for part in _parts(each)):
            if _is_random(secret):
                self._add(secret)

    def _add(self, secret: str, spares: bool = False) -> None:
        prefix = _prefix(secret)
        if len(secret) - len(prefix) < SHORTEST:
            return
        self._cut(secret, PIECE, max(0, len(prefix) - PIECE + 1), spares)
        if spares:
            self._cut(secret, WORDY_PIECE)
        length = WORDY_PIECE if spares else PIECE
        data = secret.encode("utf-8", "replace")
        if not secret.isascii():  # as a URL spells it, byte for byte
            self._cut(data.decode("latin-1"), length)
        for coded in _base64_forms(data):
            self._cut(coded, length * 8 // 6)

    def _cut(self, text: str, length: int, first: int = 0, spares: bool = False) -> None:
        pieces = {text[i : i + length] for i in range(first, len(text) - length + 1)}
        pieces = {p for p in pieces if len(set(p)) > 1 and not (spares and _WORD.fullmatch(p))}
        self._pieces.setdefault(length, set()).update(pieces)
        self._quick.update(p[i : i + _QUICK] for p in pieces for i in range(length - _QUICK + 1))

    def spans(self, text: str) -> list[Span]:
        """Where pieces lie, as start and end; those that touch are one. Empty for a text without any."""
        if not self._quick:
            return []
        found = self._spans(text)
        if "%" in text or "\\" in text:
            places: list[int] = list(range(len(text) + 1))
            for _ in range(_LAYERS):
                plain, places = _unescaped(text, places)
                if plain == text:
                    break
                text = plain
                found += [(places[start], places[end]) for start, end in self._spans(text)]
        return joined(found)

    def _spans(self, text: str) -> list[Span]:
        # A piece is long enough to hold four characters that begin at an even place: most texts have none.
        return [
            (i, i + length)
            for place in (self._places(text) if len(text) < _LONG else self._places_of_long(text))
            for length, pieces in self._pieces.items()
            for i in range(max(0, place + _QUICK - length), place + 1)
            if text[i : i + length] in pieces
        ]

    def _places(self, text: str) -> list[int]:
        """Even places where four characters are ones of a piece."""
        if self._quick.isdisjoint(_quads(text)) and self._quick.isdisjoint(_quads(text, _STEP)):
            return []
        return [i for i in range(0, len(text), _STEP) if text[i : i + _QUICK] in self._quick]

    def _places_of_long(self, text: str) -> list[int]:
        """The same, by a table of numbers: a service may send megabytes, and all sessions wait for it."""
        import numpy as np

        data = text.encode("latin-1", "replace")
        found: list[int] = []
        for first in (0, _STEP):
            quads = np.frombuffer(data, "<u4", (len(data) - first) // _QUICK, first)
            found += (np.flatnonzero(self._table[quads % _SLOTS]) * _QUICK + first).tolist()
        return [i for i in found if text[i : i + _QUICK] in self._quick]

    @cached_property
    def _table(self) -> NDArray[np.bool_]:
        import numpy as np

        table = np.zeros(_SLOTS, dtype=np.bool_)
        quads = "".join(sorted(self._quick)).encode("latin-1", "replace")
        table[np.frombuffer(quads, "<u4") % _SLOTS] = True
        return table


def _prefix(secret: str) -> str:
    return next((prefix for prefix in PREFIXES if secret.startswith(prefix)), "")


def _is_random(secret: str) -> bool:
    prefix = _prefix(secret)
    return bool(prefix) or looks_random(secret)


def _parts(secret: str) -> list[str]:
    """The secret itself; of a file of keys, or an object with one, what looks like a key."""
    if not _STRUCTURE.search(secret):
        return [secret]
    return [part for part in _STRUCTURE.split(secret) if len(part) >= _LONG_PART and _is_random(part)]


def looks_random(text: str) -> bool:
    """Whether letters, digits and capitals change so often, a fifth of the time, that it holds no words."""
    marks = [c for c in text if c.isalnum()]
    changes = sum(_changes(a, b) for a, b in pairwise(marks))
    return changes >= 0.2 * (len(text) - 1)


def _changes(a: str, b: str) -> bool:
    """A word may begin with a capital, so from a capital to a small letter is no change."""
    return a.isdigit() != b.isdigit() or (a.islower() and b.isupper())


def _base64_forms(data: bytes) -> Iterator[str]:
    """The characters of its base64 that depend on nothing before or after it, in both alphabets."""
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(bytes(before) + data).decode()[first:last]


def _unescaped(text: str, places: list[int]) -> tuple[str, list[int]]:
    """One layer of URL-encoding and backslashes undone, and where each character stood."""
    pieces: list[str] = []
    kept: list[int] = []
    at = 0
    for escape in _ESCAPE.finditer(text):
        start, end = escape.span()
        pieces += text[at:start], _character(escape.group())
        kept += places[at : start + 1]
        at = end
    return "".join(pieces) + text[at:], kept + places[at:]


def _character(escape: str) -> str:
    digits = escape[1:] if escape[0] == "%" else escape[2:]
    return chr(int(digits, 16)) if digits else escape[1]


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same stretches in order, those that touch or overlap as one."""
    whole: list[Span] = []
    for start, end in sorted(spans):
        if whole and start <= whole[-1][1]:
            whole[-1] = whole[-1][0], max(end, whole[-1][1])
        else:
            whole.append((start, end))
    return whole
