"""What the pictures of the board show: models on axes, interaction against intelligence, latency, quality.

A score is put between its floor (0) and its ceiling (1), so that tasks can be averaged:
``(score - floor) / (ceiling - floor)``. A score below its floor is negative; a task whose floor is its
ceiling is left out. A model's value on an axis is the mean of its tasks there; its *interaction score* the
mean of all axes but knowing, its *intelligence score* the axis of knowing.

Only numbers of one column of the board meet: of a task that was run under several conditions, the column in
which most models stand is taken. Models that lack a task that is needed are not drawn, and named.

Interval of a mean: the method of variance estimates recovery (G. Y. Zou, A. Donner, "Construction of
confidence limits about effect measures", Statistics in Medicine 27, 2008), which takes tasks as independent;
none where a part has none.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from tml_bench.report.board import Board, BoardCell, BoardColumn, BoardRow, RowKind, score_of
from tml_bench.scoring.summary import Summary
from tml_bench.task import Axis, Metric, TradeOff

_SETTING = re.compile(r"(?<=[:=])\d+(?:\.\d+)?(?=,|$)")
"""A number that is all there is behind a colon or an equals sign: an option's value, or the end of one."""


@dataclass(frozen=True)
class PlacedScore:
    """A number with its 95 % interval, whose ends are None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class PlottedModel:
    """A row of the board as a point."""

    label: str
    kind: RowKind
    x: PlacedScore
    y: PlacedScore


@dataclass(frozen=True)
class Plot:
    """Points, in the order of the board.

    Attributes:
        points: the models and rulers that have all that is needed.
        places: the places of the columns that are needed; none where models have no such tasks in common.
        lacking: per model that is not drawn, the titles of what it lacks.
    """

    points: tuple[PlottedModel, ...] = ()
    places: tuple[int, ...] = ()
    lacking: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is no model to draw: rulers alone are no picture."""
        return all(p.kind is not RowKind.COMPETITOR for p in self.points)


def axis_of(column: BoardColumn) -> Axis | None:
    """The axis that a column's task declares."""
    return score_of(column.table.summaries[0]).axis


def known_ends(board: Board, k: int) -> BoardCell | None:
    """A cell of the column with a floor or a ceiling, which all its measured cells have in common."""
    cells = (row.cells[k] for row in board.rows)
    return next((c for c in cells if c is not None and not (c.floor is None and c.ceiling is None)), None)


def counted(cell: BoardCell) -> float:
    """How much a score counts: events of a ratio, else samples."""
    return cell.n if cell.events is None else cell.events


def placed(cell: BoardCell | None) -> PlacedScore | None:
    """A score between its floor, 0, and its ceiling, 1; None where one is unknown or both are equal."""
    if cell is None or cell.value is None or cell.floor is None or cell.ceiling is None:
        return None
    floor, room = cell.floor, cell.ceiling - cell.floor
    if room == 0:
        return None
    low, high = (None if end is None else (end - floor) / room for end in (cell.low, cell.high))
    return PlacedScore((cell.value - floor) / room, *((low, high) if room > 0 else (high, low)))


def mean_of_independent(parts: Sequence[PlacedScore]) -> PlacedScore | None:
    """The mean of independent numbers, with its interval; None for no numbers."""
    if not parts:
        return None
    n = len(parts)
    value = sum(p.value for p in parts) / n
    below = [p.value - p.low for p in parts if p.low is not None]
    above = [p.high - p.value for p in parts if p.high is not None]
    if len(below) < n or len(above) < n:
        return PlacedScore(value)
    return PlacedScore(
        value, value - sqrt(sum(d * d for d in below)) / n, value + sqrt(sum(d * d for d in above)) / n
    )


def models(board: Board) -> tuple[BoardRow, ...]:
    """The rows of models that were measured."""
    return tuple(row for row in board.rows if row.kind is RowKind.COMPETITOR)


def profile_columns(board: Board) -> tuple[int, ...]:
    """Places of the columns with a score of any model, one a task, by axis; tasks without an axis last."""
    counts = [sum(_value(row, k) is not None for row in models(board)) for k in range(len(board.columns))]
    best: dict[str, int] = {}
    for k, column in enumerate(board.columns):
        if counts[k] > counts[best.setdefault(column.task, k)]:
            best[column.task] = k
    order = [*Axis, None]
    shown = [k for k in best.values() if counts[k]]
    return tuple(sorted(shown, key=lambda k: order.index(axis_of(board.columns[k]))))


def frontier(board: Board) -> Plot:
    """Interaction score (y) against intelligence score (x).

    A task is needed where more than half of the models have it that have any of both kinds.
    """
    axes = {k: axis for k in profile_columns(board) if (axis := axis_of(board.columns[k])) is not None}
    has = {row.label: [k for k in axes if placed(row.cells[k]) is not None] for row in models(board)}
    ready = [own for own in has.values() if len({axes[k] is Axis.KNOWING for k in own}) == 2]
    needed = {k: axes[k] for k in axes if 2 * sum(k in own for own in ready) > len(ready)}
    if len({axis is Axis.KNOWING for axis in needed.values()}) < 2:
        return Plot()

    def point(row: BoardRow) -> tuple[PlacedScore | None, PlacedScore | None]:
        scores = {k: score for k in needed if (score := placed(row.cells[k])) is not None}
        if len(scores) < len(needed):
            return None, None
        by_axis = {
            axis: mean_of_independent([scores[k] for k in needed if needed[k] is axis])
            for axis in needed.values()
        }
        known = by_axis.pop(Axis.KNOWING)
        return known, mean_of_independent([score for score in by_axis.values() if score is not None])

    titles = {k: board.columns[k].title for k in needed}
    lacking = ((label, tuple(titles[k] for k in needed if k not in own)) for label, own in has.items())
    return Plot(_points(board, point), tuple(needed), tuple(pair for pair in lacking if pair[1]))


