"""Models over the axes: a row a model, a panel a task, and in each panel the way from floor to ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

from tml_bench.report.axes import axis_of, counted, models, profile_columns
from tml_bench.report.board import Board, BoardCell, BoardColumn, BoardRow, CellState
from tml_bench.report.grids import number
from tml_bench.report.picture_parts import (
    GREY,
    INK,
    LINE_IN,
    WIDTH_IN,
    caption,
    made,
    new_figure,
    sentence,
    shown,
    shown_on_two_lines,
    style,
    write_under,
)
from tml_bench.task import Direction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_MODELS = 8
PANELS = 5
"""At most so many panels stand beside each other; more go below, as many in each line."""
_LABEL_IN, _ROW_IN, _HEAD_IN, _FOOT_IN = 2.2, 0.36, 0.75, 0.32
_FILL = {CellState.ABOVE: "full", CellState.OPEN: "left", CellState.BELOW: "none", CellState.UNKNOWN: "none"}
"""How much of a marker is filled: legible without colours."""
NOTHING = "No model has been measured yet: there is no profile to draw."


def profile(board: Board) -> Figure:
    """Draw the first eight models of the board; a sentence where there is none."""
    rows, places = models(board)[:MOST_MODELS], profile_columns(board)
    if not places:
        return sentence(NOTHING)
    beside = ceil(len(places) / ceil(len(places) / PANELS))
    bands = [places[k : k + beside] for k in range(0, len(places), beside)]
    text = caption(_sentences(board, rows, places))
    band_in = _HEAD_IN + _FOOT_IN + _ROW_IN * len(rows)
    under_in = 0.15 + LINE_IN * (text.count("\n") + 1)
    height_in = band_in * len(bands) + under_in
    figure = new_figure(WIDTH_IN, height_in)
    panel_in = (WIDTH_IN - _LABEL_IN) / beside
    for b, band in enumerate(bands):
        bottom = height_in - band_in * (b + 1) + _FOOT_IN
        for p, k in enumerate(band):
            left = _LABEL_IN + panel_in * p
            ax = figure.add_axes(
                (
                    left / WIDTH_IN,
                    bottom / height_in,
                    (panel_in - 0.25) / WIDTH_IN,
                    _ROW_IN * len(rows) / height_in,
                )
            )
            _panel(ax, board.columns[k], [row.cells[k] for row in rows])
            if p == 0:
                _names(ax, rows)
    write_under(figure, text)
    return figure


def _sentences(board: Board, rows: Sequence[BoardRow], places: Sequence[int]) -> list[str]:
    left_out = len(models(board)) - len(rows)
    return [
        "Right is better. Grey: up to the floor, which the best respondent that looks at nothing reaches; "
        "line at the right: the ceiling, what the ideal does. Bars: 95 % intervals.",
        "Full marker: beats the floor. Half: better, but its interval reaches the floor or is unknown. "
        "Hollow: at the floor or below. ⊘: saturated, a blind strategy reaches the ceiling.",
        f"The first {len(rows)} models of {len(rows) + left_out} on the board." if left_out else "",
        made(row.cells[k] for row in rows for k in places),
    ]


def _names(ax: Axes, rows: Sequence[BoardRow]) -> None:
    for k, row in enumerate(rows):
        ax.annotate(
            shown_on_two_lines(row.label, 28), (0, k), xycoords=("axes fraction", "data"), xytext=(-10, 0),
            textcoords="offset points", ha="right", va="center", color=INK, fontsize=8.5, parse_math=False,
        )  # fmt: skip


def _panel(ax: Axes, column: BoardColumn, cells: Sequence[BoardCell | None]) -> None:
    low, high = _ends(column, cells)
    worst, best = (high, low) if column.metric.direction is Direction.LOWER else (low, high)
    margin = 0.06 * (best - worst)
    ax.set_xlim(worst - margin, best + margin)
    ax.set_ylim(len(cells) - 0.5, -0.5)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ticks = sorted({low, (low + high) / 2, high})
    ax.set_xticks(
        ticks, [number(tick, column.metric.unit).removesuffix(".0") for tick in ticks], fontsize=7.5
    )
    ax.tick_params(axis="x", length=2)
    known = [cell for cell in cells if cell is not None]
    floor = next((c.floor for c in known if c.floor is not None), None)
    ceiling = next((c.ceiling for c in known if c.ceiling is not None), None)
    if floor is not None:
        ax.axvspan(worst - margin, floor, facecolor="#e9e9e9", linewidth=0, zorder=0)
        ax.axvline(floor, color=GREY, linewidth=0.9, linestyle=(0, (3, 2)), zorder=1)
    if ceiling is not None:
        ax.axvline(ceiling, color="#333333", linewidth=1.1, zorder=1)
    for k, cell in enumerate(cells):
        _mark(ax, k, cell, column, worst, best)
    _head(ax, column)


def _ends(column: BoardColumn, cells: Sequence[BoardCell | None]) -> tuple[float, float]:
    """Ends of the axis: 0 and 1 for shares, else the range of all that is drawn with 0 in it."""
    if column.metric.unit == "%":
        return 0.0, 1.0
    drawn = (x for c in cells if c is not None for x in (c.value, c.low, c.high, c.floor, c.ceiling))
    found = [0.0, *(x for x in drawn if x is not None)]
    return (min(found), max(found)) if max(found) > min(found) else (min(found), min(found) + 1)


def _mark(ax: Axes, k: int, cell: BoardCell | None, column: BoardColumn, worst: float, best: float) -> None:
    colour, shape = style(k)
    if cell is None or cell.value is None:
        text = "not run" if cell is None else "no value"
        ax.text((worst + best) / 2, k, text, fontsize=7, color=GREY, ha="center", va="center")
        return
    if cell.few:
        colour = GREY
    if cell.low is not None and cell.high is not None:
        ax.plot([cell.low, cell.high], [k, k], color=colour, linewidth=1.4, solid_capstyle="butt", zorder=2)
    if cell.state is CellState.SATURATED:
        ax.text(cell.value, k, "⊘", fontsize=12, color=GREY, ha="center", va="center", clip_on=False)
    else:
        ax.plot(
            [cell.value], [k], marker=shape, fillstyle=_FILL[cell.state], color=colour, markersize=7,
            markerfacecoloralt="white", markeredgewidth=1.1, clip_on=False, zorder=3,
        )  # fmt: skip
    text = number(cell.value, column.metric.unit) + (f" (n = {counted(cell):g})" if cell.few else "")
    far = (cell.value - worst) / (best - worst) > (0.4 if cell.few else 0.7)
    ax.annotate(
        text, (cell.value, k), xytext=(-7 if far else 7, 5), textcoords="offset points", fontsize=6.5,
        ha="right" if far else "left", va="center", color="#333333", parse_math=False,
    )  # fmt: skip


def _head(ax: Axes, column: BoardColumn) -> None:
    axis = axis_of(column)
    unit = f" ({column.metric.unit})" if column.metric.unit else ""
    heads = (
        (27, str(axis) if axis else "other", {"fontsize": 9.5, "fontweight": "bold"}),
        (15, shown(column.title.partition(":")[0], 28), {"fontsize": 8}),
        (4, shown(f"{column.metric.title}{unit}", 34), {"fontsize": 7, "color": "#555555"}),
    )
    for up, text, look in heads:
        ax.annotate(
            text, (0, 1), xycoords="axes fraction", xytext=(0, up), textcoords="offset points",
            va="bottom", parse_math=False, **look,
        )  # fmt: skip
