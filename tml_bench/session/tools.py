"""The functions of one session: what the model calls, how long that takes, and what becomes of each call.

A function is executed when its latency is over, so a call that is cancelled before has never happened. It is
executed beside the session, because it may hang. Each call has exactly one outcome, ``ToolReturned.ended``:

* empty: what the function gave, or the error that it raised;
* ``unknown``: there is no such function; ``arguments``: they do not fit its schema;
* ``too many``: calls are open;
* ``time-out``: it takes longer than its ``Tool.timeout_s``; ``hung``: it does not come back;
* ``not JSON``, ``too large``: its result cannot be handed over;
* ``cancelled``: by the model; ``unfinished``: open when the session ended; ``late``: called after that. The
  model is not told of these three.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tml_bench.errors import BadSampleError
from tml_bench.events import ModelToolCall, ToolReturned
from tml_bench.samples import Script, Tool, ToolFunction
from tml_bench.session.tool_work import ToolExecution, ToolWork
from tml_bench.timebase import nanoseconds
from tml_bench.tool_arguments import ArgumentCheck
from tml_bench.tool_latency import TOOL_LATENCIES
from tml_bench.turns import ToolSpec

LIVE_PATIENCE_S = 0.005
"""How long a session on the wall clock waits at once for functions whose results are due."""
SOON_S = 0.2
"""So long after its result was due a function may still be waited for: a busy machine is slow to begin it."""
MOST_OPEN = 1000
"""Most calls that may be open at a time."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A call that has not ended; ``arguments`` go to the function, None if it is not to be executed."""

    call_id: str
    name: str
    arguments: Mapping[str, object] | None
    refusal: tuple[str, str] = ("", "")


