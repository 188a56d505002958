"""Floors and ceilings: what blind and ideal respondents reach on a task's samples.

The floor of a metric is the best value that a strategy which looks at nothing reaches on the same samples
(`tml_bench.task.Task.blind`); the ceiling is what a respondent reaches that does exactly what is expected
(`tml_bench.task.Task.ideal`). Both go through the task's own scoring and the same averaging as a model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from tml_bench.errors import UserError
from tml_bench.metrics.statistics import Observation
from tml_bench.questions import Judge, Question
from tml_bench.samples import Sample
from tml_bench.scoring.judging import score_all
from tml_bench.task import Direction, Kind, Metric, Overall, Score, Task
from tml_bench.timeline import Timeline


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
    """Score every blind strategy and the ideal respondent.

    A strategy counts for a metric's floor only where the metric is defined on at least half of the
    subset's samples: a latency that exists only where something was said must not be won by a strategy
    that hardly ever speaks. Where one would count but for judgements that are missing, the floor is not
    known: the best of the others may be far below it.

    Args:
        task: the task.
        samples: the samples of the run; those with a ``problem``, and mere companions, are left out.
        judge: the judge that models are judged by; the task's own rules when None.

    Returns:
        One entry per subset and metric, in the task's order; subsets without samples have none.

    Raises:
        UserError: the task names different blind strategies for different samples.
    """
    usable = _usable(samples)
    played = _strategies(task, usable)
    blind = {name: score_all(task, pairs, judge).scores for name, pairs in played.items()}
    ideal = score_all(task, [(s, task.ideal(s)) for s in usable], judge).scores
    sizes = Counter(s.subset for s in usable)
    return tuple(
        _baseline(part, metric, sum(sizes[s] for s in part.subsets), blind, ideal)
        for part, metric in columns(task)
        if all(sizes[s] for s in part.subsets)
    )


def baseline_questions(task: Task, samples: Iterable[Sample]) -> Iterator[Question]:
    """What `baselines` will ask the judge; arguments and errors as there."""
    usable = _usable(samples)
    played = [*_strategies(task, usable).values(), [(s, task.ideal(s)) for s in usable]]
    for pairs in played:
        for sample, timeline in pairs:
            yield from task.questions(sample, timeline)


def _usable(samples: Iterable[Sample]) -> list[Sample]:
    return [s for s in samples if s.scored and not s.problem]


def _strategies(task: Task, samples: Sequence[Sample]) -> dict[str, list[tuple[Sample, Timeline]]]:
    """What every blind strategy does on every sample."""
    played: dict[str, list[tuple[Sample, Timeline]]] = {}
    for k, sample in enumerate(samples):
        strategies = task.blind(sample)
        if k and strategies.keys() != played.keys():
            raise UserError(
                f"task {task.name} has the blind strategies {sorted(strategies)} for sample {sample.id}, "
                f"but {sorted(played)} for sample {samples[0].id}",
                "Let blind() return the same names for every sample",
            )
        for name, timeline in strategies.items():
            played.setdefault(name, []).append((sample, timeline))
    return played


def observations(scores: Iterable[Score], part: Overall, metric: str) -> tuple[Observation, ...]:
    """The values of one metric in one part of a task, sorted by sample.

    With ``part.equal`` the values of each subset are divided by the subset's total denominator, so that the
    ratio of sums is the mean over subsets. There are none where a whole subset is missing: a mean over the
    others would pass for that over all.
    """
    scores = list(scores)
    if part.equal and any(_all_missing(scores, subset, metric) for subset in part.subsets):
        return ()
    found = [(s, s.values[metric]) for s in scores if s.subset in part.subsets and metric in s.values]
    totals = dict.fromkeys(part.subsets, 1.0)
    if part.equal:
        totals = {t: math.fsum(v.denominator for s, v in found if s.subset == t) or 1.0 for t in part.subsets}
    weighted = (
        Observation(s.sample, s.unit, v.numerator / totals[s.subset], v.denominator / totals[s.subset])
        for s, v in found
    )
    return tuple(sorted(weighted, key=lambda o: o.sample))


def columns(task: Task) -> list[tuple[Overall, Metric]]:
    """Every part of the task with every metric that applies to it: subsets together, then single ones."""
    parts = (*task.overall, *(Overall(s, (s,)) for s in task.subsets))
    return [(p, m) for p in parts for m in task.metrics if _applies(m, p)]


def _applies(metric: Metric, part: Overall) -> bool:
    return set(part.subsets) <= set(metric.subsets) and (not part.equal or metric.kind is Kind.RATIO)


def mean_of(scores: Iterable[Score], part: Overall, metric: Metric) -> tuple[float | None, int]:
    """Mean of a metric over a part of a task, and from how many samples.

    With ``metric.decimals`` it is rounded, or else is the mean of the subsets' rounded means where
    ``part.equal``. The mean is None without samples, and with ``part.equal`` where a whole subset is missing.
    """
    scores = list(scores)
    if part.equal and any(_all_missing(scores, subset, metric.name) for subset in part.subsets):
        return None, 0
    if part.equal and metric.decimals is not None:
        means = [mean_of(scores, Overall(s, (s,)), metric) for s in part.subsets]
        known = [mean for mean, _ in means if mean is not None]
        return (math.fsum(known) / len(known) if known else None), sum(n for _, n in means)
    values = observations(scores, part, metric.name)
    total = math.fsum(o.denominator for o in values)
    n = sum(o.denominator > 0 for o in values)
    if not total > 0:
        return None, n
    mean = math.fsum(o.numerator for o in values) / total
    return (mean if metric.decimals is None else round(mean, metric.decimals)), n


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


def _all_missing(scores: Iterable[Score], subset: str, metric: str) -> bool:
    """Whether a subset has no value of a metric and should have one; not where it applies to no sample."""
    own = [s for s in scores if s.subset == subset]
    return not any(metric in s.values for s in own) and (not own or any(metric in s.missing for s in own))
