from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from boards import LATENCY, SCORE, board, cell, column
from hypothesis import given, strategies as st

from tml_bench.csv_text import read_cell
from tml_bench.report.board import Board, BoardCell, BoardRow, CellState, RowKind
from tml_bench.report.board_files import board_csv, board_json, board_markdown, cell_text, write_board
from tml_bench.report.board_latex import board_latex, latex_text
from tml_bench.task import Axis

HOSTILE = (
    '=HYPERLINK("http://x") | <script>alert(1)</script> $\\input{/etc/passwd}$ & 100% #1_^~ `x` *y* [z](w) 模'
)
PUBLISHED = BoardCell(0.75, None, None, None, "", None, 0, CellState.UNKNOWN, source="Paper, table 1")


def small() -> Board:
    columns = [column("turns", Axis.TURN_TAKING), column("late", None, metric=LATENCY, title=HOSTILE)]
    rows = {
        HOSTILE: [
            cell(0.431, 0.4, 0.5, floor=0.25),
            cell(1.25, floor=2.5, ceiling=0.0, state=CellState.OPEN),
        ],
        "b": [cell(0.2, few=True, state=CellState.BELOW), None],
        "ruler c": [cell(1.0, floor=1.0, state=CellState.SATURATED), cell(None)],
    }
    made = board(columns, rows)
    return Board(made.columns, (*made.rows, BoardRow("theirs", RowKind.PUBLISHED, (PUBLISHED, None))))


def test_the_files_are_written_and_the_same_each_time(tmp_path: Path) -> None:
    first, second = write_board(small(), tmp_path / "new" / "a"), write_board(small(), tmp_path / "b")
    assert [p.name for p in first] == ["board.md", "board.csv", "board.json", "board.tex"]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_a_cell_in_one_line() -> None:
    ranked = BoardCell(0.431, 0.4, 0.5, 0.25, "silence", 1.0, 40, CellState.ABOVE, rank=(1, 2))
    assert cell_text(ranked, SCORE) == "43.1 [40.0, 50.0] #1–2 n 40"
    assert cell_text(cell(0.2, few=True, events=7, state=CellState.BELOW), SCORE) == "20.0 [–] ✗ n 20, few: 7"
    assert cell_text(cell(1.0, state=CellState.SATURATED), SCORE) == "100.0 [–] ⊘ n 20"
    assert cell_text(cell(1.25, state=CellState.OPEN), LATENCY) == "1.250 [–] ≈ n 20"
    assert cell_text(PUBLISHED, SCORE) == "75.0"
    assert [cell_text(c, SCORE) for c in (None, cell(None))] == ["", "–"]


def test_columns_of_one_task_are_told_apart_in_their_heads() -> None:
    columns = [column("turns", Axis.TURN_TAKING, {"a": 1.0}, compute=how) for how in ("charged", "ideal")]
    made = board([*columns, column("late", None)], {"a": [cell(0.5)] * 3})
    first = board_markdown(made).splitlines()[0]
    assert [head.partition(":")[0].strip() for head in first.split("|")[2:-1]] == [
        "turns, compute charged", "turns, compute ideal", "late",
    ]  # fmt: skip
    assert "turns{,} compute ideal" in board_latex(made)


def test_markdown_has_every_row_in_its_place() -> None:
    lines = board_markdown(small()).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {4}
    firsts = [re.split(r"(?<!\\)\|", line)[1].strip() for line in table]
    assert firsts[2] == "**Models**"
    assert firsts[4:] == [
        "b",
        "**Rulers: reference adapters, never ranked**",
        "ruler c",
        "**Reported by others, not measured by us**",
        "theirs",
        "*floor*",
        "*ceiling*",
    ]
    assert "| *floor* | 25.0 silence | 2.500 silence |" in lines
    assert "<script>" not in board_markdown(small())
    assert board_markdown(Board((), ())) == "Nothing has been measured yet.\n"


