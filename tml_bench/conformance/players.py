"""Plays the sessions of the cases, each in a process that a model may hang or kill."""

import time
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from tml_bench.conformance.sessions import PlayedScript
from tml_bench.conformance.slots import FULL, FullError
from tml_bench.outcome import Outcome
from tml_bench.recording import LOG
from tml_bench.runs.back_off import Patience
from tml_bench.runs.jobs import JobResult, SessionJob
from tml_bench.runs.live_worker import main as run_live
from tml_bench.runs.pool import Pool
from tml_bench.runs.processes import WorkerProcess, start_worker
from tml_bench.runs.queues import SessionPool
from tml_bench.samples import Sample
from tml_bench.session.live import LatenessLimits

STEP_LIMIT_S = 60.0
"""A step that takes longer is taken to hang."""
PATIENT = LatenessLimits(late_p99_ms=1000.0, late_max_ms=1000.0)
"""Nothing is measured here, so a busy machine spoils nothing."""
_POLL_S = 0.2
_PLAYED = (b'"kind":"step"', b'"kind":"sent"')


class SessionPlayer(Protocol):
    """Plays one session after the other."""

    def play(self, job: SessionJob) -> JobResult:
        """How a session ended."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...


class StepPlayer:
    """Plays sessions of an adapter that answers micro-turns; a refusal is told as ``LivePlayer`` does."""

    def __init__(self, pool: SessionPool | None = None) -> None:
        self._pool = pool or Pool(1, STEP_LIMIT_S, Patience(0.0, 0.0))

    def play(self, job: SessionJob) -> JobResult:
        """How a session ended."""
        self._pool.submit(job)
        ((_, result),) = self._pool.results()
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._pool.__exit__(*raised)


class LivePlayer:
    """Plays sessions of an adapter on the wall clock; a refusal is told, and not waited out in silence."""

    def __init__(self) -> None:
        self._worker: WorkerProcess | None = None

    def play(self, job: SessionJob) -> JobResult:
        """How a session ended."""
        worker = self._worker = self._worker or start_worker(run_live, PATIENT)
        try:
            worker.connection.send(job)
            while not worker.connection.poll(_POLL_S):
                if time.monotonic() > worker.deadline.value:
                    return self._lost(f"the adapter blocked its loop for {PATIENT.blocked_s:g} s")
            _, result = worker.connection.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return self._lost("the adapter's process died")
        assert isinstance(result, JobResult)
        return result

    def _lost(self, reason: str) -> JobResult:
        self._stop()
        return JobResult(Outcome.ADAPTER_ERROR, reason)

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.process.kill()
            self._worker.process.join()
            self._worker.connection.close()
        self._worker = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop()


def played(player: SessionPlayer, adapter: str, name: str, script: PlayedScript, folder: Path) -> JobResult:
    """Play a script once, into a folder.

    Raises:
        FullError: the service had no place for the session.
    """
    sample = Sample((script.sample or name).replace(" ", "-"), "all", script.script, script.reference)
    result = player.play(SessionJob((0, sample.id), "check", sample, adapter, script.settings, folder))
    refused = result.quota_s is not None or (result.retry and FULL.search(result.reason))
    if result.outcome is Outcome.INFRASTRUCTURE and refused and not _began(folder):
        raise FullError(result.reason, result.quota_s or 0.0)
    return result


def _began(folder: Path) -> bool:
    """Whether a micro-turn of the session went out: what ended it later was no refusal to open it."""
    try:
        log = (folder / LOG).read_bytes()
    except FileNotFoundError:
        return False
    return any(mark in log for mark in _PLAYED)
