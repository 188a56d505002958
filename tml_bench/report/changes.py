"""What has changed between two sets of runs: per task the board's score, then the headline metrics.

Runs are paired where they may be compared (`tml_bench.report.layout.conditions`: task, data, samples, clock,
compute, network, versions, judge): first those of one adapter and name, then those of one adapter, then what
is left, where that is one run on either side. Whatever has no partner is told with the reason. A change is
the second minus the first, on the samples that both have, tested as in `tml_bench.metrics.comparison`; beside
it stands how far the same system is from itself between epochs.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

from tml_bench.metrics import comparison
from tml_bench.metrics.statistics import Observation
from tml_bench.outcome import Outcome
from tml_bench.report.board import score_of
from tml_bench.report.layout import conditions, tables
from tml_bench.scoring.epochs import itself
from tml_bench.scoring.summary import MetricSummary, Summary
from tml_bench.task import Direction

SIGNIFICANT = 0.05
"""Largest p value, after Holm, of what is beyond chance."""


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """One metric in one part of a task, before and after, in ``unit``; shares in %.

    Attributes:
        subset: part of the task.
        metric: name of the metric.
        unit: its unit.
        direction: which values are better: ``higher``, ``lower`` or ``none``.
        before: the first run's value over all its samples; None where it has none.
        after: the second run's.
        change: second minus first on the samples that both have; None where they share none.
        low: lower end of the 95 % interval of the change; None where there is none.
        high: upper end.
        p: two-sided p value of the paired test, uncorrected.
        p_holm: corrected over all tasks, or for headline metrics over those of the task.
        detectable: the smallest true change found in 80 % of repetitions.
        n: samples compared.
        n_units: independent units compared.
        no_interval: why there is a change and no interval; empty otherwise.
        itself: A against A, the change that the same system would show: root mean square between two such
            values by how epochs differ (`tml_bench.metrics.noise`); None where there is one epoch.
        itself_95: 95 % of such changes of a system from itself are at most so large.
        itself_largest: the largest between two single epochs of either run.
        no_itself: why A against A is not known; empty otherwise.
    """

    subset: str
    metric: str
    unit: str
    direction: str
    before: float | None
    after: float | None
    change: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    detectable: float | None
    n: int
    n_units: int
    no_interval: str = ""
    itself: float | None = None
    itself_95: float | None = None
    itself_largest: float | None = None
    no_itself: str = ""

    @property
    def gain(self) -> float | None:
        """The change in the better direction, negative for worse; None where nothing is better or known."""
        return None if self.change is None else self._better(self.change)

    def _better(self, change: float) -> float | None:
        return {Direction.HIGHER: change, Direction.LOWER: -change}.get(Direction(self.direction))

    def worse(self, points: float, *, significant: bool = False) -> bool:
        """Whether it is worse by more than ``points`` of its unit.

        With ``significant`` it must be so beyond chance too: the 95 % interval lies on the worse side of 0,
        or where there is none (too few units, or all agree), ``p_holm`` is at most `SIGNIFICANT`.
        """
        # A change of exactly so many points is none of more, whatever its last bit.
        if self.gain is None or round(self.gain + points, 9) >= 0:
            return False
        if not significant:
            return True
        if self.low is None or self.high is None:
            return self.p_holm is not None and self.p_holm <= SIGNIFICANT
        return self.high < 0 or self.low > 0


@dataclass(frozen=True, slots=True)
class SampleChange:
    """One sample's value of the score, before and after, in the score's unit.

    ``link`` is its address in the viewer of both runs, the part that begins with ``#``.
    """

    sample: str
    before: float
    after: float
    link: str


@dataclass(frozen=True, slots=True)
class TaskChange:
    """Two runs of one task.

    Attributes:
        task: its name.
        title: for people.
        dataset: the data.
        before_run: folder of the first run; ``after_run`` of the second.
        before_adapter: what spoke in the first; ``after_adapter`` in the second.
        created: when the second run began.
        score: the board's score.
        headline: the headline metrics.
        changed: the samples whose score changed, those that changed most first, equal ones worst first.
        samples: samples of either run.
        lost: samples for which the second has no valid outcome.
    """

    task: str
    title: str
    dataset: str
    before_run: str
    after_run: str
    before_adapter: str
    after_adapter: str
    created: str
    score: ScoreChange
    headline: tuple[ScoreChange, ...]
    changed: tuple[SampleChange, ...]
    samples: int
    lost: int


@dataclass(frozen=True, slots=True)
class RunWithoutPartner:
    """A run that was not compared: its folder, whether it is of the first set, its task, and why."""

    run: str
    first: bool
    task: str
    why: str


@dataclass(frozen=True, slots=True)
class ResultsChange:
    """All pairs in the order of their tasks, and the runs without a partner."""

    tasks: tuple[TaskChange, ...]
    alone: tuple[RunWithoutPartner, ...]


ScoredRun = tuple[Path, Summary]
"""A run's folder and its summary."""
_Pairs = list[tuple[ScoredRun, ScoredRun]]


