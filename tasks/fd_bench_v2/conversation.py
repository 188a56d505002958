"""A conversation as it went: what the model said about each goal, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from tml_bench.samples import Sample
from tml_bench.scenario import Scenario
from tml_bench.tasks._common import annotation_of
from tml_bench.tasks._common.speech import text_of
from tml_bench.tasks.fd_bench_v2.annotation import StagedGoals
from tml_bench.timeline import Timeline, UserAct, UserLine
from tml_bench.users.matching import says_all

BESIDE = (UserAct.BACKCHANNEL, UserAct.ASIDE)
"""What a user says without taking the turn."""
ENDS = (UserAct.CLOSING, UserAct.HANG_UP)
CLOSED, REPLAYED = "closed", "script"
"""How sessions end that the user closes; those in which its lines are played again end with them."""
OUT_OF_TIME = ("budget", "time-out")
HELD = (CLOSED, "hung-up", *OUT_OF_TIME)
"""How sessions of a simulated user end."""


class StageAnswer(NamedTuple):
    """What the model said about a goal.

    Attributes:
        name: of the goal.
        start_s: when the user began to tell it; None where the conversation did not come so far.
        end_s: when the next goal or the end began.
        turns: what the model said then, parted where the user took the turn.
        covered: all that was asked for was said; where any answer will do, something was.
    """

    name: str
    start_s: float | None
    end_s: float
    turns: tuple[str, ...]
    covered: bool


class Conversation(NamedTuple):
    """A conversation.

    Attributes:
        item: what the user wanted.
        turns: the user's lines that took the turn, in order.
        stages: what the model said about each goal, in order.
        closed: the user said that it was over, with all goals covered as far as it could tell.
        censored: time ran out while it went forward, see `is_censored`.
    """

    item: StagedGoals
    turns: tuple[UserLine, ...]
    stages: tuple[StageAnswer, ...]
    closed: bool
    censored: bool

    @property
    def confirmation(self) -> tuple[str, ...]:
        """What the model said about the last goal, turn by turn."""
        return self.stages[-1].turns if self.stages else ()


def conversation_of(sample: Sample, timeline: Timeline) -> Conversation:
    """What happened in a session. Raises `BadSampleError`: the sample is of another task."""
    item = annotation_of(sample, StagedGoals)
    turns = tuple(line for line in timeline.lines if line.act not in BESIDE)
    stages = _stages(item, turns, timeline)
    closing = any(line.act is UserAct.CLOSING and not line.cut for line in turns)
    closed = closing and timeline.ended in (CLOSED, REPLAYED)
    scenario = sample.scenario or Scenario("", ())
    return Conversation(item, turns, stages, closed, is_censored(scenario, timeline, turns, stages))


def is_censored(
    scenario: Scenario, timeline: Timeline, turns: Sequence[UserLine], stages: Sequence[StageAnswer]
) -> bool:
    """Whether time ran out on a conversation that went forward, so that nobody knows how it would have ended.

    That is so where time ran out, not patience, and

    * the user had come to its second goal or beyond it, and every goal before the one it was at is covered;
    * it came there within the last part of the budget that each goal has where all share it alike;
    * the model spoke after the user's last turn, or still had as long as the user has patience.

    So who stonewalls, stalls or talks without end has failed, however long the session lasts.
    """
    begun = [stage for stage in stages if stage.start_s is not None]
    if timeline.ended not in OUT_OF_TIME or len(begun) < 2 or not all(s.covered for s in begun[:-1]):
        return False
    last, end_s = turns[-1], timeline.duration_s
    came_s = last.start_s if last.act is UserAct.CLOSING else begun[-1].start_s or 0.0
    spoke = any(segment.end_s > last.end_s for segment in timeline.segments)
    waited = end_s - last.end_s >= scenario.manners.patience_s
    return end_s - came_s <= scenario.budget_s / len(stages) and (spoke or not waited)


def _stages(item: StagedGoals, turns: Sequence[UserLine], timeline: Timeline) -> tuple[StageAnswer, ...]:
    wanted = dict(item.stages)
    told = [line for line in turns if line.act not in ENDS]
    starts = {name: _first(told, name) for name in item.goals}
    over_s = min([line.start_s for line in turns if line.act in ENDS], default=timeline.duration_s)
    found = []
    for name, start_s in starts.items():
        if start_s is None:
            found.append(StageAnswer(name, None, over_s, (), False))
            continue
        later = [s for s in (*starts.values(), over_s) if s is not None and s > start_s]
        end_s = min(later, default=timeline.duration_s)
        said = _model_turns(timeline, [line for line in told if start_s <= line.start_s < end_s], end_s)
        covered = bool(said) and says_all(" ".join(said), wanted.get(name, ()))
        found.append(StageAnswer(name, start_s, end_s, said, covered))
    return tuple(found)


def _first(told: Sequence[UserLine], stage: str) -> float | None:
    return next((line.start_s for line in told if line.stage == stage), None)


def _model_turns(timeline: Timeline, lines: Sequence[UserLine], end_s: float) -> tuple[str, ...]:
    """What the model said from the first of some lines on, parted at each line's start; no empty turns."""
    edges = [*(line.start_s for line in lines), end_s]
    turns = []
    for start_s, until_s in pairwise(edges):
        words = [w for w in timeline.words if w.start_s is not None and start_s <= w.start_s < until_s]
        turns.append(text_of(words))
    return tuple(turn for turn in turns if turn.strip())
