"""Reads what a model sends: bounded, and checked before anything of it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import msgspec

from tml_bench.adapter import InfrastructureError, ProtocolError, ProviderEvent, QuotaError
from tml_bench.redact import kept, plain
from tml_bench.wire import messages as wire
from tml_bench.wire.messages import AUDIO, BinaryFrame

MAX_MESSAGE = 2**20
"""Longest message taken, in bytes."""

MAX_CONTROL = 16 * 2**20
"""Most control messages taken in a session, in bytes."""

MAX_MEDIA = 2**30
"""Most media taken in a session, in bytes: over three hours at 48 kHz."""

MAX_DEPTH = 32
"""Deepest nesting of a control message."""

_KINDS: Mapping[str, type[wire.FromModel]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(wire.FromModel)
}


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message of the model as it goes into the recording, and what it says; None for unknown types."""

    event: ProviderEvent
    message: wire.FromModel | BinaryFrame | None


class Inbox:
    """Everything a model sends in one session: at most so many bytes of control messages and of media."""

    def __init__(self, max_control: int = MAX_CONTROL, max_media: int = MAX_MEDIA) -> None:
        self._left = {"control messages": max_control, "media": max_media}

    def read(self, data: str | bytes) -> IncomingMessage:
        """Read one message.

        Raises:
            ProtocolError: it is malformed, or the session has had too much.
            QuotaError, InfrastructureError: it is an ``error`` that says so.
        """
        if isinstance(data, bytes):
            self._spend("media", len(data))
            chunk = BinaryFrame.unpack(data)
            return IncomingMessage(chunk.event, chunk if chunk.kind == AUDIO else None)
        self._spend("control messages", len(data))
        raw = _object(data)
        kind = raw.get("type")
        if not isinstance(kind, str):
            raise ProtocolError(f"a message has no type: {shown(data)}")
        event = ProviderEvent(plain(kind)[:256], kept(raw))
        known = _KINDS.get(kind)
        if known is None:
            return IncomingMessage(event, None)
        try:
            message = msgspec.convert(raw, known, strict=True)
        except msgspec.ValidationError as error:
            raise ProtocolError(f"message {kind!r} is malformed: {error}") from error
        if isinstance(message, wire.Refusal):
            raise refused(message)
        return IncomingMessage(event, message)

    def _spend(self, what: str, size: int) -> None:
        self._left[what] -= size
        if self._left[what] < 0:
            raise ProtocolError(f"the model sent more {what} in one session than is taken")


def refused(error: wire.Refusal) -> Exception:
    """The contract's error for an ``error`` message."""
    text = f"the model answers {plain(error.code)}: {plain(error.message)}"
    if error.code in ("busy", "quota"):
        return QuotaError(text, error.retry_after_s)
    return InfrastructureError(text) if error.code == "unavailable" else ProtocolError(text)


def shown(data: str | bytes) -> str:
    """The beginning of a message, for error messages."""
    return repr(plain(str(data[:80])))


def _object(data: str) -> dict[str, object]:
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ProtocolError(f"a text frame is no JSON: {shown(data)}") from error
    if not isinstance(raw, dict):
        raise ProtocolError(f"a text frame holds no JSON object: {shown(data)}")
    if _depth(raw) > MAX_DEPTH:
        raise ProtocolError(f"a message is nested deeper than {MAX_DEPTH}: {shown(data)}")
    return raw


def _depth(value: object) -> int:
    """How deep a JSON value is nested."""
    deepest, level = 0, [value]
    while level and deepest <= MAX_DEPTH:
        inner = [part for part in level if isinstance(part, dict | list)]
        level = [x for part in inner for x in (part.values() if isinstance(part, dict) else part)]
        deepest += bool(inner)
    return deepest