class ToolBench:
    """Plays the functions of a script, each with a latency drawn by the session's seed.

    Args:
        script: of the session.
        seed: the session's.
        profile: a name of ``TOOL_LATENCIES`` for all tools without a ``latency_s`` of their own; empty for
            what each tool says.
        patience_s: how long ``due`` waits for functions at work, in all, on the machine's clock.

    Raises:
        BadSampleError: a tool's schema is none, or there is no function for it.
    """

    def __init__(
        self, script: Script, seed: int = 0, profile: str = "", patience_s: float = math.inf
    ) -> None:
        self._tools = {tool.name: tool for tool in script.tools}
        world = script.world() if script.world is not None else {}
        self._functions = {tool.name: _function(tool, world) for tool in script.tools}
        self._checks = {tool.name: ArgumentCheck(tool) for tool in script.tools}
        self._seed, self._profile, self._patience_s = seed, profile, patience_s
        self._waiting: list[tuple[int, int, _Pending]] = []
        self._working: list[ToolExecution] = []
        self._work = ToolWork()
        self._calls = 0

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told of them."""
        return tuple(ToolSpec(t.name, t.description, t.parameters) for t in self._tools.values())

    def filled(self, name: str, arguments: Mapping[str, object]) -> dict[str, object] | None:
        """Arguments with the defaults of what was left out; None where nothing was, or they do not fit."""
        check = self._checks.get(name)
        if check is None:
            return None
        filled, wrong = check.filled(arguments)
        return None if wrong or filled == arguments else filled

    def call(self, t_ns: int, call: ModelToolCall) -> None:
        """Take a call that came at ``t_ns``; what becomes of it comes from the other methods, once."""
        number, self._calls = self._calls, self._calls + 1
        tool = self._tools.get(call.name)
        refusal, arguments = self._refusal(tool, call)
        due_ns = t_ns
        if tool is not None and not refusal[0]:
            latency_ns = self._latency_ns(tool, number)
            due_ns += min(latency_ns, nanoseconds(tool.timeout_s))
            if latency_ns > nanoseconds(tool.timeout_s):
                refusal = "time-out", f"no result within {tool.timeout_s:g} s"
        pending = _Pending(call.call_id, call.name, None if refusal[0] else arguments, refusal)
        heapq.heappush(self._waiting, (due_ns, number, pending))

    def _refusal(
        self, tool: Tool | None, call: ModelToolCall
    ) -> tuple[tuple[str, str], Mapping[str, object]]:
        if len(self._waiting) + len(self._working) >= MOST_OPEN:
            return ("too many", f"{MOST_OPEN} calls are open"), call.arguments
        if tool is None:
            return ("unknown", f"there is no function {call.name!r}"), call.arguments
        if call.unreadable:
            return ("arguments", f"the arguments are no JSON object: {call.unreadable}"), call.arguments
        filled, wrong = self._checks[call.name].filled(call.arguments)
        if wrong:
            return ("arguments", wrong), call.arguments
        return ("", ""), filled

    def _latency_ns(self, tool: Tool, number: int) -> int:
        if tool.latency_s or not self._profile:
            return nanoseconds(tool.latency_s)
        latency = TOOL_LATENCIES[self._profile]
        if self._profile == "reference" and tool.reference_latency is not None:
            latency = tool.reference_latency
        return latency.draw_ns(self._seed, number)

    def cancel(self, t_ns: int, call_ids: Collection[str]) -> list[ToolReturned]:
        """Give up calls whose results have not come; those of other ids, or that have ended, are left.

        What a function that is at work gives is dropped.
        """
        if not call_ids:
            return []
        working = [e for e in self._working if e.call_id in call_ids]
        cancelled = [entry for entry in self._waiting if entry[2].call_id in call_ids]
        self._work.drop(*working)
        self._working = [e for e in self._working if e.call_id not in call_ids]
        self._waiting = [entry for entry in self._waiting if entry[2].call_id not in call_ids]
        heapq.heapify(self._waiting)
        given_up: list[_Pending | ToolExecution] = [
            *working,
            *(p for _, _, p in sorted(cancelled, key=_order)),
        ]
        return [_ended(t_ns, pending, "cancelled", "cancelled by the model") for pending in given_up]

    def due(self, by_ns: int) -> list[ToolReturned]:
        """Results that are there by ``by_ns`` and were not returned yet, in order; the model is to get them.

        A function that is still at work after the patience is over comes with a later call, or as ``hung``;
        after ``SOON_S`` it is not waited for any more.
        """
        if not self._waiting and not self._working and self._work.idle:
            return []
        now_s = time.monotonic()
        soon = bool(self._working) and now_s - self._working[-1].since_s < SOON_S
        ended, self._working = self._settled(self._working, now_s + self._patience_s if soon else now_s)
        fresh: list[ToolExecution | ToolReturned] = []
        while self._waiting and self._waiting[0][0] <= by_ns:
            due_ns, _, pending = heapq.heappop(self._waiting)
            fresh.append(self._begun(due_ns, pending))
        self._work.hire(another=bool(self._working))
        came, still = self._settled(fresh, now_s + self._patience_s)
        self._working += still
        return ended + came

    def _begun(self, due_ns: int, pending: _Pending) -> ToolExecution | ToolReturned:
        if pending.arguments is None:
            return _ended(due_ns, pending, *pending.refusal)
        function = self._functions[pending.name]
        execution = ToolExecution(due_ns, pending.call_id, pending.name, function, pending.arguments)
        self._work.add(execution)
        return execution

    def _settled(
        self, begun: Sequence[ToolExecution | ToolReturned], until_s: float
    ) -> tuple[list[ToolReturned], list[ToolExecution]]:
        """What has come of calls that are due, in order, and what is still at work at ``until_s``."""
        ended: list[ToolReturned] = []
        still: list[ToolExecution] = []
        for one in begun:
            if not isinstance(one, ToolExecution):
                ended.append(one)
            elif (came := self._work.wait(one, until_s)) is not None:
                ended.append(came)
            else:
                still.append(one)
        return ended, still

    def rest(self, t_ns: int) -> list[ToolReturned]:
        """What becomes of the calls that are open when the session ends, at ``t_ns``."""
        ended = self.due(t_ns)
        left: list[_Pending | ToolExecution] = [
            *self._working,
            *(p for _, _, p in sorted(self._waiting, key=_order)),
        ]
        self._work.drop(*self._working)
        self._waiting, self._working = [], []
        return ended + [_ended(t_ns, one, "unfinished", "the session ended") for one in left]


def late(t_ns: int, call: ModelToolCall) -> ToolReturned:
    """What becomes of a call that comes after the session's end."""
    return _ended(t_ns, _Pending(call.call_id, call.name, None), "late", "the session is over")


def _order(entry: tuple[int, int, _Pending]) -> tuple[int, int]:
    return entry[:2]


def _ended(t_ns: int, call: _Pending | ToolExecution, ended: str, text: str) -> ToolReturned:
    return ToolReturned(t_ns, call.call_id, call.name, text, is_error=True, ended=ended)


def _function(tool: Tool, world: Mapping[str, ToolFunction]) -> ToolFunction:
    function = world.get(tool.name, tool.answer)
    if function is None:
        raise BadSampleError(f"tool {tool.name!r} has neither an answer nor a function in its script's world")
    return function
