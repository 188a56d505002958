"""A recorded run, to look at."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tml_bench.errors import UserError
from tml_bench.files import read_json
from tml_bench.outcome import Outcome
from tml_bench.perception.perceive import WordMode
from tml_bench.recording import Recording
from tml_bench.report.files import read_summaries
from tml_bench.runs import store
from tml_bench.runs.config import RunConfig, RunFile, run_task
from tml_bench.runs.layout import recording_parts
from tml_bench.runs.usage import RunUsage, run_usage
from tml_bench.samples import Sample
from tml_bench.scoring.result_seals import read_results
from tml_bench.scoring.summary import Summary
from tml_bench.scoring.summary_file import stored_user_faults
from tml_bench.scoring.timelines import recording_timeline
from tml_bench.scoring.user_faults import SampleFault, reason_of
from tml_bench.storage.shared_place import FOR_READERS, local_place, need_recording
from tml_bench.task import Direction, Metric, Score, Task
from tml_bench.timeline import Timeline

if TYPE_CHECKING:
    import pandas as pd


class Run:
    """One adapter on one task: a folder of recordings and scores, read when asked for.

    It can stand where a path can, as in ``Path(run) / "summary.json"``.

    Example:
        >>> run = tml_bench.Run("results/fd-bench-v1-mini-1--silent")
        >>> run.to_pandas().groupby("subset")["latency"].median()
        >>> worst = run.recording(run.worst("latency")[0])

    Args:
        path: the run's folder, or its address on shared storage, of which `path` is then the mirror.
        summary: its summary, where it is known; else read from ``summary.json``.

    Raises:
        UserError: the folder is not a run.
    """

    def __init__(self, path: str | os.PathLike[str], summary: Summary | None = None) -> None:
        self.path = Path(local_place(path, FOR_READERS))
        """The folder."""
        self._file = read_json(self.path / "run.json", RunFile, store.NOT_A_RUN)
        self.config: RunConfig = self._file.config
        """What it is: task, data, adapter, clock, seed."""
        if summary is not None:
            self.summary = summary

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __repr__(self) -> str:
        valid = sum(attempt.outcome is Outcome.VALID for attempt in self.attempts.values())
        return f"Run({os.fspath(self.path)!r}: {valid} of {len(self.attempts)} attempts valid)"

    @property
    def adapter(self) -> str:
        """The adapter as it was asked for."""
        return self.config.adapter

    @cached_property
    def task(self) -> Task:
        """The task.

        Raises:
            UserError: it is not installed, or its file is gone, or is one that nobody has named here.
        """
        return run_task(self.config)

    @cached_property
    def samples(self) -> dict[str, Sample]:
        """What was played and what was expected, by id, in the task's order; loaded from where the data is.

        Raises:
            UserError: the data is not where it was.
        """
        return {sample.id: sample for sample in store.run_samples(self.task, self.config)}

    @cached_property
    def attempts(self) -> dict[str, store.Attempt]:
        """The last attempt of each sample: its outcome, the reason, how long it took."""
        return store.last_attempts(store.read_lines(self.path / "attempts.jsonl", store.Attempt))

    @cached_property
    def scores(self) -> dict[str, Score]:
        """The score of each sample that has one; empty where the run was not scored."""
        return {score.sample: score for score in read_results(self.path / "scores.jsonl", Score)}

    @cached_property
    def user_faults(self) -> list[SampleFault]:
        """What simulated users did wrong, each with its sample and line; empty where nothing was found."""
        return stored_user_faults(self.path)

    @cached_property
    def _faults_by_sample(self) -> dict[str, list[SampleFault]]:
        found: dict[str, list[SampleFault]] = {}
        for fault in self.user_faults:
            found.setdefault(fault.sample, []).append(fault)
        return found

    @cached_property
    def summary(self) -> Summary:
        """The run in numbers: every metric with interval, floor and ceiling; shares in [0, 1].

        Raises:
            UserError: the run was not scored.
        """
        return read_summaries([self.path])[0]

    @cached_property
    def usage(self) -> RunUsage | None:
        """What the services say that all its attempts took, failed ones too; None where they say nothing."""
        return run_usage(self.path) or None

    @property
    def complete(self) -> bool:
        """Every sample has a valid outcome."""
        valid = Outcome.VALID
        return all(n == 0 or kind == valid for o in self.summary.outcomes for kind, n in o.counts.items())

    def recording(self, sample: str, attempt: int | None = None) -> Recording:
        """What one session was: its events and both tracks.

        Args:
            sample: the sample's id.
            attempt: which attempt; the last when None.

        Raises:
            UserError: there is no such attempt or it left no recording, or its files were changed.
        """
        last = self.attempts.get(sample)
        if last is None:
            raise UserError(f"{self.path} has no attempt at {sample!r}", "see Run.attempts")
        folder = self.path.joinpath(*recording_parts(self._file, sample, attempt or last.attempt))
        need_recording(folder)
        if not (folder / "manifest.json").is_file():
            why = f": {last.outcome}: {last.reason}" if attempt in (None, last.attempt) else ""
            raise UserError(f"{folder} holds no recording{why}", "see Run.attempts")
        return Recording(folder)

    def recordings(self) -> Iterator[Recording]:
        """The recordings of all samples whose last attempt is valid; ``opened.sample`` says whose each is."""
        return (self.recording(s) for s, last in self.attempts.items() if last.outcome is Outcome.VALID)

    def timeline(self, sample: str, words: WordMode | None = None) -> Timeline:
        """What was perceived of the model in a sample's recording: speech segments, words.

        Taken from the run's cache where it was made the same way, else perceived now.

        Args:
            sample: the sample's id.
            words: where words may come from, as for `tml_bench.score`; by default as when it was scored.

        Raises:
            UserError: there is no recording of the sample, or the data has changed.
        """
        recording = self.recording(sample)
        return recording_timeline(self._stored, self.samples[sample], words, recording.folder)

    @cached_property
    def _stored(self) -> store.StoredRun:
        """The run with its data checked, which takes as long as the data is large."""
        return store.open_run(self.path)

    def worst(self, metric: str, subset: str = "") -> list[str]:
        """Ids of the samples that have a value of a metric, the worst first, equal ones in the order scored.

        Args:
            metric: its name.
            subset: only of this part of the task.

        Raises:
            UserError: the run has no such metric, or no direction of it is better.
        """
        declared = {m.name: m for m in self._metrics()}
        if metric not in declared:
            raise UserError(f"{self.path} has no metric {metric!r}", f"it has {', '.join(declared)}")
        if declared[metric].direction is Direction.NONE:
            raise UserError(
                f"neither high nor low values of {metric} are bad", "sort what Run.to_pandas() gives"
            )
        values = {s.sample: _value(s, metric) for s in self.scores.values() if subset in ("", s.subset)}
        known = {sample: value for sample, value in values.items() if not math.isnan(value)}
        return sorted(known, key=known.__getitem__, reverse=declared[metric].direction is Direction.LOWER)

    def to_pandas(self, rows: Literal["samples", "events"] = "samples") -> pd.DataFrame:
        """The run as a table.

        Args:
            rows: ``samples`` for one row a sample, with a column a metric; ``events`` for one row for each
                event behind the scores, with its times in seconds.

        Returns:
            For samples: ``sample``, ``subset``, ``unit`` (the independent unit, else the sample's own id),
            ``outcome``, ``reason``, then every metric in its own unit (shares in %, named in
            ``attrs["units"]``), NaN where it has no value. For events: ``sample``, ``subset``, ``event``, and
            whatever the events have.

        Raises:
            UserError: the run was not scored, or for samples, its data is not where it was.
        """
        import pandas as pd

        if rows == "events":
            pairs = [(score, row) for score in self.scores.values() for row in score.rows]
            return pd.DataFrame(
                [{"sample": s.sample, "subset": s.subset, "event": row["event"], **row} for s, row in pairs]
            )
        metrics = self._metrics()
        scale = {m.name: 100.0 if m.unit == "%" else 1.0 for m in metrics}
        table = pd.DataFrame(
            [
                self._ended(s) | {name: _value(self.scores.get(s.id), name) * k for name, k in scale.items()}
                for s in self.samples.values()
                if s.scored
            ]
        )
        table.attrs["units"] = {m.name: m.unit for m in metrics}
        return table

    def _metrics(self) -> list[Metric]:
        """Every metric once, in the task's order."""
        return list({m.metric.name: m.metric for m in self.summary.metrics}.values())

    def _ended(self, sample: Sample) -> dict[str, str]:
        attempt = self.attempts.get(sample.id)
        outcome, reason = (attempt.outcome.value, attempt.reason) if attempt else (Outcome.NOT_RUN.value, "")
        if outcome == Outcome.VALID and sample.id in (wrong := self._faults_by_sample):
            outcome, reason = Outcome.USER_FAULT.value, reason_of(wrong[sample.id])
        elif outcome == Outcome.VALID and sample.id not in self.scores:
            outcome = Outcome.INFRASTRUCTURE.value
            reason = "its recording could not be scored, see the summary"
        own = {"sample": sample.id, "subset": sample.subset, "unit": sample.unit or sample.id}
        return own | {"outcome": outcome, "reason": reason}


RunLike = Run | str | os.PathLike[str]
"""A run, or its folder."""
SeveralRuns = list[Run] | list[str] | list[Path] | list[RunLike] | tuple[RunLike, ...]
"""Of the kinds of lists, which are invariant, those that occur."""


def _value(score: Score | None, metric: str) -> float:
    """A metric's value; NaN where there is none."""
    value = score.values.get(metric) if score else None
    return value.numerator / value.denominator if value and value.denominator else math.nan
