"""Scores in the terminal: the short leaderboard, and every measure of one run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tml_bench.report.judge_lines import agreement_lines, judge_line
from tml_bench.report.layout import (
    LEGEND,
    MARKS,
    LeaderboardTable,
    head,
    interval,
    number,
    plain,
    tables,
)
from tml_bench.report.tables import row_cells
from tml_bench.scoring.summary import MetricSummary, Summary

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

TERMINAL_WIDTH = 120
"""Wider lines are not read."""


def print_leaderboard(summaries: Sequence[Summary], console: Console | None = None) -> None:
    """Print the leaderboard in the terminal, one narrow table per subset.

    Args:
        summaries: any runs.
        console: where to print; None for standard output. At most 120 columns are used.
    """
    from rich.console import Console as RichConsole

    console = console or RichConsole()
    width = min(console.width, TERMINAL_WIDTH)
    for table in tables(summaries):
        console.print(plain(table.title), style="bold", markup=False, width=width)
        console.print(plain("; ".join(table.holds)), style="dim", markup=False, highlight=False, width=width)
        for grid in _terminal_grids(table, width):
            console.print(grid, width=width)
            console.print()
        marks = {m.standing for row in (*table.measured, *table.reference) for m in row.cells}
        lines = [f"{MARKS[s]} {text}" for s, text in LEGEND.items() if s in marks]
        for line in (*lines, *table.caveats):
            console.print(plain(line), markup=False, highlight=False, width=width)


def _terminal_grids(table: LeaderboardTable, width: int) -> list[RichTable]:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    per_grid = max(1, (width - 26) // 28)
    grids = []
    for subset in dict.fromkeys(s for s, _ in table.columns):
        places = [k for k, (s, _) in enumerate(table.columns) if s == subset]
        for start in range(0, len(places), per_grid):
            shown = places[start : start + per_grid]
            grid = RichTable(
                title=plain(subset),
                title_justify="left",
                box=box.SIMPLE_HEAD,
                pad_edge=False,
                show_edge=False,
            )
            grid.add_column("adapter", overflow="fold", max_width=24)
            for k in shown:
                grid.add_column(Text(head(table.columns[k][1])), overflow="fold")
            for row in table.measured:
                grid.add_row(Text(plain(row.label)), *(Text(row_cells(row)[k]) for k in shown))
            for row in table.reference:
                grid.add_row(
                    Text(f"{plain(row.label)} (reference)"), *(Text(row_cells(row)[k]) for k in shown)
                )
            units = {k: table.columns[k][1].unit for k in shown}
            grid.add_section()
            grid.add_row(
                "floor",
                *(
                    Text(f"{number(table.baselines[k].floor, u)} {table.baselines[k].floor_by}")
                    for k, u in units.items()
                ),
            )
            grid.add_row("ceiling", *(Text(number(table.baselines[k].ceiling, u)) for k, u in units.items()))
            grids.append(grid)
    return grids


def print_details(summary: Summary, console: Console | None = None) -> None:
    """Print every measure of one run.

    Args:
        summary: the run.
        console: where to print; None for standard output. At most 120 columns are used.
    """
    from rich.console import Console as RichConsole

    console = console or RichConsole()
    width = min(console.width, TERMINAL_WIDTH)
    console.print(f"{summary.title}: {plain(summary.facts.adapter)}", style="bold", markup=False, width=width)
    for subset in dict.fromkeys(m.subset for m in summary.metrics):
        console.print(_details([m for m in summary.metrics if m.subset == subset], subset), width=width)
        console.print()
    shown = {m.standing for m in summary.metrics}
    lines = [f"{MARKS[s]} {text}" for s, text in LEGEND.items() if s in shown]
    for line in (*lines, *filter(None, [judge_line(summary)]), *agreement_lines(summary)):
        console.print(plain(line), markup=False, highlight=False, width=width)


def _details(metrics: Sequence[MetricSummary], subset: str) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    grid = RichTable(
        title=plain(subset), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False
    )
    for name in ("measure", "mean", "95 % interval", "n", "floor", "ceiling", ""):
        grid.add_column(name, overflow="fold", justify="left" if name == "measure" else "right")
    for m in metrics:
        e, b, unit = m.estimate, m.baseline, m.metric.unit
        cells = (
            f"{head(m.metric)} {m.metric.name}{' (judged)' if m.metric.judged else ''}",
            number(e.mean, unit),
            interval(e.low, e.high, unit),
            str(e.n),
            f"{number(b.floor, unit)} {b.floor_by}".strip(),
            number(b.ceiling, unit),
            MARKS[m.standing],
        )
        grid.add_row(*map(Text, cells))
    return grid
