"""Scores by subset and metric, and their means over the parts of a task."""

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from functools import partial
from typing import NamedTuple

from msgspec import Struct, field

from tml_bench.metrics.statistics import Observation
from tml_bench.task import Kind, Metric, Overall, Score, Task, Value


class ScoredSample(NamedTuple):
    """A sample that has a value."""

    sample: str
    unit: str
    subset: str


class ScoreTable:
    """The scores of one respondent, one per sample, by subset and metric: all, or `only` some.

    Args:
        scores: to begin with; `add` takes more.
        only: names of metrics; empty means all.
        named: it is kept which samples the values are of, which `observations` must know.
    """

    def __init__(
        self, scores: Iterable[Score] = (), only: Collection[str] = (), *, named: bool = True
    ) -> None:
        self._samples: Counter[str] = Counter()
        self._columns: defaultdict[str, defaultdict[str, _Column]] = defaultdict(_by_metric)
        self._names: defaultdict[tuple[str, str], list[ScoredSample]] = defaultdict(list)
        self._missing: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self._only, self._named = frozenset(only), named
        for score in scores:
            self.add(score)

    def add(self, score: Score) -> None:
        """Take the score of one more sample."""
        subset, only = score.subset, self._only
        self._samples[subset] += 1
        columns = self._columns[subset]
        for metric, value in score.values.items():
            if not only or metric in only:
                columns[metric].add(value)
        for metric, reason in score.missing.items():
            self._missing[subset, metric][reason] += 1
        if self._named:
            who = ScoredSample(score.sample, score.unit, subset)
            for metric in score.values:
                if not only or metric in only:
                    self._names[subset, metric].append(who)

    def _of(self, part: Overall, metric: str) -> "list[_Column]":
        """The columns of a part's subsets, to look at."""
        columns = self._columns
        return [columns[s].get(metric, _EMPTY) if s in columns else _EMPTY for s in part.subsets]

    def fold(self) -> None:
        """Keep sums in the place of values: means are the same but for rounding, whatever their number."""
        for columns in self._columns.values():
            for column in columns.values():
                column.fold()

    def samples(self, part: Overall) -> int:
        """How many samples of a part there are; 0 where a subset has none."""
        sizes = [self._samples[subset] for subset in part.subsets]
        return sum(sizes) if all(sizes) else 0

    def missing(self, part: Overall, metric: str) -> Counter[str]:
        """How often a metric is missing in a part, by reason."""
        found: Counter[str] = Counter()
        for subset in part.subsets:
            found.update(self._missing.get((subset, metric), {}))
        return found

    def measured(self, part: Overall, metric: str) -> int:
        """On how many samples of a part a metric has something to count."""
        return sum(column.measured for column in self._of(part, metric))

    def counted(self, part: Overall, metric: str) -> float:
        """How much a metric counts in a part: the sum of its denominators."""
        return math.fsum(column.counted for column in self._of(part, metric))

    def incomplete(self, part: Overall, metric: str) -> bool:
        """Whether a part whose subsets weigh alike lacks one: it has no value and should have one.

        A subset lacks none where the metric applies to none of its samples, nor if it is optional.
        """
        if not part.equal:
            return False
        columns = zip(part.subsets, self._of(part, metric), strict=True)
        empty = (subset for subset, column in columns if not column.size and subset not in part.optional)
        return any(not self._samples[subset] or (subset, metric) in self._missing for subset in empty)

    def named(self, part: Overall, metric: str) -> list[ScoredSample]:
        """The samples of `values`, where they are named."""
        subsets = () if self.incomplete(part, metric) else part.subsets
        return [who for subset in subsets for who in self._names.get((subset, metric), ())]

    def values(self, part: Overall, metric: str) -> tuple[list[float], list[float]]:
        """Numerators and denominators of all values of a metric in a part.

        With ``part.equal`` the values of each subset are divided by the subset's total denominator and
        multiplied by its weight, so that the ratio of sums is the mean over subsets. There are none where a
        whole subset is missing: a mean over the others would pass for that over all.
        """
        columns = self._of(part, metric)
        if not part.equal:
            return [n for c in columns for n in c.numerators], [d for c in columns for d in c.denominators]
        numerators: list[float] = []
        denominators: list[float] = []
        if self.incomplete(part, metric):
            return numerators, denominators
        for subset, column in zip(part.subsets, columns, strict=True):
            total = (math.fsum(column.denominators) or 1.0) / part.weight(subset)
            numerators += [n / total for n in column.numerators]
            denominators += [d / total for d in column.denominators]
        return numerators, denominators


