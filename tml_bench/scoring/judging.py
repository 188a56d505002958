"""What is asked about runs, then judged and scored: performances of the model and of those behind floors.

A performance is what was heard of a sample. Blind and ideal respondents perform too: their timelines come
from the task (`tml_bench.task.Task.blind`, `tml_bench.task.Task.ideal`), and go through the same questions,
judge and scoring as a model's. The judge is asked about many recordings at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

import msgspec

from tml_bench.blame import in_one_line
from tml_bench.errors import UserError
from tml_bench.judges.rules import RuleJudge
from tml_bench.judges.sheet import row_id
from tml_bench.outcome import Outcome
from tml_bench.questions import Judge, Question, Rule, Verdict, Verdicts
from tml_bench.samples import Sample
from tml_bench.scoring.judge_labels import Agreement, JudgeLabels, compare
from tml_bench.scoring.timelines import RunTimelines
from tml_bench.task import Score, Task
from tml_bench.timeline import Timeline

T = TypeVar("T")


class Performance(NamedTuple):
    """What was heard of a sample, and what a judge must decide before it can be scored.

    ``raised`` is what the task raised when it was asked for the questions; None where it did not.
    """

    sample: Sample
    timeline: Timeline
    questions: tuple[Question, ...]
    raised: Exception | None = None


class Respondents(NamedTuple):
    """What blind respondents, by strategy, and the ideal one do: each one performance per sample."""

    blind: dict[str, list[Performance]]
    ideal: list[Performance]


@dataclass(frozen=True, slots=True)
class AskedRun:
    """A run with all that is asked about it; its performances are of those samples that can be scored.

    ``samples`` identifies those that floors and ceilings are computed on. What respondents do on them is None
    where an earlier run has the same, or what the task raised when it was asked.
    """

    heard: RunTimelines
    performances: list[Performance]
    samples: tuple[str, ...]
    respondents: Respondents | Exception | None

    def questions(self) -> Iterator[Question]:
        """All that is asked, in the order in which it is."""
        them = self.respondents
        others = [*them.blind.values(), them.ideal] if isinstance(them, Respondents) else []
        for performances in (self.performances, *others):
            for performance in performances:
                yield from performance.questions


def ask(runs: Iterable[RunTimelines]) -> Iterator[AskedRun]:
    """What is asked about runs, one after the other; raises as `respondents`."""
    seen: set[tuple[str, ...]] = set()
    for heard in runs:
        run, config = heard.run, heard.run.file.config
        ended = {kind: {i for i, o in heard.outcomes.items() if o.kind is kind} for kind in Outcome}
        scored = [s for s in run.samples if s.scored and s.id in ended[Outcome.VALID]]
        performances = [performance_of(run.task, sample, heard.of(sample)) for sample in scored]
        samples = (config.task, config.dataset_sha256, *sorted(ended[Outcome.INVALID]))
        usable = [s for s in run.samples if s.id not in ended[Outcome.INVALID]]
        others = None if samples in seen else or_raised(partial(respondents, run.task, usable))
        seen.add(samples)
        yield AskedRun(heard, performances, samples, others)


def performance_of(task: Task, sample: Sample, timeline: Timeline) -> Performance:
    """What was heard of a sample, with the task's questions about it."""
    asked = or_raised(partial(task.questions, sample, timeline))
    if isinstance(asked, Exception):
        return Performance(sample, timeline, (), asked)
    return Performance(sample, timeline, asked)


def or_raised(make: Callable[[], T]) -> T | Exception:
    """What is made, or what a task raised in making it; a `UserError` is raised further."""
    try:
        return make()
    except UserError:
        raise
    except Exception as error:
        return error


def respondents(task: Task, samples: Iterable[Sample]) -> Respondents:
    """What every blind strategy and the ideal respondent do on the scored samples without a ``problem``.

    Raises:
        UserError: the task names different blind strategies for different samples.
    """
    usable = [s for s in samples if s.scored and not s.problem]
    blind: dict[str, list[Performance]] = {}
    for k, sample in enumerate(usable):
        strategies = task.blind(sample)
        if k and strategies.keys() != blind.keys():
            raise UserError(
                f"task {task.name} has the blind strategies {sorted(strategies)} for sample {sample.id}, "
                f"but {sorted(blind)} for sample {usable[0].id}",
                "Let blind() return the same names for every sample",
            )
        for name, timeline in strategies.items():
            blind.setdefault(name, []).append(performance_of(task, sample, timeline))
    return Respondents(blind, [performance_of(task, sample, task.ideal(sample)) for sample in usable])


