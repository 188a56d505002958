"""Many wall-clock sessions at once, on one asyncio loop in one process (``live_worker``).

``LivePool`` starts sessions no faster than the rate asked for, waits when the service refuses for its limits,
and replaces its process when that dies or blocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection

from tml_bench.outcome import Outcome
from tml_bench.runs.jobs import Job, JobResult, SessionPool
from tml_bench.runs.live_worker import main
from tml_bench.runs.pool import WorkerProcess, start_worker
from tml_bench.session.live import LatenessLimits

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
            worker = self._worker = self._worker or start_worker(main, self._limits)
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
