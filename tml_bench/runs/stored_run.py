"""A run on disk: what it is, its samples loaded again, and how its attempts ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.plugins import load_task
from tml_bench.runs.config import RunConfig, RunFile
from tml_bench.runs.identity import is_same_data
from tml_bench.runs.store import Attempt, last_attempts, read_lines, read_run
from tml_bench.samples import Sample
from tml_bench.task import Task


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run on disk with its samples, in order, loaded again, and the last attempt of each by its id."""

    path: Path
    file: RunFile
    task: Task
    samples: tuple[Sample, ...]
    attempts: dict[str, Attempt]

    def recording_path(self, attempt: Attempt) -> Path:
        """Where the recording of an attempt is."""
        return self.path / self.file.config.task / attempt.sample / str(attempt.attempt)

    def timeline_path(self, sample: str, attempt: str) -> Path:
        """Where the timeline of an attempt is cached; an attempt is named as its recording's folder is."""
        return self.path / "timelines" / f"{sample}-{attempt}.json"

    def valid(self) -> list[Attempt]:
        """The attempts to score, in the order of the samples."""
        last = (self.attempts.get(sample.id) for sample in self.samples)
        return [attempt for attempt in last if attempt is not None and attempt.outcome is Outcome.VALID]


def open_run(path: Path) -> StoredRun:
    """Load a run and its samples; raises `UserError` for no run, and for data that moved or changed."""
    file = read_run(path)
    task = load_task(file.config.task_source)
    samples = run_samples(task, file.config)
    if not is_same_data(file.config.dataset_sha256, samples, file.config.selection.data):
        raise UserError(
            f"{path} was made with other data than is now in {file.config.data or 'the mini set'}",
            "put the data back, or run again",
        )
    attempts = last_attempts(read_lines(path / "attempts.jsonl", Attempt))
    return StoredRun(path, file, task, tuple(samples), attempts)


def run_samples(task: Task, config: RunConfig) -> list[Sample]:
    """The samples of a run, loaded again from where its data is."""
    if config.clock == "imported":
        return [imported.sample for imported in task.imports(Path(config.data))]
    return config.selection.of(task)
