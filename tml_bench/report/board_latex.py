r"""The board as a LaTeX table, for a paper: ``\input{board.tex}`` with the package ``booktabs``.

Names come from outside and may hold anything. Every character that TeX acts on is written as a command, and
a letter that its Latin fonts do not have by its number, so that the table compiles with pdfLaTeX as it is.
"""

import unicodedata
from collections.abc import Sequence

from tml_bench.report.axes import counted, known_ends
from tml_bench.report.board import Board, BoardCell, BoardColumn, CellState, RowKind
from tml_bench.report.board_costs import cost_cell, cost_legend
from tml_bench.report.board_heads import titles
from tml_bench.report.grids import number, plain
from tml_bench.report.picture_parts import made
from tml_bench.task import Direction, Metric

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': "{''}", "`": "{`}", "'": "{'}", "-": "{-}", "[": "{[}",
    "]": "{]}", "*": "{*}", ",": "{,}", "?": "{?}",
    "!": "{!}", "–": "--", "—": "---", "…": r"\ldots{}", "×": r"$\times$", "−": "$-$",
    "ω": r"$\omega$", "μ": r"$\mu$", "µ": r"$\mu$",
}  # fmt: skip
_SIGNS = {CellState.OPEN: r"$\approx$", CellState.BELOW: r"$\times$", CellState.SATURATED: r"$\oslash$"}
_DIRECTION = {Direction.HIGHER: r"$\uparrow$", Direction.LOWER: r"$\downarrow$", Direction.NONE: ""}
_HEADINGS = {
    RowKind.COMPETITOR: "",
    RowKind.RULER: "rulers: reference adapters, never ranked",
    RowKind.PUBLISHED: "reported by others, not measured by us",
}


def latex_text(text: str) -> str:
    """A text that TeX prints and never obeys."""
    return "".join(map(_letter, plain(text)))


def _letter(c: str) -> str:
    if c in _SPECIAL:
        return _SPECIAL[c]
    if " " <= c <= "~":
        return c
    plain_letter = unicodedata.normalize("NFD", c)[0]
    if c < "\u0100" and (("A" <= plain_letter <= "Z") or ("a" <= plain_letter <= "z")):
        return c
    return f"{{[}}U+{ord(c):04X}{{]}}"


def board_latex(board: Board) -> str:
    """The table, tasks beside each other; a comment for an empty board."""
    if not board.columns:
        return "% Nothing has been measured yet.\n"
    places, cost = range(len(board.columns)), board.cost_head

    def line(first: str, cells: Sequence[str], more: str = "") -> str:
        return _line(first, [*cells, *([more] if cost else [])])

    lines = [
        "% needs \\usepackage{booktabs}, \\usepackage{graphicx}",
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{_caption(board)}}}",
        r"\resizebox{\textwidth}{!}{%",
        rf"\begin{{tabular}}{{l{'c' * (len(board.columns) + bool(cost))}}}",
        r"\toprule",
        line("", [latex_text(title) for title in titles(board.columns)], "Cost"),
        line("", [_head(c.metric) for c in board.columns], latex_text(cost)),
    ]
    for kind, heading in _HEADINGS.items():
        rows = [row for row in board.rows if row.kind is kind]
        if rows:
            lines.append(r"\midrule")
        if rows and heading:
            lines.append(rf"\multicolumn{{{1 + len(places) + bool(cost)}}}{{l}}{{\emph{{{heading}}}}} \\")
        for row in rows:
            lines.append(
                line(
                    latex_text(row.label),
                    [_cell(row.cells[k], board.columns[k]) for k in places],
                    latex_text(cost_cell(row.cost, cost)),
                )
            )
    ends = [(known_ends(board, k), board.columns[k].metric.unit) for k in places]
    lines += [
        r"\midrule",
        line("floor", ["" if c is None else _number(c.floor, unit) for c, unit in ends]),
        line("ceiling", ["" if c is None else _number(c.ceiling, unit) for c, unit in ends]),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def _line(first: str, cells: Sequence[str]) -> str:
    return " & ".join([first, *cells]) + r" \\"


def _head(metric: Metric) -> str:
    unit = f" ({metric.unit})" if metric.unit else ""
    return f"{latex_text(metric.title + unit)} {_DIRECTION[metric.direction]}".strip()


def _number(value: float | None, unit: str) -> str:
    return latex_text(number(value, unit)) if value is None else f"${number(value, unit)}$"


def _cell(cell: BoardCell | None, column: BoardColumn) -> str:
    unit = column.metric.unit
    if cell is None:
        return ""
    if cell.value is None:
        return "--"
    sign = _SIGNS.get(cell.state, "")
    known = cell.low is not None and cell.high is not None
    ends = rf"{{\scriptsize [{_number(cell.low, unit)}, {_number(cell.high, unit)}]}}" if known else ""
    few = rf"{{\scriptsize ($n={counted(cell):g}$)}}" if cell.few else ""
    return " ".join(filter(None, (_number(cell.value, unit), ends, sign, few)))


def _caption(board: Board) -> str:
    parts = [
        r"Scores with 95\,\% intervals. $\times$: at or below the floor, the best respondent that looks at "
        r"nothing; $\approx$: better, but the interval reaches the floor or is unknown; $\oslash$: "
        r"saturated, a blind strategy reaches the ceiling; no sign: beats the floor."
    ]
    parts += [_about(board, k) for k in range(len(board.columns))]
    parts += [f"{latex_text(cost_legend(board.costs))}."] if board.cost_head else []
    parts.append(latex_text(made(cell for row in board.rows for cell in row.cells)))
    return " ".join(filter(None, parts))


def _about(board: Board, k: int) -> str:
    """A column in words: part, n, floor by, judge."""
    cells = [c for row in board.rows if (c := row.cells[k]) is not None and c.n]
    counts = sorted({c.n for c in cells})
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]}--{counts[-1]}" if counts else ""
    floors = sorted({c.floor_by for c in cells if c.floor_by})
    judges = sorted({judge for c in cells if (judge := dict(c.made).get("judge"))})
    facts = [latex_text(board.columns[k].part)]
    facts += [f"$n$ {n}"] if n else []
    facts += [f"floor by {latex_text(', '.join(floors))}"] if floors else []
    facts += [f"judge {latex_text(', '.join(judges))}"] if judges else []
    return f"{latex_text(titles(board.columns)[k])}: {', '.join(facts)}."
