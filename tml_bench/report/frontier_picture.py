"""Interaction against intelligence, latency against quality, and what answering soon costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tml_bench.report.axes import (
    PlacedScore,
    Plot,
    PlottedModel,
    axis_of,
    frontier,
    latency_and_quality,
    metric_of,
    models,
    series,
    setting,
    trade_of,
    trade_off,
)
from tml_bench.report.board import Board, RowKind
from tml_bench.report.grids import head
from tml_bench.report.picture_parts import (
    GREY,
    INK,
    LINE_IN,
    MOST_LETTERS,
    WIDTH_IN,
    caption,
    listed,
    made,
    new_figure,
    say,
    sentence,
    shown,
    style,
    write_under,
)
from tml_bench.task import Axis, Direction, Metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

_PLACES = (
    (6, 4, "left", "bottom"),
    (6, -4, "left", "top"),
    (-6, 4, "right", "bottom"),
    (-6, -4, "right", "top"),
    (8, 0, "left", "center"),
    (-8, 0, "right", "center"),
    (0, 8, "center", "bottom"),
    (0, -8, "center", "top"),
    (14, 12, "left", "bottom"),
    (14, -12, "left", "top"),
    (0, 18, "center", "bottom"),
    (0, -18, "center", "top"),
)
"""Where a name may stand beside its point: points to the right and up, and how it is aligned."""
_PLOT_IN, _TRADE_IN = 4.2, 3.4
_WIDE_LETTERS = 48
NO_FRONTIER = (
    "No model here has been measured both on a task of interaction and on one of knowing, beside a floor "
    "and a ceiling: there is no frontier to draw."
)
NO_LATENCY = "No model here has both a latency and a score on one task: there is nothing to draw."


def frontier_picture(board: Board) -> Figure:
    """Draw two plots beside each other; a sentence in the place of one without models.

    Below them, or alone where neither has any: what answering soon costs, if a task declares that.
    """
    by_axes, by_latency, trade = frontier(board), latency_and_quality(board), trade_off(board)
    colours = {row.label: k for k, row in enumerate(models(board))}
    text = caption(_sentences(board, by_axes, by_latency, trade))
    if by_axes.empty and by_latency.empty and trade.empty:
        return sentence(f"{NO_FRONTIER} {NO_LATENCY}")
    under_in = 0.6 + LINE_IN * (text.count("\n") + 1)
    upper = not (by_axes.empty and by_latency.empty)
    above_in = under_in + (0.0 if trade.empty else _TRADE_IN + 0.75 * upper)
    height_in = _PLOT_IN * upper + above_in + 0.35
    figure = new_figure(WIDTH_IN, height_in)
    if upper:
        left, right = (
            figure.add_axes((x / WIDTH_IN, above_in / height_in, 4.5 / WIDTH_IN, _PLOT_IN / height_in))
            for x in (0.75, 6.2)
        )
        if by_axes.empty:
            say(left, NO_FRONTIER)
        else:
            _frontier(left, by_axes, colours)
        if by_latency.empty:
            say(right, NO_LATENCY)
        else:
            _latency(right, by_latency, board.columns[by_latency.places[0]].metric, colours)
    if not trade.empty:
        _trade(figure, (under_in, height_in), board, trade, colours)
    write_under(figure, text)
    return figure


def _trade(
    figure: Figure, place: tuple[float, float], board: Board, plot: Plot, places: Mapping[str, int]
) -> None:
    """Draw the wide plot at the foot; ``place`` is where it begins and the picture's height, in inches."""
    column = board.columns[plot.places[0]]
    trade = trade_of(column)
    cost = metric_of(column, trade.cost) if trade else None
    assert cost is not None, "a model that is drawn has been measured"
    foot_in, height_in = place
    box = (0.75 / WIDTH_IN, foot_in / height_in, 9.95 / WIDTH_IN, _TRADE_IN / height_in)
    _latency(figure.add_axes(box), plot, cost, places, _WIDE_LETTERS)


