"""Compare two runs, sample by sample."""

from collections.abc import Sequence
from dataclasses import dataclass

from tml_bench.api.results import Run, RunLike, SeveralRuns
from tml_bench.errors import UserError
from tml_bench.metrics import comparison
from tml_bench.report.layout import tables
from tml_bench.scoring.epochs import itself, united
from tml_bench.scoring.summary import MetricSummary, Summary


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric in one part of a task: the first run minus the second, on the samples that both have.

    Numbers are in ``unit``; shares in %.

    Attributes:
        subset: part of the task.
        metric: name of the metric.
        unit: its unit.
        first: the first run's value over all its samples; None where it has none.
        second: the second run's.
        difference: mean of the first minus mean of the second; None when they share no sample.
        low: lower end of the 95 % interval of the paired difference, over independent units; None where there
            is none.
        high: upper end.
        p: two-sided p value of a paired test that swaps the runs within units, uncorrected.
        p_holm: the same, corrected for all metrics compared at once.
        detectable: the smallest true difference such a comparison finds in 80 % of repetitions.
        n: samples compared.
        n_units: independent units compared.
        no_interval: why there is a difference and no interval; empty otherwise.
        itself: A against A, the difference that the same system would show: root mean square between two such
            values by how epochs differ (`tml_bench.metrics.noise`); None where there is one epoch.
        itself_95: 95 % of such differences of a system from itself are at most so large.
        itself_largest: the largest between two single epochs of either run.
        no_itself: why A against A is not known; empty otherwise.
    """

    subset: str
    metric: str
    unit: str
    first: float | None
    second: float | None
    difference: float | None
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


def compare(
    run_a: RunLike | SeveralRuns, run_b: RunLike | SeveralRuns, metric: str | Sequence[str] | None = None
) -> list[MetricComparison]:
    """Compare two scored runs by paired tests.

    Example:
        >>> tml_bench.compare(mine, "results/fd-bench-v1-mini-1--silent", "latency")
        >>> pandas.DataFrame(tml_bench.compare(before, after))

    Args:
        run_a: the first run, or its epochs, which are taken together as in a report.
        run_b: the second, or its epochs.
        metric: a metric or several, in every part of the task; the leaderboard's when None. Holm's correction
            runs over all of them: ask for what you want to know, and for no more.

    Returns:
        One comparison per part and metric, in the task's order.

    Raises:
        UserError: a run was not scored, several that are given are no epochs of one, the two may not be
            compared (another task, data, micro-turn, clock, compute mode, network, judge, or version of a
            metric), or there is no such metric.
    """
    first, second = _summary(run_a), _summary(run_b)
    if len(tables([first, second])) > 1:
        here, elsewhere = ({t.title, *t.holds} for s in (first, second) for t in tables([s]))
        raise UserError(
            f"{first.facts.run} and {second.facts.run} may not be compared: "
            f"{'; '.join(sorted(here - elsewhere))} against {'; '.join(sorted(elsewhere - here))}",
            "compare runs of one task on the same data under the same settings",
        )
    there = dict.fromkeys(m.metric.name for m in first.metrics)
    asked = (metric,) if isinstance(metric, str) else metric or ()
    if unknown := set(asked) - there.keys():
        raise UserError(f"{first.facts.run} has no metric {min(unknown)!r}", f"it has {', '.join(there)}")
    names = asked or first.headline
    others = {(m.subset, m.metric.name): m for m in second.metrics}
    pairs = [(m, others[m.subset, m.metric.name]) for m in first.metrics if m.metric.name in names]
    found = [comparison.compare(a.observations, b.observations, a.metric.kind) for a, b in pairs]
    corrected = iter(comparison.holm([c.p for c in found if c.p is not None]))
    return [
        _in_unit(a, b, c, next(corrected) if c.p is not None else None)
        for (a, b), c in zip(pairs, found, strict=True)
    ]


def _summary(run: RunLike | SeveralRuns) -> Summary:
    several = run if isinstance(run, list | tuple) else [run]
    found = united(one.summary if isinstance(one, Run) else Run(one).summary for one in several)
    if len(found) != 1:
        raise UserError(
            f"{len(several)} runs are not epochs of one run", "give one run, or what --epochs made of it"
        )
    return found[0]


def _in_unit(
    a: MetricSummary, b: MetricSummary, c: comparison.PairedComparison, p_holm: float | None
) -> MetricComparison:
    scale = 100.0 if a.metric.unit == "%" else 1.0
    same = itself(a, b).scaled(scale)

    def scaled(value: float | None) -> float | None:
        return None if value is None else value * scale

    return MetricComparison(
        subset=a.subset, metric=a.metric.name, unit=a.metric.unit, first=scaled(a.estimate.mean),
        second=scaled(b.estimate.mean), difference=scaled(c.difference), low=scaled(c.low),
        high=scaled(c.high), p=c.p, p_holm=p_holm, detectable=scaled(c.detectable), n=c.n, n_units=c.n_units,
        no_interval=c.no_interval, itself=same.typical, itself_95=same.reach, itself_largest=same.largest,
        no_itself=same.missing,
    )  # fmt: skip
