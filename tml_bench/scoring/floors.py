"""Floors and ceilings: what blind and ideal respondents reach on a task's samples.

The floor of a metric is the best value that a strategy which looks at nothing reaches on the same samples
(`tml_bench.task.Task.blind`); the ceiling is what a respondent reaches that does exactly what is expected
(`tml_bench.task.Task.ideal`). Both go through the task's own scoring and the same averaging as a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from tml_bench.judges.rules import RuleJudge
from tml_bench.questions import Judge
from tml_bench.samples import Sample
from tml_bench.scoring.asking import Respondents, respondents
from tml_bench.scoring.averages import ScoreTable, columns, mean_of
from tml_bench.scoring.judging import scores_of
from tml_bench.task import Direction, Metric, Overall, Task


class Baseline(msgspec.Struct, frozen=True):
    """What blind and ideal respondents reach on one metric in one subset.

    Attributes:
        subset: part of the task, a subset or several together.
        metric: name of the metric.
        floor: the best value among blind strategies; None where there is none, or it is not known.
        floor_by: the strategy that reaches it; the task's first one of equals.
        ceiling: the ideal respondent's value; None where it has none.
        blind: value per blind strategy; None where it has none.
    """

    subset: str
    metric: str
    floor: float | None
    floor_by: str
    ceiling: float | None
    blind: dict[str, float | None]


def baselines(task: Task, samples: Iterable[Sample], judge: Judge | None = None) -> tuple[Baseline, ...]:
    """Score every blind strategy and the ideal respondent; see `floors_and_ceilings`.

    Args:
        task: the task.
        samples: the samples of the run; those with a ``problem``, and mere companions, are left out.
        judge: the judge that models are judged by; the task's own rules when None.

    Returns:
        As `floors_and_ceilings`.

    Raises:
        UserError: the task names different blind strategies for different samples.
    """
    return floors_and_ceilings(task, respondents(task, samples), judge or RuleJudge(task.rules))


def floors_and_ceilings(task: Task, played: Respondents, judge: Judge) -> tuple[Baseline, ...]:
    """The best that blind respondents reach, and what an ideal one does; raises what the task raises.

    A strategy counts for a metric's floor only where the metric is defined on at least half of the
    subset's samples: a latency that exists only where something was said must not be won by a strategy
    that hardly ever speaks. Where one would count but for judgements that are missing, the floor is not
    known: the best of the others may be far below it.

    Returns:
        One entry per subset and metric, in the task's order; subsets without samples have none.
    """
    scored = {name: scores_of(task, done, judge) for name, done in played.blind.items()}
    reached = scores_of(task, played.ideal, judge)
    blind, ideal = {name: ScoreTable(scores) for name, scores in scored.items()}, ScoreTable(reached)
    return tuple(
        _baseline(part, metric, blind, ideal) for part, metric in columns(task) if ideal.samples(part)
    )


def _baseline(part: Overall, metric: Metric, blind: Mapping[str, ScoreTable], ideal: ScoreTable) -> Baseline:
    size = ideal.samples(part)
    values = {name: mean_of(scores, part, metric) for name, scores in blind.items()}
    candidates = [(name, v) for name, (v, n) in values.items() if v is not None and 2 * n >= size]
    known = not any(
        2 * values[name][1] < size <= 2 * (values[name][1] + scores.missing(part, metric.name).total())
        for name, scores in blind.items()
    )
    floor, floor_by = None, ""
    if metric.direction is not Direction.NONE and candidates and known:
        best = max if metric.direction is Direction.HIGHER else min
        floor_by, floor = best(candidates, key=lambda c: c[1])
    return Baseline(
        subset=part.name,
        metric=metric.name,
        floor=floor,
        floor_by=floor_by,
        ceiling=mean_of(ideal, part, metric)[0],
        blind={name: v for name, (v, _) in values.items()},
    )
