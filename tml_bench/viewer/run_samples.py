"""What a run's task expects of its samples, as far as its data is still there and still the same."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from tml_bench.blame import in_one_line
from tml_bench.errors import UserError
from tml_bench.metric import Mark
from tml_bench.plugins import load_task
from tml_bench.runs.identity import sample_hashes
from tml_bench.runs.store import Attempt, run_samples
from tml_bench.samples import Sample
from tml_bench.task import Task
from tml_bench.viewer.run_files import ViewedRun


@dataclass(frozen=True, slots=True)
class ExpectedOf:
    """A sample with the marks of its task; ``problem`` says why there is no sample."""

    sample: Sample | None = None
    marks: tuple[Mark, ...] = ()
    problem: str = ""


class SampleShelf:
    """Loads the samples of runs when one is first asked for; safe to be asked by several threads.

    A run may name a task in a file: its code is only run with ``task_files``.
    """

    def __init__(self, *, task_files: bool = False) -> None:
        self._task_files = task_files
        self._known: dict[str, tuple[Task, dict[str, Sample]] | str] = {}
        self._lock = threading.Lock()

    def expected(self, run: ViewedRun, attempt: Attempt) -> ExpectedOf:
        """What is expected of the sample that was played in an attempt."""
        with self._lock:
            if run.key not in self._known:
                self._known[run.key] = self._load(run)
            known = self._known[run.key]
        if isinstance(known, str):
            return ExpectedOf(problem=known)
        task, samples = known
        sample = samples.get(attempt.sample)
        try:
            if sample is None or not _is_same(run, attempt, sample):
                return ExpectedOf(problem="what was expected is not shown: the sample's data has changed")
            return ExpectedOf(sample, tuple(task.marks(sample)))
        except Exception as error:  # a task's own code: the recording is worth seeing without
            return ExpectedOf(problem=f"what was expected is not shown: {in_one_line(error)}")

    def _load(self, run: ViewedRun) -> tuple[Task, dict[str, Sample]] | str:
        config = run.file.config
        if config.task_file and not self._task_files:
            return "what was expected is not shown: the task is in a file; view it with --task-files"
        try:
            task = load_task(config.task_source)
            return task, {sample.id: sample for sample in run_samples(task, config)}
        except UserError as error:
            return f"what was expected is not shown: {error.problem}"
        except Exception as error:  # as above
            return f"what was expected is not shown: {in_one_line(error)}"


def _is_same(run: ViewedRun, attempt: Attempt, sample: Sample) -> bool:
    """Whether it is the sample that was played; what version 0.1.0 recorded cannot tell, and is believed."""
    if not attempt.sample_sha256:
        return True
    return sample_hashes([sample], run.file.config.selection.data)[sample.id] == attempt.sample_sha256
