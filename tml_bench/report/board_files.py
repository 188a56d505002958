"""The board as files: Markdown, CSV, JSON and LaTeX, all of the same cells."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tml_bench.csv_text import csv_text
from tml_bench.report.axes import axis_of, counted, known_ends
from tml_bench.report.board import Board, BoardCell, BoardColumn, BoardRow, CellState, RowKind
from tml_bench.report.board_costs import cost_cell, cost_legend
from tml_bench.report.board_heads import titles
from tml_bench.report.board_latex import board_latex
from tml_bench.report.grids import (
    MARKS,
    NO_INTERVAL,
    NOTHING,
    PROVISIONAL,
    head,
    interval,
    number,
    plain,
    rank,
)
from tml_bench.scoring.summary import Standing
from tml_bench.task import Metric

_MARKDOWN = re.compile(r"([\\|`*_\[\]])")
"""What Markdown would act on."""
SIGNS = {
    CellState.OPEN: MARKS[Standing.UNCLEAR],
    CellState.BELOW: MARKS[Standing.NOT_ABOVE],
    CellState.SATURATED: MARKS[Standing.NO_ROOM],
}
"""The states that a reader must be told of; without a sign a score beats the floor."""
KINDS = {
    RowKind.COMPETITOR: "Models",
    RowKind.RULER: "Rulers: reference adapters, never ranked",
    RowKind.PUBLISHED: "Reported by others, not measured by us",
}


def write_board(board: Board, folder: Path) -> tuple[Path, ...]:
    """Write ``board.md``, ``board.csv``, ``board.json`` and ``board.tex``; returns the paths.

    The folder is created if missing. The same board gives the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "board.md": board_markdown(board),
        "board.csv": board_csv(board),
        "board.json": board_json(board),
        "board.tex": board_latex(board),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return tuple(folder / name for name in texts)


def board_markdown(board: Board) -> str:
    """A table of models by tasks, then what each column is; a sentence for an empty board."""
    if not board.columns:
        return "Nothing has been measured yet.\n"
    named = zip(titles(board.columns), board.columns, strict=True)
    heads = ["", *(markdown_text(f"{title}: {head(column.metric)}") for title, column in named)]
    heads += [markdown_text(board.cost_head)] if board.cost_head else []
    lines = (heads, ["---"] * len(heads), *_rows(board))
    table = "".join("| " + " | ".join(cells) + " |\n" for cells in lines)
    signs = "; ".join(f"{mark.sign} {mark.meaning}" for mark in SIGNS.values())
    legend = f"95 % interval in brackets, {NO_INTERVAL} for too few units; # range of ranks; {signs}"
    cells = [cell for row in board.rows for cell in row.cells if cell is not None]
    said = sorted({cell.provisional for cell in cells if cell.provisional})
    legend += f"; {markdown_text(cost_legend(board.costs))}" if board.cost_head else ""
    legend += "".join(f"; {PROVISIONAL} {markdown_text(text.rstrip('.'))}" for text in said) + ".\n"
    return "\n".join([table, legend, "".join(map(_about, board.columns))])


def _rows(board: Board) -> Iterator[list[str]]:
    cost = board.cost_head
    blank = [""] * (len(board.columns) + bool(cost))
    for kind, heading in KINDS.items():
        rows = [row for row in board.rows if row.kind is kind]
        if rows:
            yield [f"**{heading}**", *blank]
        for row in rows:
            cells = (cell_text(c, column.metric) for c, column in zip(row.cells, board.columns, strict=True))
            yield [markdown_text(row.label), *cells, *([cost_cell(row.cost, cost)] if cost else [])]
    known = [(known_ends(board, k), c.metric.unit) for k, c in enumerate(board.columns)]
    yield [
        "*floor*",
        *("" if c is None else markdown_text(f"{number(c.floor, u)} {c.floor_by}") for c, u in known),
        *([""] if cost else []),
    ]
    ceilings = ("" if c is None else number(c.ceiling, u) for c, u in known)
    yield ["*ceiling*", *ceilings, *([""] if cost else [])]


