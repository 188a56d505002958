"""Ask the judge about many recordings at once, then score them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from tml_bench.judges.rules import RuleJudge
from tml_bench.judges.sheet import row_id
from tml_bench.questions import Judge, Question, Rule, Verdict
from tml_bench.samples import Sample
from tml_bench.scoring.asking import Performance, Respondents, performance_of
from tml_bench.scoring.judge_labels import Agreement, JudgeLabels, compare
from tml_bench.task import Score, Task
from tml_bench.timeline import Timeline


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
    """

    scores: list[Score]
    judged: list[QuestionVerdict]


class RespondentScores(NamedTuple):
    """Scores of blind and ideal respondents.

    Attributes:
        blind: by strategy, one per sample.
        ideal: one per sample.
    """

    blind: dict[str, list[Score]]
    ideal: list[Score]


def score_performances(
    task: Task,
    performances: Sequence[Performance],
    judge: Judge,
    advance: Callable[[], None] = lambda: None,
) -> JudgedScores:
    """Ask the judge all questions, then score every performance.

    Args:
        task: the task.
        performances: of one respondent.
        judge: the judge.
        advance: called after each question.
    """
    answers = iter(judge.answer([q for one in performances for q in one.questions], advance))
    scores: list[Score] = []
    asked: list[QuestionVerdict] = []
    for sample, timeline, questions in performances:
        found = {question.key: next(answers) for question in questions}
        asked += (QuestionVerdict(sample.id, question, found[question.key]) for question in questions)
        # A task that asks nothing need not know of verdicts.
        scores.append(task.score(sample, timeline, found) if found else task.score(sample, timeline))
    return JudgedScores(scores, asked)


def score_respondents(task: Task, played: Respondents, judge: Judge) -> RespondentScores:
    """Judge and score what blind and ideal respondents do."""
    blind = {
        name: score_performances(task, performances, judge).scores
        for name, performances in played.blind.items()
    }
    return RespondentScores(blind, score_performances(task, played.ideal, judge).scores)


def score_all(
    task: Task,
    pairs: Sequence[tuple[Sample, Timeline]],
    judge: Judge | None = None,
    advance: Callable[[], None] = lambda: None,
) -> JudgedScores:
    """Judge and score recordings of a task.

    Args:
        task: the task.
        pairs: samples with what was heard of them.
        judge: the judge; the task's own rules when None.
        advance: called after each question.
    """
    performances = [performance_of(task, sample, timeline) for sample, timeline in pairs]
    return score_performances(task, performances, judge or RuleJudge(task.rules), advance)


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
