"""Plays the functions a model may call: the result is there a set time after the call."""

from __future__ import annotations

import heapq

import msgspec

from tml_bench.adapter import ToolCall, ToolResult, ToolSpec
from tml_bench.samples import Tool
from tml_bench.timebase import nanoseconds


class ToolBench:
    """The functions of one session, from its script."""

    def __init__(self, tools: tuple[Tool, ...]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._due: list[tuple[int, int, ToolResult]] = []
        self._calls = 0

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told of them."""
        return tuple(ToolSpec(t.name, t.description, t.parameters) for t in self._tools.values())

    def call(self, t_ns: int, call: ToolCall) -> None:
        """Take a call made at ``t_ns``; a function that does not exist or fails gives an error result."""
        tool = self._tools.get(call.name)
        latency_ns = nanoseconds(tool.latency_s) if tool else 0
        self._calls += 1
        heapq.heappush(self._due, (t_ns + latency_ns, self._calls, _answer(tool, call)))

    def due(self, by_ns: int) -> list[tuple[int, ToolResult]]:
        """Results that are there by ``by_ns`` and were not returned yet, with their times, in order."""
        ready = []
        while self._due and self._due[0][0] <= by_ns:
            t_ns, _, result = heapq.heappop(self._due)
            ready.append((t_ns, result))
        return ready


def _answer(tool: Tool | None, call: ToolCall) -> ToolResult:
    if tool is None:
        return ToolResult(call.call_id, call.name, f"there is no function {call.name!r}", is_error=True)
    try:
        output = msgspec.to_builtins(tool.answer(call.arguments))
    except Exception as error:
        return ToolResult(call.call_id, call.name, f"{type(error).__name__}: {error}", is_error=True)
    return ToolResult(call.call_id, call.name, output)
