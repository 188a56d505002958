"""The board: one score for each model and task, and nothing that must be read twice.

A row is a model, a column a task; a cell is the score that the task declares (``Task.board``) with its
interval, floor, ceiling and n. Everything that shows the board (terminal, page, files, pictures) prints this
model and computes nothing. Reference adapters are *rulers*: they show what the scale is, and are never
ranked. Numbers that others report are rows of their own, and never ranked with ours.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from msgspec import UnsetType

from tml_bench.metrics.comparison import rank_ranges
from tml_bench.report.board_costs import RowCost, cost_head, row_compute, row_cost
from tml_bench.report.cost_lines import cost_of_run
from tml_bench.report.layout import LeaderboardTable, is_ruler as is_ruler, tables
from tml_bench.report.word_lines import MISMATCH, mismatch
from tml_bench.scoring.summary import MetricSummary, Standing, Summary
from tml_bench.task import BoardScore, Direction, Metric


class RowKind(StrEnum):
    """What a row of the board is."""

    COMPETITOR = "competitor"
    """A model that was measured."""
    RULER = "ruler"
    """A reference adapter."""
    PUBLISHED = "published"
    """Numbers that others report, which we did not measure."""


class CellState(StrEnum):
    """What a score means beside its floor; the three first never look alike."""

    BELOW = "below"
    """At the floor or below it, or not known to be above: a respondent that looks at nothing does as well."""
    SATURATED = "saturated"
    """A blind strategy reaches the ceiling: nothing can be told, and no rank is given."""
    ABOVE = "above"
    """Beats the floor, and so does its whole interval."""
    OPEN = "open"
    """Better than the floor, but its interval reaches it, or is not known."""
    UNKNOWN = "unknown"
    """There is no value, or no floor to compare it with."""


_STATES = {
    Standing.ABOVE: CellState.ABOVE,
    Standing.UNCLEAR: CellState.OPEN,
    Standing.NOT_ABOVE: CellState.BELOW,
    Standing.NO_ROOM: CellState.SATURATED,
    Standing.NO_FLOOR: CellState.UNKNOWN,
}


@dataclass(frozen=True)
class BoardCell:
    """One score.

    Attributes:
        value: the mean, shares in [0, 1]; None where there is none.
        low: lower end of the 95 % interval, None where there is none; ``high`` its upper end.
        floor: what the best blind strategy reaches, ``floor_by`` which one; ``ceiling`` what the ideal does.
        n: samples with a value; ``events`` what they count, which are samples too where it is no ratio.
        few: whether it is a rate over so few events that it is shown greyed, with their number.
        parts: of a score over subsets of fixed weight, its value and number of samples on each: so what a
            model refrains from never stands without what it does, such as selectivity without the yield rate.
        state: what it means beside the floor.
        rank: best and worst rank that the data allow among competitors; None where no rank is given.
        run: name of the run it comes from; empty for published numbers.
        made: when and how: date, clock, compute mode, network, judge.
        missing: samples without a score, of ``samples``.
        source: where a published number is printed.
        remark: why the score is not what the model claims; empty as a rule.
        provisional: what is said of it because rules have judged it; empty where that is no flaw.
    """

    value: float | None
    low: float | None
    high: float | None
    floor: float | None
    floor_by: str
    ceiling: float | None
    n: int
    state: CellState
    events: float | None = None
    few: bool = False
    parts: tuple[tuple[str, float | None, int], ...] = ()
    rank: tuple[int, int] | None = None
    run: str = ""
    made: tuple[tuple[str, str], ...] = ()
    missing: int = 0
    samples: int = 0
    source: str = ""
    remark: str = ""
    provisional: str = ""


@dataclass(frozen=True)
class BoardColumn:
    """One task under one set of conditions: only what may be compared stands in one column.

    Attributes:
        task: its name; ``title`` for people.
        metric: what the score is; ``part`` on which part; ``fair`` why it cannot be gamed.
        table: the comparable runs behind the column, for the page of the task.
    """

    task: str
    title: str
    metric: Metric
    part: str
    fair: str
    table: LeaderboardTable


@dataclass(frozen=True)
class BoardRow:
    """One model, with a cell for each column; None where it was not run, or its cost is not known."""

    label: str
    kind: RowKind
    cells: tuple[BoardCell | None, ...]
    cost: RowCost | None = None


@dataclass(frozen=True)
class Board:
    """All of it: competitors by mean rank, then rulers, then published numbers."""

    columns: tuple[BoardColumn, ...]
    rows: tuple[BoardRow, ...]

    @property
    def costs(self) -> tuple[RowCost | None, ...]:
        """What each row costs."""
        return tuple(row.cost for row in self.rows)

    @property
    def cost_head(self) -> str:
        """The head of the column of costs; empty where no row has one: then there is no column."""
        return cost_head(self.costs)


def board_of(summaries: Sequence[Summary]) -> Board:
    """Put scored runs on the board; an empty one for no runs."""
    columns = tuple(_column(table) for table in tables(summaries))
    cells: defaultdict[tuple[str, RowKind], dict[int, BoardCell]] = defaultdict(dict)
    for place, column in enumerate(columns):
        for label, kind, cell in _cells(column):
            cells[label, kind][place] = cell
    costs = {s.facts.run: cost for s in summaries if (cost := cost_of_run(s)) is not None}
    accounts = {s.facts.run: s.account for s in summaries if not isinstance(s.account, UnsetType)}

    def paid(kind: RowKind, runs: Iterable[str]) -> RowCost | None:
        names = [run for run in dict.fromkeys(runs) if run]
        money = row_cost(costs[run] for run in names if run in costs)
        if money is not None or kind is not RowKind.COMPETITOR:
            return money
        return row_compute(accounts[run] for run in names if run in accounts)

    rows = [
        BoardRow(
            label,
            kind,
            tuple(found.get(k) for k in range(len(columns))),
            paid(kind, (cell.run for cell in found.values())),
        )
        for (label, kind), found in cells.items()
    ]
    order = list(RowKind)
    return Board(columns, tuple(sorted(rows, key=lambda r: (order.index(r.kind), _mean_rank(r), r.label))))


def score_of(summary: Summary) -> BoardScore:
    """What stands for a run's task: as declared, else its first headline metric on the first part with it."""
    if summary.board is not None:
        return summary.board
    first = next(m for m in summary.metrics if m.metric.name in summary.headline)
    return BoardScore(first.metric.name, first.subset)


