"""The JSON of control messages, in which a model may also spell half of a character, as others do."""

import json
import re

import msgspec

from tml_bench.adapter import ProtocolError
from tml_bench.adapters._inbound import is_deeper, shown
from tml_bench.wire import messages as wire

MAX_DEPTH = 32
"""Deepest nesting of a control message."""
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""Half of a surrogate pair, or a pair: JSON has both, and ``msgspec`` no halves."""


def written(message: wire.FromHarness) -> str:
    """A message as it is sent."""
    try:
        return msgspec.json.encode(message).decode()
    except UnicodeEncodeError:  # the model's own half of a character, in a function's result
        return json.dumps(msgspec.to_builtins(message))


def read_object(data: str) -> dict[str, object]:
    """The object that a text frame holds.

    Raises:
        ProtocolError: it is no JSON, no object, or nested deeper than ``MAX_DEPTH``.
    """
    try:
        raw = json.loads(data, parse_constant=_refuse) if _HALF.search(data) else msgspec.json.decode(data)
    except (ValueError, msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ProtocolError(f"a text frame is no JSON: {shown(data)}") from error
    if not isinstance(raw, dict):
        raise ProtocolError(f"a text frame holds no JSON object: {shown(data)}")
    if is_deeper(raw, MAX_DEPTH):
        raise ProtocolError(f"a message is nested deeper than {MAX_DEPTH}: {shown(data)}")
    return raw


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")
