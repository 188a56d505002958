"""A pool whose sessions a function plays, in virtual time: hours of waiting take milliseconds."""

from __future__ import annotations

import heapq
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tml_bench.outcome import Outcome
from tml_bench.runs.back_off import Patience
from tml_bench.runs.jobs import Job, JobResult, ServiceFailure, SessionJob, preflight_job
from tml_bench.runs.queues import AdapterQueue, SessionPool, StartedJob
from tml_bench.samples import Reference, Sample, Script, UserTurn, Waveform
from tml_bench.session.settings import Settings

VALID = JobResult(Outcome.VALID, recording=True)
Service = Callable[[SessionJob, float], tuple[float, JobResult]]
"""From a session and when it begins to how long it takes and how it ends."""


def failed(
    reason: str = "connection refused",
    when: ServiceFailure = ServiceFailure.OPENING,
    asked_s: float | None = None,
) -> JobResult:
    """A temporary failure of a service."""
    return JobResult(Outcome.INFRASTRUCTURE, reason, retry=True, failed=when, quota_s=asked_s)


def refused(reason: str) -> JobResult:
    """What a service says to every session of an account."""
    return JobResult(Outcome.INFRASTRUCTURE, reason, fatal=True)


class VirtualPool(SessionPool):
    """Sessions of each adapter as its service plays them."""

    def __init__(
        self,
        services: dict[str, Service],
        *,
        at_once: int = 4,
        interval_s: float = 0.03,
        preflight: bool = False,
        patience: Patience | None = None,
    ) -> None:
        self.now_s = 0.0
        self.told: list[tuple[float, str]] = []
        self.begun: list[tuple[float, SessionJob]] = []
        self.peaks: dict[str, int] = {}
        super().__init__(
            patience, lambda line: self.told.append((self.now_s, line)), clock=lambda: self.now_s
        )
        self._services = services
        self._limits = at_once, interval_s
        self._preflight = preflight
        self._ends: list[tuple[float, int, StartedJob, JobResult]] = []

    def results(self, *, patient: bool = True) -> Iterator[tuple[Job, JobResult]]:
        while True:
            while (queue := self._ready()) is not None:
                self._begin(queue.start())
            wait_s = self._wait_s()
            if not self._ends and self._is_over(patient):
                return
            ends_s = self._ends[0][0] if self._ends else math.inf
            self.now_s = min(ends_s, self.now_s + wait_s)
            if ends_s <= self.now_s:
                _, _, started, result = heapq.heappop(self._ends)
                assert isinstance(started.job, SessionJob)
                if self._queue_of(started.job).ended(started, result):
                    if result.recording and started.job.folder != Path(os.devnull):
                        started.job.folder.mkdir(parents=True, exist_ok=True)
                    yield started.job, result

    def _begin(self, started: StartedJob) -> None:
        job = started.job
        assert isinstance(job, SessionJob)
        self.begun.append((self.now_s, job))
        running = self._queue_of(job).running
        self.peaks[job.adapter] = max(self.peaks.get(job.adapter, 0), running)
        took_s, result = self._services[job.adapter](job, self.now_s)
        heapq.heappush(self._ends, (self.now_s + took_s, len(self.begun), started, result))

    def _new_queue(self, adapter: str) -> AdapterQueue:
        at_once, interval_s = self._limits
        queue = AdapterQueue(
            adapter,
            self._patience,
            at_once=at_once,
            interval_s=interval_s,
            tell=self._tell,
            clock=self._clock,
        )
        if self._preflight:
            queue.preflight = preflight_job(adapter, Path("nowhere"))
        return queue

    def __exit__(self, *raised: object) -> None:
        pass


def session_job(run: int, sample: str, adapter: str) -> SessionJob:
    """A session of a run."""
    clip = Waveform(np.zeros(16, np.float32), 16000)
    played = Sample(sample, "x", Script((UserTurn(clip),)), Reference())
    return SessionJob((run, sample), "t", played, adapter, Settings(), Path(os.devnull))