def cell_text(cell: BoardCell | None, metric: Metric) -> str:
    """A cell in one line: score, interval, sign, ranks, n; empty where there was no run."""
    if cell is None:
        return ""
    if cell.value is None:
        return NOTHING
    value = number(cell.value, metric.unit)
    if not cell.n:
        return value
    sign = SIGNS[cell.state].sign if cell.state in SIGNS else ""
    few = f", few: {counted(cell):g}" if cell.few else ""
    value += PROVISIONAL if cell.provisional else ""
    ends = interval(cell.low, cell.high, metric.unit) or NO_INTERVAL
    return " ".join(filter(None, (value, ends, sign, rank(cell.rank), f"n {cell.n}{few}")))


def _about(column: BoardColumn) -> str:
    fair = f" {column.fair}" if column.fair else ""
    about = f"{column.metric.title} on {column.part}. {column.metric.describes}{fair}"
    holds = (h for h in column.table.holds if not h.startswith("metric versions"))
    return (
        f"- **{markdown_text(column.title)}**: {markdown_text(about)} ({markdown_text('; '.join(holds))})\n"
    )


def markdown_text(text: str) -> str:
    """Escape what Markdown or embedded HTML would act on."""
    return _MARKDOWN.sub(r"\\\1", plain(text).replace("&", "&amp;").replace("<", "&lt;"))


_CSV = (
    "model", "kind", "task", "title", "axis", "metric", "part", "unit", "direction", "value", "low95",
    "high95", "floor", "floor_by", "ceiling", "n", "events", "few", "state", "rank_best", "rank_worst",
    "samples", "missing", "run", "date", "clock", "compute", "network", "judge", "data", "source",
)  # fmt: skip
_CSV_COST = ("cost_per_hour", "cost_unit", "cost_as_of")


def board_csv(board: Board) -> str:
    """One line a cell, with a head; shares in %, empty where there is no value.

    What an hour with the model costs stands in every line of its row, if any row has a cost.
    """
    has_cost = bool(board.cost_head)
    return csv_text(
        (*_CSV, *(_CSV_COST if has_cost else ())),
        (
            [row.label, str(row.kind), *_csv_cell(column, cell), *(_csv_cost(row) if has_cost else ())]
            for row in board.rows
            for column, cell in zip(board.columns, row.cells, strict=True)
            if cell is not None
        ),
    )


def _csv_cost(row: BoardRow) -> list[object]:
    cost = row.cost
    return ["", "", ""] if cost is None else [cost.per_hour, cost.unit, " ".join(cost.as_of)]


def _csv_cell(column: BoardColumn, cell: BoardCell) -> list[object]:
    metric, made = column.metric, dict(cell.made)
    scale = 100 if metric.unit == "%" else 1

    def scaled(value: float | None) -> float | None:
        return None if value is None else round(value * scale, 6)

    best, worst = cell.rank or (None, None)
    return [
        column.task, column.title, str(axis_of(column) or ""), metric.name, column.part, metric.unit,
        str(metric.direction), scaled(cell.value), scaled(cell.low), scaled(cell.high), scaled(cell.floor),
        cell.floor_by, scaled(cell.ceiling), cell.n, cell.events, int(cell.few), str(cell.state), best, worst,
        cell.samples, cell.missing, cell.run,
        *(made.get(key) for key in ("date", "clock", "compute", "network", "judge", "data")), cell.source,
    ]  # fmt: skip


def board_json(board: Board) -> str:
    """Columns, then rows with a cell or null for each column; shares in [0, 1]."""
    columns = [
        {
            "task": c.task,
            "title": c.title,
            "axis": axis_of(c),
            "metric": c.metric.name,
            "metric_version": c.metric.version,
            "unit": c.metric.unit,
            "direction": c.metric.direction,
            "part": c.part,
            "describes": c.metric.describes,
            "fair": c.fair,
            "holds": c.table.holds,
        }
        for c in board.columns
    ]
    rows = [
        {
            "label": r.label,
            "kind": r.kind,
            "cells": [None if c is None else _json_cell(c) for c in r.cells],
            **({"cost": None if r.cost is None else asdict(r.cost)} if board.cost_head else {}),
        }
        for r in board.rows
    ]
    return json.dumps({"columns": columns, "rows": rows}, indent=1, ensure_ascii=False) + "\n"


def _json_cell(cell: BoardCell) -> dict[str, object]:
    parts = [{"part": part, "value": value, "n": n} for part, value, n in cell.parts]
    return {**asdict(cell), "made": dict(cell.made), "parts": parts}
