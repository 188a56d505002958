"""The board as text, for a terminal: rows models, columns tasks, in blocks where the columns do not fit.

A cell is the score and a sign for its state. The interval stands beside it where all columns fit so, else
below it, in rows of models only, and is left out where it fits nowhere; the page has it. Shares are rounded
to whole per cents where all columns fit beside each other only so.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tml_bench.report import grids
from tml_bench.report.board import Board, BoardCell, BoardColumn, BoardRow, CellState, RowKind
from tml_bench.report.board_costs import cost_cell, cost_legend
from tml_bench.report.board_heads import differences, letters, short_head
from tml_bench.report.grids import MARKS, NOTHING, PROVISIONAL, number, plain
from tml_bench.scoring.summary import FEW_EVENTS, Standing
from tml_bench.task import Direction

if TYPE_CHECKING:
    from rich.text import Text

GAP = 1
"""Spaces between columns."""
REMARK = "≠"
"""The sign of a score with a remark, in place of that of its state."""
NARROW, BROAD = 6, 13
"""Columns with the interval below the score are not narrower, nor broader."""
SLIM = 5
"""As wide are columns of whole per cents."""
LABEL, LONG_LABEL = 14, 32
"""There is room for names of so many characters, and for so many where the columns leave it."""
NARROWEST = 24
"""There is no column of costs where it would leave less than this to the rest."""
_ARROWS = {Direction.HIGHER: "↑", Direction.LOWER: "↓", Direction.NONE: ""}


class StateSign(NamedTuple):
    """How a state is shown: never by colour alone."""

    sign: str
    style: str
    meaning: str


SIGNS = {
    CellState.ABOVE: StateSign("✓", "green", "above the floor"),
    CellState.OPEN: StateSign(MARKS[Standing.UNCLEAR].sign, "yellow", "not surely above"),
    CellState.BELOW: StateSign(MARKS[Standing.NOT_ABOVE].sign, "red", "not above"),
    CellState.SATURATED: StateSign(MARKS[Standing.NO_ROOM].sign, "magenta", "floor at the ceiling, no rank"),
    CellState.UNKNOWN: StateSign(" ", "", ""),
}
"""The signs of the states."""
_SECTIONS = {
    RowKind.RULER: "rulers: what the scale is, never ranked",
    RowKind.PUBLISHED: "published by others: not measured here, never ranked",
}


@dataclass(frozen=True)
class _Block:
    """Some columns beside each other: their places on the board, and how wide they and the names are.

    ``cost`` is the width of the column of costs, with the gap before it; 0 where there is none. Shares are
    ``whole`` per cents.
    """

    places: tuple[int, ...]
    widths: tuple[int, ...]
    label: int
    beside: bool
    cost: int = 0
    whole: bool = False


def board_lines(board: Board, width: int) -> list[Text]:
    """The board in lines of at most ``width`` characters (at least 24); none for an empty board."""
    from rich.text import Text

    lines: list[Text] = []
    for block in _blocks(board, width):
        lines += [Text(""), *_block_lines(board, block)]
    return lines[1:]


def legend(board: Board) -> list[str]:
    """What its signs mean, as far as they are on it; what the columns hold; none for an empty board."""
    if not board.columns:
        return []
    cells = [cell for row in board.rows for cell in row.cells if cell is not None]
    states = {cell.state for cell in cells}
    said = [f"{s.sign} {s.meaning}" for state, s in SIGNS.items() if state in states and s.meaning]
    said += [
        f"{REMARK} {remark}: scored by recognised words"
        for remark in sorted({c.remark for c in cells} - {""})
    ]
    if any(cell.few for cell in cells):
        said.append(f"( ) under {FEW_EVENTS} events")
    if any(cell.provisional for cell in cells):
        said.append(f"{PROVISIONAL} provisional: judged by rules")
    same = len({(c.metric.unit, c.metric.direction) for c in board.columns}) == 1
    scale = [_scale(board.columns[0])] if same else []
    cost = [cost_legend(board.costs)] if board.cost_head else []
    return ["; ".join([*scale, *said]), *cost, _data(board.columns), *differences(board.columns)]


def _scale(column: BoardColumn) -> str:
    better = {Direction.HIGHER: ", higher is better", Direction.LOWER: ", lower is better"}
    return (column.metric.unit or "scores") + better.get(column.metric.direction, "")


def _data(columns: Sequence[BoardColumn]) -> str:
    sets = Counter(column.table.summaries[0].facts.dataset for column in columns)
    named = ", ".join(f"{name} (×{n})" if n > 1 else name for name, n in sets.items())
    official = sum(column.table.summaries[0].official for column in columns)
    if official == len(columns):
        return f"data: {named}; official"
    which = f"official in {official} of {len(columns)} columns, else" if official else "not official, so"
    return f"data: {named}; {which} no published number compares"


def _blocks(board: Board, width: int) -> list[_Block]:
    """One block where all fits, with intervals beside the scores if possible; else even ones."""
    count = len(board.columns)
    if not count:
        return []
    cost = _cost_width(board)
    if width - cost < NARROWEST:
        cost = 0
    width -= cost
    longest = max(len(_label(row)) for row in board.rows)
    places = tuple(range(count))
    full = tuple(_full_width(board, k) for k in places)
    label = max(8, min(longest, LONG_LABEL))
    if label + sum(full) + GAP * count <= width:
        return [_Block(places, full, label, True, cost)]
    label = max(8, min(longest, max(LABEL, min(LONG_LABEL, width - count * (NARROW + GAP)))))
    most = max(1, (width - label) // (NARROW + GAP))
    parts = -(-count // most)
    if (
        parts > 1
        and label + count * (SLIM + GAP) <= width
        and all(c.metric.unit == "%" for c in board.columns)
    ):
        return [_Block(places, (SLIM,) * count, label, False, cost, whole=True)]
    each = -(-count // parts)
    broad = min(BROAD, (width - label) // each - GAP)
    groups = (places[start : start + each] for start in range(0, count, each))
    return [_Block(some, (broad,) * len(some), label, False, cost) for some in groups]


def _cost_width(board: Board) -> int:
    head = board.cost_head
    return max(len(head), *(len(cost_cell(cost, head)) for cost in board.costs)) + GAP if head else 0


def _full_width(board: Board, place: int) -> int:
    texts = [_beside(board, place, c) for row in board.rows if (c := row.cells[place]) is not None]
    return max(NARROW, len(_measure(board.columns[place])), *map(len, texts))


def _measure(column: BoardColumn) -> str:
    """Measure, direction and unit."""
    return plain(grids.head(column.metric))


def _label(row: BoardRow) -> str:
    """Its name; of an adapter in a file the folder is left out."""
    label = plain(row.label)
    path, colon, rest = label.partition(".py:")
    return f"{path.rpartition('/')[2]}{colon}{rest}" if colon else label


def _block_lines(board: Board, block: _Block) -> list[Text]:
    from rich.text import Text

    rule = Text("─" * (block.label + block.cost + sum(block.widths) + GAP * len(block.widths)), "dim")
    lines = [*_head_lines(board, block), rule]
    for kind, rows in itertools.groupby(board.rows, key=lambda row: row.kind):
        shown = [row for row in rows if any(row.cells[k] is not None for k in block.places)]
        if shown and kind in _SECTIONS:
            lines.append(Text(_SECTIONS[kind], "dim", overflow="ellipsis", no_wrap=True))
        for row in shown:
            lines += _row_lines(board, block, row)
    return [*lines, rule.copy(), *_limit_lines(board, block)]


def _head_lines(board: Board, block: _Block) -> list[Text]:
    marked, heads = letters(board.columns), []
    same = len({(c.metric.unit, c.metric.direction) for c in board.columns}) == 1
    for k, width in zip(block.places, block.widths, strict=True):
        column = board.columns[k]
        head = short_head(column.title, width)
        if k in marked:
            head.append(f"({marked[k]})")
        if block.beside:
            head.append(_measure(column))
        elif not same:
            head.append(f"{_ARROWS[column.metric.direction]} {column.metric.unit}".strip()[:width])
        heads.append(head)
    tall = max(map(len, heads))
    rows = zip(*([""] * (tall - len(head)) + head for head in heads), strict=True)
    lines = [[(text, "bold") for text in row] for row in rows]
    return [
        _line(block, "", line, board.cost_head if k == tall - 1 and block.cost else "")
        for k, line in enumerate(lines)
    ]


def _row_lines(board: Board, block: _Block, row: BoardRow) -> Iterator[Text]:
    from rich.cells import chop_cells

    parts: list[tuple[str, list[str]]] = []
    for k in block.places:
        cell = row.cells[k]
        if cell is None:
            parts.append(("", []))
            continue
        style = "dim" if cell.few else SIGNS[cell.state].style
        texts = [_beside(board, k, cell)] if block.beside else _below(board, block, row.kind, k, cell)
        parts.append((style, texts))
    names = chop_cells(_label(row), block.label) or [""]
    tall = max(len(names), *(len(texts) for _, texts in parts))
    for i in range(tall):
        cells = [(texts[i] if i < len(texts) else "", style if i == 0 else "dim") for style, texts in parts]
        cost = cost_cell(row.cost, board.cost_head) if i == 0 and block.cost else ""
        yield _line(block, names[i] if i < len(names) else "", cells, cost)


def _beside(board: Board, place: int, cell: BoardCell) -> str:
    """The score with all that belongs to it; scores of a column stand below each other."""
    unit = board.columns[place].metric.unit
    interval = grids.interval(cell.low, cell.high, unit)
    n = f"n {cell.n}" if cell.few else ""
    score = _score(cell, unit).rjust(_score_width(board, place))
    return " ".join(filter(None, (score, interval, grids.rank(cell.rank), n)))


def _score_width(board: Board, place: int) -> int:
    unit = board.columns[place].metric.unit
    return max(len(_score(c, unit)) for row in board.rows if (c := row.cells[place]) is not None)


def _below(board: Board, block: _Block, kind: RowKind, place: int, cell: BoardCell) -> list[str]:
    """The score, and below it what fits of its interval and rank, or of few events their number."""
    unit, width = board.columns[place].metric.unit, block.widths[block.places.index(place)]
    score = _score(cell, unit, whole=block.whole)
    if cell.few and len(_counts(board, place)) > 1:
        return [score, f"n {cell.n} "]
    if kind is not RowKind.COMPETITOR:
        return [score]
    rank = grids.rank(cell.rank)
    forms = [rank] if rank else []
    if cell.low is not None and cell.high is not None:
        fine, coarse = (_ends(cell.low, cell.high, unit, digits) for digits in (1, 0))
        forms = [*([f"{fine} {rank}", f"{coarse} {rank}"] if rank else []), f"{fine} ", f"{coarse} ", coarse]
    return [score, *itertools.islice((text for text in forms if len(text) <= width), 1)]


def _ends(low: float, high: float, unit: str, digits: int) -> str:
    if unit == "%":
        return f"{100 * low:.{digits}f}–{100 * high:.{digits}f}"
    return f"{low:.{digits + 1}f}–{high:.{digits + 1}f}"


def _score(cell: BoardCell, unit: str, *, whole: bool = False) -> str:
    """The score, in brackets where it is a rate over few events, and the sign of its state."""
    if cell.value is None:
        return f"{NOTHING} "
    text = f"({100 * cell.value:.0f})" if cell.few else _figure(cell.value, unit, whole)
    sign = REMARK if cell.remark else SIGNS[cell.state].sign
    return f"{text}{PROVISIONAL if cell.provisional else ''}{sign}"


def _figure(value: float | None, unit: str, whole: bool) -> str:
    return f"{100 * value:.0f}" if whole and value is not None else number(value, unit)


def _counts(board: Board, place: int) -> list[int]:
    """How many samples are behind the cells of a column, each number once."""
    cells = (row.cells[place] for row in board.rows if row.kind is not RowKind.PUBLISHED)
    return sorted({cell.n for cell in cells if cell is not None})


def _limit_lines(board: Board, block: _Block) -> Iterator[Text]:
    """Floor and ceiling of every column, and how many samples are behind it."""
    floors, ceilings, counts = [], [], []
    for k, width in zip(block.places, block.widths, strict=True):
        cells, unit = (
            [c for row in board.rows if (c := row.cells[k]) is not None],
            board.columns[k].metric.unit,
        )
        few = _counts(board, k)
        pad = _score_width(board, k) - 1 if block.beside else width - 1
        floor, ceiling = _first(c.floor for c in cells), _first(c.ceiling for c in cells)
        floors.append((f"{_figure(floor, unit, block.whole):>{pad}} ", "dim"))
        ceilings.append((f"{_figure(ceiling, unit, block.whole):>{pad}} ", "dim"))
        counts.append((f"{'–'.join(map(str, few[:1] + few[1:][-1:])) or NOTHING:>{pad}} ", "dim"))
    yield _line(block, "floor", floors)
    yield _line(block, "ceiling", ceilings)
    yield _line(block, "n", counts)


def _first(values: Iterable[float | None]) -> float | None:
    return next((value for value in values if value is not None), None)


def _line(block: _Block, label: str, cells: Sequence[tuple[str, str]], cost: str = "") -> Text:
    from rich.cells import set_cell_size
    from rich.text import Text

    line = Text(set_cell_size(label, block.label), no_wrap=True)
    line.append(cost.rjust(block.cost))
    for (text, style), width in zip(cells, block.widths, strict=True):
        line.append(" " * GAP)
        line.append(text[:width].ljust(width) if block.beside else text[:width].rjust(width), style)
    line.rstrip()
    return line
