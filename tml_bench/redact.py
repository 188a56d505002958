"""Keeps secrets and bulk out of what is written: keys are blanked, audio and images told by their size.

A text is always looked through before it is cut, or a key at the cut would not be seen to be one: `cut` does
both. What comes out can be written to any file: half a surrogate pair, which no encoding takes, is replaced.
"""

import os
import re
import string
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from tml_bench.secret_pieces import SecretPieces, Span, joined

LONG_TEXT = 400
"""A longer run of base64 characters is taken for audio or an image."""
LONGEST_KEPT = 20_000
"""Most characters kept of a text of a message."""
LONGEST_LINE = 300
"""Most characters of a stranger's text in a line of a message."""
LONGEST_REASON = 2000
"""Most characters of the reason of an outcome."""
MAX_ITEMS = 200
"""Most entries kept of a list or an object of a message."""
MAX_DEPTH = 12
"""Deepest nesting kept of a message."""

BLANK = "[redacted]"
_NUMBERS = (int, float)
"""Truth values too. Most fields of a micro-turn's messages are numbers: they are told apart first."""

_SECRET_NAMES = re.compile(
    r"(api[-_]?key|authorization|secret|token(?!i[sz]|s\b|s?_?(?:count|detail|limit))|password|credential)",
    re.IGNORECASE,
)
"""Names of texts that are blanked; how many tokens, and what makes them, is none."""
_SECRET_OBJECTS = re.compile(r"(authorization|secret|password|credential)", re.IGNORECASE)
"""Names of objects that are blanked as a whole; one named after tokens may count them."""
_SHORTEST_NUMBER = 10
_BASE64 = (string.ascii_letters + string.digits + "+/_=-").encode()
_KEY_SHAPES = r"\b(?:sk-[A-Za-z0-9_-]{16,}|AIza[0-9A-Za-z_-]{30,}|Bearer\s+[A-Za-z0-9._~+/=-]{8,})"
_IN_ADDRESS = (
    r"[?&](?i:[\w.-]*(?:key|token|secret|password|auth|signature|credential))=(?P<entry>[^&#\s\"'<>\\]+)"
    r"|://[^/\s:@?#\"']*:(?P<password>[^/\s@?#\"']+)@"
)
_address = re.compile(_IN_ADDRESS)

_SECRET_VARIABLE = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$")
_SHORTEST_SECRET = 6
_WORD = re.compile(r"[A-Za-z]{,11}")
_AHEAD = 4096
"""Characters looked at beyond where a text is cut: a key that begins before it is seen whole."""
_SHORT = 80
_DEEPEST = 100
_MOST_BITS = 4096

_SURROGATE = re.compile("[\ud800-\udfff]")

_known: set[str] = set()


def remember_secret(secret: str) -> None:
    """Blank this text and pieces of it from now on; shorter than 6 characters it is not a secret."""
    if len(secret) >= _SHORTEST_SECRET and secret not in {BLANK, *_known}:
        _known.add(secret)
        for cached in (_marks, _pattern, _pieces, _short):
            cached.cache_clear()


def remember_named(name: str, value: object) -> None:
    """As `remember_secret`, for a value whose name says that it is one, such as ``api_key``.

    So is what an address holds: a password, or entries of its query with such names. A short number is none:
    it says how many tokens.
    """
    text = str(value)
    if _SECRET_NAMES.search(name) and (isinstance(value, str) or len(text) >= _SHORTEST_NUMBER):
        remember_secret(text)
    for found in _address.finditer(text):
        remember_secret(found["entry"] or found["password"])


def is_secret_name(name: str) -> bool:
    """Whether what has this name is a secret, such as ``api_key``; ``max_tokens`` is none."""
    return _SECRET_NAMES.search(name) is not None


def holds_secret(address: str) -> bool:
    """Whether an address has a password, or an entry of its query that is named like a secret."""
    return _address.search(address) is not None


@cache
def _secrets() -> frozenset[str]:
    """Values of environment variables named like secrets, but for plain words.

    The environment is read once: looking through it for every message would cost more than the message.
    """
    named = (value for name, value in os.environ.items() if _SECRET_VARIABLE.search(name))
    return frozenset(v for v in named if len(v) >= _SHORTEST_SECRET and not _WORD.fullmatch(v))


@cache
def _marks() -> tuple[str, ...]:
    """One of these stands in each text that the pattern is found in: to look for them takes less time."""
    return (*_known, *_secrets(), "sk-", "AIza", "Bearer", "=", "://")


@cache
def _pattern() -> re.Pattern[str]:
    """Secrets as they are, what looks like a key, and what stands under a telling name in an address."""
    literal = sorted(map(re.escape, _known | _secrets()), key=len, reverse=True)
    return re.compile("|".join([*literal, _KEY_SHAPES, _IN_ADDRESS]))


@cache
def _pieces(words_stay: bool) -> SecretPieces:
    return SecretPieces(_known, _secrets() - _known, words_stay=words_stay)


