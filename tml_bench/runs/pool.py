"""Where jobs are done: on worker processes under supervision, on one with many live sessions, or in this one.

A process that hangs is killed, one that dies is replaced. ``LivePool`` runs many wall-clock sessions at once
on one asyncio loop (``live_worker``), starts them no faster than the rate asked for, and waits when the
service refuses for its limits.
"""

import asyncio
import math
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Thread
from types import ModuleType

from tml_bench.adapter import LiveAdapter
from tml_bench.outcome import Outcome
from tml_bench.plugins import adapter_class, parse_adapter_spec
from tml_bench.runs.jobs import Deadline, Job, JobResult, SessionJob, SessionPool
from tml_bench.runs.live_worker import LiveHost, main as run_live
from tml_bench.runs.worker import WARM_UP_LIMIT_S, Worker, main as run_jobs
from tml_bench.session.live import LatenessLimits


@dataclass(slots=True)
class WorkerProcess:
    """A process with the connection to it, when it may be taken to hang, and the job it does."""

    process: SpawnProcess
    connection: Connection
    deadline: Deadline
    job: Job | None = None


def start_worker(target: Callable[..., None], limits: object) -> WorkerProcess:
    """Start a process; it needs nothing of the script that is running, and does not run it again."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    deadline: Deadline = context.Value("d", math.inf, lock=False)
    process = context.Process(target=target, args=(theirs, deadline, limits), daemon=True)
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        process.start()
    finally:
        sys.modules["__main__"] = script
    theirs.close()
    return WorkerProcess(process, ours, deadline)


class Pool(SessionPool):
    """Does jobs on ``size`` processes, at least 1; a step longer than ``step_limit_s`` is taken to hang."""

    def __init__(self, size: int, step_limit_s: float) -> None:
        super().__init__()
        self._size = size
        self._step_limit_s = step_limit_s
        self._slots: list[WorkerProcess] = []

    def results(self) -> Iterator[tuple[Job, JobResult]]:
        """Results as they come, until nothing waits or runs; jobs may be submitted in between."""
        while True:
            self._assign()
            busy = [(slot, slot.job) for slot in self._slots if slot.job is not None]
            if not busy:
                return
            ready = wait([slot.connection for slot, _ in busy], timeout=0.5)
            for slot, job in busy:
                if slot.connection in ready:
                    yield job, self._receive(slot)
                elif time.monotonic() > slot.deadline.value:
                    yield job, self._give_up(slot)

    def _assign(self) -> None:
        idle = [slot for slot in self._slots if slot.job is None]
        while self._waiting and (idle or len(self._slots) < self._size):
            if idle:
                slot = idle.pop(0)
            else:
                slot = start_worker(run_jobs, self._step_limit_s)
                self._slots.append(slot)
            slot.job = self._waiting.popleft()
            # A process may have died while idle; receiving from it will say so.
            with suppress(BrokenPipeError, ConnectionResetError):
                slot.connection.send(slot.job)

    def _receive(self, slot: WorkerProcess) -> JobResult:
        try:
            result: JobResult = slot.connection.recv()
        except (EOFError, ConnectionResetError):
            slot.process.join()
            code = slot.process.exitcode
            how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            return self._replaced(slot, f"the process died ({how})")
        slot.job = None
        return result

    def _give_up(self, slot: WorkerProcess) -> JobResult:
        slot.process.kill()
        slot.process.join()
        limits = f"{self._step_limit_s:g} s (--step-timeout), or {WARM_UP_LIMIT_S:g} s to load"
        return self._replaced(slot, f"no answer within {limits}")

    def _replaced(self, slot: WorkerProcess, reason: str) -> JobResult:
        slot.connection.close()
        self._slots.remove(slot)
        if isinstance(slot.job, SessionJob):
            return JobResult(Outcome.ADAPTER_ERROR, f"adapter: {reason}")
        return JobResult(Outcome.INFRASTRUCTURE, f"perception: {reason}")

    def __exit__(self, *raised: object) -> None:
        for slot in self._slots:
            if slot.job is None:
                slot.connection.close()
            else:
                slot.process.kill()
        for slot in self._slots:
            slot.process.join()


BACK_OFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Waits after refusals for quota in a row; after the last the outcome stands."""

START_INTERVAL_S = 0.03
"""Least time between two starts: opening a session keeps the loop busy for some milliseconds."""

_POLL_S = 0.2


