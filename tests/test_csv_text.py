"""Cells of CSV files: none is executed by a spreadsheet, and all are read back as they were."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tml_bench.csv_text import FORMULA, NUMBER, csv_text, read_cell, safe_cell

ROOT = Path(__file__).resolve().parent.parent
EXECUTED = (
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =cmd|' /C calc'!A0", '"=1', "'=1", "' =1",
    "\u201c=1", "\uff1d1", "\ufeff=1", "- item", "-", "'-0.5", "-0.5;=1", "+49 30 123456", "-1\n",
)  # fmt: skip
HARMLESS = ("", "a=b", "1-2", "user: =1", "'quoted'", "#1", "–", "5.0", "it's", "(=1)")
NUMBERS = ("-0.5", "+1", "-1", "-1e-05", "+.5", "-3.")


@pytest.mark.parametrize("text", EXECUTED)
def test_what_would_be_executed_is_shown_after_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert read_cell(f"'{text}") == text


@pytest.mark.parametrize("text", HARMLESS + NUMBERS)
def test_other_texts_and_numbers_are_left_alone(text: str) -> None:
    assert safe_cell(text) == read_cell(text) == text


def test_numbers_stay_numbers() -> None:
    assert [safe_cell(x) for x in (-0.5, 3, None, True, -1e-05)] == ["-0.5", "3", "", "True", "-1e-05"]
    assert csv_text(("a", "=b"), [[-1, "=1"], [None, 'x"']]) == 'a,\'=b\n-1,\'=1\n,"x"""\n'


def test_sheets_of_earlier_versions_are_read() -> None:
    """They had an apostrophe before numbers with a sign too."""
    assert read_cell("'-0.5") == "-0.5"


CELL = st.text(st.sampled_from("='\"+-@ \t\r\n1.;,a\uff1d\u2019\ufeff"), max_size=6) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0")
)


@given(st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=5))
def test_what_is_written_is_read(rows: list[list[str]]) -> None:
    text = csv_text(("first", "second"), rows)
    _, *found = csv.reader(io.StringIO(text, newline=""))
    assert [[read_cell(cell) for cell in row] for row in found] == rows
    for row in found:
        for cell in row:
            assert cell.lstrip(" '\"\u2019\ufeff") == cell or cell[0] != "="
            assert not cell.startswith(("=", "@", "\t", "\r"))


@pytest.mark.skipif(shutil.which("node") is None, reason="holds the patterns against JavaScript in node")
def test_the_patterns_mean_the_same_in_javascript() -> None:
    asked = json.dumps([EXECUTED + HARMLESS + NUMBERS, f"^{FORMULA}", f"^(?:{NUMBER})$"])
    script = (
        f"const [texts, ...patterns] = {asked}; const [formula, number] = patterns.map((p) => new RegExp(p));"
        "console.log(JSON.stringify(texts.map((t) => formula.test(t) && !number.test(t))));"
    )
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == [True] * len(EXECUTED) + [False] * len(HARMLESS + NUMBERS)


def test_nothing_else_in_the_package_writes_csv() -> None:
    """A writer of its own would be one whose cells are executed."""
    found = {
        str(path.relative_to(ROOT))
        for folder in ("tml_bench", "tasks", "adapters")
        for path in (ROOT / folder).rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in ("csv.writer", "DictWriter", ".to_csv("))
    }
    assert not found
