"""What a simulated user said in a session, gathered from its events."""

from msgspec import structs

from tml_bench import events as ev
from tml_bench.timebase import seconds
from tml_bench.timeline import UserAct, UserLine


class UserLines:
    """Takes the events of a session in order; turns of a script, which have no act, are none."""

    def __init__(self) -> None:
        self._lines: dict[int, UserLine] = {}

    def take(self, event: ev.Event) -> None:
        """Take the next event."""
        match event:
            case ev.UserTurnStarted() if event.act:
                times = seconds(event.t_ns), seconds(event.end_ns)
                act = UserAct(event.act)
                self._lines[event.turn] = UserLine(*times, event.text, act, event.stage, event.why)
            case ev.UserTurnCut() if event.turn in self._lines:
                line = self._lines[event.turn]
                self._lines[event.turn] = structs.replace(line, end_s=seconds(event.t_ns), cut=True)

    @property
    def found(self) -> tuple[UserLine, ...]:
        """What was said so far, in order."""
        return tuple(self._lines.values())
