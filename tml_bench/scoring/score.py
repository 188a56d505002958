"""Score runs from their recordings; the model is not needed, so it can be done again years later.

One way, each step with what the one before it gave: recordings, timelines, outcomes, questions, verdicts,
scores, floors and ceilings, summary, files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import msgspec
from msgspec import structs

from tml_bench.blame import in_one_line
from tml_bench.errors import UserError
from tml_bench.judges.rules import RuleJudge
from tml_bench.outcome import Outcome
from tml_bench.perception.words import WordMode
from tml_bench.questions import Judge, Question, Rule
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import Advance
from tml_bench.runs.stored_run import StoredRun
from tml_bench.scoring.floors import Baseline, Respondents, floors_and_ceilings, respondents
from tml_bench.scoring.judging import Performance, against_rules, judged, performed
from tml_bench.scoring.outcomes import SampleOutcome, outcomes_of
from tml_bench.scoring.summary import RunFacts, Summary, summarise
from tml_bench.scoring.summary_file import with_agreement, write_results
from tml_bench.scoring.timelines import RunTimelines, timelines_of
from tml_bench.scoring.transcript_check import TranscriptCheck
from tml_bench.scoring.transcript_sample import check_transcripts

T = TypeVar("T")
_Floors = tuple[Baseline, ...] | Exception


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
    heard = timelines_of(runs, pool, advance, words)
    checks = check_transcripts(heard, pool, words, asked=check_all)
    seen: set[tuple[str, ...]] = set()
    asked: Iterable[_AskedRun] = (_ask(one, seen) for one in heard)
    if foresee is not None:
        asked = list(asked)
        foresee([question for one in asked for question in one.questions()])
    floors: dict[tuple[str, ...], _Floors] = {}
    return [
        _score(one, judge_of(one.run.task.rules), floors, check)
        for one, check in zip(asked, checks, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _AskedRun:
    """A run with all that is asked about it.

    Attributes:
        run: the run.
        outcomes: how its samples ended.
        performances: what was heard of those that can be scored.
        samples: identifies the samples that floors and ceilings are computed on.
        respondents: what blind and ideal respondents do on them, or what the task raised when it was asked;
            None where an earlier run has the same.
    """

    run: StoredRun
    outcomes: dict[str, SampleOutcome]
    performances: list[Performance]
    samples: tuple[str, ...]
    respondents: Respondents | Exception | None

    def questions(self) -> Iterator[Question]:
        for performance in self.performances:
            yield from performance.questions
        if isinstance(self.respondents, Respondents):
            yield from self.respondents.questions()


def _ask(heard: RunTimelines, seen: set[tuple[str, ...]]) -> _AskedRun:
    run, config = heard.run, heard.run.file.config
    outcomes = outcomes_of(run, heard.lost)
    ended = {kind: {i for i, o in outcomes.items() if o.kind is kind} for kind in Outcome}
    samples = (config.task, config.dataset_sha256, *sorted(ended[Outcome.INVALID]))
    scored = [s for s in run.samples if s.scored and s.id in ended[Outcome.VALID]]
    performances = [performed(run.task, sample, heard.of(sample)) for sample in scored]
    if samples in seen:
        return _AskedRun(run, outcomes, performances, samples, None)
    seen.add(samples)
    usable = [s for s in run.samples if s.id not in ended[Outcome.INVALID]]
    played = _or_raised(partial(respondents, run.task, usable))
    return _AskedRun(run, outcomes, performances, samples, played)


def _or_raised(make: Callable[[], T]) -> T | Exception:
    """What is made, or what was raised: a model's scores are worth having without floors and ceilings."""
    try:
        return make()
    except UserError:
        raise
    except Exception as error:
        return error


def _score(
    one: _AskedRun,
    judge: Judge,
    floors: dict[tuple[str, ...], _Floors],
    check: TranscriptCheck | msgspec.UnsetType,
) -> Summary:
    """Score one run and write its results; adds to the floors."""
    run, task = one.run, one.run.task
    facts = _facts(run, one.performances, judge)
    scored = judged(task, one.performances, judge)
    if isinstance(played := one.respondents, Respondents):
        floors[one.samples] = _or_raised(partial(floors_and_ceilings, task, played, judge))
    elif played is not None:
        floors[one.samples] = played
    known, remarks = floors[one.samples], {}
    if isinstance(known, Exception):
        remarks[f"no floors and ceilings: the task raised {in_one_line(known)}"] = len(run.samples)
        scored.raised["floors and ceilings"], known = known, ()
    agreement = against_rules(judge.id, scored.judged, task.rules)
    summary = summarise(
        task, facts, run.samples, scored.scores, one.outcomes, known, scored.judged, agreement
    )
    summary = structs.replace(summary, notes=summary.notes | remarks, transcript_check=check)
    write_results(run.path, scored, summary)
    return with_agreement(summary, run.path)


def _facts(run: StoredRun, performances: Sequence[Performance], judge: Judge) -> RunFacts:
    config, where = run.file.config, run.file.environment
    asked = run.task.rubrics or any(performance.questions for performance in performances)
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
        perceivers=tuple(sorted({performance.timeline.perceiver for performance in performances})),
        machine=f"{where.processor}; {where.system}; Python {where.python}",
        judge=judge.id if asked else "",
    )
