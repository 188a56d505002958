"""What services send, decoded: the one place where JSON of strangers is read, and its shape judged.

Whatever bytes come, the result is an object of bounded depth or a ``ProtocolError``; and what a message of
another shape makes its reader raise is a ``ProtocolError`` too.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tml_bench.errors import ProtocolError
from tml_bench.redact import plain

MAX_DEPTH = 64
"""Deepest nesting of a message, in objects and lists: no service needs a quarter of it."""
MAX_OPENING = 2**24
"""Most that is taken before a session is open, in bytes; each message counts for 1 KiB at least."""
LONGEST_KIND = 256
"""Most characters of the type of a message, as it is recorded."""
LONGEST_NAME = 1024
"""Most characters of what a service calls a call, or a function: it is given back as it is."""


def parse_json(message: str | bytes) -> Any:
    """The JSON value that a message holds, text or binary; none is a ``ProtocolError``."""
    try:
        value = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the service sent no JSON: {shown(message)}") from error
    if is_deeper(value, MAX_DEPTH):
        raise ProtocolError(f"the service sent JSON nested deeper than {MAX_DEPTH}: {shown(message)}")
    return value


def parse_object(message: str | bytes) -> dict[str, Any]:
    """The JSON object that a message holds, text or binary; none is a ``ProtocolError``."""
    value = parse_json(message)
    if not isinstance(value, dict):
        raise ProtocolError(f"the service sent JSON that is no object: {shown(message)}")
    return value


def shown(message: str | bytes) -> str:
    """The beginning of a message, for error messages."""
    return repr(plain(str(message), 80))


def is_deeper(value: object, most: int) -> bool:
    """Whether a JSON value is nested in more objects and lists than that, itself included."""
    level: list[object] = [value]
    for _ in range(most + 1):
        nested = [part for part in level if isinstance(part, dict | list)]
        if not nested:
            return False
        level = [x for part in nested for x in (part.values() if isinstance(part, dict) else part)]
    return True


def kind_of(message: Mapping[str, object], field: str = "type") -> str:
    """The type of a message, as it is recorded."""
    return plain(str(message.get(field)), LONGEST_KIND)


def name_in(value: object) -> str:
    """The id of a call or the name of a function; a ``ProtocolError`` where it is no name at all."""
    name = str(value)
    if len(name) > LONGEST_NAME:
        raise ProtocolError(f"a name of {len(name)} characters: {plain(name, 80)!r}")
    return name


class OpeningBound:
    """Bounds what a service says before its session is open; all of it is kept for the record until then."""

    def __init__(self) -> None:
        self._left = MAX_OPENING

    def take(self, message: str | bytes) -> str | bytes:
        """The message itself; a ``ProtocolError`` where it is too much."""
        self._left -= len(message) + 1024
        if self._left < 0:
            raise ProtocolError("the service says too much before the session is open")
        return message


@contextmanager
def of_known_shape() -> Iterator[None]:
    """Take what is raised over a message for a message of another shape."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        told = plain(f"{type(error).__name__}: {error}")
        raise ProtocolError(f"a message of unexpected shape: {told}") from error
