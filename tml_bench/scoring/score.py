"""Score runs from their recordings; the model is not needed, so it can be done again years later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec
from msgspec import structs

from tml_bench.blame import in_one_line, whole
from tml_bench.errors import UserError
from tml_bench.files import write_atomically
from tml_bench.judges.rules import RuleJudge
from tml_bench.outcome import Outcome
from tml_bench.perception.recordings import timeline_of
from tml_bench.perception.words import WordMode
from tml_bench.questions import Judge, Question, Rule, Verdict
from tml_bench.recording import Recording
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import Advance
from tml_bench.runs.store import read_lines
from tml_bench.runs.stored_run import StoredRun
from tml_bench.runs.worker import PerceiveJob
from tml_bench.samples import Sample
from tml_bench.scoring.floors import Baseline, baseline_questions, baselines
from tml_bench.scoring.judging import (
    TRACEBACKS,
    QuestionVerdict,
    against_rules,
    questions_about,
    score_all,
)
from tml_bench.scoring.summary import RunFacts, Summary, summarise
from tml_bench.scoring.summary import SampleOutcome as Ended
from tml_bench.scoring.summary_file import to_json, with_agreement
from tml_bench.scoring.transcript_check import TranscriptCheck
from tml_bench.scoring.transcript_sample import check_transcripts
from tml_bench.timeline import Timeline

VERDICTS = "verdicts.jsonl"
"""Every question asked about a run, with its verdict."""


def heard(run: StoredRun, sample: Sample, words: WordMode, recording: Path | None = None) -> Timeline:
    """What was heard of a sample, with its companions where these have a valid recording.

    Args:
        run: the run.
        sample: one of its samples.
        words: where words may come from.
        recording: the folder of one of its recordings; that of the last attempt unless given.

    Raises:
        UserError: a recording is damaged, or words cannot be had that way.
        BadSampleError: its audio cannot be used.
    """
    companions = {}
    for role, other in sample.companions.items():
        ended = run.attempts.get(other)
        if ended is not None and ended.outcome is Outcome.VALID:
            companion = next(s for s in run.samples if s.id == other)
            companions[role] = _timeline(run, companion, run.recording_path(ended), words)
    place = recording or run.recording_path(run.attempts[sample.id])
    return structs.replace(_timeline(run, sample, place, words), companions=companions)


def _timeline(run: StoredRun, sample: Sample, recording: Path, words: WordMode) -> Timeline:
    cache = run.timeline_path(sample.id, recording.resolve().name)
    stretches = partial(run.task.stretches, sample)
    facts = Recording(recording, verify=False).facts
    return timeline_of(facts, cache, words, run.task.hears_user, stretches)


def score_runs(
    runs: Sequence[StoredRun],
    pool: Pool,
    advance: Advance,
    words: WordMode = "auto",
    judge_of: Callable[[Mapping[str, Rule]], Judge] = RuleJudge,
    foresee: Callable[[Sequence[Question]], None] | None = None,
    *,
    check_all: bool = False,
) -> list[Summary]:
    """Perceive (from the cache where it can), score and summarise; writes each run's results.

    Args:
        runs: the runs.
        pool: does the perceiving.
        advance: told of every recording perceived.
        words: where words come from, see ``tml_bench.perception``.
        judge_of: gives the judge of a task from its rules; by default the rules themselves.
        foresee: told every question of all runs, their floors and ceilings, before the first is asked, so
            that a judge can say what answering will take and answer them side by side.
        check_all: also hold the transcripts of reference adapters and of imported runs against their audio.
    """
    perceived: list[PerceiveJob] = []
    failures: dict[tuple[int, str], str] = {}
    for number, run in enumerate(runs):
        samples = {sample.id: sample for sample in run.samples}
        for attempt in run.valid():
            pool.submit(
                PerceiveJob(
                    (number, attempt.sample),
                    run.file.config.task_source,
                    samples[attempt.sample],
                    run.recording_path(attempt),
                    run.timeline_path(attempt.sample, str(attempt.attempt)),
                    words,
                )
            )
    for job, result in pool.results():
        if result.outcome is not Outcome.VALID:
            failures[job.key] = result.reason
        elif isinstance(job, PerceiveJob):
            perceived.append(job)
        advance(f"{job.key[1]}: {result.reason}" if result.reason else "")
    checks = check_transcripts([run.file.config for run in runs], perceived, pool, asked=check_all)
    scorer = _Scorer(words, judge_of)
    lost = [{key[1]: why for key, why in failures.items() if key[0] == k} for k in range(len(runs))]
    if foresee is not None:
        foresee(scorer.questions(runs, lost))
    return [scorer.score(run, why, check) for run, why, check in zip(runs, lost, checks, strict=True)]


def stored_verdicts(run: Path, sample: str) -> dict[str, Verdict]:
    """The verdicts about a sample when the run was last scored; none if it was not."""
    lines = read_lines(run / VERDICTS, QuestionVerdict)
    return {line.question.key: line.verdict for line in lines if line.sample == sample}


class _Scorer:
    """Scores runs one after the other; floors of the same samples by the same judge are computed once."""

    def __init__(self, words: WordMode, judge_of: Callable[[Mapping[str, Rule]], Judge]) -> None:
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
                asked += questions_about(run.task, sample, timeline, {})  # told when it is scored
            if (key := _floor_key(run, outcomes)) not in floors:
                floors.add(key)
                with suppress(Exception):  # told when they are scored
                    asked += baseline_questions(run.task, _not_invalid(run, outcomes))
        return asked

    def score(
        self, run: StoredRun, failures: Mapping[str, str], check: TranscriptCheck | msgspec.UnsetType
    ) -> Summary:
        """Score one run; writes ``scores.jsonl``, ``verdicts.jsonl`` and ``summary.json``.

        Args:
            run: the run; its timelines are in the cache.
            failures: samples whose recordings could not be perceived, with the reason.
            check: how far its transcripts are from its audio.
        """
        judge = self._judge_of(run.task.rules)
        outcomes = _outcomes(run, failures)
        pairs = self._heard(run, outcomes)
        scored = score_all(run.task, pairs, judge)
        perceivers = {timeline.perceiver for _, timeline in pairs}
        facts = _facts(run, tuple(sorted(perceivers)), judge.id if scored.judged or run.task.rubrics else "")
        remarks: dict[str, int] = {}
        try:
            floors = self._baselines(run, outcomes, judge)
        except UserError:
            raise
        except Exception as error:  # a model's scores are worth having without
            floors = ()
            remarks[f"no floors and ceilings: the task raised {in_one_line(error)}"] = len(run.samples)
            scored.raised["floors and ceilings"] = error
        _write_raised(run.path, scored.raised)
        agreement = against_rules(judge.id, scored.judged, run.task.rules)
        summary = summarise(
            run.task, facts, run.samples, scored.scores, outcomes, floors, scored.judged, agreement
        )
        summary = structs.replace(summary, notes=summary.notes | remarks, transcript_check=check)
        _write_lines(run.path / "scores.jsonl", scored.scores)
        if run.task.rubrics:
            _write_lines(run.path / VERDICTS, scored.judged)
        write_atomically(run.path / "summary.json", to_json([summary]).encode())
        return with_agreement(summary, run.path)

    def _heard(self, run: StoredRun, outcomes: Mapping[str, Ended]) -> list[tuple[Sample, Timeline]]:
        """The samples to score, with what was heard in them and in their companions."""
        valid = {i for i, ended in outcomes.items() if ended.kind is Outcome.VALID}
        return [
            (sample, heard(run, sample, self._words))
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
    return {sample for sample, ended in outcomes.items() if ended.kind is Outcome.INVALID}


def _outcomes(run: StoredRun, failures: Mapping[str, str]) -> dict[str, Ended]:
    """How every sample that was tried ended; one whose companion is lost ends as the companion did."""
    found = {a.sample: Ended(Outcome(a.outcome.value), a.reason) for a in run.attempts.values()}
    found |= {sample: Ended(Outcome.INFRASTRUCTURE, why) for sample, why in failures.items()}
    for sample in run.samples:
        for role, companion in sample.companions.items():
            ended = found.get(companion, Ended(Outcome.NOT_RUN))
            if ended.kind is not Outcome.VALID and sample.id in found:
                found[sample.id] = Ended(ended.kind, f"its {role} companion {companion}: {ended.reason}")
    return found


def _write_lines(path: Path, items: Sequence[object]) -> None:
    write_atomically(
        path, b"".join(msgspec.json.encode(item, order="deterministic") + b"\n" for item in items)
    )


def _write_raised(run: Path, raised: Mapping[str, Exception]) -> None:
    """Keep the tracebacks of what the task raised over samples; no file when it raised nothing."""
    path = run / TRACEBACKS
    path.unlink(missing_ok=True)
    if raised:
        text = "\n".join(f"{sample}\n{whole(error)}" for sample, error in raised.items())
        write_atomically(path, text.encode(errors="backslashreplace"))


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
