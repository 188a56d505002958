"""Means of a task's metrics over its parts, the same for models and for the respondents behind floors."""

from __future__ import annotations

import math
from collections.abc import Iterable

from tml_bench.metrics.statistics import Observation
from tml_bench.task import Kind, Metric, Overall, Score, Task


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


def _all_missing(scores: Iterable[Score], subset: str, metric: str) -> bool:
    """Whether a subset has no value of a metric and should have one; not where it applies to no sample."""
    own = [s for s in scores if s.subset == subset]
    return not any(metric in s.values for s in own) and (not own or any(metric in s.missing for s in own))
