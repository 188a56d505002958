"""A sample that is scored with a companion, and the companion that was lost or never tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from fakes import Scripted, run_session, silence

from tml_bench.adapter import Output
from tml_bench.outcome import Outcome
from tml_bench.perception.recordings import timeline_of
from tml_bench.questions import Verdicts
from tml_bench.runs.config import RUN_SCHEMA, RunConfig, RunFile, environment
from tml_bench.runs.jobs import JobResult, PerceiveJob
from tml_bench.runs.store import Attempt, StoredRun
from tml_bench.samples import Sample, Script, UserTurn
from tml_bench.scoring.score import score_runs
from tml_bench.scoring.summary import Summary
from tml_bench.scoring.timelines import recording_timeline
from tml_bench.session.settings import Settings
from tml_bench.task import NO_VERDICTS, Direction, Kind, Metric, Score, Task, Value
from tml_bench.timeline import Timeline


class Pairs(Task):
    """Its metric is 1 where the companion was heard too; a sample alone scores 0."""

    name = title = "pairs"
    subsets = ("noisy",)
    metrics = (Metric(name="both", title="Both", unit="%", direction=Direction.HIGHER, kind=Kind.RATE),)
    headline = ("both",)
    data_help = ""

    def dataset(self, data: Path | None) -> str:
        return "made-up"

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        script = Script((UserTurn(silence(0.4)),))
        for k in (1, 2, 3):
            yield Sample(f"noisy-{k}", "noisy", script, companions={"clean": f"clean-{k}"})
            yield Sample(f"clean-{k}", "noisy", script, scored=False)
        yield Sample("alone", "noisy", script)

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        both = float(timeline.companions.keys() == {"clean"})
        return Score(self.name, sample.subset, sample.id, sample.unit, {"both": Value(both)})

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        return {"silent": Timeline(1.0)}

    def ideal(self, sample: Sample) -> Timeline:
        return Timeline(1.0, companions={role: Timeline(1.0) for role in sample.companions})


class HerePool:
    """Perceives in this process, but for the samples named, which have a reason to be lost."""

    def __init__(self, lost: Mapping[str, str]) -> None:
        self._lost = lost
        self._jobs: list[PerceiveJob] = []

    def submit(self, job: PerceiveJob) -> None:
        self._jobs.append(job)

    def results(self) -> Iterator[tuple[PerceiveJob, JobResult]]:
        for job in self._jobs:
            if job.key[1] in self._lost:
                yield job, JobResult(Outcome.INFRASTRUCTURE, self._lost[job.key[1]])
            else:
                yield job, JobResult(Outcome.VALID, timeline=timeline_of(job.facts, job.cache, job.words))


TASK = Pairs()
SAMPLES = tuple(TASK.samples())


def stored(path: Path, *attempts: Attempt) -> StoredRun:
    """A run with a silent recording of each sample whose attempt is valid."""
    for attempt in attempts:
        if attempt.outcome is Outcome.VALID:
            place = path / TASK.name / attempt.sample / str(attempt.attempt)
            sample = next(s for s in SAMPLES if s.id == attempt.sample)
            run_session(place, sample, Scripted({0: Output()}), Settings())
    config = RunConfig(
        schema=RUN_SCHEMA,
        task=TASK.name,
        dataset="made-up",
        dataset_sha256="",
        data="",
        subsets=(),
        limit=0,
        adapter="fake",
        privileged=False,
        clock="simulated",
        compute="ideal",
        replay="",
        tick_ns=200_000_000,
        seed=0,
        max_session_s=60.0,
    )
    return StoredRun(path, RunFile(config, environment()), TASK, SAMPLES, {a.sample: a for a in attempts})


def tried(sample: str, outcome: Outcome = Outcome.VALID, reason: str = "") -> Attempt:
    return Attempt(sample, "noisy", 1, outcome, reason)


def scored(run: StoredRun, lost: Mapping[str, str] = {}) -> Summary:
    (summary,) = score_runs([run], HerePool(lost), lambda line: None, "transcript")  # type: ignore[arg-type]
    return summary


def ended(summary: Summary) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """How many samples ended how, and why; what did not occur is left out."""
    (outcomes,) = summary.outcomes
    return {kind: n for kind, n in outcomes.counts.items() if n}, outcomes.reasons


def test_pairs_that_were_both_heard_are_scored_together(tmp_path: Path) -> None:
    summary = scored(stored(tmp_path, tried("noisy-1"), tried("clean-1"), tried("alone")))
    assert ended(summary)[0] == {"valid": 2, "not_run": 2}
    (both,) = summary.metrics
    assert [(o.sample, o.numerator) for o in both.observations] == [("alone", 0.0), ("noisy-1", 1.0)]


def test_a_sample_whose_companion_was_never_tried_was_not_run(tmp_path: Path) -> None:
    """It has a recording of its own, and no score: half a pair says nothing."""
    summary = scored(stored(tmp_path, tried("noisy-1"), tried("noisy-2"), tried("clean-2")))
    counts, reasons = ended(summary)
    assert counts == {"valid": 1, "not_run": 3}
    assert sorted(reasons["not_run"].values()) == [1, 2]
    assert any(reason.startswith("its clean companion clean-1: ") for reason in reasons["not_run"])
    assert [o.sample for o in summary.metrics[0].observations] == ["noisy-2"]


@pytest.mark.parametrize("outcome", [Outcome.INVALID, Outcome.INFRASTRUCTURE, Outcome.ADAPTER_ERROR])
def test_a_sample_whose_companion_was_lost_ends_as_it_did(tmp_path: Path, outcome: Outcome) -> None:
    run = stored(tmp_path, tried("noisy-1"), tried("clean-1", outcome, "no luck"), tried("alone"))
    summary = scored(run)
    assert ended(summary)[0] == {"valid": 1, outcome.value: 1, "not_run": 2}
    assert ended(summary)[1][outcome.value] == {"its clean companion clean-1: no luck": 1}
    # Of the four samples the ideal respondent misses the one that is alone. Floors and ceilings leave out
    # what is invalid for every adapter, and nothing else.
    base = summary.metrics[0].baseline
    assert base.ceiling == pytest.approx(2 / 3 if outcome is Outcome.INVALID else 3 / 4)
    assert base.blind == {"silent": 0.0}


def test_a_lost_sample_keeps_the_reason_of_its_companion_or_its_own(tmp_path: Path) -> None:
    """Where both were lost the companion's reason is told; where the companion is fine, the sample's own."""
    run = stored(
        tmp_path,
        tried("noisy-1", Outcome.ADAPTER_ERROR, "crashed"),
        tried("clean-1"),
        tried("noisy-2", Outcome.ADAPTER_ERROR, "crashed"),
        tried("clean-2", Outcome.INFRASTRUCTURE, "no route"),
    )
    _, reasons = ended(scored(run))
    assert reasons["adapter_error"] == {"crashed": 1}
    assert reasons["infrastructure"] == {"its clean companion clean-2: no route": 1}


def test_a_sample_never_tried_is_not_run_whatever_became_of_its_companion(tmp_path: Path) -> None:
    summary = scored(stored(tmp_path, tried("clean-1", Outcome.INFRASTRUCTURE, "no route"), tried("alone")))
    assert ended(summary)[0] == {"valid": 1, "not_run": 3}


def test_a_companion_that_cannot_be_perceived_takes_its_sample_along(tmp_path: Path) -> None:
    run = stored(tmp_path, tried("noisy-1"), tried("clean-1"), tried("noisy-2"), tried("clean-2"))
    summary = scored(run, lost={"clean-2": "out of memory"})
    assert ended(summary)[0] == {"valid": 1, "infrastructure": 1, "not_run": 2}
    assert ended(summary)[1]["infrastructure"] == {"its clean companion clean-2: out of memory": 1}


def test_a_companion_without_a_valid_recording_is_not_heard(tmp_path: Path) -> None:
    run = stored(tmp_path, tried("noisy-1"), tried("clean-1", Outcome.INVALID, "late"), tried("noisy-2"))
    heard = {
        s.id: recording_timeline(run, s, "transcript", tmp_path / "pairs" / s.id / "1").companions
        for s in SAMPLES
        if s.id in ("noisy-1", "noisy-2")
    }
    assert heard == {"noisy-1": {}, "noisy-2": {}}


def test_a_damaged_recording_of_a_companion_is_named_and_takes_its_sample_along(tmp_path: Path) -> None:
    run = stored(tmp_path, tried("noisy-1"), tried("clean-1"), tried("alone"))
    (tmp_path / "pairs" / "clean-1" / "1" / "manifest.json").unlink()
    counts, reasons = ended(scored(run))
    assert counts == {"valid": 1, "infrastructure": 1, "not_run": 2}
    (reason,) = reasons["infrastructure"]
    assert reason.startswith("its clean companion clean-1: perception: ")
    assert "manifest.json" in reason