TRACEBACKS = "scoring-tracebacks.txt"
"""In a run's folder: what the task raised over samples, whole."""


class QuestionVerdict(msgspec.Struct, frozen=True):
    """A question about a sample, and its verdict: a line of ``verdicts.jsonl``.

    Attributes:
        sample: the sample's id.
        question: what was asked.
        verdict: the answer, or why there is none.
    """

    sample: str
    question: Question
    verdict: Verdict


class JudgedScores(NamedTuple):
    """Scores, one per performance in its order, and every question with its verdict, in the order asked.

    ``raised`` is what the task raised over a sample, by its id; all its metrics are missing then.
    """

    scores: list[Score]
    judged: list[QuestionVerdict]
    raised: dict[str, Exception]


def score_performances(
    task: Task, performances: Sequence[Performance], judge: Judge, advance: Callable[[], None] = lambda: None
) -> JudgedScores:
    """Ask the judge all questions, calling ``advance`` after each, then score every performance."""
    answers = iter(judge.answer([q for one in performances for q in one.questions], advance))
    scores: list[Score] = []
    asked: list[QuestionVerdict] = []
    raised: dict[str, Exception] = {}
    for one in performances:
        found = {question.key: next(answers) for question in one.questions}
        asked += (QuestionVerdict(one.sample.id, q, found[q.key]) for q in one.questions)
        try:
            scores.append(_score(task, one, found))
        except UserError:
            raise
        except Exception as error:
            raised[one.sample.id] = error
            scores.append(_missing(task, one.sample, error))
    return JudgedScores(scores, asked, raised)


def _score(task: Task, one: Performance, verdicts: Verdicts) -> Score:
    if one.raised is not None:
        raise one.raised
    # A task that asks nothing need not know of verdicts.
    given = (verdicts,) if verdicts else ()
    score = task.score(one.sample, one.timeline, *given)
    if not isinstance(score, Score):
        raise TypeError(f"it gave {type(score).__name__}, which is no Score")
    return score


def _missing(task: Task, sample: Sample, error: Exception) -> Score:
    """The score in which every metric is missing, for what was raised."""
    reason = f"scoring raised {in_one_line(error)}; see {TRACEBACKS}"
    missing = {metric.name: reason for metric in task.metrics if sample.subset in metric.subsets}
    return Score(task.name, sample.subset, sample.id, sample.unit, {}, missing)


def scores_of(task: Task, performances: Sequence[Performance], judge: Judge) -> list[Score]:
    """The scores of a respondent of the task's own; raises what the task raises over one of them."""
    scored = score_performances(task, performances, judge)
    for error in scored.raised.values():
        raise error
    return scored.scores


def score_all(
    task: Task,
    pairs: Sequence[tuple[Sample, Timeline]],
    judge: Judge | None = None,
    advance: Callable[[], None] = lambda: None,
) -> JudgedScores:
    """Judge, by the task's own rules when None, and score samples by what was heard of them."""
    performances = [performance_of(task, sample, timeline) for sample, timeline in pairs]
    return score_performances(task, performances, judge or RuleJudge(task.rules), advance)


def against_rules(
    judge: str, judged: Sequence[QuestionVerdict], rules: Mapping[str, Rule]
) -> tuple[Agreement, ...]:
    """How a judge agrees with the task's rules, which cost nothing, by shared rubric; none for the rules."""
    rule_judge = RuleJudge(rules)
    if judge == rule_judge.id:
        return ()
    first, second = JudgeLabels(judge), JudgeLabels(rule_judge.id)
    decided = rule_judge.answer([one.question for one in judged])
    for one, verdict in zip(judged, decided, strict=True):
        for labels, answer in ((first, one.verdict.answer), (second, verdict.answer)):
            if answer is not None:
                labels.add(one.question.rubric, row_id(one.question), answer, one.sample)
    return tuple(pair for pair in compare([first, second])[0] if pair.n)
