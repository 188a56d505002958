"""Score runs from their recordings; the model is not needed, so it can be done again years later.

One way, each step with what the one before it gave: recordings, timelines, outcomes, transcripts held
against the audio, questions, verdicts, scores, floors and ceilings, summary, files. A run whose transcript
does not match its audio is scored by the words that are recognised in it. Of one that rules have scored from
the same before, the summary is read that stands in its folder (`tml_bench.scoring.kept_results`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import tee
from typing import NamedTuple

import msgspec
from msgspec import structs

from tml_bench.blame import in_one_line
from tml_bench.errors import UserError
from tml_bench.judges.rules import RuleJudge
from tml_bench.outcome import Outcome
from tml_bench.perception.perceive import WordMode
from tml_bench.pricing.table import PriceTable, load_prices
from tml_bench.questions import Judge, Question, Rule, Verdict
from tml_bench.recording import SessionFacts
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import Advance
from tml_bench.runs.store import StoredRun
from tml_bench.runs.usage import run_usage
from tml_bench.scoring.accounts import account_of, model_of, run_cost
from tml_bench.scoring.asking import AskedRun, Respondents, SampleSet, ask, sample_set
from tml_bench.scoring.floors import floors_and_ceilings
from tml_bench.scoring.floors_aside import Floors, floors_aside
from tml_bench.scoring.input_fingerprint import ScoringSettings
from tml_bench.scoring.interaction import interaction_of
from tml_bench.scoring.judging import JudgedScores, QuestionVerdict, against_rules, score_run
from tml_bench.scoring.kept_floors import KeptFloors
from tml_bench.scoring.kept_results import KeptResults, OptionalCheck
from tml_bench.scoring.packed import PackedList
from tml_bench.scoring.search import respondents
from tml_bench.scoring.summary import RunFacts, Summary, summarise
from tml_bench.scoring.summary_file import write_results
from tml_bench.scoring.timelines import RunTimelines, recognised, timelines_of, with_user_faults
from tml_bench.scoring.transcript_check import check_transcripts
from tml_bench.scoring.user_faults import listed
from tml_bench.scoring.word_report import word_report
from tml_bench.split_times import SplitTimes

RULES = "rules"
NOT_ON_USERS = (RULES, "human")
"""Judges that are not asked about lines of simulated users: rules decide these anyhow, sheets have none."""
_Floors = dict[SampleSet, Floors | Exception]


class KeptScoring(NamedTuple):
    """What earlier commands have kept of scoring by rules."""

    floors: KeptFloors
    results: KeptResults


def score_runs(
    runs: Sequence[StoredRun], pool: Pool, advance: Advance, words: WordMode = "auto",
    judge_of: Callable[[Mapping[str, Rule]], Judge] = RuleJudge,
    foresee: Callable[[Sequence[Question]], None] | None = None, *, check_all: bool = False,
    prices: PriceTable | None = None, opened_ns: int = 0,
) -> list[Summary]:  # fmt: skip
    """Perceive (from the cache where it can), score and summarise; writes each run's results.

    What rules have scored from the same before is not scored again.

    ``advance`` is told of every recording perceived; for ``words`` see ``tml_bench.perception``. ``judge_of``
    gives the judge of a task from its rules, by default the rules themselves. ``foresee`` is told every
    question of all runs, their floors and ceilings, before the first is asked, so that a judge can say what
    answering will take and answer them side by side. With ``check_all`` also the transcripts of reference
    adapters and of imported runs are held against their audio. ``prices`` are those of models, by default
    the ones that ship. ``opened_ns`` is when the runs began to be opened, ns after the epoch, where that is
    known: then the next command can see by the look of files whether anything has changed.
    """
    prices = prices or load_prices()
    heard = timelines_of(runs, pool, advance, words)
    checks = check_transcripts(heard, pool, words, asked=check_all)
    if words == "auto":
        heard = [
            recognised(one, pool, lambda said: None) if check and check.mismatch else one
            for one, check in zip(heard, checks, strict=True)
        ]
    by = judge_of({}).id.partition(" ")[0]
    floors: _Floors = {}
    settings = ScoringSettings(words, check_all, prices)
    kept = KeptScoring(KeptFloors(), KeptResults(settings, opened_ns)) if by == RULES else None
    summaries = {} if kept is None else _kept_summaries(heard, checks, kept.results)
    left = [k for k in range(len(heard)) if k not in summaries]

    def known(run: StoredRun, samples: SampleSet) -> bool:
        """Whether an earlier command has found the floors, which it takes hundreds of strategies to find."""
        if kept is not None and samples not in floors:
            stored = kept.floors.of(run, samples)
            if stored is not None:
                floors[samples] = stored
        return samples in floors

    aside = () if kept is None else floors_aside([heard[k] for k in left], pool, known, kept.floors.keep)
    places, turns = tee(_in_turn({k: heard[k] for k in left}, aside, floors))
    found: Iterable[AskedRun] = ask((heard[k] for k in turns), respondents, by not in NOT_ON_USERS, known)
    if foresee is not None:
        found = list(found)
        foresee([question for one in found for question in one.questions()])
    for k, one in zip(places, found, strict=True):
        summaries[k] = _score(one, judge_of(one.heard.run.task.rules), floors, checks[k], prices, kept)
    return [summaries[k] for k in range(len(heard))]


def _kept_summaries(
    heard: Sequence[RunTimelines], checks: Sequence[OptionalCheck], results: KeptResults
) -> dict[int, Summary]:
    """The summaries of runs that were scored from the same before, by the place of the run."""
    found = ((k, results.of(one, checks[k])) for k, one in enumerate(heard))
    return {k: summary for k, summary in found if summary is not None}


def _in_turn(
    heard: Mapping[int, RunTimelines], aside: Iterable[tuple[SampleSet, Floors]], floors: _Floors
) -> Iterator[int]:
    """Which run is scored next: those whose floors come from ``aside`` as they come, then the others.

    What comes is added to ``floors``.
    """
    sets, come = {k: sample_set(one)[0] for k, one in heard.items()}, set[SampleSet]()
    for samples, found in aside:
        floors[samples] = found
        come.add(samples)
        yield from (k for k, its in sets.items() if its == samples)
    yield from (k for k, its in sets.items() if its not in come)


def _score(
    one: AskedRun, judge: Judge, floors: _Floors, check: OptionalCheck, prices: PriceTable,
    kept: KeptScoring | None = None,
) -> Summary:  # fmt: skip
    """Score one run and write its results; adds to the floors, and to what is kept."""
    run, task = one.heard.run, one.heard.run.task
    scored = score_run(task, one.performances, judge, run.path)
    facts = _facts(run, scored, judge)
    agreement = against_rules(judge.id, scored.judged, task.rules)
    if isinstance(them := one.respondents, Respondents):
        try:
            floors[one.samples] = best = floors_and_ceilings(task, them, judge)
            if kept is not None:
                kept.floors.keep(run, one.samples, best)
        except UserError:
            raise
        except Exception as error:  # a model's scores are worth having without
            floors[one.samples] = error
    elif them is not None:
        floors[one.samples] = them
    known, remarks = floors[one.samples], {}
    if isinstance(known, Exception):
        remarks[f"no floors and ceilings: the task raised {in_one_line(known)}"] = len(run.samples)
        scored.raised["floors and ceilings"], known = known, ()
    faults = {**one.heard.faults, **scored.faulty}
    outcomes = with_user_faults(run.samples, one.heard.outcomes, scored.faulty)
    if scored.faulty and isinstance(scored.scores, PackedList):
        ended = (outcomes[score.sample].kind for score in scored.scores)
        valid = (k for k, kind in enumerate(ended) if kind is Outcome.VALID)
        scored = scored._replace(scores=scored.scores.picked(valid))
    summary = summarise(task, facts, run.samples, scored.scores, outcomes, known, scored.judged, agreement)
    remarks |= _clipped(fact.clipped for fact in one.heard.facts.values())
    usage, heard = run_usage(run.path), one.heard
    verdicts = [] if judge.id.startswith(RULES) else _paid(scored.judged)
    summary = structs.replace(
        summary,
        notes=summary.notes | remarks,
        transcript_check=check,
        word_report=word_report(one.heard),
        usage=usage,
        account=account_of(heard.timelines.values(), heard.facts.values(), verdicts),
        cost=run_cost(model_of(run.file), usage, verdicts, prices),
        split=split_of(heard.facts.values()),
        user_faults=tuple(listed(run.samples, faults)) or msgspec.UNSET,
        interaction=interaction_of(heard),
    )
    written = write_results(run.path, scored, summary)
    if kept is not None and not scored.raised:
        kept.results.keep(run, written.seals_sha256)
    return written.summary


def split_of(facts: Iterable[SessionFacts]) -> SplitTimes | msgspec.UnsetType:
    """What fronts and background models took in all sessions; unset where there were none."""
    found = [fact.split for fact in facts if fact.split is not None]
    return SplitTimes.together(found) if found else msgspec.UNSET


def _paid(judged: Iterable[QuestionVerdict]) -> list[Verdict]:
    """The verdicts on different questions for which a language model read or wrote something."""
    paid = (j for j in judged if j.verdict.prompt_tokens or j.verdict.completion_tokens)
    return [*{j.question.identity: structs.replace(j.verdict, explanation="", raw="") for j in paid}.values()]


def _clipped(shares: Iterable[float]) -> dict[str, int]:
    """The remark on recordings with audio over full scale, by the share of it in each, with their number."""
    found = [share for share in shares if share]
    worst = f"at most {100 * max(found, default=0.0):.2g} % of it"
    return {f"the model's audio was over full scale and clipped ({worst})": len(found)} if found else {}


def _facts(run: StoredRun, scored: JudgedScores, judge: Judge) -> RunFacts:
    config, where = run.file.config, run.file.environment
    asked = run.task.rubrics or scored.judged
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
        perceivers=tuple(sorted(scored.perceivers)),
        created=min((attempt.ended for attempt in run.attempts.values() if attempt.ended), default=""),
        machine=f"{where.processor}; {where.system}; Python {where.python}",
        judge=judge.id if asked else "",
        epoch=config.epoch,
        tags=run.file.tags,
        loop="open" if config.replay_user else config.loop,
        reported=tuple(run.file.identity.reported.items()) if run.file.identity else (),
    )
