"""Arguments of function calls: whether they fit a JSON Schema, its defaults, and parts of earlier results."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import msgspec

from tml_bench.errors import BadSampleError
from tml_bench.samples import Tool

_REFERENCE = re.compile(r"\$RESULT_(\d+)((?:\.\w+|\[\d+\])*)")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


class ArgumentCheck:
    """Checks and completes the arguments of one tool.

    Raises:
        BadSampleError: the tool's parameters are no JSON Schema.
    """

    def __init__(self, tool: Tool) -> None:
        try:
            schema = json.dumps(msgspec.to_builtins(dict(tool.parameters)), sort_keys=True)
            self._check = _validator(schema)
        except Exception as error:
            raise BadSampleError(f"tool {tool.name!r}: its parameters are no JSON Schema: {error}") from None

    def filled(self, arguments: Mapping[str, object]) -> tuple[dict[str, object], str]:
        """The arguments with the defaults of those left out, and what is wrong with them; empty: nothing."""
        import fastjsonschema

        copy = cast(dict[str, object], msgspec.json.decode(msgspec.json.encode(arguments)))
        try:
            self._check(copy)
        except fastjsonschema.JsonSchemaValueException as error:
            return copy, str(error.message).replace("data.", "", 1)
        return copy, ""


@lru_cache(maxsize=256)
def _validator(schema: str) -> Callable[[Any], Any]:
    import fastjsonschema

    found = json.loads(schema) or {"type": "object"}
    check: Callable[[Any], Any] = fastjsonschema.compile(found, use_default=True)
    return check


def needed_results(arguments: Mapping[str, object]) -> frozenset[int]:
    """The calls, by place, parts of whose results are arguments, as ``$RESULT_0.flights[0].flight_id``."""
    found = (_REFERENCE.fullmatch(value) for value in arguments.values() if isinstance(value, str))
    return frozenset(int(match[1]) for match in found if match)


def resolved(
    arguments: Mapping[str, object], results: Mapping[int, object] | Sequence[object]
) -> dict[str, object]:
    """Arguments with those parts of results, by place, in the place of their names.

    Raises:
        LookupError: a result is not there, or has no such part.
    """
    return {name: _resolved(value, results) for name, value in arguments.items()}


def _resolved(value: object, results: Mapping[int, object] | Sequence[object]) -> object:
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    found: Any = results[int(match[1])]
    for name, place in _STEP.findall(match[2]):
        try:
            found = found[name] if name else found[int(place)]
        except (TypeError, LookupError):
            raise LookupError(f"{value}: there is no such part in {found!r}") from None
    return found
