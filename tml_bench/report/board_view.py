"""The board as a page shows it: a table for each set of conditions, each cell on the scale of its column."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tml_bench.metrics.statistics import Estimate
from tml_bench.report.board import Board, BoardCell, BoardColumn, CellState, RowKind
from tml_bench.report.board_costs import RowCost, cost_cell, cost_head, cost_legend
from tml_bench.report.grids import axis, number
from tml_bench.scoring.floors import Baseline

MOST_COLUMNS = 10
"""More tasks do not fit beside each other on a screen of 1,280 pixels."""
CONDITIONS = ("clock", "compute", "network")


@dataclass(frozen=True)
class StateMark:
    """How a state is shown, by sign and word, so that nothing depends on colour; and what it means."""

    sign: str
    word: str
    meaning: str


STATES = {
    CellState.ABOVE: StateMark("▲", "above floor", "beats the floor, and so does its whole 95 % interval"),
    CellState.OPEN: StateMark(
        "≈", "above, not proven", "better than the floor, but its interval reaches it or is not known"
    ),
    CellState.BELOW: StateMark("✗", "at floor", "does not beat the floor: looking at nothing does as well"),
    CellState.SATURATED: StateMark(
        "⊘", "saturated", "a strategy that looks at nothing reaches the ceiling: nothing can be told, no rank"
    ),
    CellState.UNKNOWN: StateMark("·", "no floor", "there is no value, or no floor to hold it against"),
}  # fmt: skip
KINDS = {
    RowKind.COMPETITOR: "Competitors",
    RowKind.RULER: "Rulers",
    RowKind.PUBLISHED: "Published by others",
}


@dataclass(frozen=True)
class ViewCell:
    """A cell with its places on the scale of its column, 0 to 1; None where there is nothing to draw."""

    cell: BoardCell
    column: "ViewColumn"

    @property
    def mark(self) -> StateMark:
        """What its state looks like."""
        return STATES[self.cell.state]

    @property
    def date(self) -> str:
        """When its run began, as YYYY-MM-DD; empty where that is not known."""
        return dict(self.cell.made).get("date", "")

    @property
    def judge(self) -> str:
        """Who judged it; empty for nobody."""
        return dict(self.cell.made).get("judge", "")

    @property
    def text(self) -> str:
        """The score, as printed."""
        return number(self.cell.value, self.column.unit)

    @property
    def short_interval(self) -> str:
        """The interval, shares in whole points."""
        c = self.cell
        if c.low is None or c.high is None:
            return "[–]" if c.value is not None and not c.source else ""
        if self.column.unit == "%":
            return f"[{100 * c.low:.0f}, {100 * c.high:.0f}]"
        return f"[{c.low:.2f}, {c.high:.2f}]"

    @property
    def floor(self) -> str:
        """The floor, as printed."""
        return number(self.cell.floor, self.column.unit)

    @property
    def ceiling(self) -> str:
        """The ceiling, as printed."""
        return number(self.cell.ceiling, self.column.unit)

    @property
    def interval(self) -> str:
        """The interval in words; empty where there is none."""
        c = self.cell
        if c.low is None or c.high is None:
            return ""
        return f"{number(c.low, self.column.unit)} to {number(c.high, self.column.unit)}"

    @property
    def rank(self) -> str:
        """The range of ranks; empty where there is none."""
        if self.cell.rank is None:
            return ""
        best, worst = self.cell.rank
        return f"#{best}" if best == worst else f"#{best}–{worst}"

    def place(self, value: float) -> float:
        """Where a value lies on the column's scale, kept on it."""
        low, high = self.column.ends
        return min(max((value - low) / (high - low), 0.0), 1.0)


@dataclass(frozen=True)
class ViewColumn:
    """A column with its short title and the ends of its scale."""

    column: BoardColumn
    title: str
    ends: tuple[float, float]

    @property
    def unit(self) -> str:
        """The unit of the score; ``%`` for shares."""
        return self.column.metric.unit

    @property
    def dataset(self) -> str:
        """Name and version of the data."""
        return self.column.table.summaries[0].facts.dataset

    @property
    def samples(self) -> int:
        """Samples of a run."""
        first = self.column.table.summaries[0]
        return sum(o.samples for o in first.outcomes) // first.facts.epochs


