"""Record runs: every sample of every run gets an attempt that ends in a recorded outcome."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.perception.perceive import WordMode
from tml_bench.runs.config import RunFile, RunPlan, environment, run_task
from tml_bench.runs.continuing import EITHER, closed, incomplete, resumed, settings_sha256
from tml_bench.runs.failures import FailureLog
from tml_bench.runs.handles import parts, runs_at_once
from tml_bench.runs.heard_index import HeardIndex
from tml_bench.runs.jobs import TRIES, Hearing, Job, JobResult, SessionJob
from tml_bench.runs.layout import spread
from tml_bench.runs.queues import CONTINUE, SessionPool
from tml_bench.runs.recorded import pending
from tml_bench.runs.replayed_lines import ReplayedLines
from tml_bench.runs.replayed_run import ReplayedRun
from tml_bench.runs.spending import SpendingLimit, limited_results
from tml_bench.runs.store import TRACEBACK, Attempt, RunFolder
from tml_bench.samples import Sample
from tml_bench.session.settings import Settings
from tml_bench.turns import Usage

Advance = Callable[[str], None]
"""Called with a line, which may be empty, about each sample or recording that is done."""
Tell = Callable[[str], None]
"""Called with a line worth knowing."""


class RunEnd(NamedTuple):
    """What was done of a run: how many samples were reused, how many were run, and how many are left.

    ``why`` says why nothing may be added to it; empty where something may.
    """

    path: Path
    reused: int
    ran: int
    left: int = 0
    why: str = ""

    @property
    def line(self) -> str:
        """All of it."""
        left = f", {self.left} not run" if self.left else ""
        return f"{self.path}: {self.reused} reused, {self.ran} run{left}{self.why and f' ({self.why})'}"


def _silent(_: object) -> None:
    """Tell nobody."""


class ChangedModelError(UserError):
    """A model says something else of itself than when the run began; nothing was added to ``path`` since."""

    def __init__(self, path: Path, differs: str) -> None:
        super().__init__(f"{path} was recorded with another model: {differs}", EITHER)
        self.path = path


def record(
    plans: Sequence[RunPlan],
    pool: SessionPool,
    advance: Advance,
    *,
    retry_errors: bool = False,
    fail_fast: int = 0,
    end: Callable[[RunEnd], None] = _silent,
    failed: Tell = _silent,
    remark: Tell = _silent,
) -> list[UserError]:
    """Record runs whose sessions one pool runs; see `record_all`."""
    return record_all(
        {pool: plans}, advance, retry_errors=retry_errors, fail_fast=fail_fast, end=end, failed=failed,
        remark=remark,
    )  # fmt: skip


def record_all(
    places: Mapping[SessionPool, Sequence[RunPlan]],
    advance: Advance,
    *,
    retry_errors: bool = False,
    fail_fast: int = 0,
    end: Callable[[RunEnd], None] = _silent,
    failed: Tell = _silent,
    remark: Tell = _silent,
    limit: SpendingLimit | None = None,
    trouble: Callable[[], UserError | None] = lambda: None,
    words: WordMode | None = None,
) -> list[UserError]:
    """Record what is pending, and continue what was interrupted; returns why runs could not be finished.

    Pools work one after the other, in order, so that their sessions do not disturb each other; one that only
    waits for services lets the others go first. ``advance`` is told once of every sample that is done, those
    done before included, ``remark`` of attempts after which a sample is tried again or left to be done;
    with ``retry_errors`` also what ended in ``adapter_error`` is tried again; a run ends after
    ``fail_fast`` samples that did not end valid, 0 for never; ``end`` is told of every run that has
    ended, then ``failed`` of equal failures, a line each; once there is ``trouble`` beside the sessions,
    no more are started. Given how they will be scored, by ``words``, recordings are perceived at once where
    the pool can. A run is not finished where its adapter is given up, its model is no longer the same, or its
    next session would pass the ``limit`` of what all runs may have taken. Raises `UserError` where a folder
    cannot be used, or holds what must not be mixed with what was asked for.
    """
    failures = FailureLog()
    errors: list[UserError] = []
    for part in [places] if limit is not None else parts(places, runs_at_once()):
        errors += _record_part(
            part, advance, failures, retry_errors=retry_errors, fail_fast=fail_fast, end=end, remark=remark,
            limit=limit, trouble=trouble, words=words,
        )  # fmt: skip
    for line in failures.lines():
        failed(line)
    return list(dict.fromkeys(errors))


def _record_part(
    places: Mapping[SessionPool, Sequence[RunPlan]], advance: Advance, failures: FailureLog, *,
    retry_errors: bool, fail_fast: int, end: Callable[[RunEnd], None], remark: Tell,
    limit: SpendingLimit | None, trouble: Callable[[], UserError | None], words: WordMode | None,
) -> list[UserError]:  # fmt: skip
    """Record runs that are open together; returns why some could not be finished."""
    machine = environment()
    with ExitStack() as stack:
        recorders: list[_Recorder] = []
        for pool, plans in places.items():
            for plan in plans:
                size = spread(len(plan.samples))
                file = RunFile(plan.config, machine, plan.identity, dict(plan.tags), size)
                folder = stack.enter_context(RunFolder(plan.path, file, partial(resumed, plan)))
                todo, lost = pending(plan, folder.file, folder.attempts, retry_errors=retry_errors)
                if todo and (why := closed(folder.file)):
                    raise incomplete(plan.path, why)
                for why in lost.values():
                    remark(f"{why}; it is run again")
                if not todo:
                    folder.save()
                number, most = len(recorders), fail_fast or math.inf
                if limit is not None:
                    limit.count(plan.path, plan.samples, folder.attempts)
                recorder = _Recorder(
                    number, plan, folder, pool, advance, remark, failures, todo, most, trouble, limit, words
                )
                recorders.append(recorder)
                pool.expect(sum(not sample.problem for sample in todo))
        for recorder in recorders:
            recorder.submit()
        for job, result in limited_results(tuple(places), limit):
            recorders[job.key[0]].take(job, result)
        for recorder in recorders:
            recorder.finish()
            end(recorder.end)
        return [recorder.error for recorder in recorders if recorder.error]


@dataclass(slots=True)
class _Recorder:
    """One run's attempts."""

    _number: int
    _plan: RunPlan
    _folder: RunFolder
    _pool: SessionPool
    _advance: Advance
    _remark: Tell
    _failures: FailureLog
    _todo: Sequence[Sample]
    _most_failures: float
    _trouble: Callable[[], UserError | None]
    _limit: SpendingLimit | None = None
    _words: WordMode | None = None
    error: UserError | None = None
    _tries: Counter[str] = field(default_factory=Counter)
    _ran: set[str] = field(default_factory=set)
    _open: set[str] = field(init=False)
    _failed: int = 0
    _numbers: dict[str, int] = field(init=False)
    _replayed: ReplayedRun | None = field(init=False)
    _lines: ReplayedLines | None = field(init=False)
    _index: HeardIndex | None = field(init=False)
    _settings: Settings = field(init=False)
    _settings_sha256: str = field(init=False)

    def __post_init__(self) -> None:
        replay = self._plan.config.replay
        self._replayed = ReplayedRun(Path(replay)) if replay and self._todo else None
        lines = self._plan.config.replay_user
        self._lines = ReplayedLines(Path(lines)) if lines and self._todo else None
        self._index = self._heard_index() if self._todo and self._pool.hears else None
        self._settings = replace(self._plan.config.settings(), user=self._plan.user_settings)
        self._settings_sha256 = settings_sha256(self._folder.file.config)
        attempts = sorted(self._folder.attempts, key=lambda attempt: attempt.attempt)
        self._numbers = {attempt.sample: attempt.attempt for attempt in attempts}
        self._open = {sample.id for sample in self._todo if not sample.problem}

    @property
    def end(self) -> RunEnd:
        reused = len(self._plan.samples) - len(self._todo)
        why = closed(self._folder.file) if reused else ""
        return RunEnd(self._plan.path, reused, len(self._ran), len(self._open - self._ran), why)

    @property
    def _adapter(self) -> str:
        return self._plan.adapter or self._plan.config.adapter

    def submit(self) -> None:
        for _ in range(len(self._plan.samples) - len(self._todo)):
            self._advance("")
        for sample in self._todo:
            if not sample.problem:
                self._submit(sample)

    def _submit(self, sample: Sample) -> None:
        """Have a session held, with a limit once there is room for it."""
        if self._limit is None:
            self._pool.submit(self._job(sample))
        else:
            self._limit.ask((self._number, sample.id), self._plan.path, sample, partial(self._enter, sample))

    def _enter(self, sample: Sample) -> None:
        if self._adapter not in self._pool.given_up:
            self._pool.submit(self._job(sample))
        elif self._limit is not None:
            self._limit.forget(self._number, [(self._number, sample.id)])

    def finish(self) -> None:
        """Record the samples that cannot be played, unless nothing may be added, and say what is left."""
        for sample in self._todo:
            if sample.problem and not isinstance(self.error, ChangedModelError):
                self._advance(self._commit(sample, JobResult(Outcome.INVALID, sample.problem), None))
        if self._open and self.error is None:
            self.error = self._pool.given_up.get(self._adapter)
        if self.error is None and self._limit is not None and (left := self._limit.left(self._number)):
            self.error = UserError(
                f"{self._plan.path}: {left} (--budget)", f"with a higher --budget {CONTINUE}"
            )

    def _job(self, sample: Sample) -> SessionJob:
        config, identity = self._plan.config, self._folder.file.identity
        return SessionJob(
            key=(self._number, sample.id),
            task=config.task,
            sample=sample,
            adapter=self._adapter,
            settings=self._settings,
            folder=self._folder.aside / sample.id,
            replay=self._replayed.recording(sample.id) if self._replayed else None,
            lines=self._lines.recording(sample) if self._lines else None,
            reported=identity.reported if identity else {},
            config=self._settings_sha256,
            hearing=self._hearing(sample),
        )

    def _heard_index(self) -> HeardIndex | None:
        if self._words is None:
            return None
        plan, file = self._plan, self._folder.file
        return HeardIndex(plan.path, file, run_task(file.config), plan.samples, self._words)

    def _hearing(self, sample: Sample) -> Hearing | None:
        if self._words is None or not self._pool.hears:
            return None
        number = self._numbers.get(sample.id, 0) + 1
        place = self._folder.recording_path(sample.id, number)
        cache = self._folder.timeline_path(sample.id, number)
        return Hearing(self._plan.config.task_source, place, cache, self._words)

    def take(self, job: Job, result: JobResult) -> None:
        assert isinstance(job, SessionJob)
        if self._limit is not None:
            usage = msgspec.UNSET if result.usage == Usage() else result.usage
            self._limit.ended(job.key, self._plan.path, job.sample, usage, result.audio_s)
        if isinstance(self.error, ChangedModelError):
            return  # of a session that was under way when the run was stopped
        if differs := self._folder.learn(result.reported):
            self.error = ChangedModelError(self._plan.path, differs)
            self._drop()
            return
        line = self._commit(job.sample, result, job.folder if result.recording else None)
        self._tries[job.sample.id] += 1
        if self.error is None and (trouble := self._trouble()) is not None:
            self.error = trouble
            self._drop()
        given_up = self._adapter in self._pool.given_up
        another_time = given_up and result.outcome is Outcome.INFRASTRUCTURE
        if another_time or (result.retry and self._tries[job.sample.id] < TRIES):
            if line:
                self._remark(line)
            if self.error is None and not given_up:
                self._submit(job.sample)
            return
        self._advance(line)
        self._open.discard(job.sample.id)
        self._failed += result.outcome is not Outcome.VALID
        if self._open and self._failed >= self._most_failures and self.error is None:
            problem = f"{self._plan.path} was ended after {self._failed} samples that are not valid"
            self.error = UserError(f"{problem} (--fail-fast)", CONTINUE)
            self._drop()

    def _drop(self) -> None:
        """Forget the run's jobs that wait."""
        dropped = self._pool.drop(lambda waiting: waiting.key[0] == self._number)
        if self._limit is not None:
            self._limit.forget(self._number, (job.key for job in dropped))

    def _commit(self, sample: Sample, result: JobResult, recording: Path | None) -> str:
        """Write an attempt; gives what to show of it."""
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
            usage=msgspec.UNSET if result.usage == Usage() else result.usage,
        )
        self._folder.commit(attempt, recording, result.traceback)
        if self._index is not None and result.heard is not None:
            self._index.append(sample.id, number, result.heard)
        self._ran.add(sample.id)
        place = self._folder.recording_path(sample.id, number)
        return self._shown(sample, result, f"; traceback: {place / TRACEBACK}")

    def _shown(self, sample: Sample, result: JobResult, traceback: str) -> str:
        """What to show of an attempt; nothing where that an adapter is given up says it."""
        if result.outcome is Outcome.INFRASTRUCTURE and self._adapter in self._pool.given_up:
            return ""
        key, more = (self._plan.path, sample.id), traceback if result.traceback else ""
        return self._failures.line(key, self._plan.config.adapter, sample.id, result, more)
