"""Worker processes under supervision: one that hangs is killed, one that dies is replaced."""

from __future__ import annotations

import math
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import ModuleType

from tml_bench.outcome import Outcome
from tml_bench.runs.jobs import Deadline, Job, JobResult, SessionJob, SessionPool
from tml_bench.runs.worker import WARM_UP_LIMIT_S, main

_POLL_S = 0.5


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
            ready = wait([slot.connection for slot, _ in busy], timeout=_POLL_S)
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
                slot = start_worker(main, self._step_limit_s)
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
