"""Record runs: every sample of every run gets an attempt that ends in a recorded outcome."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.runs.config import RunConfig
from tml_bench.runs.store import (
    TRACEBACK,
    Attempt,
    RunFolder,
    last_attempts,
    locked,
    read_lines,
)
from tml_bench.runs.worker import Job, Result, SessionJob, SessionPool
from tml_bench.samples import Sample

Advance = Callable[[str], None]
"""Called with a line about each attempt or recording that has ended."""

TRIES = 3
"""How often a sample is tried in one command while it may go better another time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A run to record.

    Attributes:
        path: its folder.
        config: what it is.
        samples: its samples, in order.
    """

    path: Path
    config: RunConfig
    samples: tuple[Sample, ...]


def pending(plan: Plan, attempts: Sequence[Attempt], *, retry_errors: bool = False) -> list[Sample]:
    """Samples that have no final outcome yet.

    Args:
        plan: the run.
        attempts: those made so far.
        retry_errors: try again also what ended in ``adapter_error``.
    """
    again = {Outcome.INFRASTRUCTURE} | ({Outcome.ADAPTER_ERROR} if retry_errors else set())
    last = last_attempts(list(attempts))
    return [s for s in plan.samples if s.id not in last or last[s.id].outcome in again or last[s.id].retry]


def record(
    plans: Sequence[Plan], pool: SessionPool, advance: Advance, *, retry_errors: bool = False
) -> list[UserError]:
    """Record what is pending; continues runs that were interrupted.

    Args:
        plans: the runs.
        pool: does the sessions.
        advance: told of every sample, those already done included.
        retry_errors: try again also what ended in ``adapter_error``.

    Returns:
        Why runs could not be finished: adapters that cannot be loaded.

    Raises:
        UserError: a run's folder cannot be used.
    """
    with ExitStack() as stack:
        recorders = [
            _Recorder(n, plan, stack.enter_context(RunFolder(plan.path, plan.config)), pool, advance)
            for n, plan in enumerate(plans)
        ]
        for recorder in recorders:
            recorder.submit(retry_errors)
        for job, result in pool.results():
            recorders[job.key[0]].take(job, result)
        return [UserError(r.fatal) for r in recorders if r.fatal]


class _Recorder:
    """One run's attempts."""

    def __init__(
        self, number: int, plan: Plan, folder: RunFolder, pool: SessionPool, advance: Advance
    ) -> None:
        self.fatal = ""
        self._number = number
        self._plan = plan
        self._folder = folder
        self._pool = pool
        self._advance = advance
        self._samples = {sample.id: sample for sample in plan.samples}
        self._numbers: dict[str, int] = {}
        for attempt in folder.attempts:
            self._numbers[attempt.sample] = max(self._numbers.get(attempt.sample, 0), attempt.attempt)
        self._tries: dict[str, int] = {}

    def submit(self, retry_errors: bool) -> None:
        todo = pending(self._plan, self._folder.attempts, retry_errors=retry_errors)
        for _ in range(len(self._plan.samples) - len(todo)):
            self._advance("")
        for sample in todo:
            if sample.problem:
                self._commit(sample, Result(Outcome.INVALID, sample.problem), None)
            else:
                self._pool.submit(self._job(sample))

    def _job(self, sample: Sample) -> SessionJob:
        config = self._plan.config
        return SessionJob(
            key=(self._number, sample.id),
            task=config.task,
            sample=sample,
            adapter=config.adapter,
            settings=config.settings(),
            folder=self._folder.aside / sample.id,
            replay=replayed(Path(config.replay), config.task, sample.id) if config.replay else None,
        )

    def take(self, job: Job, result: Result) -> None:
        assert isinstance(job, SessionJob)
        if result.fatal:
            self.fatal = result.reason
            self._commit(job.sample, result, None)
            for waiting in self._pool.drop(lambda waiting: waiting.key[0] == self._number):
                self._commit(self._samples[waiting.key[1]], replace(result, traceback=""), None)
            return
        self._commit(job.sample, result, job.folder if result.recording else None)
        self._tries[job.sample.id] = self._tries.get(job.sample.id, 0) + 1
        if result.retry and self._tries[job.sample.id] < TRIES:
            self._pool.submit(self._job(job.sample))

    def _commit(self, sample: Sample, result: Result, recording: Path | None) -> None:
        number = self._numbers.get(sample.id, 0) + 1
        self._numbers[sample.id] = number
        attempt = Attempt(
            sample=sample.id,
            subset=sample.subset,
            attempt=number,
            outcome=result.outcome,
            reason=result.reason,
            notes=sample.notes,
            audio_s=round(result.audio_s, 6),
            wall_s=round(result.wall_s, 3),
            ended=datetime.now(UTC).isoformat(timespec="seconds"),
            retry=result.retry,
        )
        self._folder.commit(attempt, recording, result.traceback)
        line = "" if result.outcome is Outcome.VALID else f"{sample.id}: {result.outcome}: {result.reason}"
        if result.traceback:
            line += f"; traceback: {self._folder.recording_path(sample.id, number) / TRACEBACK}"
        self._advance(line)


def replayed(run: Path, task: str, sample: str) -> Path:
    """The recording in another run whose compute is replayed for a sample.

    Raises:
        UserError: that run has no valid recording of the sample.
    """
    last = last_attempts(read_lines(run / "attempts.jsonl", Attempt)).get(sample)
    if last is None or last.outcome is not Outcome.VALID:
        raise UserError(f"{run} has no valid recording of {sample}", "replay a run that is complete")
    return run / task / sample / str(last.attempt)


def start_over(path: Path) -> None:
    """Remove a run's folder, if it is one.

    Raises:
        UserError: the folder is not a run, or is being written by another process.
    """
    if path.exists():
        if not (path / "run.json").is_file():
            raise UserError(
                f"{path} is not a run (it has no run.json), so it is not removed", "give another --out"
            )
        with locked(path):
            shutil.rmtree(path)
