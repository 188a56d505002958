"""Scores in the terminal: the board, a task's tables, every measure of one run, everything of a task."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from tml_bench.errors import UserError
from tml_bench.report import board_text, content
from tml_bench.report.board import board_of
from tml_bench.report.cost_lines import account_line, cost_line
from tml_bench.report.grids import NOTHING, Grid, StandingMark, plain
from tml_bench.report.interaction_lines import interaction_of_run, interaction_of_runs
from tml_bench.report.judge_lines import agreement_lines, judge_line
from tml_bench.report.layout import tables
from tml_bench.report.split_lines import split_line
from tml_bench.report.unfinished import unfinished_lines
from tml_bench.report.word_lines import doubts, transcript_line, words_line
from tml_bench.scoring.summary import Summary
from tml_bench.task import Metric

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

TERMINAL_WIDTH = 120
"""Wider lines are not read."""
_MORE = "every measure: tml-bench report RUN... --task TASK; every sample: tml-bench view"
_DETAIL_HEADS = ("measure", "mean", "95 % interval", "n", "floor", "ceiling", "")


def print_board(summaries: Sequence[Summary], console: Console | None = None) -> None:
    """Print the board, what its signs mean, what has no score, and where more is; nothing for no runs."""
    paper = _Paper(console)
    board = board_of(summaries)
    for line in board_text.board_lines(board, paper.width):
        paper.text(line)
    below = (*board_text.legend(board), *unfinished_lines(summaries), *doubts(summaries))
    for said in (*below, *([_MORE] if summaries else [])):
        paper.line(said)


def print_task(summaries: Sequence[Summary], task: str, console: Console | None = None) -> None:
    """Print everything that is known of one task: tables, all measures, comparisons, outcomes, declarations.

    Raises `UserError` where none of the runs is of the task.
    """
    mine = [s for s in summaries if s.facts.task == task]
    if not mine:
        there = ", ".join(sorted({s.facts.task for s in summaries}))
        raise UserError(f"no run of the task {task!r} is among these", f"there are runs of: {there}")
    paper = _Paper(console)
    for table in tables(mine):
        print_leaderboard(table.summaries, console)
        groups = [*content.published(table), *content.comparisons(table), *content.subset_grids(table)]
        groups += interaction_of_runs((row.label, row.summary) for row in table.rows)
        groups += [*content.outcomes(table.rows), *content.not_run(table.summaries[0])]
        for grid in [*groups, content.declarations(table), content.versions(table)]:
            paper.records(grid)


def print_tables(summaries: Sequence[Summary], console: Console | None = None) -> None:
    """Print the leaderboards of several runs, or every measure of a single one."""
    if len(summaries) == 1:
        print_details(summaries[0], console)
    else:
        print_leaderboard(summaries, console)


def print_leaderboard(summaries: Sequence[Summary], console: Console | None = None) -> None:
    """Print the leaderboard, on standard output by default, in narrow tables of one subset's columns."""
    paper = _Paper(console)
    per_grid = max(1, (paper.width - 26) // 28)
    for table in tables(summaries):
        paper.line(table.title, "bold")
        paper.line("; ".join(table.holds), "dim")
        grid, start = content.board(table), 0
        for subset, width in grid.groups:
            places = range(start, start + width)
            start += width
            for k in range(0, width if subset else 0, per_grid):
                paper.grid(_rich(subset, grid, places[k : k + per_grid]))
        lines = (words_line, transcript_line, content.usage_line, cost_line, split_line)
        checks = ((row.label, line(row.summary)) for row in table.rows for line in lines)
        said = (f"{label}: {line}" for label, line in checks if line)
        paper.notes(content.marks(table.shown), (*table.caveats, *said))


def print_details(summary: Summary, console: Console | None = None) -> None:
    """Print every measure of one run, on standard output by default."""

    def remark(_: Summary, metric: Metric) -> str:
        return f"{metric.name} (judged)" if metric.judged else metric.name

    paper = _Paper(console)
    paper.line(f"{summary.title}: {summary.facts.adapter}", "bold")
    for subset in dict.fromkeys(m.subset for m in summary.metrics):
        found = (("", summary, m) for m in summary.metrics if m.subset == subset)
        grid = content.measures(subset, _DETAIL_HEADS, found, remark)
        paper.grid(_rich(subset, grid, range(1, len(grid.columns))))
    for grid in interaction_of_run(summary):
        paper.grid(_rich(grid.heading, grid, range(1, len(grid.columns) - 1)))
    notes = (f"{note} ({n} samples)" for note, n in summary.notes.items())
    said = (
        judge_line(summary),
        *agreement_lines(summary),
        words_line(summary),
        transcript_line(summary),
        content.usage_line(summary),
        account_line(summary),
        cost_line(summary),
        split_line(summary),
    )
    paper.notes(content.marks(summary.metrics), filter(None, (*said, *notes)))


class _Paper:
    """A console, used to a width that is read; nothing printed on it is obeyed by the terminal."""

    def __init__(self, console: Console | None) -> None:
        from rich.console import Console as RichConsole

        self._console = console or RichConsole(force_terminal=False if os.environ.get("NO_COLOR") else None)
        self.width = min(self._console.width, TERMINAL_WIDTH)

    def line(self, text: str, style: str | None = None) -> None:
        self._console.print(
            plain(text), style=style, markup=False, emoji=False, highlight=False, width=self.width
        )

    def text(self, line: Text) -> None:
        """A line that is not wrapped."""
        self._console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def records(self, grid: Grid) -> None:
        """A grid of many columns as a list: what a row has in each, where it has anything."""
        self.line(" – ".join(filter(None, (grid.heading or grid.folded, grid.caption))), "bold")
        for row in grid.rows:
            name, *rest = zip(grid.columns, row.cells, strict=True)
            said = [f"{column.full} {cell.line}" for column, cell in rest if cell.line not in ("", NOTHING)]
            self.line(f"{name[1].line}: {'; '.join(said)}" if said else name[1].line)
        self.line("")

    def grid(self, grid: Table) -> None:
        self._console.print(grid, width=self.width)
        self._console.print()

    def notes(self, marks: Iterable[StandingMark], lines: Iterable[str]) -> None:
        for line in (*(f"{mark.sign} {mark.meaning}" for mark in marks), *lines):
            self.line(line)


def _rich(title: str, grid: Grid, places: Iterable[int]) -> Table:
    """Some columns of a grid, after the one with names."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    name, *_ = grid.columns
    # Wide cells of a leaderboard are compared downwards: intervals of different width stand below each other.
    numbers: Literal["left", "right"] = "left" if grid.style == "board" else "right"
    shown = Table(
        title=Text(plain(title), "table.title"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False,
        show_edge=False,
    )  # fmt: skip
    shown.add_column(name.head, overflow="fold", max_width=24 if grid.style == "board" else None)
    for k in places:
        shown.add_column(Text(grid.columns[k].head), overflow="fold", justify=numbers)
    for kind, rows in grid.bodies:
        if kind == "foot":
            shown.add_section()
        for row in rows:
            first = row.cells[0]
            label = f"{first.text} (reference)" if kind == "reference" else first.text if kind else first.line
            shown.add_row(*(Text(plain(text)) for text in (label, *(row.cells[k].line for k in places))))
    return shown
