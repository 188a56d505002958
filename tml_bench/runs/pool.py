"""Where jobs are done: on worker processes under supervision.

A process that hangs is killed, one that dies is replaced. ``LivePool`` runs many wall-clock sessions at once:
those of each adapter on the asyncio loop of a process of their own (``live_worker``), so that an adapter that
blocks its loop has nothing to do with the sessions of others.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

from tml_bench.media.trial import unplayable
from tml_bench.outcome import Outcome
from tml_bench.runs.back_off import Patience
from tml_bench.runs.devices import worker_environment
from tml_bench.runs.jobs import TRIES, CallJob, Job, JobResult, SessionJob, preflight_job
from tml_bench.runs.live_worker import main as run_live
from tml_bench.runs.processes import Vigil, WorkerProcess, start_worker
from tml_bench.runs.queues import AdapterQueue, SessionPool, StartedJob
from tml_bench.runs.supervised import POLL_S, SupervisedWorker
from tml_bench.runs.worker import main as run_jobs
from tml_bench.session.live import LatenessLimits

START_LIMIT_S = 60.0
"""Longest that a process takes until its loop turns for the first time."""

START_INTERVAL_S = 0.03
"""Least time between two starts: opening a session keeps the loop busy for some milliseconds."""


@dataclass(slots=True)
class _Slot:
    worker: SupervisedWorker
    doing: StartedJob | None = None


class Pool(SessionPool):
    """Does jobs on ``size`` processes, at least 1; a step longer than ``step_limit_s`` is taken to hang.

    The processes are numbered, and have the ``devices`` one after the other, and again from the first where
    there are fewer of them; see `worker_environment`. A sample is done by the same process with every adapter
    where none waits for that, as it remembers what it made of the user. What could not be perceived because
    something outside ended the process is perceived again, up to ``TRIES`` times in all; sessions are their
    run's to repeat.
    The other arguments are those of ``SessionPool``.
    """

    def __init__(
        self,
        size: int,
        step_limit_s: float,
        patience: Patience | None = None,
        tell: Callable[[str], None] = lambda line: None,
        devices: Sequence[str] = (),
    ) -> None:
        super().__init__(patience, tell)
        self._size = size
        self._step_limit_s = step_limit_s
        self._devices = devices
        self.hears = not devices
        self._slots: list[_Slot] = []
        self._lost: Counter[tuple[type[Job], tuple[int, str]]] = Counter()

    def expect(self, jobs: int) -> None:
        """Start processes for so many jobs, or what is missing of them."""
        for number in range(len(self._slots), min(self._size, jobs)):
            worker = self._new_worker(number)
            worker.start()
            self._slots.append(_Slot(worker))

    def results(self, *, patient: bool = True) -> Iterator[tuple[Job, JobResult]]:
        """As ``SessionPool.results``."""
        vigil = Vigil()
        while True:
            self._assign()
            busy = [(slot.worker, slot.doing) for slot in self._slots if slot.doing and slot.worker.is_busy]
            wait_s = self._wait_s()
            if not busy and self._is_over(patient):
                return
            ready = wait([worker.connection for worker, _ in busy], timeout=min(POLL_S, wait_s or POLL_S))
            vigil.look()
            for worker, started in busy:
                result = worker.result(worker.connection in ready, vigil)
                if result is None or not self._queue_of(started.job).ended(started, result):
                    continue
                if self._is_again(started.job, result):
                    self.submit(started.job)
                    continue
                if not isinstance(started.job, SessionJob):
                    # How a session ended may say that no other is to begin; else nobody need wait.
                    self._assign()
                yield started.job, result

    def _is_again(self, job: Job, result: JobResult) -> bool:
        if isinstance(job, SessionJob) or not result.retry:
            return False
        self._lost[type(job), job.key] += 1
        return self._lost[type(job), job.key] < TRIES

    def _assign(self) -> None:
        while (queue := self._ready()) is not None:
            idle = (n for n, slot in enumerate(self._slots) if not slot.worker.is_busy)
            number = next(idle, len(self._slots))
            if number >= self._size:
                return
            started = queue.start(partial(self._is_for, number))
            if number == len(self._slots):
                self._slots.append(_Slot(self._new_worker(number)))
            slot = self._slots[number]
            slot.doing = started
            slot.worker.begin(started.job)

    def _is_for(self, number: int, job: Job) -> bool:
        """Whether a job is that process's rather than another's; one that is of no sample is anybody's."""
        if isinstance(job, CallJob):
            return True
        return crc32(job.key[1].encode(errors="surrogateescape")) % self._size == number

    def _new_worker(self, number: int) -> SupervisedWorker:
        environment = worker_environment(number, self._devices)
        start = partial(start_worker, run_jobs, self._step_limit_s, environment)
        return SupervisedWorker(self._step_limit_s, start)

    def __exit__(self, *raised: object) -> None:
        for slot in self._slots:
            slot.worker.close_soon()
        for slot in self._slots:
            slot.worker.close()


