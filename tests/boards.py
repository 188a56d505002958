"""Boards made by hand: what is on them is stated, and nothing is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tml_bench.metrics.statistics import Estimate
from tml_bench.report.board import Board, BoardCell, BoardColumn, BoardRow, CellState, RowKind
from tml_bench.report.layout import tables
from tml_bench.scoring.floors import Baseline
from tml_bench.scoring.summary import MetricSummary, RunFacts, Standing, Summary
from tml_bench.task import Axis, BoardScore, Direction, Metric, TradeOff

SCORE = Metric(name="score", title="Score", unit="%")
LATENCY = Metric(name="latency", title="Latency", unit="s", direction=Direction.LOWER)

COST = Metric(name="cost", title="Cost", unit="%", direction=Direction.LOWER)
PARTS = ("one", "two")


def cell(
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    *,
    floor: float | None = 0.0,
    ceiling: float | None = 1.0,
    state: CellState = CellState.ABOVE,
    few: bool = False,
    events: float | None = None,
    run: str = "",
) -> BoardCell:
    made = (("date", "2026-11-26"), ("data", "mini-1"))
    return BoardCell(
        value, low, high, floor, "silence", ceiling, 20, state, few=few, events=events, run=run, made=made
    )


def estimate(mean: float) -> Estimate:
    return Estimate(mean, None, None, None, None, 20, 20)


def column(
    task: str, axis: Axis | None, latencies: Mapping[str, float] | None = None, *, metric: Metric = SCORE,
    title: str = "", costs: Mapping[str, tuple[float, ...]] | None = None, compute: str = "ideal",
) -> BoardColumn:  # fmt: skip
    """A column whose task declares an axis; ``latencies`` are seconds by run.

    ``costs`` are, by run, what answering soon costs on the parts ``one`` and ``two``; it then declares no
    latency of its own.
    """
    trade = None if costs is None else TradeOff("latency", ("all",), "cost", ("one", "two"))
    score = BoardScore(
        "score", "all", axis=axis, latency="latency" if latencies and not costs else "", trade=trade
    )
    baseline = Baseline("all", "latency", None, "", None, {})

    def measured(part: str, metric: Metric, mean: float) -> MetricSummary:
        return MetricSummary(part, metric, estimate(mean), baseline, Standing.NO_FLOOR, {}, ())

    def paid(run: str) -> Iterable[tuple[str, float]]:
        return zip(PARTS, costs[run], strict=True) if costs else ()

    summaries = [
        Summary(
            facts=RunFacts(run, "someone", task, "mini-1", 200_000_000, compute),
            title=title or f"{task}: a made-up task",
            headline=("latency",),
            metrics=(
                measured("all", LATENCY, at),
                *(measured(part, COST, cost) for part, cost in paid(run)),
            ),
            outcomes=(),
            sample_set="",
            official=False,
            published=(),
            not_run={},
            notes={},
            board=score,
        )
        for run, at in (latencies or {"": 0.0}).items()
    ]
    (table,) = tables(summaries)
    return BoardColumn(task, title or f"{task}: a made-up task", metric, "all", "", table)


def board(columns: Sequence[BoardColumn], rows: Mapping[str, Sequence[BoardCell | None]]) -> Board:
    """Rows by label; those that begin with ``ruler`` are rulers."""
    made = (
        BoardRow(label, RowKind.RULER if label.startswith("ruler") else RowKind.COMPETITOR, tuple(cells))
        for label, cells in rows.items()
    )
    return Board(tuple(columns), tuple(made))
