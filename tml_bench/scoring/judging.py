"""Ask the judge about many recordings at once, then score them, a piece of the samples after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import structs

from tml_bench.blame import in_one_line
from tml_bench.errors import UserError
from tml_bench.judges.rules import RuleJudge
from tml_bench.judges.sheet import row_id
from tml_bench.questions import Judge, Question, Rule, Verdict, Verdicts
from tml_bench.samples import Sample
from tml_bench.scoring.asking import Performance, performance_of, pieces
from tml_bench.scoring.judge_labels import Agreement, JudgeLabels, compare
from tml_bench.scoring.packed import PackedList
from tml_bench.task import Score, Task
from tml_bench.timeline import Timeline, WordSource
from tml_bench.users.fault_rubric import judged_faults
from tml_bench.users.faults import UserFault

TRACEBACKS = "scoring-tracebacks.txt"
"""In a run's folder: what the task raised over samples, whole."""
SPREAD_TIMES = (
    "The model's transcript has no word times: words are spread over the speech of their reply, so that "
    "whatever depends on when a word was said is estimated, not measured."
)
"""The note on a sample whose words' times are not measured."""


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

    ``raised`` is what the task raised over a sample, by its id; all its metrics are missing then. ``faulty``
    are performances without a score, in which the judge finds that the simulated user did wrong.
    ``perceivers`` are names and versions of what perceived the performances.
    """

    scores: Sequence[Score]
    judged: Sequence[QuestionVerdict]
    raised: dict[str, Exception]
    faulty: Mapping[str, tuple[UserFault, ...]] = {}
    perceivers: frozenset[str] = frozenset()


def score_run(task: Task, performances: Sequence[Performance], judge: Judge, run: Path) -> JudgedScores:
    """As `score_performances`, of a run: its scores and verdicts may be more than fits, and are packed."""
    scores = PackedList(Score, folder=run)
    judged = PackedList(QuestionVerdict, folder=run)
    raised: dict[str, Exception] = {}
    faulty: dict[str, tuple[UserFault, ...]] = {}
    perceivers: set[str] = set()
    for piece in pieces(performances):
        done = score_performances(task, piece, judge)
        perceivers.update(performance.timeline.perceiver for performance in piece)
        for score in done.scores:
            if odd := _no_number(score):
                raised[score.sample] = ValueError(odd)
                score = _missing(task, score.subset, score.sample, score.unit, raised[score.sample])
            scores.append(score)
        for verdict in done.judged:
            judged.append(verdict)
        raised |= done.raised
        faulty |= done.faulty
    return JudgedScores(scores, judged, raised, faulty, frozenset(perceivers))


def score_performances(
    task: Task, performances: Sequence[Performance], judge: Judge, advance: Callable[[], None] = lambda: None
) -> JudgedScores:
    """Ask the judge all questions, calling ``advance`` after each, then score every performance."""
    answers = iter(judge.answer([q for one in performances for q in one.all_questions], advance))
    scores: list[Score] = []
    asked: list[QuestionVerdict] = []
    raised: dict[str, Exception] = {}
    faulty: dict[str, tuple[UserFault, ...]] = {}
    beyond = task.beyond_rules if judge.id == RuleJudge(task.rules).id else {}
    for one in performances:
        found = {question.key: next(answers) for question in one.all_questions}
        asked += (QuestionVerdict(one.sample.id, q, found[q.key]) for q in one.all_questions)
        of_user = {question.key: found.pop(question.key) for question in one.of_user}
        if one.of_user and (faults := judged_faults(one.timeline, of_user, judge.id)):
            faulty[one.sample.id] = faults
            continue
        try:
            score = _score(task, one, found)
            why = beyond.get(one.sample.subset)
            scores.append(_without_judged(task, score, why) if why else score)
        except UserError:
            raise
        except Exception as error:
            raised[one.sample.id] = error
            scores.append(_missing(task, one.sample.subset, one.sample.id, one.sample.unit, error))
    return JudgedScores(scores, asked, raised, faulty)


def _score(task: Task, one: Performance, verdicts: Verdicts) -> Score:
    if one.raised is not None:
        raise one.raised
    # A task that asks nothing need not know of verdicts.
    given = (verdicts,) if verdicts else ()
    score = task.score(one.sample, one.timeline, *given)
    if not isinstance(score, Score):
        raise TypeError(f"it gave {type(score).__name__}, which is no Score")
    heard = (one.timeline, *one.timeline.companions.values())
    spread = any(timeline.word_source is WordSource.PROPORTIONAL for timeline in heard)
    return structs.replace(score, notes=(*score.notes, SPREAD_TIMES)) if spread else score


def _no_number(score: Score) -> str:
    """Which value of a score is no finite number, so that it cannot be written; empty where all are."""
    for name, value in score.values.items():
        for number in (value.numerator, value.denominator):
            if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
                return f"it gave {name} the value {value.numerator} / {value.denominator}"
    return ""


def _without_judged(task: Task, score: Score, reason: str) -> Score:
    """A score without what needs a judge that understands."""
    judged = {m.name for m in task.metrics if m.judged and score.subset in m.subsets}
    kept = {name: value for name, value in score.values.items() if name not in judged}
    return structs.replace(score, values=kept, missing=score.missing | dict.fromkeys(judged, reason))


def _missing(task: Task, subset: str, sample: str, unit: str, error: Exception) -> Score:
    """The score in which every metric is missing, for what was raised."""
    reason = f"scoring raised {in_one_line(error)}; see {TRACEBACKS}"
    missing = {metric.name: reason for metric in task.metrics if subset in metric.subsets}
    return Score(task.name, subset, sample, unit, {}, missing)


def scores_of(task: Task, performances: Sequence[Performance], judge: Judge) -> Iterator[Score]:
    """The scores of a respondent of the task's own; raises what the task raises over one of them."""
    for piece in pieces(performances):
        scored = score_performances(task, piece, judge)
        for error in scored.raised.values():
            raise error
        yield from scored.scores


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
    for one in judged:
        (verdict,) = rule_judge.answer([one.question])
        for labels, answer in ((first, one.verdict.answer), (second, verdict.answer)):
            if answer is not None:
                labels.add(one.question.rubric, row_id(one.question), answer, one.sample)
    return tuple(pair for pair in compare([first, second])[0] if pair.n)