@dataclass(frozen=True)
class ViewRow:
    """A row of one table of the board."""

    label: str
    kind: RowKind
    cells: tuple[ViewCell | None, ...]
    cost: RowCost | None = None

    @property
    def dates(self) -> str:
        """The day of its runs, or the first and the last; empty for published numbers."""
        found = sorted({cell.date for cell in self.cells if cell is not None and cell.date})
        if self.kind is RowKind.PUBLISHED:
            return ""
        if not found:
            return "date unknown"
        return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"


@dataclass(frozen=True)
class BoardTable:
    """Columns that were measured under the same clock, compute and network, at most `MOST_COLUMNS`."""

    conditions: tuple[tuple[str, str], ...]
    columns: tuple[ViewColumn, ...]
    rows: tuple[ViewRow, ...]

    @property
    def cost_head(self) -> str:
        """The head of the column of costs; empty where no row has one: then there is no column."""
        return cost_head(row.cost for row in self.rows)

    @property
    def cost_legend(self) -> str:
        """What the column of costs is."""
        return cost_legend(row.cost for row in self.rows)

    def cost_text(self, row: ViewRow) -> str:
        """What a row costs, as printed."""
        return cost_cell(row.cost, self.cost_head)

    def of(self, kind: RowKind) -> list[ViewRow]:
        """Its rows of one kind."""
        return [row for row in self.rows if row.kind is kind]


def board_tables(board: Board) -> list[BoardTable]:
    """The board in tables that fit a screen, conditions with most tasks first; none for an empty board."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for k, column in enumerate(board.columns):
        facts = column.table.summaries[0].facts
        groups.setdefault(tuple(str(getattr(facts, c)) for c in CONDITIONS), []).append(k)
    found = []
    for values, places in sorted(groups.items(), key=lambda g: -len(g[1])):
        count = -(-len(places) // MOST_COLUMNS)
        size = -(-len(places) // count)
        for start in range(0, len(places), size):
            some = places[start : start + size]
            found.append(_table(board, tuple(zip(CONDITIONS, values, strict=True)), some))
    return found


def view_column(board: Board, place: int) -> ViewColumn:
    """One column of the board with its scale."""
    column = board.columns[place]
    cells = [row.cells[place] for row in board.rows]
    ends = _ends(column, [c for c in cells if c is not None])
    return ViewColumn(column, column.title.partition(":")[0], ends)


def view_rows(board: Board, columns: Sequence[ViewColumn], places: Sequence[int]) -> tuple[ViewRow, ...]:
    """The rows of the board that have a cell in some columns, which stand at the places given."""
    found = []
    for row in board.rows:
        picked = [(row.cells[k], column) for k, column in zip(places, columns, strict=True)]
        cells = tuple(None if cell is None else ViewCell(cell, column) for cell, column in picked)
        if any(cells):
            found.append(ViewRow(row.label, row.kind, cells, row.cost))
    return tuple(found)


def leaders(rows: Iterable[ViewRow]) -> list[ViewRow]:
    """Competitors that may be the first in the only column of these rows; none where no rank is given."""
    found = []
    for row in rows:
        cell = row.cells[0]
        if row.kind is RowKind.COMPETITOR and cell is not None and cell.cell.rank and cell.cell.rank[0] == 1:
            found.append(row)
    return found


def _table(board: Board, conditions: tuple[tuple[str, str], ...], places: list[int]) -> BoardTable:
    columns = tuple(view_column(board, k) for k in places)
    return BoardTable(conditions, columns, view_rows(board, columns, places))


def _ends(column: BoardColumn, cells: list[BoardCell]) -> tuple[float, float]:
    drawn = [Estimate(c.value, c.low, c.high, None, None, c.n, c.n) for c in cells]
    bases = [(c.floor, c.ceiling) for c in cells if c.floor is not None or c.ceiling is not None]
    floor, ceiling = bases[0] if bases else (None, None)
    return axis(column.metric.unit, drawn, Baseline(column.part, column.metric.name, floor, "", ceiling, {}))