class _Throttle:
    """When the next session may start, at most so many a minute; 0 is unlimited."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = 60.0 / per_minute if per_minute else START_INTERVAL_S
        self._clock = clock
        self._next_s = 0.0
        self._refusals = 0

    def wait_s(self) -> float:
        """How long until then."""
        return max(0.0, self._next_s - self._clock())

    def started(self) -> None:
        """A session starts now."""
        self._next_s = max(self._next_s, self._clock()) + self._interval_s

    def accepted(self) -> None:
        """A session went through."""
        self._refusals = 0

    def refused(self, asked_s: float) -> bool:
        """The service refused; False when it has done so too often in a row to go on."""
        if self._refusals == len(BACK_OFF_S):
            self._refusals = 0
            return False
        wait_s = max(asked_s, BACK_OFF_S[self._refusals])
        self._refusals += 1
        self._next_s = max(self._next_s, self._clock() + wait_s)
        return True


class LivePool(SessionPool):
    """Does session jobs on one process with many sessions at once.

    ``per_minute`` of them are started a minute at most, 0 is unlimited; ``limits`` is what one may take.
    """

    def __init__(
        self, concurrency: int, per_minute: float = 0.0, limits: LatenessLimits | None = None
    ) -> None:
        super().__init__()
        self._concurrency = concurrency
        self._throttle = _Throttle(per_minute)
        self._limits = limits or LatenessLimits()
        self._running: dict[tuple[int, str], Job] = {}
        self._worker: WorkerProcess | None = None

    def results(self) -> Iterator[tuple[Job, JobResult]]:
        """Results as they come, until nothing waits or runs; jobs may be submitted in between."""
        while self._waiting or self._running:
            worker = self._worker = self._worker or start_worker(run_live, self._limits)
            self._start_sessions(worker.connection)
            try:
                ended = worker.connection.recv() if worker.connection.poll(self._patience_s()) else None
            except (EOFError, ConnectionResetError):
                yield from self._lost("the process that runs live sessions died")
                continue
            if ended is not None:
                yield from self._ended(*ended)
            elif time.monotonic() > worker.deadline.value:
                yield from self._lost(f"the adapter blocked its loop for {self._limits.blocked_s:g} s")

    def _patience_s(self) -> float:
        """How long to wait for a result before looking whether another session may start."""
        may_start = self._waiting and len(self._running) < self._concurrency
        return min(_POLL_S, self._throttle.wait_s()) if may_start else _POLL_S

    def _start_sessions(self, connection: Connection) -> None:
        # Where the process has died, receiving from it will say so.
        with suppress(BrokenPipeError, ConnectionResetError):
            while self._waiting and len(self._running) < self._concurrency and not self._throttle.wait_s():
                job = self._waiting.popleft()
                self._running[job.key] = job
                self._throttle.started()
                connection.send(job)

    def _ended(self, key: tuple[int, str], result: JobResult) -> Iterator[tuple[Job, JobResult]]:
        job = self._running.pop(key)
        if result.quota_s is None:
            self._throttle.accepted()
        elif self._throttle.refused(result.quota_s):
            self._waiting.appendleft(job)
            return
        yield job, result

    def _lost(self, reason: str) -> Iterator[tuple[Job, JobResult]]:
        self._stop()
        lost, self._running = list(self._running.values()), {}
        for job in lost:
            # Which of them did it cannot be told from outside; alone, the next time, it can.
            retry = len(lost) > 1
            outcome = Outcome.INFRASTRUCTURE if retry else Outcome.ADAPTER_ERROR
            yield job, JobResult(outcome, reason, retry=retry)
        self._concurrency = max(1, self._concurrency // 2)

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.connection.close()
            if self._running:
                self._worker.process.kill()
            self._worker.process.join()
        self._worker = None

    def __exit__(self, *raised: object) -> None:
        self._stop()


class InProcessPool(SessionPool):
    """Has the same outcomes as ``Pool``; but a step that hangs is waited for.

    Sessions on the wall clock run on a loop in a thread of their own: a notebook's own loop may be running.
    """

    def __init__(self) -> None:
        super().__init__()
        self._worker = Worker(lambda at: None, math.inf)
        self._host = LiveHost(LatenessLimits())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None

    def results(self) -> Iterator[tuple[Job, JobResult]]:
        """Results as they come, until nothing waits; jobs may be submitted in between."""
        while self._waiting:
            job = self._waiting.popleft()
            if isinstance(job, SessionJob) and _is_live(job):
                yield job, self._live(job)
            else:
                yield job, self._worker.do(job)

    def _live(self, job: SessionJob) -> JobResult:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = Thread(target=self._loop.run_forever, name="live sessions", daemon=True)
            self._thread.start()
        future = asyncio.run_coroutine_threadsafe(self._host.session(job), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def __exit__(self, *raised: object) -> None:
        if self._loop is not None and self._thread is not None:
            asyncio.run_coroutine_threadsafe(_settled(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
        self._host.aside.shutdown()


async def _settled() -> None:
    """Wait for a session that was cancelled to end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)


def _is_live(job: SessionJob) -> bool:
    return issubclass(adapter_class(parse_adapter_spec(job.adapter).target), LiveAdapter)
