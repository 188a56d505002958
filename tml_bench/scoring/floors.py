"""Floors and ceilings: what blind and ideal respondents reach on a task's samples.

The floor of a metric is the best value that a strategy which looks at nothing reaches on the same samples
(`tml_bench.task.Task.blind`); the ceiling is what a respondent reaches that does exactly what is expected
(`tml_bench.task.Task.ideal`). Both go through the task's own scoring and the same averaging as a model.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from tml_bench.judges.rules import RuleJudge
from tml_bench.metrics.statistics import Observation
from tml_bench.questions import Judge
from tml_bench.samples import Sample
from tml_bench.scoring.asking import Respondents, respondents
from tml_bench.scoring.judging import scores_of
from tml_bench.task import Direction, Kind, Metric, Overall, Score, Task


class ScoreTable:
    """The scores of one respondent, one per sample, by subset and metric."""

    def __init__(self, scores: Iterable[Score]) -> None:
        self._samples: Counter[str] = Counter()
        self._values: defaultdict[tuple[str, str], _Column] = defaultdict(_Column)
        for score in scores:
            self._samples[score.subset] += 1
            for metric, value in score.values.items():
                column = self._values[score.subset, metric]
                column.scores.append(score)
                column.numerators.append(value.numerator)
                column.denominators.append(value.denominator)
            for metric, reason in score.missing.items():
                self._values[score.subset, metric].missing[reason] += 1

    def samples(self, part: Overall) -> int:
        """How many samples of a part there are; 0 where a subset has none."""
        sizes = [self._samples[subset] for subset in part.subsets]
        return sum(sizes) if all(sizes) else 0

    def missing(self, part: Overall, metric: str) -> Counter[str]:
        """How often a metric is missing in a part, by reason."""
        return sum((self._values[subset, metric].missing for subset in part.subsets), Counter())

    def incomplete(self, part: Overall, metric: str) -> bool:
        """Whether a part whose subsets weigh alike lacks one: it has no value and should have one.

        A subset lacks none where the metric applies to none of its samples.
        """
        columns = ((subset, self._values[subset, metric]) for subset in part.subsets if part.equal)
        return any(not c.scores and (not self._samples[s] or bool(c.missing)) for s, c in columns)

    def values(self, part: Overall, metric: str) -> tuple[list[Score], list[float], list[float]]:
        """Scores, numerators and denominators of all values of a metric in a part.

        With ``part.equal`` the values of each subset are divided by the subset's total denominator, so that
        the ratio of sums is the mean over subsets. There are none where a whole subset is missing: a mean
        over the others would pass for that over all.
        """
        scores: list[Score] = []
        numerators: list[float] = []
        denominators: list[float] = []
        for subset in () if self.incomplete(part, metric) else part.subsets:
            column = self._values[subset, metric]
            total = math.fsum(column.denominators) or 1.0 if part.equal else 1.0
            scores += column.scores
            numerators += [n / total for n in column.numerators]
            denominators += [d / total for d in column.denominators]
        return scores, numerators, denominators


class _Column:
    """The values of one metric in one subset."""

    def __init__(self) -> None:
        self.scores: list[Score] = []
        self.numerators: list[float] = []
        self.denominators: list[float] = []
        self.missing: Counter[str] = Counter()


def observations(scores: ScoreTable, part: Overall, metric: str) -> tuple[Observation, ...]:
    """The values of one metric in one part of a task, sorted by sample; see `ScoreTable.values`.

    Subsets of equal weight are strata: how large they are is not up to chance.
    """
    found = (
        Observation(s.sample, s.unit, n, d, s.subset if part.equal else "")
        for s, n, d in zip(*scores.values(part, metric), strict=True)
    )
    return tuple(sorted(found, key=lambda o: o.sample))


def columns(task: Task) -> list[tuple[Overall, Metric]]:
    """Every part of the task with every metric that applies to it: subsets together, then single ones."""
    parts = (*task.overall, *(Overall(s, (s,)) for s in task.subsets))
    pairs = [(p, m) for p in parts for m in task.metrics if set(p.subsets) <= set(m.subsets)]
    return [(p, m) for p, m in pairs if not p.equal or m.kind is Kind.RATIO]


def mean_of(scores: ScoreTable, part: Overall, metric: Metric) -> tuple[float | None, int]:
    """Mean of a metric over a part of a task, and from how many samples.

    With ``metric.decimals`` it is rounded, or else is the mean of the subsets' rounded means where
    ``part.equal``. The mean is None without samples, and with ``part.equal`` where a whole subset is missing.
    """
    if scores.incomplete(part, metric.name):
        return None, 0
    if part.equal and metric.decimals is not None:
        means = [mean_of(scores, Overall(s, (s,)), metric) for s in part.subsets]
        known = [mean for mean, _ in means if mean is not None]
        return (math.fsum(known) / len(known) if known else None), sum(n for _, n in means)
    _, numerators, denominators = scores.values(part, metric.name)
    total = math.fsum(denominators)
    count = sum(d > 0 for d in denominators)
    if not total > 0:
        return None, count
    mean = math.fsum(numerators) / total
    return (mean if metric.decimals is None else round(mean, metric.decimals)), count


class Baseline(msgspec.Struct, frozen=True):
    """What blind and ideal respondents reach on one metric in one subset.

    Attributes:
        subset: part of the task, a subset or several together.
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
    """Score every blind strategy and the ideal respondent, by the task's own rules unless there is a judge.

    Samples with a ``problem``, and mere companions, are left out; raises as `respondents`.
    """
    return floors_and_ceilings(task, respondents(task, samples), judge or RuleJudge(task.rules))


def floors_and_ceilings(task: Task, played: Respondents, judge: Judge) -> tuple[Baseline, ...]:
    """The best that blind respondents reach, and what an ideal one does; raises what the task raises.

    A strategy counts for a metric's floor only where the metric is defined on at least half of the
    subset's samples: a latency that exists only where something was said must not be won by a strategy
    that hardly ever speaks. Where one would count but for judgements that are missing, the floor is not
    known: the best of the others may be far below it. Subsets without samples have no entry.
    """
    scored = {name: scores_of(task, done, judge) for name, done in played.blind.items()}
    reached = scores_of(task, played.ideal, judge)
    blind, ideal = {name: ScoreTable(scores) for name, scores in scored.items()}, ScoreTable(reached)
    return tuple(_baseline(p, m, blind, ideal) for p, m in columns(task) if ideal.samples(p))


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
