"""Texts of strangers in an event, made fit to be written: no secrets, no halves of characters."""

from functools import cache
from typing import TypeVar

import msgspec

from tml_bench.redact import recordable

S = TypeVar("S", bound=msgspec.Struct)

_PLAIN = (int, float, bool, int | None)


def fit(event: S) -> S:
    """The event itself where its texts can be written, else another with texts as `recordable` gives them."""
    changes = {}
    for name in _told(type(event)):
        value = getattr(event, name)
        if value and (told := _fit(value)) != value:
            changes[name] = told
    return msgspec.structs.replace(event, **changes) if changes else event


def _fit(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_fit(inner) for inner in value)
    return fit(value) if isinstance(value, msgspec.Struct) else recordable(value)


@cache
def _told(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """The fields of an event that are no numbers."""
    return tuple(field.name for field in msgspec.structs.fields(kind) if field.type not in _PLAIN)
