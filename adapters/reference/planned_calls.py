"""Function calls that are made at planned times, with parts of earlier results among their arguments."""

from collections.abc import Collection, Sequence

from tml_bench.adapter import MicroTurn, ToolCall
from tml_bench.samples import IdealCall
from tml_bench.timebase import nanoseconds
from tml_bench.tool_arguments import needed_results, resolved


class PlannedCalls:
    """Makes the calls of a plan, each at the first hand-over at or after its time once it can be made."""

    def __init__(self, plan: Sequence[IdealCall]) -> None:
        self._plan = plan
        self._made: set[int] = set()
        self._cancelled: set[int] = set()
        self._results: dict[int, object] = {}

    def take(self, turn: MicroTurn) -> None:
        """Keep the results that have come; an error is kept like any other."""
        for result in turn.tool_results:
            self._results[int(result.call_id.removeprefix("call-"))] = result.output

    def have(self, places: Collection[int]) -> bool:
        """Whether the results of these calls have come."""
        return all(place in self._results for place in places)

    def due(self, turn: MicroTurn) -> tuple[ToolCall, ...]:
        """The calls to make now."""
        if len(self._made) == len(self._plan):
            return ()
        due = [
            place
            for place, call in enumerate(self._plan)
            if place not in self._made
            and nanoseconds(call.at_s) <= turn.end_ns
            and self.have(needed_results(call.arguments))
        ]
        self._made.update(due)
        calls = ((place, self._plan[place]) for place in due)
        return tuple(
            ToolCall(f"call-{place}", call.name, resolved(call.arguments, self._results))
            for place, call in calls
        )

    def cancelled(self, turn: MicroTurn) -> tuple[str, ...]:
        """The calls to cancel now."""
        if len(self._cancelled) == len(self._made):
            return ()
        due = [
            place
            for place in sorted(self._made - self._cancelled)
            if (at_s := self._plan[place].cancelled_s) is not None and nanoseconds(at_s) <= turn.end_ns
        ]
        self._cancelled.update(due)
        return tuple(f"call-{place}" for place in due)
