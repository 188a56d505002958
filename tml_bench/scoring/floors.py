"""Floors and ceilings: what blind and ideal respondents reach on a task's samples.

The floor of a metric is the best value that a strategy which looks at nothing reaches on the same samples
(`tml_bench.task.Task.blind`); the ceiling is what a respondent reaches that does exactly what is expected
(`tml_bench.task.Task.ideal`). Both go through the task's own scoring and the same averaging as a model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from tml_bench.errors import UserError
from tml_bench.judges.rules import RuleJudge
from tml_bench.questions import Judge, Question
from tml_bench.samples import Sample
from tml_bench.scoring.averages import columns, mean_of
from tml_bench.scoring.judging import Performance, judged, performed
from tml_bench.task import Direction, Metric, Overall, Score, Task


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


class Respondents(NamedTuple):
    """What blind and ideal respondents do on the samples of a run.

    Attributes:
        blind: by strategy, one performance per sample.
        ideal: one per sample.
    """

    blind: dict[str, list[Performance]]
    ideal: list[Performance]

    def questions(self) -> Iterator[Question]:
        """All that is asked about them."""
        for performances in (*self.blind.values(), self.ideal):
            for performance in performances:
                yield from performance.questions


def respondents(task: Task, samples: Iterable[Sample]) -> Respondents:
    """What every blind strategy and the ideal respondent do.

    Args:
        task: the task.
        samples: the samples of the run; those with a ``problem``, and mere companions, are left out.

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
            blind.setdefault(name, []).append(performed(task, sample, timeline))
    return Respondents(blind, [performed(task, sample, task.ideal(sample)) for sample in usable])


def baselines(task: Task, samples: Iterable[Sample], judge: Judge | None = None) -> tuple[Baseline, ...]:
    """Score every blind strategy and the ideal respondent; see `floors_and_ceilings`.

    Args:
        task: the task.
        samples: as for `respondents`.
        judge: the judge that models are judged by; the task's own rules when None.

    Returns:
        One entry per subset and metric, in the task's order; subsets without samples have none.

    Raises:
        UserError: as `respondents`.
    """
    return floors_and_ceilings(task, respondents(task, samples), judge or RuleJudge(task.rules))


def floors_and_ceilings(task: Task, played: Respondents, judge: Judge) -> tuple[Baseline, ...]:
    """Judge and score what blind and ideal respondents did; raises what the task raises over one of them.

    A strategy counts for a metric's floor only where the metric is defined on at least half of the
    subset's samples: a latency that exists only where something was said must not be won by a strategy
    that hardly ever speaks. Where one would count but for judgements that are missing, the floor is not
    known: the best of the others may be far below it.

    Returns:
        One entry per subset and metric, in the task's order; subsets without samples have none.
    """
    blind = {name: _scores(task, done, judge) for name, done in played.blind.items()}
    ideal = _scores(task, played.ideal, judge)
    sizes = Counter(performance.sample.subset for performance in played.ideal)
    return tuple(
        _baseline(part, metric, sum(sizes[s] for s in part.subsets), blind, ideal)
        for part, metric in columns(task)
        if all(sizes[s] for s in part.subsets)
    )


def _scores(task: Task, performances: Sequence[Performance], judge: Judge) -> list[Score]:
    scored = judged(task, performances, judge)
    for error in scored.raised.values():
        raise error
    return scored.scores


def _baseline(
    part: Overall, metric: Metric, size: int, blind: Mapping[str, Sequence[Score]], ideal: Sequence[Score]
) -> Baseline:
    values = {name: mean_of(scores, part, metric) for name, scores in blind.items()}
    candidates = [(name, v) for name, (v, n) in values.items() if v is not None and 2 * n >= size]
    known = not any(
        2 * values[name][1] < size <= 2 * (values[name][1] + _missing(scores, part, metric))
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


def _missing(scores: Iterable[Score], part: Overall, metric: Metric) -> int:
    return sum(s.subset in part.subsets and metric.name in s.missing for s in scores)