RunKeys = Callable[[Path, Path], tuple[str, str]]
"""The keys that two runs have in the viewer."""


def changes(
    before: Sequence[ScoredRun], after: Sequence[ScoredRun], keys: RunKeys = lambda a, b: (a.name, b.name)
) -> ResultsChange:
    """Pair the runs of two sets, and compare each pair; Holm's correction runs over the tasks."""
    pairs, alone = _paired(before, after)
    tasks = [_task_change(a, b, keys(a[0], b[0])) for a, b in sorted(pairs, key=_place)]
    scores = corrected_scores([task.score for task in tasks])
    return ResultsChange(
        tuple(replace(task, score=score) for task, score in zip(tasks, scores, strict=True)), alone
    )


def _place(pair: tuple[ScoredRun, ScoredRun]) -> tuple[str, ...]:
    facts = pair[0][1].facts
    return facts.task, facts.dataset, facts.adapter, facts.run


def _paired(
    before: Sequence[ScoredRun], after: Sequence[ScoredRun]
) -> tuple[_Pairs, tuple[RunWithoutPartner, ...]]:
    pairs: _Pairs = []
    left, right = list(before), list(after)
    keys: tuple[Callable[[ScoredRun], Hashable], ...] = (
        lambda run: (conditions(run[1]), run[1].facts.adapter, run[1].facts.run),
        lambda run: (conditions(run[1]), run[1].facts.adapter),
        lambda run: conditions(run[1]),
    )
    for key in keys:
        groups: defaultdict[Hashable, tuple[list[ScoredRun], list[ScoredRun]]] = defaultdict(lambda: ([], []))
        for side, runs in enumerate((left, right)):
            for run in runs:
                groups[key(run)][side].append(run)
        found = [(a[0], b[0]) for a, b in groups.values() if len(a) == len(b) == 1]
        pairs += found
        left = [run for run in left if all(run is not a for a, _ in found)]
        right = [run for run in right if all(run is not b for _, b in found)]
    alone = [RunWithoutPartner(str(p), True, s.facts.task, _why(s, after, right)) for p, s in left]
    alone += [RunWithoutPartner(str(p), False, s.facts.task, _why(s, before, left)) for p, s in right]
    return pairs, tuple(alone)


def _why(run: Summary, others: Sequence[ScoredRun], free: Sequence[ScoredRun]) -> str:
    """Why a run has no partner among others, of which some are still free."""
    same_task = [other for _, other in others if other.facts.task == run.facts.task]
    if not same_task:
        return f"no run of {run.facts.task} on the other side"
    alike = [other for other in same_task if conditions(other) == conditions(run)]
    if alike:
        some = [other for _, other in free if conditions(other) == conditions(run)]
        if some:
            return f"{len(some)} runs could be its partner: give two runs"
        return f"the run by {alike[0].facts.adapter} on the other side has its partner"
    nearest = min(same_task, key=lambda other: other.facts.adapter != run.facts.adapter)
    mine, theirs = (set(tables([s])[0].holds) for s in (run, nearest))
    here, there = "; ".join(sorted(mine - theirs)), "; ".join(sorted(theirs - mine))
    if here and there:
        return f"{here} against {there}"
    return f"{here}, which the other side has not" if here else f"the other side has {there}"


