"""A front that answers step by step: the background model works beside it, and its time is measured.

A request leaves at the session time at which the front's step is done. What has come of it after so many
seconds of this machine's clock is there so many seconds later on the session clock. A step for which it might
be there waits, and that time is charged to nobody. So the front's own compute is what its step takes, and the
background model costs what it takes, in whatever mode compute is charged.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

from tml_bench.adapter import InfrastructureError, MicroTurn, Output, ProviderEvent, SessionStart, StepAdapter
from tml_bench.adapters.split.background import BackgroundError, BackgroundModel, reported
from tml_bench.adapters.split.relay import BackgroundRelay, BackgroundRequest
from tml_bench.timebase import NS, nanoseconds


@dataclass(eq=False)
class _Work:
    """A request under way: when it left by both clocks, and what has come of it since, by session time."""

    errand: BackgroundRequest
    left_ns: int
    clock_ns: int
    came: list[tuple[int, Callable[[int], None]]] = field(default_factory=list)
    ended: bool = False
    task: Future[None] | None = None


class StepSplit(StepAdapter):
    """A stepped model in front, which may ask a background model at any time.

    Args:
        front: the model; its rates and video are this adapter's.
        background: the model behind it.
        behind: the task's functions are the background model's.
        sentences: answers are handed over sentence by sentence.
        told: what is reported of the front beside what it reports.
        clock: nanoseconds, of whatever measures the background model.
    """

    def __init__(
        self, front: StepAdapter, background: BackgroundModel, *, behind: bool = False,
        sentences: bool = False, told: Mapping[str, str] = MappingProxyType({}),
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:  # fmt: skip
        self._told = told
        self._front = front
        self._background = background
        self._behind, self._sentences = behind, sentences
        self._clock = clock
        self._changed = threading.Condition()
        self._working: list[_Work] = []
        self._relay: BackgroundRelay | None = None
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread | None = None
        self._mirror()

    def warm_up(self) -> None:
        """Warm the front up, and ask the background model once."""
        self._front.warm_up()
        self._background.load()
        hello = [{"role": "user", "content": "Hello there."}]
        try:
            self._beside(self._background.answer(hello, (), lambda text: None)).result()
        except BackgroundError as error:
            raise InfrastructureError(f"the background model: {error}") from error
        finally:
            self._rest()
        self._mirror()

    def start(self, session: SessionStart) -> None:
        """Begin a session; forgets the one before."""
        self._background.load()
        self._relay = BackgroundRelay(session, behind=self._behind, sentences=self._sentences)
        self._working = []
        self._front.start(self._relay.front)
        self._mirror()

    def step(self, turn: MicroTurn) -> list[Output | ProviderEvent]:
        """What the front does in the micro-turn, and what is recorded of the background model."""
        assert self._relay is not None, "start first"
        relay = self._relay
        self._hear(turn.end_ns)
        handed = relay.hand_over(turn, turn.end_ns)
        before, relay.told = relay.told, []
        began_ns = time.perf_counter_ns()
        given = self._front.step(handed)
        if isinstance(given, Output) or given is None:
            given = () if given is None else (given,)
        steps = list(given)
        cost_s = (time.perf_counter_ns() - began_ns) / NS
        costs = [step.compute_s for step in steps if isinstance(step, Output) and step.compute_s is not None]
        cost_s = sum(costs) if costs else cost_s
        done_ns = turn.end_ns + nanoseconds(cost_s)
        after: list[Output | ProviderEvent] = []
        for step in steps:
            if isinstance(step, Output):
                after.append(relay.take(step, done_ns))
            else:
                relay.hear(step)
                after.append(step)
        after += [] if costs else [Output(compute_s=cost_s)]
        self._go_on(relay)
        after += relay.told
        relay.told = []
        return [*before, *after]

    def stop(self) -> None:
        """End the session.

        Raises:
            InfrastructureError: the background model could not be reached the last time it was asked.
        """
        try:
            self._front.stop()
        finally:
            self._working = []
            self._rest()
        if self._relay is not None and self._relay.trouble:
            raise InfrastructureError(self._relay.trouble)

    def _hear(self, by_ns: int) -> None:
        """Tell the relay, in order, what has come of its requests by then, waiting for what may yet come."""
        assert self._relay is not None
        while due := [work for work in self._working if self._wait(work, by_ns)]:
            work = min(due, key=lambda one: one.came[0][0])
            at_ns, tell = work.came.pop(0)
            tell(at_ns)
            if work.ended and not work.came:
                self._working.remove(work)
        self._go_on(self._relay)

    def _wait(self, work: _Work, by_ns: int) -> bool:
        """Whether something has come of a request by then; known once it has, or that time has passed."""
        with self._changed:
            while not work.came:
                left_ns = (by_ns - work.left_ns) - (self._clock() - work.clock_ns)
                if left_ns < 0:
                    return False
                self._changed.wait(left_ns / NS)
            return work.came[0][0] <= by_ns

    def _go_on(self, relay: BackgroundRelay) -> None:
        """Do what the relay wants done."""
        for errand in relay.given_up:
            for work in [one for one in self._working if one.errand is errand]:
                self._give_up(work)
                self._working.remove(work)
        for errand in relay.asked:
            work = _Work(errand, errand.began_ns, self._clock())
            self._working.append(work)
            work.task = self._beside(self._ask(relay, work))
        relay.given_up, relay.asked = [], []

    async def _ask(self, relay: BackgroundRelay, work: _Work) -> None:
        errand = work.errand

        def came(text: str) -> None:
            self._note(work, partial(relay.wrote, errand, text))

        try:
            reply = await self._background.answer(tuple(errand.messages), relay.tools, came)
        except (BackgroundError, InfrastructureError) as error:
            unreachable = isinstance(error, InfrastructureError)
            self._note(work, partial(relay.failed, errand, str(error), unreachable=unreachable), last=True)
        except BaseException as error:
            self._note(work, partial(_raise, error), last=True)  # the session's thread is to hear of it
            raise
        else:
            self._note(work, partial(relay.replied, errand, reply), last=True)

    def _note(self, work: _Work, tell: Callable[[int], None], *, last: bool = False) -> None:
        with self._changed:
            work.came.append((work.left_ns + self._clock() - work.clock_ns, tell))
            work.ended = last
            self._changed.notify_all()

    @staticmethod
    def _give_up(work: _Work) -> None:
        if work.task is not None:
            work.task.cancel()

    def _beside(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Do it on a loop in a thread of its own, which ends with the session."""
        if self._thread is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="background", daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _rest(self) -> None:
        """Give up all that is under way, and end the thread."""
        if self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(_cancelled(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._thread = None

    def _mirror(self) -> None:
        """Be what the front is by now."""
        front = self._front
        self.audio_in, self.audio_out, self.video_in = front.audio_in, front.audio_out, front.video_in
        self.privileged, self.takes_history = front.privileged, front.takes_history
        self.reported = reported(front, self._told, self._background)


async def _cancelled() -> None:
    """Cancel all other tasks of this loop, and wait for their ends."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _raise(error: BaseException, at_ns: int) -> None:
    raise error
