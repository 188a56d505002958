"""Rows of a table as HTML: every form of a cell, and no text that a browser would obey."""

from __future__ import annotations

import pytest

from tml_bench.metrics.statistics import Estimate
from tml_bench.report.grids import Bar, Cell, Row
from tml_bench.report.table_rows import safe, safe_name, sort_value, table_rows
from tml_bench.scoring.floors import Baseline

HOSTILE = "<b onclick='x'>&\"\u202e\x00"
ESCAPED = "&lt;b onclick=&#39;x&#39;&gt;&amp;&#34;  "


def html(*cells: Cell, numeric: tuple[bool, ...] = (False, True)) -> str:
    return str(table_rows([Row(cells)], numeric, lambda cell: f"<i>{cell.rank}</i>"))


def test_a_row_has_a_head_and_a_cell_for_each_other_column() -> None:
    cells = (Cell("a/b", form="name"), Cell("50.0", 0.5), Cell("text"))
    assert html(*cells, numeric=(False, True, False)) == (
        '<tr><th scope="row">a/<wbr>b</th><td data-v="0.5">50.0</td><td class="text">text</td></tr>\n'
    )


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (Cell("–"), "–"),
        (Cell("1", remark="by metronome"), "1 <small>by metronome</small>"),
        (Cell("≈ floor", form="badge"), '<span class="badge">≈ floor</span>'),
        (Cell("3", form="few"), '<span class="few" title="fewer than 10 events">3</span>'),
        (
            Cell(
                "3",
                rank="#1",
                bar=Bar(Estimate(1, 0, 2, None, None, 1, 1), Baseline("", "", 0, "", 1, {}), 0, 2),
            ),
            "<i>#1</i>",
        ),
    ],
)
def test_every_form_of_a_cell(cell: Cell, shown: str) -> None:
    assert html(Cell(""), cell) == f'<tr><th scope="row"></th><td data-v="">{shown}</td></tr>\n'
    assert html(cell) == f'<tr><th scope="row">{shown}</th></tr>\n'


@pytest.mark.parametrize("form", ["", "name", "badge", "few"])
def test_no_text_is_obeyed(form: str) -> None:
    found = html(Cell(""), Cell(HOSTILE, remark=HOSTILE, form=form))  # type: ignore[arg-type]
    assert found.count(ESCAPED) == 2
    assert HOSTILE not in found
    assert safe(HOSTILE) == safe_name(HOSTILE) == ESCAPED


def test_names_break_after_separators_and_between_words() -> None:
    assert safe_name("https://a.b:myModel") == "https:<wbr>/<wbr>/<wbr>a.<wbr>b:<wbr>my<wbr>Model"


def test_what_is_no_number_is_sorted_behind_all() -> None:
    assert [sort_value(x) for x in (None, 0.1 + 0.2, 12, -1e-12)] == ["", "0.3", "12", "-1e-12"]