def _sentences(board: Board, by_axes: Plot, by_latency: Plot, trade: Plot) -> list[str]:
    found = []
    if by_axes.empty and by_latency.empty:
        found += [f"{NO_FRONTIER} {NO_LATENCY}"]
    if not by_axes.empty:
        columns = [board.columns[k] for k in by_axes.places]
        asked = dict.fromkeys(str(axis_of(c)) for c in columns if axis_of(c) is not Axis.KNOWING)
        known = listed(c.title.partition(":")[0] for c in columns if axis_of(c) is Axis.KNOWING)
        tasks = [c.title.partition(":")[0] for c in columns]
        others = f"; not {listed(label for label, _ in by_axes.lacking)}" if by_axes.lacking else ""
        found += [
            f"Interaction score: mean over {', '.join(asked)} of (score − floor) / (ceiling − floor); 0 is "
            f"the best respondent that looks at nothing, 1 the ideal. "
            f"Intelligence score: the same of {known}.",
            f"Tasks: {listed(tasks, len(tasks))}. Only models with a score in all of them are drawn{others}.",
        ]
    if not by_latency.empty:
        found.append(f"Latency and quality on {board.columns[by_latency.places[0]].title}.")
    if not trade.empty:
        column = board.columns[trade.places[0]]
        modes = {c.table.summaries[0].facts.compute for c in board.columns if c.task == column.task}
        when = f", compute {column.table.summaries[0].facts.compute}" if len(modes) > 1 else ""
        found.append(
            f"What answering soon costs, on {column.title}{when}. A line joins one system under "
            "several settings."
        )
    if not (by_axes.empty and by_latency.empty and trade.empty):
        found.append(
            "Bars: 95 % intervals, where there are units enough. Small grey marks: reference adapters."
        )
    drawn = (*by_axes.places, *by_latency.places, *trade.places)
    return [*found, made(row.cells[k] for row in models(board) for k in drawn)]


def _frontier(ax: Axes, plot: Plot, places: Mapping[str, int]) -> None:
    ax.set_xlabel("Intelligence score →")
    ax.set_ylabel("Interaction score →")
    for line in (ax.axvline, ax.axhline):
        line(0, color=GREY, linewidth=0.9, linestyle=(0, (3, 2)), zorder=1)
    ax.set_xlim(*_ends([p.x for p in plot.points]))
    ax.set_ylim(*_ends([p.y for p in plot.points]))
    _points(ax, plot, places)


def _ends(scores: Sequence[PlacedScore]) -> tuple[float, float]:
    """From the floor or below to the ceiling or above, with room."""
    found = [x for s in scores for x in (s.value, s.low, s.high) if x is not None]
    return min(-0.08, *found) - 0.05, max(1.08, *found) + 0.02


def _latency(
    ax: Axes, plot: Plot, metric: Metric, places: Mapping[str, int], letters: int = MOST_LETTERS
) -> None:
    ax.set_xlabel("Latency (s): left is better")
    ax.set_ylabel(shown(head(metric), 40))
    scale = 100 if metric.unit == "%" else 1
    ys = [x * scale for p in plot.points for x in (p.y.value, p.y.low, p.y.high) if x is not None]
    xs = [x for p in plot.points for x in (p.x.value, p.x.low, p.x.high) if x is not None]
    low, high = (min(0, *ys), max(100 if scale == 100 else 0, *ys))
    room = 0.08 * (high - low or 1)
    ax.set_ylim(low - room, high + room)
    if metric.direction is Direction.LOWER:
        ax.invert_yaxis()
    reach = max(xs) - min(0, *xs) or 1
    ax.set_xlim(min(0, *xs) - 0.05 * reach, max(xs) + 0.15 * reach)
    _points(ax, plot, places, scale, letters)


