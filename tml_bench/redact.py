"""Keeps secrets and bulk out of what is written: keys are blanked, audio and images told by their size."""

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

LONG_TEXT = 400
"""A longer run of base64 characters is taken for audio or an image."""
MAX_ITEMS = 200
"""Most entries kept of a list or an object of a message."""
MAX_DEPTH = 12
"""Deepest nesting kept of a message."""

BLANK = "[redacted]"

_SECRET_NAMES = re.compile(r"(api[-_]?key|authorization|secret|token|password|credential)", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_=-]+")
_KEY_SHAPES = r"\b(?:sk-[A-Za-z0-9_-]{16,}|AIza[0-9A-Za-z_-]{30,}|Bearer\s+[A-Za-z0-9._~+/=-]{8,})"

_SECRET_VARIABLE = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$")
_SHORTEST_SECRET = 6

_known: set[str] = set()


def remember_secret(secret: str) -> None:
    """Blank this text wherever it appears from now on; shorter than 6 characters it is not a secret."""
    if len(secret) >= _SHORTEST_SECRET:
        _known.add(secret)
        _pattern.cache_clear()
        _name.cache_clear()


def remember_named(name: str, value: object) -> None:
    """As `remember_secret`, for a text whose name says that it is one, such as ``api_key``."""
    if isinstance(value, str) and _SECRET_NAMES.search(name):
        remember_secret(value)


@cache
def _pattern() -> re.Pattern[str]:
    """Known secrets, values of environment variables named like secrets, and what looks like a key.

    The environment is read once: looking through it for every message would cost more than the message.
    """
    named = {v for k, v in os.environ.items() if _SECRET_VARIABLE.search(k) and len(v) >= _SHORTEST_SECRET}
    literal = sorted(map(re.escape, _known | named), key=len, reverse=True)
    return re.compile("|".join([*literal, _KEY_SHAPES]))


def redacted(text: str) -> str:
    """The text without secrets: known ones, those in the environment, and what looks like a key."""
    return _pattern().sub(BLANK, text)


@lru_cache(maxsize=1024)
def _name(text: str) -> str:
    """A field's name as it may be recorded."""
    return redacted(text)[:LONG_TEXT]


def plain(text: str) -> str:
    """A stranger's text for one line of a message: no control characters, no secrets, at most 300 long."""
    return redacted("".join(c if c.isprintable() else " " for c in text[:300]))


def kept(message: Mapping[str, object]) -> dict[str, object]:
    """A message as it may be recorded: no secrets, no bulk, bounded in size and depth."""
    value = _kept(message, 0)
    assert isinstance(value, dict)
    return value


def _kept(value: object, depth: int) -> object:
    if depth > MAX_DEPTH:
        return "[too deep]"
    if isinstance(value, Mapping):
        items = list(value.items())[:MAX_ITEMS]
        return {_name(str(k)): _field(str(k), v, depth) for k, v in items}
    if isinstance(value, str):
        return _kept_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if isinstance(value, Sequence):
        return [_kept(item, depth + 1) for item in value[:MAX_ITEMS]]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redacted(str(value))[:LONG_TEXT]


def _field(name: str, value: object, depth: int) -> object:
    if isinstance(value, str) and _SECRET_NAMES.search(name):
        return BLANK
    return _kept(value, depth + 1)


def _kept_text(text: str) -> str:
    if len(text) > LONG_TEXT and _BASE64.fullmatch(text):
        return f"[{len(text)} base64 characters]"
    if text.startswith("data:") and len(text) > LONG_TEXT:
        return f"[{len(text)} characters of {text[5:40].partition(';')[0]}]"
    return redacted(text[:20_000])
