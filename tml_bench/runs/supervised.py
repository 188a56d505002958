"""A worker process under supervision: killed where it hangs, started anew where it died."""

import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait

from tml_bench.media.trial import unplayable
from tml_bench.outcome import Outcome
from tml_bench.runs.jobs import Deadline, Job, JobResult, SessionJob
from tml_bench.runs.processes import Vigil, WorkerProcess
from tml_bench.runs.worker import WARM_UP_LIMIT_S

POLL_S = 0.5
"""How often a supervisor looks after its processes."""


class SupervisedWorker:
    """Does one job at a time on a process of its own, which holds the adapter from one to the next.

    A process that hangs is killed, and the next job begins a new one, as where it died; that ends one job and
    nothing else. The process is started with the first job, if not before.

    Args:
        step_limit_s: a step of a model that takes longer is taken to hang.
        start: starts the process.
    """

    def __init__(self, step_limit_s: float, start: Callable[[], WorkerProcess]) -> None:
        self._step_limit_s = step_limit_s
        self._start = start
        self._process: WorkerProcess | None = None
        self._job: Job | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a job was begun whose result was not taken."""
        return self._job is not None

    @property
    def connection(self) -> Connection:
        """Readable once a job that was begun has a result, or the process is gone."""
        return self._running.connection

    @property
    def deadline(self) -> Deadline:
        """When the process may be taken to hang."""
        return self._running.deadline

    @property
    def _running(self) -> WorkerProcess:
        if self._process is None:
            self._process = self._start()
        return self._process

    def start(self) -> None:
        """Start the process, which takes a while, before there is a job."""
        self._process = self._running

    def begin(self, job: Job) -> None:
        """Hand over a job; the one before must have ended."""
        self._job = job
        if isinstance(job, SessionJob):  # perception takes as long as it takes
            self.deadline.value = time.monotonic() + WARM_UP_LIMIT_S
        # A process may have died while idle; receiving from it will say so.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(job)

    def result(self, ready: bool, vigil: Vigil) -> JobResult | None:
        """How the job ended, None as long as it runs; ``ready`` says that ``connection`` can be read."""
        if ready:
            result = self._received()
        elif vigil.missed(self.deadline, self._step_limit_s):
            result = self._gave_up()
        else:
            return None
        self._job = None
        return result

    def do(self, job: Job) -> JobResult:
        """Do one job, and wait for it."""
        self.begin(job)
        vigil = Vigil()
        while True:
            ready = wait([self.connection], timeout=POLL_S)
            vigil.look()
            if (result := self.result(bool(ready), vigil)) is not None:
                return result

    def _received(self) -> JobResult:
        try:
            result: JobResult = self.connection.recv()
        except (EOFError, OSError):  # between two messages, or within one
            how, from_outside = self._running.fate()
            return self._lost(f"the process {how}", no_fault=from_outside)
        return result

    def _gave_up(self) -> JobResult:
        if self._running.is_stopped():
            return self._lost("the process was stopped", no_fault=True)
        limits = f"{self._step_limit_s:g} s (--step-timeout), or {WARM_UP_LIMIT_S:g} s to load"
        return self._lost(f"no answer within {limits}")

    def _lost(self, reason: str, *, no_fault: bool = False) -> JobResult:
        self.kill()
        if not isinstance(self._job, SessionJob):
            return JobResult(Outcome.INFRASTRUCTURE, f"perception: {reason}", retry=no_fault)
        return lost_session(self._job, reason, no_fault=no_fault)

    def kill(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def close_soon(self) -> None:
        """Tell the process to end, if it does nothing; else kill it."""
        if self._process is None:
            return
        if self.is_busy:
            self._process.process.kill()
        else:
            self._process.connection.close()

    def close(self) -> None:
        """End the process, and wait for it."""
        self.close_soon()
        if self._process is not None:
            self._process.dismiss()


def lost_session(job: SessionJob, reason: str, *, no_fault: bool = False) -> JobResult:
    """The outcome of a session whose process ended or hangs: `lost`, unless its files cannot be played."""
    why = "" if no_fault else unplayable(job.sample)
    return JobResult(Outcome.INVALID, why) if why else lost(reason, no_fault=no_fault)


def lost(reason: str, *, no_fault: bool = False) -> JobResult:
    """The outcome of a session whose process ended or hangs; ``no_fault`` where something outside did it."""
    outcome = Outcome.INFRASTRUCTURE if no_fault else Outcome.ADAPTER_ERROR
    return JobResult(outcome, f"adapter: {reason}", retry=no_fault)