def _task_change(before: ScoredRun, after: ScoredRun, keys: tuple[str, str]) -> TaskChange:
    (path, first), (after_path, second) = before, after
    others = {(m.subset, m.metric.name): m for m in second.metrics}
    score = board_measure(first)
    heads = [m for m in first.metrics if m.metric.name in first.headline]
    headline = corrected_scores([score_change(m, others[m.subset, m.metric.name]) for m in heads])
    return TaskChange(
        task=first.facts.task,
        title=first.title,
        dataset=first.facts.dataset,
        before_run=str(path),
        after_run=str(after_path),
        before_adapter=first.facts.adapter,
        after_adapter=second.facts.adapter,
        created=second.facts.created,
        score=score_change(score, others[score.subset, score.metric.name]),
        headline=tuple(headline),
        changed=_changed(score, others[score.subset, score.metric.name], keys),
        samples=sum(o.samples for o in second.outcomes),
        lost=sum(o.samples - o.counts[Outcome.VALID] for o in second.outcomes),
    )


def board_measure(summary: Summary) -> MetricSummary:
    """The metric that stands for a run on the board, in the part that does."""
    wanted = score_of(summary)
    named = [m for m in summary.metrics if m.metric.name == wanted.metric]
    return next((m for m in named if m.subset == wanted.part), named[0])


def score_change(a: MetricSummary, b: MetricSummary) -> ScoreChange:
    """The change of one metric from a run to another, not corrected for others."""
    c = comparison.compare(b.observations, a.observations, a.metric.kind)
    scale = 100.0 if a.metric.unit == "%" else 1.0
    same = itself(a, b).scaled(scale)

    def scaled(value: float | None) -> float | None:
        return None if value is None else value * scale

    return ScoreChange(
        subset=a.subset, metric=a.metric.name, unit=a.metric.unit, direction=a.metric.direction.value,
        before=scaled(a.estimate.mean), after=scaled(b.estimate.mean), change=scaled(c.difference),
        low=scaled(c.low), high=scaled(c.high), p=c.p, p_holm=None, detectable=scaled(c.detectable), n=c.n,
        n_units=c.n_units, no_interval=c.no_interval, itself=same.typical, itself_95=same.reach,
        itself_largest=same.largest, no_itself=same.missing,
    )  # fmt: skip


def corrected_scores(scores: Sequence[ScoreChange]) -> list[ScoreChange]:
    """The changes with their p values corrected by Holm over all of them."""
    corrected = iter(comparison.holm([s.p for s in scores if s.p is not None]))
    return [replace(s, p_holm=None if s.p is None else next(corrected)) for s in scores]


def _changed(a: MetricSummary, b: MetricSummary, keys: tuple[str, str]) -> tuple[SampleChange, ...]:
    scale = 100.0 if a.metric.unit == "%" else 1.0
    sign = -1 if a.metric.direction is Direction.LOWER else 1
    before, after = _values(a.observations), _values(b.observations)
    found = [
        SampleChange(sample, value * scale, after[sample] * scale, _link(sample, *keys))
        for sample, value in before.items()
        if sample in after and after[sample] != value
    ]
    return tuple(
        sorted(found, key=lambda c: (-abs(c.after - c.before), sign * (c.after - c.before), c.sample))
    )


def _link(sample: str, before: str, after: str) -> str:
    return "#" + urlencode({"run": after, "sample": sample, "with": before})


def _values(observations: Sequence[Observation]) -> dict[str, float]:
    return {o.sample: o.numerator / o.denominator for o in observations if o.denominator}