def _points(
    ax: Axes, plot: Plot, places: Mapping[str, int], scale: float = 1, letters: int = MOST_LETTERS
) -> None:
    """Rulers below, models above, then names where there is room; those of rulers only there.

    One system under several settings is joined by a line, which the legend names, and named by the settings.
    """
    rulers = [p for p in plot.points if p.kind is not RowKind.COMPETITOR]
    drawn = [p for p in plot.points if p.kind is RowKind.COMPETITOR]
    for p in rulers:
        ax.plot(p.x.value, p.y.value * scale, marker="s", markersize=3.5, color=GREY, zorder=2)
    for p in drawn:
        colour, shape = style(places[p.label])
        for (x, y), (to_x, to_y) in _bars(p, scale):
            ax.plot([x, to_x], [y, to_y], color=colour, linewidth=1.1, alpha=0.75, zorder=3)
        ax.plot(p.x.value, p.y.value * scale, marker=shape, markersize=8, color=colour,
                markeredgecolor="white", markeredgewidth=0.7, zorder=4)  # fmt: skip
    names = {p.label: shown(p.label, letters) for p in plot.points}
    for members in series(drawn):
        first, second = members[0].label, members[1].label
        names |= {p.label: setting(p.label, second if p is members[0] else first) for p in members}
        line = [(p.x.value, p.y.value * scale) for p in members]
        ax.plot(*zip(*line, strict=True), color=style(places[first])[0], linewidth=1.4, alpha=0.6, zorder=2.5,
                label=shown(first.replace(names[first], "…"), letters))  # fmt: skip
    if ax.get_legend_handles_labels()[0]:
        for text in ax.legend(loc="lower right", frameon=False, fontsize=7.5).get_texts():
            text.set_parse_math(False)
    taken = [_box(ax, p.x.value, p.y.value * scale) for p in plot.points]
    taken += [_box(ax, *start, *end) for p in drawn for start, end in _bars(p, scale)]
    for p in drawn:
        _label(ax, p, names[p.label], scale, taken, INK, 8.5, always=True)
    for p in rulers:
        _label(ax, p, names[p.label], scale, taken, GREY, 6.5, always=False)


def _bars(p: PlottedModel, scale: float) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Both ends of each interval that is known."""
    found, x, y = [], p.x.value, p.y.value * scale
    if p.x.low is not None and p.x.high is not None:
        found.append(((p.x.low, y), (p.x.high, y)))
    if p.y.low is not None and p.y.high is not None:
        found.append(((x, p.y.low * scale), (x, p.y.high * scale)))
    return found


def _label(
    ax: Axes, p: PlottedModel, name: str, scale: float, taken: list[Bbox], colour: str, size: float, *,
    always: bool,
) -> None:  # fmt: skip
    """Write a name beside its point, at the first of some places where it covers no other name or point."""
    text = ax.annotate(
        name, (p.x.value, p.y.value * scale), xytext=(0, 0), textcoords="offset points",
        fontsize=size, color=colour, zorder=5, parse_math=False,
    )  # fmt: skip
    free = False
    for place in _PLACES:
        box = _put(text, place)
        inside = ax.bbox.x0 <= box.x0 and box.x1 <= ax.bbox.x1 + 40
        free = inside and not any(box.overlaps(other) for other in taken)
        if free:
            break
    if not (free or always):
        text.remove()
        return
    taken.append(box if free else _put(text, _PLACES[0]))


def _put(text: Annotation, place: tuple[float, float, str, str]) -> Bbox:
    """Move a name beside its point; returns the pixels that it covers."""
    right, up, ha, va = place
    text.set_position((right, up))
    text.set(ha=ha, va=va)
    return text.get_window_extent()


def _box(ax: Axes, x: float, y: float, to_x: float | None = None, to_y: float | None = None) -> Bbox:
    """The pixels that a marker covers, or a bar where there is a second end."""
    from matplotlib.transforms import Bbox

    here, there = ax.transData.transform([(x, y), (x if to_x is None else to_x, y if to_y is None else to_y)])
    room = 6 if to_x is None else 1
    return Bbox.from_extents(*(here - room), *(there + room))
