"""Floors and ceilings: what blind and ideal respondents reach on a task's samples.

The floor of a metric is the best value that a strategy which looks at nothing reaches on the same samples
(`tml_bench.task.Task.blind`); the ceiling is what a respondent reaches that does exactly what is expected
(`tml_bench.task.Task.ideal`). Both go through the task's own scoring and the same averaging as a model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tml_bench.errors import UserError
from tml_bench.metrics.aggregate import Observation
from tml_bench.perception.timeline import Timeline
from tml_bench.samples import Sample
from tml_bench.task import Direction, Metric, Score, Task


class Baseline(msgspec.Struct, frozen=True):
    """What blind and ideal respondents reach on one metric in one subset.

    Attributes:
        subset: part of the task.
        metric: name of the metric.
        floor: the best value among blind strategies; None where there is none.
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


def baselines(task: Task, samples: Iterable[Sample]) -> tuple[Baseline, ...]:
    """Score every blind strategy and the ideal respondent.

    A strategy counts for a metric's floor only where the metric is defined on at least half of the
    subset's samples: a latency that exists only where something was said must not be won by a strategy
    that hardly ever speaks.

    Args:
        task: the task.
        samples: the samples of the run; those with a ``problem`` are left out.

    Returns:
        One entry per subset and metric, in the task's order; subsets without samples have none.

    Raises:
        UserError: the task names different blind strategies for different samples.
    """
    usable = [s for s in samples if not s.problem]
    blind: dict[str, list[Score]] = {}
    ideal: list[Score] = []
    for k, sample in enumerate(usable):
        strategies: Mapping[str, Timeline] = task.blind(sample)
        if k and strategies.keys() != blind.keys():
            raise UserError(
                f"task {task.name} has the blind strategies {sorted(strategies)} for sample {sample.id}, "
                f"but {sorted(blind)} for sample {usable[0].id}",
                "Let blind() return the same names for every sample",
            )
        for name, timeline in strategies.items():
            blind.setdefault(name, []).append(task.score(sample, timeline))
        ideal.append(task.score(sample, task.ideal(sample)))
    sizes = Counter(s.subset for s in usable)
    return tuple(
        _baseline(subset, metric, sizes[subset], blind, ideal)
        for subset, metric in columns(task)
        if sizes[subset]
    )


def observations(scores: Iterable[Score], subset: str, metric: str) -> tuple[Observation, ...]:
    """The values of one metric in one subset, sorted by sample."""
    found = [
        Observation(s.sample, s.unit, s.values[metric].numerator, s.values[metric].denominator)
        for s in scores
        if s.subset == subset and metric in s.values
    ]
    return tuple(sorted(found, key=lambda o: o.sample))


def columns(task: Task) -> list[tuple[str, Metric]]:
    """Every subset with every metric that applies to it, in the task's order."""
    return [(s, m) for s in task.subsets for m in task.metrics if s in m.subsets]


def _baseline(
    subset: str, metric: Metric, size: int, blind: Mapping[str, Sequence[Score]], ideal: Sequence[Score]
) -> Baseline:
    values = {name: _mean(observations(scores, subset, metric.name)) for name, scores in blind.items()}
    candidates = [(name, v) for name, (v, n) in values.items() if v is not None and 2 * n >= size]
    floor, floor_by = None, ""
    if metric.direction is not Direction.NONE and candidates:
        best = max if metric.direction is Direction.HIGHER else min
        floor_by, floor = best(candidates, key=lambda c: c[1])
    return Baseline(
        subset=subset,
        metric=metric.name,
        floor=floor,
        floor_by=floor_by,
        ceiling=_mean(observations(ideal, subset, metric.name))[0],
        blind={name: v for name, (v, _) in values.items()},
    )


def _mean(values: Sequence[Observation]) -> tuple[float | None, int]:
    total = math.fsum(o.denominator for o in values)
    n = sum(o.denominator > 0 for o in values)
    return (math.fsum(o.numerator for o in values) / total if total > 0 else None), n
