"""A task of three conversations, lines of which are spoken in the folder of its data, and its agents."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from answering import SCENARIO, Answering, voiced

from tml_bench.adapter import LiveAdapter, MicroTurn, ModelEvent, Output, SessionStart
from tml_bench.questions import Verdicts
from tml_bench.samples import Sample, Script
from tml_bench.scenario import Manners, Scenario
from tml_bench.task import NO_VERDICTS, BoardScore, Kind, Metric, Score, Task, Value
from tml_bench.timeline import Timeline
from tml_bench.users.staged import unpieced

STAGES = tuple(
    replace(
        stage,
        lines=tuple(map(unpieced, stage.lines)),
        again=tuple(map(unpieced, stage.again)),
        covered=stage.covered if stage.name == "T1" else (),
    )
    for stage in SCENARIO.stages
)
PLAYED: Scenario = replace(SCENARIO, stages=STAGES)
NAMES = ("one", "two", "three")
KILL = "TML_BENCH_TEST_KILL"
"""Names a file; where it does not exist, `Killed` makes it and kills its process in mid-session."""


def write_voices(folder: Path) -> Path:
    """The data: all that the user may say, as spoken."""
    voiced(PLAYED, folder)
    return folder


class Conversations(Task):
    """The same conversation under three names, each with another patience."""

    name = "conversations"
    title = "Conversations"
    subsets = ("all",)
    metrics = (
        Metric(
            name="closed", title="Closed", unit="%", kind=Kind.RATE, describes="The user has all it wants."
        ),
    )
    headline = ("closed",)
    board = BoardScore("closed", "all", "Silence closes nothing.")

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """Three of them."""
        for number, name in enumerate(NAMES):
            scenario = replace(PLAYED, voiced=data, manners=Manners(patience_s=4.0 + number))
            yield Sample(name, "all", Script(instructions="Take orders."), scenario=scenario)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Whether the conversation was closed."""
        closed = {"closed": Value(float(timeline.ended == "closed"))}
        return Score(self.name, sample.subset, sample.id, sample.unit, closed)


class Agent(Answering):
    """Answers at once."""

    def __init__(self, endpoint_s: float = 0.4) -> None:
        super().__init__(endpoint_s=endpoint_s)


class Listener(LiveAdapter):
    """Listens on the wall clock, and says nothing."""

    async def connect(self, session: SessionStart) -> None:
        """Nothing to open."""

    async def send(self, turn: MicroTurn) -> None:
        """Nothing to answer."""

    async def events(self) -> AsyncIterator[ModelEvent]:
        """None, for as long as it is listened to."""
        await asyncio.Event().wait()
        yield Output()

    async def close(self) -> None:
        """Nothing to close."""


class Killed(Agent):
    """The same, but dies once in the middle of a session."""

    def step(self, turn: MicroTurn) -> Output | None:
        """Answer, or die."""
        mark = Path(os.environ.get(KILL, os.devnull))
        if self.said == 2 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().step(turn)