def _column(table: LeaderboardTable) -> BoardColumn:
    first = table.summaries[0]
    score = score_of(first)
    found = _measured(first, score)
    if found is None:
        found = next(m for m in first.metrics if m.metric.name == score.metric)
    return BoardColumn(first.facts.task, first.title, found.metric, found.subset, score.fair, table)


def _measured(summary: Summary, score: BoardScore) -> MetricSummary | None:
    wanted = score.part, score.metric
    return next((m for m in summary.metrics if (m.subset, m.metric.name) == wanted), None)


def _cells(column: BoardColumn) -> Iterable[tuple[str, RowKind, BoardCell]]:
    place = BoardScore(column.metric.name, column.part)
    ranks = _ranks(column, place)
    for row in column.table.rows:
        facts, found = row.summary.facts, _measured(row.summary, place)
        ruler = facts.privileged or is_ruler(facts.adapter)
        if found is None:
            continue
        estimate, base = found.estimate, found.baseline
        yield (
            row.label,
            RowKind.RULER if ruler else RowKind.COMPETITOR,
            BoardCell(
                value=estimate.mean,
                low=estimate.low,
                high=estimate.high,
                floor=base.floor,
                floor_by=base.floor_by,
                ceiling=base.ceiling,
                n=estimate.n,
                state=_STATES[found.standing],
                events=found.events,
                few=found.few,
                parts=_parts(row.summary, found),
                rank=None if found.standing is Standing.NO_ROOM else ranks.get(facts.run),
                run=facts.run,
                made=_made(row.summary),
                missing=row.samples - row.scored,
                samples=row.samples,
                remark=MISMATCH if mismatch(row.summary) else "",
                provisional=_provisional(row.summary),
            ),
        )
    first = column.table.summaries[0]
    for number in first.published if first.official else ():
        if (number.subset, number.metric) == (column.part, column.metric.name):
            cell = BoardCell(
                number.value, None, None, None, "", None, 0, CellState.UNKNOWN, source=number.source
            )
            yield number.system, RowKind.PUBLISHED, cell


def _parts(summary: Summary, score: MetricSummary) -> tuple[tuple[str, float | None, int], ...]:
    """The score on the subsets that it is read over together; none for one that is read on a single one."""
    inside = {o.stratum for o in score.observations} - {""}
    return tuple(
        (m.subset, m.estimate.mean, m.estimate.n)
        for m in summary.metrics
        if m.metric.name == score.metric.name and m.subset in inside
    )


def _ranks(column: BoardColumn, place: BoardScore) -> dict[str, tuple[int, int]]:
    """The range of ranks of each competing run, by its name; none with fewer than two of them."""
    runs = [s for s in column.table.summaries if not s.facts.privileged and not is_ruler(s.facts.adapter)]
    found = [(s.facts.run, m) for s in runs if (m := _measured(s, place)) is not None]
    if len(found) < 2 or column.metric.direction is Direction.NONE:
        return {}
    better = column.metric.direction is Direction.HIGHER
    ranges = rank_ranges([m.observations for _, m in found], column.metric.kind, higher_is_better=better)
    return {run: one for (run, _), one in zip(found, ranges, strict=True) if one is not None}


def _made(summary: Summary) -> tuple[tuple[str, str], ...]:
    f = summary.facts
    return (
        ("date", f.created[:10]),
        ("clock", f.clock),
        ("compute", f.compute),
        ("network", f.network),
        ("judge", f.judge),
        ("data", f.dataset),
    )


def _provisional(summary: Summary) -> str:
    """What a task says of scores by rules, where rules have judged."""
    return score_of(summary).provisional if summary.facts.judge.split(" ")[0] == "rules" else ""


def _mean_rank(row: BoardRow) -> float:
    """Mean middle of its rank ranges; a model without any comes last."""
    ranks = [(c.rank[0] + c.rank[1]) / 2 for c in row.cells if c is not None and c.rank is not None]
    return sum(ranks) / len(ranks) if ranks else float("inf")
