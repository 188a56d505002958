"""Two small errands of a user, and a step adapter on the wall clock in a process of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from tml_bench.adapter import LiveAdapter, MicroTurn, ModelEvent, SessionStart, StepAdapter
from tml_bench.plugins import make_adapter, parse_adapter_spec
from tml_bench.questions import Verdicts
from tml_bench.samples import Sample, Script
from tml_bench.scenario import Scenario, Stage
from tml_bench.task import NO_VERDICTS, BoardScore, Kind, Metric, Score, Task, Value
from tml_bench.timeline import Timeline

TABLE = Scenario(
    persona="Ann, who wants to book a table at a restaurant.",
    stages=(
        Stage("T1", "Ask for a table for four people tonight.", ("I would like a table for four, please.",)),
        Stage("T2", "Say that you want it at half past seven.", ("At half past seven, please.",)),
    ),
    budget_s=75.0,
    turn_limit=3,
)
PARCEL = Scenario(
    persona="Ben, whose parcel has not come.",
    stages=(Stage("T1", "Ask where your parcel is.", ("Where is my parcel?",)),),
    prompt="You play a caller in a spoken conversation with a shop: Ben, who asks for a parcel.",
    voice="us-m-1",
    budget_s=75.0,
    turn_limit=3,
)


class Errands(Task):
    """A table and a parcel."""

    name = "errands"
    title = "Errands"
    subsets = ("all",)
    metrics = (
        Metric(name="turns", title="Turns", unit="", kind=Kind.MEAN, describes="Turns of the user."),
    )  # fmt: skip
    headline = ("turns",)
    board = BoardScore("turns", "all", "It is no score.")

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """Both."""
        for name, scenario in (("table", TABLE), ("parcel", PARCEL)):
            yield Sample(name, "all", Script(instructions="You help callers of a shop."), scenario=scenario)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """How many turns the user took."""
        said = {"turns": Value(float(len(timeline.lines)))}
        return Score(self.name, sample.subset, sample.id, sample.unit, said)


class OnTheWall(LiveAdapter):
    """Another adapter, which answers micro-turns in real time in a process of its own.

    Args:
        spec: the step adapter, with ``;`` and ``~`` for the commas and the first colon of its options.
    """

    def __init__(self, spec: str) -> None:
        self._spec = spec.replace("~", ":", 1).replace(";", ",")
        self.audio_in, self.audio_out = 16_000, 24_000
        self._unsent: SimpleQueue[SessionStart | MicroTurn | None] = SimpleQueue()

    async def prepare(self) -> None:
        """Start the process, and wait until the adapter is warm."""
        with Listener() as listener:
            self._process = subprocess.Popen([sys.executable, __file__, str(listener.address), self._spec])
            self._link = await asyncio.to_thread(listener.accept)
        self.audio_in, self.audio_out = await asyncio.to_thread(self._link.recv)
        Thread(target=self._send_all, daemon=True).start()

    async def connect(self, session: SessionStart) -> None:
        """Begin."""
        self._unsent.put(session)

    async def send(self, turn: MicroTurn) -> None:
        """Hand a micro-turn over; it is answered when its turn has come."""
        self._unsent.put(turn)

    async def events(self) -> AsyncIterator[ModelEvent]:
        """What the adapter gives."""
        while (given := await asyncio.to_thread(self._received)) is not None:
            for event in given:
                yield event

    def _send_all(self) -> None:
        """Send beside the loop: while the adapter thinks it takes nothing, and the pipe fills."""
        while (item := self._unsent.get()) is not None:
            try:
                self._link.send(item)
            except OSError:
                return

    def _received(self) -> tuple[ModelEvent, ...] | None:
        try:
            given: tuple[ModelEvent, ...] = self._link.recv()
        except (EOFError, OSError):
            return None
        return given

    async def close(self) -> None:
        """End the process."""
        self._unsent.put(None)
        self._process.kill()
        await asyncio.to_thread(self._process.wait)


def _serve(link: Connection, spec: str) -> None:
    os.nice(5)  # the clock of the session comes first
    adapter = make_adapter(parse_adapter_spec(spec))
    assert isinstance(adapter, StepAdapter)
    adapter.warm_up()
    link.send((adapter.audio_in, adapter.audio_out))
    adapter.start(link.recv())
    while True:
        try:
            given = adapter.step(link.recv())
            if given is not None:
                link.send(tuple(given) if isinstance(given, list | tuple) else (given,))
        except (EOFError, OSError):
            return


if __name__ == "__main__":
    with Client(sys.argv[1]) as connection:
        assert isinstance(connection, Connection)
        _serve(connection, sys.argv[2])
