"""Score runs from their recordings; the model is not needed, so it can be done again years later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
from msgspec import structs

from tml_bench.errors import UserError
from tml_bench.files import write_atomically
from tml_bench.judges.rules import rule_judge
from tml_bench.perception.recordings import timeline_of
from tml_bench.perception.words import WordMode
from tml_bench.plugins import load_task
from tml_bench.questions import Judge, Question, Verdict
from tml_bench.recording import Recording
from tml_bench.report.judge_lines import beside_rules, with_agreement
from tml_bench.report.tables import to_json
from tml_bench.runs.config import RunConfig, RunFile
from tml_bench.runs.identity import is_same_data
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import Advance
from tml_bench.runs.store import Attempt, Outcome, last_attempts, read_lines, read_run
from tml_bench.runs.worker import PerceiveJob
from tml_bench.samples import Sample
from tml_bench.scoring.floors import Baseline, baseline_questions, baselines
from tml_bench.scoring.judging import QuestionVerdict, against_rules, score_all
from tml_bench.scoring.summary import OutcomeKind, RunFacts, Summary, summarise
from tml_bench.scoring.summary import SampleOutcome as Ended
from tml_bench.task import Task
from tml_bench.timeline import Timeline

VERDICTS = "verdicts.jsonl"
"""Every question asked about a run, with its verdict."""
NOT_A_RUN = "give a run's folder, one that holds run.json"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run on disk with its samples loaded again.

    Attributes:
        path: its folder.
        file: what it is and where it was made.
        task: its task.
        samples: its samples, in order.
        attempts: the last attempt of each sample.
    """

    path: Path
    file: RunFile
    task: Task
    samples: tuple[Sample, ...]
    attempts: dict[str, Attempt]

    def timeline_path(self, attempt: Attempt) -> Path:
        """Where the timeline of an attempt is cached."""
        return self.path / "timelines" / f"{attempt.sample}-{attempt.attempt}.json"

    def recording_path(self, attempt: Attempt) -> Path:
        """Where the recording of an attempt is."""
        return self.path / self.file.config.task / attempt.sample / str(attempt.attempt)

    def valid(self) -> list[Attempt]:
        """The attempts to score, in the order of the samples."""
        last = (self.attempts.get(sample.id) for sample in self.samples)
        return [attempt for attempt in last if attempt is not None and attempt.outcome is Outcome.VALID]

    def heard(self, sample: Sample, words: WordMode, recording: Path | None = None) -> Timeline:
        """What was heard of a sample, with its companions where these have a valid recording.

        Args:
            sample: one of the run's.
            words: where words may come from.
            recording: the folder of one of its recordings; that of the last attempt unless given.

        Raises:
            UserError: a recording is damaged, or words cannot be had that way.
            BadSampleError: its audio cannot be used.
        """
        companions = {}
        for role, other in sample.companions.items():
            ended = self.attempts.get(other)
            if ended is not None and ended.outcome is Outcome.VALID:
                companion = next(s for s in self.samples if s.id == other)
                companions[role] = self._timeline(companion, self.recording_path(ended), words)
        place = recording or self.recording_path(self.attempts[sample.id])
        return structs.replace(self._timeline(sample, place, words), companions=companions)

    def _timeline(self, sample: Sample, recording: Path, words: WordMode) -> Timeline:
        cache = self.path / "timelines" / f"{sample.id}-{recording.resolve().name}.json"
        stretches = partial(self.task.stretches, sample)
        opened = Recording(recording, verify=False)
        return timeline_of(opened, cache, words, self.task.hears_user, stretches)


def open_run(path: Path) -> StoredRun:
    """Load a run and its samples.

    Raises:
        UserError: not a run, its data is not where it was, or the data has changed since.
    """
    file = read_run(path)
    task = load_task(file.config.task)
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


def score_runs(
    runs: Sequence[StoredRun],
    pool: Pool,
    advance: Advance,
    words: WordMode = "auto",
    judge_of: Callable[[Task], Judge] = rule_judge,
    foresee: Callable[[Sequence[Question]], None] | None = None,
) -> list[Summary]:
    """Perceive (from the cache where it can), score and summarise; writes each run's results.

    Args:
        runs: the runs.
        pool: does the perceiving.
        advance: told of every recording perceived.
        words: where words come from, see ``tml_bench.perception``.
        judge_of: gives the judge of a task; by default the task's own rules.
        foresee: told every question of all runs, their floors and ceilings, before the first is asked, so
            that a judge can say what answering will take and answer them side by side.
    """
    failures: dict[tuple[int, str], str] = {}
    for number, run in enumerate(runs):
        samples = {sample.id: sample for sample in run.samples}
        for attempt in run.valid():
            pool.submit(
                PerceiveJob(
                    (number, attempt.sample),
                    run.file.config.task,
                    samples[attempt.sample],
                    run.recording_path(attempt),
                    run.timeline_path(attempt),
                    words,
                )
            )
    for job, result in pool.results():
        if result.outcome is not Outcome.VALID:
            failures[job.key] = result.reason
        advance(f"{job.key[1]}: {result.reason}" if result.reason else "")
    scorer = _Scorer(words, judge_of)
    lost = [{key[1]: why for key, why in failures.items() if key[0] == k} for k in range(len(runs))]
    if foresee is not None:
        foresee(scorer.questions(runs, lost))
    return [scorer.score(run, why) for run, why in zip(runs, lost, strict=True)]


