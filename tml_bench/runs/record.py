"""Record runs: every sample of every run gets an attempt that ends in a recorded outcome."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.runs.config import RunFile, RunPlan, environment
from tml_bench.runs.jobs import Job, JobResult, SessionJob, SessionPool
from tml_bench.runs.resume import EITHER, closed, incomplete, resumed
from tml_bench.runs.store import TRACEBACK, Attempt, RunFolder, last_attempts, locked, read_lines
from tml_bench.samples import Sample

Advance = Callable[[str], None]
"""Called with a line about each attempt or recording that has ended."""

TRIES = 3
"""How often a sample is tried in one command while it may go better another time."""


class ChangedModelError(UserError):
    """A model says something else of itself than when the run began; nothing was added to ``path`` since."""

    def __init__(self, path: Path, differs: str) -> None:
        super().__init__(f"{path} was recorded with another model: {differs}", EITHER)
        self.path = path


def pending(plan: RunPlan, attempts: Sequence[Attempt], *, retry_errors: bool = False) -> list[Sample]:
    """Samples that have no final outcome yet; with ``retry_errors`` an ``adapter_error`` is none."""
    again = {Outcome.INFRASTRUCTURE} | ({Outcome.ADAPTER_ERROR} if retry_errors else set())
    last = last_attempts(list(attempts))
    return [s for s in plan.samples if s.id not in last or last[s.id].outcome in again or last[s.id].retry]


def record(
    plans: Sequence[RunPlan],
    pool: SessionPool,
    advance: Advance,
    *,
    retry_errors: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> list[UserError]:
    """Record what is pending, and continue what was interrupted; returns why runs could not be finished.

    ``advance`` is told of every sample, those already done included; with ``retry_errors`` also what ended in
    ``adapter_error`` is tried again; ``tell`` gets a line for every run that has ended. A run is not finished
    where its adapter cannot be loaded, or its model is no longer the same. Raises `UserError` where a folder
    cannot be used, or holds what must not be mixed with what was asked for.
    """
    with ExitStack() as stack:
        recorders = []
        for number, plan in enumerate(plans):
            file = RunFile(plan.config, environment(), plan.identity)
            folder = stack.enter_context(RunFolder(plan.path, file, partial(resumed, plan)))
            todo = pending(plan, folder.attempts, retry_errors=retry_errors)
            if todo and (why := closed(folder.file)):
                raise incomplete(plan.path, why)
            if not todo:
                folder.save()
            recorders.append(_Recorder(number, plan, folder, pool, advance, todo))
        for recorder in recorders:
            recorder.submit()
        for job, result in pool.results():
            recorders[job.key[0]].take(job, result)
        for recorder in recorders:
            recorder.finish()
            tell(recorder.line)
        return [recorder.error for recorder in recorders if recorder.error]


@dataclass(slots=True)
class _Recorder:
    """One run's attempts."""

    _number: int
    _plan: RunPlan
    _folder: RunFolder
    _pool: SessionPool
    _advance: Advance
    _todo: Sequence[Sample]
    error: UserError | None = None
    _tries: Counter[str] = field(default_factory=Counter)
    _ended: set[str] = field(default_factory=set)
    _numbers: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        attempts = sorted(self._folder.attempts, key=lambda attempt: attempt.attempt)
        self._numbers = {attempt.sample: attempt.attempt for attempt in attempts}

    @property
    def line(self) -> str:
        """How many samples were reused, how many run."""
        reused = len(self._plan.samples) - len(self._todo)
        why = closed(self._folder.file) if reused else ""
        return f"{self._plan.path}: {reused} reused, {len(self._ended)} run{why and f' ({why})'}"

    def submit(self) -> None:
        for _ in range(len(self._plan.samples) - len(self._todo)):
            self._advance("")
        for sample in self._todo:
            if not sample.problem:
                self._pool.submit(self._job(sample))

    def finish(self) -> None:
        """Record the samples that cannot be played, unless nothing may be added."""
        for sample in self._todo:
            if sample.problem and not isinstance(self.error, ChangedModelError):
                self._commit(sample, JobResult(Outcome.INVALID, sample.problem), None)

    def _job(self, sample: Sample) -> SessionJob:
        config, identity = self._plan.config, self._folder.file.identity
        return SessionJob(
            key=(self._number, sample.id),
            task=config.task,
            sample=sample,
            adapter=self._plan.adapter or config.adapter,
            settings=config.settings(),
            folder=self._folder.aside / sample.id,
            replay=replayed(Path(config.replay), config.task, sample.id) if config.replay else None,
            reported=identity.reported if identity else {},
        )

    def take(self, job: Job, result: JobResult) -> None:
        assert isinstance(job, SessionJob)
        if isinstance(self.error, ChangedModelError):
            return  # of a session that was under way when the run was stopped
        if differs := self._folder.learn(result.reported):
            self.error = ChangedModelError(self._plan.path, differs)
            self._dropped()
            return
        if result.fatal:
            self.error = UserError(result.reason)
            self._commit(job.sample, result, None)
            for waiting in self._dropped():
                self._commit(waiting.sample, replace(result, traceback=""), None)
            return
        self._commit(job.sample, result, job.folder if result.recording else None)
        self._tries[job.sample.id] += 1
        if result.retry and self._tries[job.sample.id] < TRIES:
            self._pool.submit(self._job(job.sample))

    def _dropped(self) -> list[SessionJob]:
        """The run's jobs that waited, and wait no longer."""
        dropped = self._pool.drop(lambda waiting: waiting.key[0] == self._number)
        return [job for job in dropped if isinstance(job, SessionJob)]

    def _commit(self, sample: Sample, result: JobResult, recording: Path | None) -> None:
        self._numbers[sample.id] = number = self._numbers.get(sample.id, 0) + 1
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
            sample_sha256=self._plan.hashes.get(sample.id, ""),
        )
        self._folder.commit(attempt, recording, result.traceback)
        self._ended.add(sample.id)
        line = "" if result.outcome is Outcome.VALID else f"{sample.id}: {result.outcome}: {result.reason}"
        if result.traceback:
            line += f"; traceback: {self._folder.recording_path(sample.id, number) / TRACEBACK}"
        self._advance(line)


def replayed(run: Path, task: str, sample: str) -> Path:
    """The recording in another run whose compute is replayed for a sample; raises where none is valid."""
    last = last_attempts(read_lines(run / "attempts.jsonl", Attempt)).get(sample)
    if last is None or last.outcome is not Outcome.VALID:
        raise UserError(f"{run} has no valid recording of {sample}", "replay a run that is complete")
    return run / task / sample / str(last.attempt)


def start_over(path: Path) -> None:
    """Remove a run's folder; raises `UserError` where it is none, or another process is writing it."""
    if path.exists():
        if not (path / "run.json").is_file():
            raise UserError(
                f"{path} is not a run (it has no run.json), so it is not removed", "give another --out"
            )
        with locked(path):
            shutil.rmtree(path)