@dataclass(slots=True)
class _Host:
    """The process that runs the live sessions of one adapter."""

    queue: AdapterQueue
    worker: WorkerProcess
    running: dict[tuple[int, str], StartedJob] = field(default_factory=dict)

    def start(self) -> None:
        """Start the session that is next."""
        started = self.queue.start()
        self.running[started.job.key] = started
        # Where the process has died, receiving from it will say so.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.worker.connection.send(started.job)


class LivePool(SessionPool):
    """Does session jobs, those of each adapter on a process of its own, ``at_once`` side by side.

    Args:
        at_once: most sessions of an adapter at once.
        per_minute: most of them that are started a minute; 0 is unlimited.
        limits: what one may take.
        preflight: hold a short session with each adapter first.
        patience: as for ``SessionPool``, and so is ``tell``.
    """

    def __init__(
        self,
        at_once: int,
        per_minute: float = 0.0,
        limits: LatenessLimits | None = None,
        *,
        preflight: bool = False,
        patience: Patience | None = None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        super().__init__(patience, tell)
        self._at_once = at_once
        self._interval_s = 60.0 / per_minute if per_minute else START_INTERVAL_S
        self._limits = limits or LatenessLimits()
        self._folder = TemporaryDirectory(prefix="tml-bench-") if preflight else None
        self._hosts: dict[str, _Host] = {}

    def results(self, *, patient: bool = True) -> Iterator[tuple[Job, JobResult]]:
        """As ``SessionPool.results``."""
        vigil = Vigil()
        while True:
            self._start_sessions()
            wait_s = self._wait_s()
            if not any(host.running for host in self._hosts.values()) and self._is_over(patient):
                return
            self._dismiss_idle()
            hosts = {host.worker.connection: host for host in self._hosts.values()}
            ready = wait(hosts, timeout=min(POLL_S, wait_s))
            vigil.look()
            for connection, host in hosts.items():
                host.queue.remind()
                if connection in ready:
                    yield from self._received(host)
                elif vigil.missed(host.worker.deadline, self._limits.blocked_s):
                    yield from self._silent(host)

    def _new_queue(self, adapter: str) -> AdapterQueue:
        limits = {"at_once": self._at_once, "interval_s": self._interval_s}
        queue = AdapterQueue(adapter, self._patience, **limits, tell=self._tell, clock=self._clock)
        if self._folder is not None:
            queue.preflight = preflight_job(adapter, Path(self._folder.name, str(len(self._queues))))
        return queue

    def _start_sessions(self) -> None:
        while (queue := self._ready()) is not None:
            if queue.adapter not in self._hosts:
                worker = start_worker(run_live, self._limits)
                worker.deadline.value = time.monotonic() + START_LIMIT_S + self._limits.blocked_s
                self._hosts[queue.adapter] = _Host(queue, worker)
            self._hosts[queue.adapter].start()

    def _dismiss_idle(self) -> None:
        for name, host in tuple(self._hosts.items()):
            if not host.running and not self._queues[name].length:
                self._dismiss(host)

    def _dismiss(self, host: _Host) -> None:
        del self._hosts[host.queue.adapter]
        if host.running:
            host.worker.kill()
        else:
            host.worker.dismiss()

    def _received(self, host: _Host) -> Iterator[tuple[Job, JobResult]]:
        try:
            key, result = host.worker.connection.recv()
        except (EOFError, OSError):  # between two messages, or within one
            how, from_outside = host.worker.fate()
            reason = f"the process that runs live sessions {how}"
            yield from self._lost(host, reason, no_fault=from_outside)
            return
        started = host.running.pop(key)
        if host.queue.ended(started, result):
            yield started.job, result

    def _silent(self, host: _Host) -> Iterator[tuple[Job, JobResult]]:
        if host.worker.is_stopped():
            return self._lost(host, "the process that runs live sessions was stopped", no_fault=True)
        return self._lost(host, f"the adapter blocked its loop for {self._limits.blocked_s:g} s")

    def _lost(self, host: _Host, reason: str, *, no_fault: bool = False) -> Iterator[tuple[Job, JobResult]]:
        lost = list(host.running.values())
        self._dismiss(host)
        # Which of several did it cannot be told from outside; alone, the next time, it can.
        retry = no_fault or len(lost) > 1
        result = JobResult(Outcome.INFRASTRUCTURE if retry else Outcome.ADAPTER_ERROR, reason, retry=retry)
        if not no_fault:
            host.queue.at_once = max(1, host.queue.at_once // 2)
        for started in lost:
            job = started.job
            why = unplayable(job.sample) if isinstance(job, SessionJob) and not no_fault else ""
            one = JobResult(Outcome.INVALID, why) if why else result
            if host.queue.ended(started, one):
                yield started.job, one

    def __exit__(self, *raised: object) -> None:
        for host in tuple(self._hosts.values()):
            self._dismiss(host)
        if self._folder is not None:
            self._folder.cleanup()
