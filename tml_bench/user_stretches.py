"""Where in a recording the user speaks, and what that is to the model."""

from tml_bench.samples import Sample
from tml_bench.task import Task
from tml_bench.timeline import SpeechKind, TalkStretch, Timeline, UserAct, UserLine

_KINDS = {UserAct.BACKCHANNEL: SpeechKind.BACKCHANNEL, UserAct.ASIDE: SpeechKind.UNDIRECTED}
_LAST = (UserAct.CLOSING, UserAct.HANG_UP)


def stretches_of(task: Task, sample: Sample, timeline: Timeline) -> tuple[TalkStretch, ...]:
    """The stretches of a recording: a simulated user's lines, what its task says, or the turns played.

    Empty where nothing is known, as of an imported recording of a task that says nothing.
    """
    if timeline.lines:
        return tuple(_of_line(line) for line in timeline.lines)
    return task.user_stretches(sample, timeline) or tuple(
        TalkStretch(turn.start_s, turn.end_s) for turn in timeline.turns
    )


def user_spans(task: Task, sample: Sample, timeline: Timeline) -> tuple[tuple[float, float], ...]:
    """The same as ``(start, end)``, in which the user's speech is looked for."""
    return tuple((s.start_s, s.end_s) for s in stretches_of(task, sample, timeline))


def _of_line(line: UserLine) -> TalkStretch:
    """A line; nobody need answer who ends the conversation by it."""
    kind = _KINDS.get(line.act, SpeechKind.TURN)
    return TalkStretch(line.start_s, line.end_s, kind, line.act not in _LAST)