class _Column(Struct, gc=False):
    """The values of one metric in one subset; a search has so many that the collector is spared them.

    Attributes:
        size: how many samples have a value.
        measured: how many of them have something to count.
        counted: sum of the denominators.
        pairs: numerators and denominators in turn.
    """

    size: int = 0
    measured: int = 0
    counted: float = 0.0
    pairs: "array[float]" = field(default_factory=lambda: array("d"))

    @property
    def numerators(self) -> "array[float]":
        """Of the values, in order."""
        return self.pairs[::2]

    @property
    def denominators(self) -> "array[float]":
        """Of the values, in order."""
        return self.pairs[1::2]

    def add(self, value: Value) -> None:
        """Take the value of one more sample."""
        denominator = value.denominator
        self.size += 1
        self.pairs.append(value.numerator)
        self.pairs.append(denominator)
        self.measured += denominator > 0
        self.counted += denominator

    def fold(self) -> None:
        """Keep the sums in the place of values."""
        if len(self.pairs) > 2:
            self.pairs = array("d", (math.fsum(self.numerators), math.fsum(self.denominators)))


_EMPTY = _Column()
_by_metric = partial(defaultdict[str, _Column], _Column)


def observations(scores: ScoreTable, part: Overall, metric: str) -> tuple[Observation, ...]:
    """The values of one metric in one part of a task, sorted by sample; see `ScoreTable.values`.

    Subsets of equal weight are strata: how large they are is not up to chance.
    """
    found = (
        Observation(s.sample, s.unit, n, d, s.subset if part.equal else "")
        for s, n, d in zip(scores.named(part, metric), *scores.values(part, metric), strict=True)
    )
    return tuple(sorted(found, key=lambda o: o.sample))


def columns(task: Task, only: Collection[str] = ()) -> list[tuple[Overall, Metric]]:
    """Every part of the task with every metric that applies to it: subsets together, then single ones.

    ``only`` are names of metrics, if not all are wanted.
    """
    parts = (*task.overall, *(Overall(s, (s,)) for s in task.subsets))
    wanted = [m for m in task.metrics if not only or m.name in only]
    pairs = [(p, m) for p in parts for m in wanted if set(p.subsets) <= set(m.subsets)]
    return [(p, m) for p, m in pairs if not p.equal or m.kind is Kind.RATIO]


def mean_of(scores: ScoreTable, part: Overall, metric: Metric) -> tuple[float | None, int]:
    """Mean of a metric over a part of a task, and from how many samples.

    With ``metric.decimals`` it is rounded, or else is the mean of the subsets' rounded means where
    ``part.equal``. The mean is None without samples, and with ``part.equal`` where a whole subset is missing.
    """
    if part.equal and metric.decimals is not None:
        if scores.incomplete(part, metric.name):
            return None, 0
        means = [(part.weight(s), *mean_of(scores, Overall(s, (s,)), metric)) for s in part.subsets]
        known = [(weight, mean) for weight, mean, _ in means if mean is not None]
        weights = math.fsum(weight for weight, _ in known)
        mean = math.fsum(weight * mean for weight, mean in known) / weights if known else None
        return mean, sum(n for _, _, n in means)
    numerators, denominators = scores.values(part, metric.name)
    total = math.fsum(denominators)
    if not total > 0:
        return None, 0 if scores.incomplete(part, metric.name) else scores.measured(part, metric.name)
    count = scores.measured(part, metric.name)
    mean = math.fsum(numerators) / total
    return (mean if metric.decimals is None else round(mean, metric.decimals)), count


COVERAGE = 0.9
"""Of what the ideal respondent is measured over, how much a blind strategy must be, to make a floor."""
_TINY = 1e-9


def covered(part: float, whole: float) -> bool:
    """Whether a part is at least `COVERAGE` of a whole."""
    return part >= COVERAGE * whole - _TINY


class Demand(NamedTuple):
    """What the ideal respondent is measured over on a metric in a part, of which a blind one must be most.

    Attributes:
        samples: on how many samples the metric is defined for it; all of the part where it never is.
        counted: over how much it is taken there, the sum of the denominators.
    """

    samples: int
    counted: float


def demand(ideal: ScoreTable, part: Overall, metric: Metric) -> Demand:
    """What the ideal respondent is measured over."""
    samples = ideal.measured(part, metric.name) or ideal.samples(part)
    return Demand(samples, ideal.counted(part, metric.name))


def qualified(scores: ScoreTable, of: Demand, part: Overall, metric: Metric) -> float | None:
    """What a blind strategy reaches on a metric where that counts for its floor, else None.

    It counts where the metric is defined on nine tenths of the samples on which it is for the ideal
    respondent (or, where it never is, of all), and over nine tenths of what it is taken over there (the
    denominators). A latency that exists only where something was said must not be won by a strategy that
    speaks where it happens to be soon, nor one over all the numbers counted by a strategy that only ever
    says "one": a model answers everywhere, and counts on.
    """
    if not covered(scores.counted(part, metric.name), of.counted):
        return None
    value, samples = mean_of(scores, part, metric)
    return value if covered(samples, of.samples) else None