def stored_verdicts(run: Path, sample: str) -> dict[str, Verdict]:
    """The verdicts about a sample when the run was last scored; none if it was not."""
    lines = read_lines(run / VERDICTS, QuestionVerdict)
    return {line.question.key: line.verdict for line in lines if line.sample == sample}


class _Scorer:
    """Scores runs one after the other; floors of the same samples by the same judge are computed once."""

    def __init__(self, words: WordMode, judge_of: Callable[[Task], Judge]) -> None:
        self._words = words
        self._judge_of = judge_of
        self._floors: dict[tuple[str, ...], tuple[Baseline, ...]] = {}

    def questions(self, runs: Sequence[StoredRun], failures: Sequence[Mapping[str, str]]) -> list[Question]:
        """Every question that `score` will ask about these runs."""
        asked: list[Question] = []
        floors: set[tuple[str, ...]] = set()
        for run, lost in zip(runs, failures, strict=True):
            if not run.task.rubrics:
                continue
            outcomes = _outcomes(run, lost)
            for sample, timeline in self._heard(run, outcomes):
                asked += run.task.questions(sample, timeline)
            if (key := _floor_key(run, outcomes)) not in floors:
                floors.add(key)
                asked += baseline_questions(run.task, _not_invalid(run, outcomes))
        return asked

    def score(self, run: StoredRun, failures: Mapping[str, str]) -> Summary:
        """Score one run; writes ``scores.jsonl``, ``verdicts.jsonl`` and ``summary.json``.

        Args:
            run: the run; its timelines are in the cache.
            failures: samples whose recordings could not be perceived, with the reason.
        """
        judge = self._judge_of(run.task)
        outcomes = _outcomes(run, failures)
        pairs = self._heard(run, outcomes)
        scored = score_all(run.task, pairs, judge)
        perceivers = {timeline.perceiver for _, timeline in pairs}
        facts = _facts(run, tuple(sorted(perceivers)), judge.id if scored.judged or run.task.rubrics else "")
        floors = self._baselines(run, outcomes, judge)
        summary = summarise(run.task, facts, run.samples, scored.scores, outcomes, floors, scored.judged)
        summary = beside_rules(summary, against_rules(judge.id, scored.judged, run.task.rules))
        _write_lines(run.path / "scores.jsonl", scored.scores)
        if run.task.rubrics:
            _write_lines(run.path / VERDICTS, scored.judged)
        write_atomically(run.path / "summary.json", to_json([summary]).encode())
        return with_agreement(summary, run.path)

    def _heard(self, run: StoredRun, outcomes: Mapping[str, Ended]) -> list[tuple[Sample, Timeline]]:
        """The samples to score, with what was heard in them and in their companions."""
        valid = {i for i, ended in outcomes.items() if ended.kind is OutcomeKind.VALID}
        return [
            (sample, run.heard(sample, self._words))
            for sample in run.samples
            if sample.scored and sample.id in valid
        ]

    def _baselines(self, run: StoredRun, outcomes: Mapping[str, Ended], judge: Judge) -> tuple[Baseline, ...]:
        key = (judge.id, *_floor_key(run, outcomes))
        if key not in self._floors:
            self._floors[key] = baselines(run.task, _not_invalid(run, outcomes), judge)
        return self._floors[key]


def _not_invalid(run: StoredRun, outcomes: Mapping[str, Ended]) -> list[Sample]:
    """The samples that floors and ceilings are computed on."""
    invalid = _invalid(outcomes)
    return [s for s in run.samples if s.id not in invalid]


def _floor_key(run: StoredRun, outcomes: Mapping[str, Ended]) -> tuple[str, ...]:
    config = run.file.config
    return (config.task, config.dataset_sha256, *sorted(_invalid(outcomes)))


def _invalid(outcomes: Mapping[str, Ended]) -> set[str]:
    return {sample for sample, ended in outcomes.items() if ended.kind is OutcomeKind.INVALID}


def _outcomes(run: StoredRun, failures: Mapping[str, str]) -> dict[str, Ended]:
    """How every sample that was tried ended; one whose companion is lost ends as the companion did."""
    found = {a.sample: Ended(OutcomeKind(a.outcome.value), a.reason) for a in run.attempts.values()}
    found |= {sample: Ended(OutcomeKind.INFRASTRUCTURE, why) for sample, why in failures.items()}
    for sample in run.samples:
        for role, companion in sample.companions.items():
            ended = found.get(companion, Ended(OutcomeKind.NOT_RUN))
            if ended.kind is not OutcomeKind.VALID and sample.id in found:
                found[sample.id] = Ended(ended.kind, f"its {role} companion {companion}: {ended.reason}")
    return found


def _write_lines(path: Path, items: Sequence[object]) -> None:
    write_atomically(
        path, b"".join(msgspec.json.encode(item, order="deterministic") + b"\n" for item in items)
    )


def _facts(run: StoredRun, perceivers: tuple[str, ...], judge: str) -> RunFacts:
    config, where = run.file.config, run.file.environment
    return RunFacts(
        run=run.path.resolve().name,
        adapter=config.adapter,
        task=config.task,
        dataset=config.dataset,
        tick_ns=config.tick_ns,
        compute=config.compute,
        clock=config.clock,
        network=config.network_name,
        turn_based=config.turn_based,
        privileged=config.privileged,
        seed=config.seed,
        tml_bench=config.tml_bench,
        perceivers=perceivers,
        machine=f"{where.processor}; {where.system}; Python {where.python}",
        judge=judge,
    )