def latency_and_quality(board: Board) -> Plot:
    """The score of a task (y, in its own unit) against how long its answers take (x, seconds).

    On the task that declares a latency and that most models have both of; the first of equals.
    """
    found = [_latency_plot(board, k) for k in profile_columns(board) if _latency_name(board.columns[k])]
    return max(found, key=lambda plot: sum(p.kind is RowKind.COMPETITOR for p in plot.points), default=Plot())


def trade_off(board: Board) -> Plot:
    """What answering soon costs (y, in its own unit) against the latency it gains (x, seconds).

    On the task that declares it (``BoardScore.trade``) and that most models have both of; of several sets of
    conditions the one under which more of them pay a different cost.
    """
    found = [_trade_plot(board, k) for k, column in enumerate(board.columns) if trade_of(column)]

    def told(plot: Plot) -> tuple[int, int]:
        costs = [p.y.value for p in plot.points if p.kind is RowKind.COMPETITOR]
        return len(costs), len(set(costs))

    return max(found, key=told, default=Plot())


def trade_of(column: BoardColumn) -> TradeOff | None:
    """The trade that a column's task declares."""
    return score_of(column.table.summaries[0]).trade


def metric_of(column: BoardColumn, name: str) -> Metric | None:
    """A metric of that name that a column's runs have measured."""
    measured = (m.metric for s in column.table.summaries for m in s.metrics)
    return next((metric for metric in measured if metric.name == name), None)


def series(points: Sequence[PlottedModel]) -> list[tuple[PlottedModel, ...]]:
    """Those that are one system under several settings, by the settings, each of two points or more.

    Their labels differ in numbers alone that are whole values of options, as ``vad:300`` and ``vad:500`` are;
    what has an address is a system of its own.
    """
    found: dict[str, list[tuple[list[float], PlottedModel]]] = {}
    for p in points:
        if "://" not in p.label:
            numbers = [float(n) for n in _SETTING.findall(p.label)]
            found.setdefault(_SETTING.sub("#", p.label), []).append((numbers, p))
    ordered = (sorted(group, key=lambda member: member[0]) for group in found.values() if len(group) > 1)
    return [tuple(p for _, p in group) for group in ordered]


def setting(one: str, other: str) -> str:
    """The options in which a label differs from another of its series, as ``vad:300``; keys are left out."""
    pairs = zip(one.split(","), other.split(","), strict=True)
    return ", ".join(a.rpartition("=")[2] for a, b in pairs if a != b)


def _latency_plot(board: Board, k: int) -> Plot:
    column = board.columns[k]
    runs = {s.facts.run: s for s in column.table.summaries}

    def point(row: BoardRow) -> tuple[PlacedScore | None, PlacedScore | None]:
        cell = row.cells[k]
        if cell is None or cell.value is None or cell.run not in runs:
            return None, None
        latency = _mean(runs[cell.run], _latency_name(column), (column.part,))
        return latency, PlacedScore(cell.value, cell.low, cell.high)

    return _plot(board, k, point)


def _trade_plot(board: Board, k: int) -> Plot:
    column = board.columns[k]
    runs = {s.facts.run: s for s in column.table.summaries}
    trade = trade_of(column)
    assert trade is not None, "columns without one have no such plot"

    def point(row: BoardRow) -> tuple[PlacedScore | None, PlacedScore | None]:
        cell = row.cells[k]
        if cell is None or cell.run not in runs:
            return None, None
        run = runs[cell.run]
        return _mean(run, trade.latency, trade.latency_parts), _mean(run, trade.cost, trade.cost_parts)

    return _plot(board, k, point)


def _mean(run: Summary, metric: str, parts: Sequence[str]) -> PlacedScore | None:
    """A run's value of a metric: the mean over those of the parts that it has; None where there is none."""
    measured = (m.estimate for m in run.metrics if m.metric.name == metric and m.subset in parts)
    return mean_of_independent([PlacedScore(e.mean, e.low, e.high) for e in measured if e.mean is not None])


def _plot(
    board: Board, k: int, point: Callable[[BoardRow], tuple[PlacedScore | None, PlacedScore | None]]
) -> Plot:
    points = _points(board, point)
    drawn = {p.label for p in points}
    lacking = ((row.label, (board.columns[k].title,)) for row in models(board) if row.label not in drawn)
    return Plot(points, (k,), tuple(lacking))


def _latency_name(column: BoardColumn) -> str:
    return score_of(column.table.summaries[0]).latency


def _points(
    board: Board, point: Callable[[BoardRow], tuple[PlacedScore | None, PlacedScore | None]]
) -> tuple[PlottedModel, ...]:
    rows: Iterable[BoardRow] = (row for row in board.rows if row.kind is not RowKind.PUBLISHED)
    places = ((row, *point(row)) for row in rows)
    return tuple(
        PlottedModel(row.label, row.kind, x, y) for row, x, y in places if x is not None and y is not None
    )


def _value(row: BoardRow, k: int) -> float | None:
    cell = row.cells[k]
    return None if cell is None else cell.value
