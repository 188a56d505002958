"""Floors that worker processes find side by side are those that scoring finds by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import tml_bench
from tml_bench.outcome import Outcome
from tml_bench.plugins import load_task
from tml_bench.runs.in_process import InProcessPool
from tml_bench.runs.jobs import CallJob, Job, JobResult
from tml_bench.runs.store import StoredRun, open_runs
from tml_bench.samples import Sample
from tml_bench.scoring.asking import SampleSet, sample_set
from tml_bench.scoring.floors import Baseline, baselines
from tml_bench.scoring.floors_aside import floors_aside
from tml_bench.scoring.judging import JudgedScores
from tml_bench.scoring.score import score_runs
from tml_bench.scoring.summary import Summary
from tml_bench.scoring.summary_file import WrittenResults, write_results
from tml_bench.scoring.timelines import RunTimelines, timelines_of

pytestmark = pytest.mark.usefixtures("in_this_process")

TASKS = ["fd-bench-v1.5", "charades"]


class Counting(InProcessPool):
    """Does calls in this process, and remembers how they ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[Outcome] = []

    def results(self, *, patient: bool = True) -> Iterator[tuple[Job, JobResult]]:
        """As ``SessionPool.results``."""
        for job, result in super().results(patient=patient):
            self.ends.append(result.outcome)
            yield job, result


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunTimelines]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tml_bench.runs.known_code._package_code", lambda: "")  # nothing is kept
        done = tml_bench.run(
            TASKS, ["silent", "echo"], limit=1, out=tmp_path_factory.mktemp("runs"), skip_unfit=True,
            words="transcript", progress=False,
        )  # fmt: skip
    stored = open_runs(Path(run.path) for run in done)
    return timelines_of(stored, Counting(), lambda line: None, "transcript")  # type: ignore[arg-type]


def aside(
    runs: list[RunTimelines], pool: Counting, known: frozenset[SampleSet] = frozenset()
) -> tuple[dict[SampleSet, tuple[Baseline, ...]], list[SampleSet]]:
    kept: list[SampleSet] = []

    def keep(run: StoredRun, samples: SampleSet, floors: tuple[Baseline, ...]) -> None:
        kept.append(samples)

    found = dict(floors_aside(runs, pool, lambda run, samples: samples in known, keep))  # type: ignore[arg-type]
    return found, kept


def test_they_are_those_of_the_samples(runs: list[RunTimelines]) -> None:
    pool = Counting()
    found, kept = aside(runs, pool)
    assert len(pool.ends) == len(TASKS) < len(runs)  # adapters share a set
    assert kept == [*found]
    assert found == {sample_set(one)[0]: baselines(one.run.task, sample_set(one)[1]) for one in runs}


def test_one_set_is_left_for_scoring(runs: list[RunTimelines]) -> None:
    pool = Counting()
    first = sample_set(runs[0])[0]
    assert aside(runs, pool, frozenset({first})) == ({}, [])
    assert aside([one for one in runs if sample_set(one)[0] == first], pool) == ({}, [])
    assert pool.ends == []


def broken(task: object, sample: Sample) -> object:
    raise RuntimeError("a task with a fault")


def test_a_task_that_raises_is_left_for_scoring_which_tells(
    runs: list[RunTimelines], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(load_task("charades")), "ideal", broken)
    pool = Counting()
    found, _ = aside(runs, pool)
    assert sorted(pool.ends) == [Outcome.INFRASTRUCTURE, Outcome.VALID]
    assert [samples[0] for samples in found] == ["fd-bench-v1.5"]


def test_a_call_that_raises_has_the_reason(tmp_path: Path) -> None:
    with InProcessPool() as pool:
        pool.submit(CallJob((0, "no"), tmp_path.read_bytes))
        ((_, result),) = pool.results()
    assert (result.outcome, result.value) == (Outcome.INFRASTRUCTURE, None)
    assert "IsADirectoryError" in result.reason


class Backwards(Counting):
    """Gives what it did in the opposite order."""

    def results(self, *, patient: bool = True) -> Iterator[tuple[Job, JobResult]]:
        """As ``SessionPool.results``, but all of them first."""
        yield from reversed([*super().results(patient=patient)])


def test_runs_are_scored_as_floors_come_and_given_in_their_order(
    runs: list[RunTimelines], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tml_bench.runs.known_code._package_code", lambda: "")
    written: list[str] = []

    def write(path: Path, scored: JudgedScores, summary: Summary) -> WrittenResults:
        written.append(path.name)
        return write_results(path, scored, summary)

    monkeypatch.setattr("tml_bench.scoring.score.write_results", write)
    stored = [one.run for one in runs]
    together = score_runs(stored, Backwards(), lambda line: None, "transcript")  # type: ignore[arg-type]
    names, half = [run.path.name for run in stored], len(stored) // 2
    assert written == names[half:] + names[:half] != names
    alone = [score_runs([run], Counting(), lambda line: None, "transcript")[0] for run in stored]  # type: ignore[arg-type]
    assert together == alone