def _spans(text: str, words_stay: bool) -> list[Span]:
    """What to blank in a text."""
    whole = []
    if any(mark in text for mark in _marks()):
        whole = [found.span(found.lastgroup or 0) for found in _pattern().finditer(text)]
    pieces = _pieces(words_stay).spans(text)
    return joined(whole + pieces) if whole or pieces else []


def redacted(text: str) -> str:
    """The text without secrets, as any file takes it: half a surrogate pair becomes U+FFFD.

    Secrets are known ones, those in the environment, pieces of either (see `secret_pieces`), what looks like
    a key, and what an address holds under a telling name.
    """
    return _short(text) if len(text) <= _SHORT else _blanked(text, len(text))


def redacted_speech(text: str, before: str = "") -> str:
    """As `redacted`, for what is said, written or called: words that a secret is made of stay.

    ``before`` is what the text goes on from: a secret that began there is blanked here.
    """
    if not before and len(text) <= _SHORT:
        return _short(text, words_stay=True)
    return _blanked(before + text, len(before + text), len(before), words_stay=True)


@lru_cache(maxsize=4096)
def _short(text: str, words_stay: bool = False) -> str:
    """Services repeat types, names and numbers in every message."""
    return _blanked(text, len(text), words_stay=words_stay)


def cut(text: str, longest: int) -> str:
    """At most so many characters of a text without secrets: what is looked through first, then cut."""
    if len(text) <= _SHORT:
        return _short(text)[:longest]
    return _blanked(text[: longest + _AHEAD], longest)[:longest]


def _blanked(text: str, end: int, begin: int = 0, *, words_stay: bool = False) -> str:
    """The characters between two places, those blanked that belong to a secret anywhere in the text."""
    pieces: list[str] = []
    at = begin
    for first, last in _spans(text, words_stay):
        if last > at and first < end:
            pieces += text[at:first], BLANK
            at = last
    return writable("".join([*pieces, text[at:end]]))


def writable(text: str) -> str:
    """The text with the halves of each surrogate pair as one character, and U+FFFD for halves alone."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def plain(text: str, longest: int = LONGEST_LINE) -> str:
    """A stranger's text for one line of a message: no control characters, no secrets, bounded in length."""
    return "".join(c if c.isprintable() else " " for c in cut(text, longest))


class KeptMessage(dict[str, object]):
    """A message as it may be recorded; see `kept`."""


def kept(message: Mapping[str, object]) -> KeptMessage:
    """A message as it may be recorded: no secrets, no bulk, bounded in size and depth."""
    return message if isinstance(message, KeptMessage) else KeptMessage(_kept_object(message, 0))


def recordable(value: object, depth: int = 0) -> object:
    """A JSON value without secrets in its texts and names, otherwise as it is; see `redacted_speech`.

    What is nested deeper than 100 is left out, as no reader would take it.
    """
    if isinstance(value, str):
        return redacted_speech(value)
    if isinstance(value, int):
        return _kept_number(value)
    if not isinstance(value, Mapping | list | tuple) or isinstance(value, KeptMessage):
        return value
    if depth == _DEEPEST:
        return "[too deep]"
    if isinstance(value, Mapping):
        return {redacted_speech(str(name)): recordable(inner, depth + 1) for name, inner in value.items()}
    return [recordable(inner, depth + 1) for inner in value]


def _kept(value: object, depth: int) -> object:
    if depth > MAX_DEPTH:
        return "[too deep]"
    if isinstance(value, int):  # first, as most fields of a micro-turn's messages are numbers
        return _kept_number(value)
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, Mapping):
        return _kept_object(value, depth)
    if isinstance(value, str):
        return _kept_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if isinstance(value, Sequence):
        return [_kept(item, depth + 1) for item in value[:MAX_ITEMS]]
    return cut(str(value), LONG_TEXT)


def _kept_number(value: int) -> int | str:
    """Nobody writes or reads numbers of thousands of digits."""
    return value if value.bit_length() <= _MOST_BITS else f"[a number of {value.bit_length()} bits]"


def _kept_object(value: Mapping[str, object], depth: int) -> dict[str, object]:
    items = list(value.items())[:MAX_ITEMS]
    return {cut(str(k), LONG_TEXT): _field(str(k), v, depth) for k, v in items}


def _field(name: str, value: object, depth: int) -> object:
    if isinstance(value, _NUMBERS):
        return _kept(value, depth + 1)
    if isinstance(value, str) and _SECRET_NAMES.search(name):
        return BLANK
    if isinstance(value, Mapping) and _SECRET_OBJECTS.search(name):
        return BLANK
    return _kept(value, depth + 1)


def _kept_text(text: str) -> str:
    if len(text) > LONG_TEXT and text.isascii() and not text.encode().translate(None, _BASE64):
        return f"[{len(text)} base64 characters]"
    if text.startswith("data:") and len(text) > LONG_TEXT:
        return f"[{len(text)} characters of {plain(text[5:].partition(';')[0], 35)}]"
    return cut(text, LONGEST_KEPT)
