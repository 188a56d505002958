"""Functions the model may call, as the JSON of OpenAI's interfaces has them."""

from __future__ import annotations

import json
from typing import Any

from tml_bench.adapter import ProtocolError, ToolResult, ToolSpec


def _described(tool: ToolSpec) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}


def flat_tool(tool: ToolSpec) -> dict[str, Any]:
    """A function as the Realtime and Responses interfaces list it."""
    return {"type": "function", **_described(tool)}


def nested_tool(tool: ToolSpec) -> dict[str, Any]:
    """A function as chat completions list it."""
    return {"type": "function", "function": _described(tool)}


def arguments(text: object) -> dict[str, object]:
    """The arguments of a call, JSON text or the object itself; what is no object is a ``ProtocolError``."""
    try:
        value = json.loads(text) if isinstance(text, str) and text else text or {}
    except ValueError as error:
        raise ProtocolError(f"arguments of a call are no JSON: {text!r}") from error
    if not isinstance(value, dict):
        raise ProtocolError(f"arguments of a call are no object: {text!r}")
    return value


def given_back(result: ToolResult) -> object:
    """What a function gave back; an error is told as ``{"error": ...}``."""
    return {"error": result.output} if result.is_error else result.output


def result_item(result: ToolResult) -> dict[str, Any]:
    """The item of a conversation that holds what a function gave back."""
    value = given_back(result)
    output = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return {"type": "function_call_output", "call_id": result.call_id, "output": output}
