"""Record runs: every sample of every run gets an attempt that ends in a recorded outcome.

A run on disk is continued only by the same adapter, on the same data, under the same settings. What differs
is told, with what to do; nothing is mixed in silence.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
from msgspec import structs

from tml_bench import __version__
from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.plugins import load_task, parse_adapter_spec
from tml_bench.runs.config import Identity, RunConfig, RunFile, RunPlan, environment
from tml_bench.runs.identity import SCHEME, dataset_sha256, is_same_data, sample_hashes
from tml_bench.runs.jobs import Job, JobResult, SessionJob, SessionPool
from tml_bench.runs.store import TRACEBACK, Attempt, RunFolder, last_attempts, locked, read_lines
from tml_bench.samples import Sample
from tml_bench.turns import Usage

EITHER = "--fresh replaces it, another --out keeps both"
_SETTINGS = (
    "task", "dataset", "privileged", "clock", "compute", "replay", "tick_ns", "seed", "max_session_s",
    "turn_based", "network",
)  # fmt: skip


def difference(config: RunConfig, stored: RunConfig) -> str:
    """What differs between the settings of a run on disk and those asked for; empty when nothing does."""
    pairs = [(name, getattr(stored, name), getattr(config, name)) for name in _SETTINGS]
    adapters = stored.adapter, config.adapter
    pairs.append(("adapter", *(adapters if config.clock == "imported" else map(_without_folder, adapters))))
    for name, there, now in pairs:
        if there != now:
            # A member of a StrEnum prints as the word that is given on the command line.
            words = (repr(str(value) if isinstance(value, str) else value) for value in (there, now))
            return "{} is {} there and {} now".format(name, *words)
    return ""


def _without_folder(adapter: str) -> str:
    """An adapter as given, but for where its file lies: what its sources are is compared otherwise."""
    target = parse_adapter_spec(adapter).target if ".py:" in adapter else ""
    return Path(target).name + adapter.partition(target)[2] if target else adapter


def resumed(plan: RunPlan, stored: RunFile, attempts: Sequence[Attempt]) -> RunFile:
    """What a run's file says once a plan is recorded into its folder; one that is `closed` stays as it is.

    Raises `UserError` where the settings, the data or the adapter are others than there; says in what.
    """
    if differs := difference(plan.config, stored.config):
        raise UserError(f"{plan.path} holds another run: {differs}", EITHER)
    asked, task = plan.config.selection, load_task(plan.config.task)
    if not stored.config.dataset_sha256.startswith(f"{SCHEME}:"):
        before = replace(stored.config.selection, data=asked.data)
        samples = plan.samples if stored.config.clock == "imported" else before.of(task)
        if not is_same_data(stored.config.dataset_sha256, samples, asked.data):
            raise _other_data(plan, "samples")
        return stored
    selection = stored.config.selection.joined(asked, task)
    hashes = plan.hashes if selection == asked else sample_hashes(selection.of(task), asked.data)
    changed = {a.sample: None for a in attempts if a.sample_sha256 not in ("", hashes.get(a.sample))}
    if changed:
        raise _other_data(plan, next(iter(changed)) + " and others" * (len(changed) > 1))
    if differs := _other_adapter(plan.identity, stored.identity):
        raise UserError(f"{plan.path} was recorded with another adapter: {differs}", EITHER)
    if closed(stored):
        return stored
    config = structs.replace(
        stored.config,
        data=plan.config.data,
        subsets=selection.subsets,
        limit=selection.limit,
        limits=dict(selection.limits),
        dataset_sha256=dataset_sha256(hashes),
    )
    return structs.replace(stored, config=config)


def closed(stored: RunFile) -> str:
    """Why nothing may be added to a run, though what is there holds; empty when it may be."""
    config = stored.config
    if config.clock != "imported" and config.schema == "tml-bench/run/1.0":
        return "made before adapters were recorded"
    if config.tml_bench != __version__:
        return f"made by tml-bench {config.tml_bench}, and this is {__version__}"
    return ""


def incomplete(path: Path, why: str) -> UserError:
    """What to say of a `closed` run to which something would have to be added."""
    return UserError(f"{path} is not complete, and nothing is added to it: {why}", EITHER)


def _other_data(plan: RunPlan, what: str) -> UserError:
    problem = f"{plan.path} was recorded with other data: {what} changed"
    return UserError(problem, f"put the data back, or {EITHER}")


def _other_adapter(now: Identity | None, there: Identity | None) -> str:
    """In what an adapter differs from the one that made a run; empty when in nothing, or one is not known."""
    if now is None or there is None:
        return ""
    names = sorted(
        name for name in {*now.sources, *there.sources} if now.sources.get(name) != there.sources.get(name)
    )
    if names:
        return f"adapter source{'s' * (len(names) > 1)} {', '.join(names)} changed"
    if now.distribution != there.distribution:
        return f"package {there.distribution or 'none'} there and {now.distribution or 'none'} now"
    return ""


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
            usage=msgspec.UNSET if result.usage == Usage() else result.usage,
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
