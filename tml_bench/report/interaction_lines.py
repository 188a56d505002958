"""How the model takes turns, as a report shows it: the same section in every task, and rows for the CSV.

A share over fewer than `tml_bench.scoring.summary.FEW_EVENTS` events is grey, with their number, and
selectivity is withheld where there is no yield rate to read it with.
"""

from collections.abc import Iterable

import msgspec

from tml_bench.report.content import value
from tml_bench.report.grids import NOTHING, Cell, Column, Grid, Row, head, interval, number
from tml_bench.scoring.floors import Baseline
from tml_bench.scoring.interaction import QUANTILES, InteractionMeasure
from tml_bench.scoring.summary import MetricSummary, Standing, Summary

HEADING = "Interaction"
SESSIONS = "all sessions"
"""In place of a subset's name."""
_RUN_HEADS = ("measure", "mean", "95 % interval", "median", "10 to 90 %", "n", "what it is")
_NO_BASELINE = Baseline(SESSIONS, "", None, "", None, {})


def measured(s: Summary) -> tuple[InteractionMeasure, ...]:
    """The measures of a run; none in summaries that were made before there were any."""
    return () if isinstance(s.interaction, msgspec.UnsetType) else s.interaction.measures


def interaction_metrics(s: Summary) -> list[MetricSummary]:
    """The measures of a run in the form of metrics, without floors; those withheld say why as missing."""
    return [_metric(m) for m in measured(s)]


def interaction_of_run(s: Summary) -> list[Grid]:
    """Every measure of a run that has an event; none of a run without any."""
    rows = [
        Row(
            (
                Cell(head(m.metric), remark="" if m.metric.family == "interaction" else m.metric.family),
                _mean(m),
                Cell(interval(m.estimate.low, m.estimate.high, m.metric.unit) or NOTHING, m.estimate.low),
                value(m.quantiles[_MEDIAN] if m.quantiles else None, m.metric.unit),
                Cell(interval(low, high, m.metric.unit) or NOTHING),
                Cell(str(m.n), m.n),
                Cell(f"withheld: {m.withheld}" if m.withheld else m.metric.describes),
            )
        )
        for m in measured(s)
        if m.n
        for low, *_, high in [m.quantiles or (None, None)]
    ]
    numeric = frozenset(_RUN_HEADS[1:-1])
    columns = tuple(Column(name, numeric=name in numeric) for name in _RUN_HEADS)
    caption = "How turns were taken in all sessions of this run"
    return [Grid(caption, columns, tuple(rows), HEADING)] if rows else []


def interaction_of_runs(runs: Iterable[tuple[str, Summary]]) -> list[Grid]:
    """Runs, each with its label, by measures: means with n; none where no run has any."""
    found = [(label, {m.metric.name: m for m in measured(s)}) for label, s in runs]
    seen = {name for _, known in found for name, m in known.items() if m.n}
    metrics = {name: m.metric for _, known in found for name, m in known.items() if name in seen}
    columns = [Column(head(m), numeric=True, about=m.describes) for m in metrics.values()]
    rows = (
        Row((Cell(label, form="name"), *(_counted(known.get(name)) for name in metrics)))
        for label, known in found
        if known
    )
    caption = "How turns were taken in all sessions: mean and number of events"
    grid = Grid(caption, (Column("adapter"), *columns), tuple(rows), HEADING)
    return [grid] if columns else []


_MEDIAN = QUANTILES.index(0.5)


def _mean(m: InteractionMeasure) -> Cell:
    return Cell(number(m.estimate.mean, m.metric.unit), m.estimate.mean, form="few" if _few(m) else "")


def _counted(m: InteractionMeasure | None) -> Cell:
    if m is None or not m.n:
        return Cell(NOTHING)
    cell = _mean(m)
    return Cell(cell.text, cell.value, "withheld" if m.withheld else f"n {m.n}", form=cell.form)


def _few(m: InteractionMeasure) -> bool:
    return _metric(m).few


def _metric(m: InteractionMeasure) -> MetricSummary:
    missing = {m.withheld: m.n} if m.withheld else {}
    return MetricSummary(
        SESSIONS, m.metric, m.estimate, _NO_BASELINE, Standing.NO_FLOOR, missing, (), float(m.n)
    )