def test_csv_has_a_line_for_each_cell_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(board_csv(small()))))
    assert len(rows) == 6
    assert not any(value.startswith("=") for row in rows for value in row.values())
    first, late, few = rows[:3]
    assert read_cell(first["model"]) == HOSTILE
    assert [first[k] for k in ("value", "low95", "high95", "floor", "ceiling", "state", "axis", "date")] == [
        "43.1", "40.0", "50.0", "25.0", "100.0", "above", "turn-taking", "2026-11-26",
    ]  # fmt: skip
    assert (late["value"], late["axis"], late["unit"]) == ("1.25", "", "s")
    assert few["few"] == "1"
    assert (rows[-1]["kind"], rows[-1]["value"], rows[-1]["source"]) == (
        "published",
        "75.0",
        "Paper, table 1",
    )
    assert board_csv(Board((), ())).count("\n") == 1


def test_json_says_what_the_board_holds() -> None:
    read = json.loads(board_json(small()))
    assert [c["axis"] for c in read["columns"]] == ["turn-taking", None]
    assert [r["kind"] for r in read["rows"]] == ["competitor", "competitor", "ruler", "published"]
    assert read["rows"][0]["cells"][0]["value"] == 0.431
    assert read["rows"][0]["cells"][0]["made"] == {"date": "2026-11-26", "data": "mini-1"}
    assert read["rows"][1]["cells"][1] is None


LATEX = re.compile(r"\\([A-Za-z]+|[^A-Za-z])")
COMMANDS = {
    "begin", "end", "centering", "caption", "resizebox", "textwidth", "toprule", "midrule", "bottomrule",
    "multicolumn", "emph", "scriptsize", "times", "approx", "oslash", "uparrow", "downarrow", "omega", "mu",
    "textbackslash", "textasciicircum", "textasciitilde", "textless", "textgreater", "textbar", "ldots",
}  # fmt: skip


def assert_compiles(text: str) -> None:
    """What TeX asks of a text: known commands, braces and dollars in pairs, nothing special left alone."""
    body = re.sub(r"(?m)^% needs.*$|%$", "", text)
    commands = LATEX.findall(body)
    assert set(commands) <= COMMANDS | set("{}$&#%_,\\")
    bare = LATEX.sub(" ", body)
    assert not set(bare) & set("#%_^~\\")
    assert bare.count("$") % 2 == 0
    depth = 0
    for c in bare:
        depth += (c == "{") - (c == "}")
        assert depth >= 0
    assert depth == 0
    assert all(c < "\u0100" for c in bare)


@given(st.text())
def test_any_text_is_printed_and_never_obeyed(text: str) -> None:
    found = latex_text(text)
    assert_compiles(found)
    assert "&" not in LATEX.sub("", found)
    assert "--" not in found or "–" in text or "—" in text


def test_latex_by_hand() -> None:
    assert latex_text("a_b & 5% é ω 模") == r"a\_b \& 5\% é $\omega$ {[}U+6A21{]}"
    text = board_latex(small())
    assert_compiles(text)
    for line in (
        r"b & $20.0$ $\times$ {\scriptsize ($n=20$)} &  \\",
        r"ruler c & $100.0$ $\oslash$ & -- \\",
        r"theirs & $75.0$ &  \\",
        r"floor & $25.0$ & $2.500$ \\",
    ):
        assert line in text.splitlines()
    assert r"$43.1$ {\scriptsize [$40.0$, $50.0$]} &" in text
    assert r"\multicolumn{3}{l}{\emph{reported by others, not measured by us}} \\" in text
    for said in ("floor by silence", "$n$ 20", "Data: mini{-}1.", "Runs of 2026{-}11{-}26."):
        assert said in text
    table = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    rows = [x for x in table.splitlines() if x.endswith(r"\\") and not x.startswith(r"\multi")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {2}
    assert board_latex(Board((), ())).startswith("%")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here")
def test_latex_compiles(tmp_path: Path) -> None:
    (path,) = [p for p in write_board(small(), tmp_path) if p.suffix == ".tex"]
    (tmp_path / "paper.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}\input{board}\end{document}"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper"], cwd=path.parent, check=False
    )
    assert done.returncode == 0


def test_a_judge_stands_in_the_caption() -> None:
    made = (("date", "2026-11-26"), ("data", "mini-1"), ("judge", "rules_2"))
    one = BoardCell(0.5, None, None, 0.0, "silence", 1.0, 20, CellState.OPEN, made=made)
    assert r"judge rules\_2" in board_latex(board([column("t", Axis.TIME)], {"a": [one]}))
