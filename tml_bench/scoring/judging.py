"""Ask the judge about many recordings at once, then score them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from tml_bench.blame import in_one_line
from tml_bench.errors import UserError
from tml_bench.judges.rules import RuleJudge
from tml_bench.judges.sheet import row_id
from tml_bench.questions import Judge, Question, Rule, Verdict, Verdicts
from tml_bench.samples import Sample
from tml_bench.scoring.judge_labels import Agreement, JudgeLabels, compare
from tml_bench.task import Score, Task
from tml_bench.timeline import Timeline

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
    """Scores, and the verdicts behind them.

    Attributes:
        scores: one per pair that was given, in its order.
        judged: every question with its verdict, in the order asked.
        raised: what the task raised over a sample, by the sample's id; all its metrics are missing then.
    """

    scores: list[Score]
    judged: list[QuestionVerdict]
    raised: dict[str, Exception]


def score_all(
    task: Task,
    pairs: Sequence[tuple[Sample, Timeline]],
    judge: Judge | None = None,
    advance: Callable[[], None] = lambda: None,
) -> JudgedScores:
    """Judge and score recordings of a task; one that it cannot score does not keep it from the others.

    Args:
        task: the task.
        pairs: samples with what was heard of them.
        judge: the judge; the task's own rules when None.
        advance: called after each question.
    """
    judge = judge or RuleJudge(task.rules)
    raised: dict[str, Exception] = {}
    asked = [questions_about(task, sample, timeline, raised) for sample, timeline in pairs]
    verdicts = iter(judge.answer([q for questions in asked for q in questions], advance))
    scores: list[Score] = []
    judged: list[QuestionVerdict] = []
    for (sample, timeline), questions in zip(pairs, asked, strict=True):
        found = {question.key: next(verdicts) for question in questions}
        judged += (QuestionVerdict(sample.id, question, found[question.key]) for question in questions)
        scores.append(_score(task, sample, timeline, found, raised))
    return JudgedScores(scores, judged, raised)


def questions_about(
    task: Task, sample: Sample, timeline: Timeline, raised: dict[str, Exception]
) -> tuple[Question, ...]:
    """What the task asks about a recording; nothing where it raises, which is put into ``raised``."""
    try:
        return task.questions(sample, timeline)
    except UserError:
        raise
    except Exception as error:
        raised[sample.id] = error
        return ()


def _score(
    task: Task, sample: Sample, timeline: Timeline, verdicts: Verdicts, raised: dict[str, Exception]
) -> Score:
    """The task's score; one in which every metric is missing where the task raises or has raised."""
    try:
        if sample.id in raised:
            raise raised[sample.id]
        # A task that asks nothing need not know of verdicts.
        score = task.score(sample, timeline, verdicts) if verdicts else task.score(sample, timeline)
        if not isinstance(score, Score):
            raise TypeError(f"it gave {type(score).__name__}, which is no Score")
    except UserError:
        raise
    except Exception as error:
        raised[sample.id] = error
        reason = f"scoring raised {in_one_line(error)}; see {TRACEBACKS}"
        missing = {metric.name: reason for metric in task.metrics if sample.subset in metric.subsets}
        return Score(task.name, sample.subset, sample.id, sample.unit, {}, missing)
    return score


def against_rules(
    judge: str, judged: Sequence[QuestionVerdict], rules: Mapping[str, Rule]
) -> tuple[Agreement, ...]:
    """How far a judge agrees with the task's own rules, which cost nothing to ask as well.

    Args:
        judge: its id.
        judged: its verdicts.
        rules: by name of the rubric.

    Returns:
        One entry per rubric on which both answered something, the judge first; none for the rules themselves.
    """
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
