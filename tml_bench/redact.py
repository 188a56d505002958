"""Keeps secrets and bulk out of what is written: keys are blanked, audio and images told by their size."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence

LONG_TEXT = 400
"""A longer run of base64 characters is taken for audio or an image."""

MAX_ITEMS = 200
"""Most entries kept of a list or an object of a message."""

MAX_DEPTH = 12
"""Deepest nesting kept of a message."""

BLANK = "[redacted]"

_SECRET_NAMES = re.compile(r"(api[-_]?key|authorization|secret|token|password|credential)", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_=-]+")
_KEY_SHAPES = re.compile(r"\b(sk-[A-Za-z0-9_-]{16,}|AIza[0-9A-Za-z_-]{30,}|Bearer\s+[A-Za-z0-9._~+/=-]{8,})")

_known: set[str] = set()


def remember_secret(secret: str) -> None:
    """Blank this text wherever it appears from now on; shorter than 6 characters it is not a secret."""
    if len(secret) >= 6:
        _known.add(secret)


def secret_variables() -> Iterable[str]:
    """Values of environment variables whose names say that they are secret."""
    return [v for k, v in os.environ.items() if re.search(r"(KEY|TOKEN|SECRET|PASSWORD)$", k) and len(v) >= 6]


def redacted(text: str) -> str:
    """The text without secrets: known ones, those in the environment, and what looks like a key."""
    for secret in sorted({*_known, *secret_variables()}, key=len, reverse=True):
        text = text.replace(secret, BLANK)
    return _KEY_SHAPES.sub(BLANK, text)


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
        return {redacted(str(k))[:LONG_TEXT]: _field(str(k), v, depth) for k, v in items}
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
