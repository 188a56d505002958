"""The calls of a recording with what became of each, from its events."""

from __future__ import annotations

from msgspec import structs

from tml_bench.events import ModelToolCall, ToolReturned
from tml_bench.timebase import seconds
from tml_bench.timeline import TimedCall


class TimedCalls:
    """Joins calls with their outcomes as the events of a session come by, in order."""

    def __init__(self) -> None:
        self._calls: list[TimedCall] = []
        self._open: dict[str, list[int]] = {}

    def begin(self, call: ModelToolCall) -> None:
        """A function is called."""
        self._open.setdefault(call.call_id, []).append(len(self._calls))
        filled = call.arguments if call.filled is None else call.filled
        self._calls.append(
            TimedCall(call.name, seconds(call.t_ns), call.arguments, filled, call_id=call.call_id)
        )

    def end(self, returned: ToolReturned) -> None:
        """Something became of a call: of the first open one with that id and name, else with that id."""
        waiting = self._open.get(returned.call_id, [])
        named = [k for k in waiting if self._calls[k].name == returned.name]
        place = next(iter(named or waiting), None)
        if place is None:
            return
        waiting.remove(place)
        self._calls[place] = structs.replace(
            self._calls[place], returned_s=seconds(returned.t_ns), output=returned.output,
            is_error=returned.is_error, ended=returned.ended,
        )  # fmt: skip

    @property
    def found(self) -> tuple[TimedCall, ...]:
        """All calls that were made before the session's end."""
        return tuple(call for call in self._calls if call.ended != "late")
