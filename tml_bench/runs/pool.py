"""Worker processes under supervision: one that hangs is killed, one that dies is replaced."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Self

from tml_bench.outcome import Outcome
from tml_bench.runs import worker
from tml_bench.runs.jobs import Deadline, Job, JobResult, SessionJob
from tml_bench.runs.worker import WARM_UP_LIMIT_S

_POLL_S = 0.5


@dataclass(slots=True)
class _Slot:
    process: SpawnProcess
    connection: Connection
    deadline: Deadline
    job: Job | None = None


class Pool:
    """Does jobs on worker processes; use as a context manager.

    Args:
        size: how many processes, at least 1.
        step_limit_s: a step that takes longer is taken to hang.
    """

    def __init__(self, size: int, step_limit_s: float) -> None:
        self._size = size
        self._step_limit_s = step_limit_s
        self._context = multiprocessing.get_context("spawn")
        self._waiting: deque[Job] = deque()
        self._slots: list[_Slot] = []

    def submit(self, job: Job, *, first: bool = False) -> None:
        """Queue a job; ``first`` puts it before those that wait."""
        if first:
            self._waiting.appendleft(job)
        else:
            self._waiting.append(job)

    def drop(self, unwanted: Callable[[Job], bool]) -> list[Job]:
        """Forget waiting jobs; returns them."""
        dropped = [job for job in self._waiting if unwanted(job)]
        self._waiting = deque(job for job in self._waiting if not unwanted(job))
        return dropped

    def results(self) -> Iterator[tuple[Job, JobResult]]:
        """Results as they come, until nothing waits or runs; jobs may be submitted in between."""
        while True:
            self._assign()
            busy = [slot for slot in self._slots if slot.job is not None]
            if not busy:
                return
            ready = wait([slot.connection for slot in busy], timeout=_POLL_S)
            for slot in busy:
                if slot.connection in ready:
                    yield self._receive(slot)
                elif time.monotonic() > slot.deadline.value:
                    yield self._give_up(slot)

    def _assign(self) -> None:
        for slot in self._slots:
            if slot.job is None and self._waiting:
                self._send(slot, self._waiting.popleft())
        while self._waiting and len(self._slots) < self._size:
            slot = self._spawn()
            self._slots.append(slot)
            self._send(slot, self._waiting.popleft())

    def _spawn(self) -> _Slot:
        ours, theirs = self._context.Pipe()
        deadline: Deadline = self._context.Value("d", math.inf, lock=False)
        process = self._context.Process(
            target=worker.main, args=(theirs, deadline, self._step_limit_s), daemon=True
        )
        with worker.no_script():
            process.start()
        theirs.close()
        return _Slot(process, ours, deadline)

    def _send(self, slot: _Slot, job: Job) -> None:
        slot.job = job
        try:
            slot.connection.send(job)
        except (BrokenPipeError, ConnectionResetError):
            # The process died while idle; receiving from it will say so.
            return

    def _receive(self, slot: _Slot) -> tuple[Job, JobResult]:
        job = _job(slot)
        try:
            result: JobResult = slot.connection.recv()
        except (EOFError, ConnectionResetError):
            slot.process.join()
            code = slot.process.exitcode
            how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            return job, self._replaced(slot, f"the process died ({how})")
        slot.job = None
        return job, result

    def _give_up(self, slot: _Slot) -> tuple[Job, JobResult]:
        job = _job(slot)
        slot.process.kill()
        slot.process.join()
        return job, self._replaced(
            slot,
            f"no answer within {self._step_limit_s:g} s (--step-timeout), or {WARM_UP_LIMIT_S:g} s to load",
        )

    def _replaced(self, slot: _Slot, reason: str) -> JobResult:
        slot.connection.close()
        self._slots.remove(slot)
        if isinstance(slot.job, SessionJob):
            return JobResult(Outcome.ADAPTER_ERROR, f"adapter: {reason}")
        return JobResult(Outcome.INFRASTRUCTURE, f"perception: {reason}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for slot in self._slots:
            if slot.job is None:
                slot.connection.close()
            else:
                slot.process.kill()
        for slot in self._slots:
            slot.process.join()


def _job(slot: _Slot) -> Job:
    assert slot.job is not None
    return slot.job
