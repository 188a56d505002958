"""Reference adapters that call what is asked for and tell what comes, and wait badly.

Both make the calls that are expected one after the other, the first at the very end of the user's request,
and cancel none. They say whatever a result holds as soon as it is there, whoever speaks, and make the next
call only then. They answer nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tml_bench.adapter import MicroTurn, SessionStart
from tml_bench.adapters.reference import PlannedLine, PlannedSpeaker
from tml_bench.adapters.reference.planned_calls import PlannedCalls
from tml_bench.samples import IdealCall, Reference
from tml_bench.timebase import NS

FILLER = "Hmm, let me see now."
EVERY_S = 1.6
LONGEST = 20
"""Words of a result that are said."""


class _OneByOne(PlannedCalls):
    """Calls of a plan of which each is known once the one before has been dealt with."""

    def __init__(self, plan: Sequence[IdealCall]) -> None:
        super().__init__(plan[:1])
        self._later = list(plan[1:])

    @property
    def busy(self) -> bool:
        """Whether a call is open."""
        return bool(self._made) and not self.have(self._made)

    def go_on(self) -> None:
        """Turn to the next call, if the last one has come back."""
        if self._later and self.have(range(len(self._plan))):
            self._plan = [*self._plan, self._later.pop(0)]


class Blocking(PlannedSpeaker):
    """Goes quiet until a result is there: its dead air is what the function takes."""

    def plan(self, reference: Reference) -> list[PlannedLine]:
        """Nothing."""
        return []

    def planned_calls(self, reference: Reference) -> Sequence[IdealCall]:
        """The expected calls, all as much sooner as the first can be."""
        if not reference.calls:
            return ()
        first_s = reference.calls[0].at_s
        end_s = first_s if reference.user_end_s is None else min(first_s, reference.user_end_s)
        early_s = first_s - end_s
        return [replace(call, at_s=call.at_s - early_s, cancelled_s=None) for call in reference.calls]

    def start(self, session: SessionStart) -> None:
        """Plan the session."""
        super().start(session)
        assert session.reference is not None
        self._queue = self._calls = _OneByOne(self.planned_calls(session.reference))
        self._free_s = 0.0

    def _place_lines(self, turn: MicroTurn) -> None:
        """Tell every result that has come, one after the other, and then turn to the next call."""
        for result in turn.tool_results:
            self._say(" ".join(list(_spoken(result.output))[:LONGEST]) or "nothing", turn)
        if turn.end_ns / NS >= self._free_s:
            self._queue.go_on()

    def _say(self, text: str, turn: MicroTurn) -> None:
        """Say a text now, or after what is being said."""
        line = self._placed(PlannedLine(max(turn.end_ns / NS, self._free_s), "talk", text=text))
        self._lines.append(line)
        self._free_s = line[1] / self.audio_out


class Chatterbox(Blocking):
    """Says the same filler over and over until everything that it calls for is there."""

    def start(self, session: SessionStart) -> None:
        """Plan the session."""
        super().start(session)
        self._next_s = 0.0

    def _place_lines(self, turn: MicroTurn) -> None:
        """Tell what has come; while something has not, fill the time."""
        super()._place_lines(turn)
        now_s = turn.end_ns / NS
        if self._queue.busy and now_s >= max(self._next_s, self._free_s):
            self._say(FILLER, turn)
            self._next_s = now_s + EVERY_S


def _spoken(value: object) -> Iterator[str]:
    """What a JSON value holds, in words."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from str(key).replace("_", " ").split()
            yield from _spoken(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _spoken(inner)
    elif value is not None:
        yield from str(value).split()
