"""The column of costs: there where a row has a cost, and nowhere else."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import msgspec
import pytest
from boards import SCORE, board, cell, column
from rich.console import Console
from test_report import PROMPT, run

from tml_bench.report.board import Board, board_of
from tml_bench.report.board_costs import RowCost, cost_cell, cost_head, cost_legend, row_compute, row_cost
from tml_bench.report.board_files import board_csv, board_json, board_markdown
from tml_bench.report.board_latex import board_latex
from tml_bench.report.board_text import board_lines, legend
from tml_bench.report.cost_lines import account_line, cost_line
from tml_bench.report.files import full_markdown, to_csv
from tml_bench.report.site import site
from tml_bench.runs.usage import RunUsage
from tml_bench.scoring.accounts import Money, RunAccount, RunCost
from tml_bench.scoring.summary import Summary
from tml_bench.turns import Usage


def money(amount: float, day: str = "2026-09-18", currency: str = "USD") -> Money:
    return Money(amount, currency, "m", day)


@pytest.fixture
def plain() -> Board:
    cells = [cell(0.5, 0.4, 0.6, run="a")], [cell(0.4, 0.3, 0.5, run="b")], [cell(0.9, run="c")]
    return board([column("one", None)], dict(zip(("dear", "own", "ruler"), cells, strict=True)))


@pytest.fixture
def priced(plain: Board) -> Board:
    dear, *others = plain.rows
    return Board(plain.columns, (replace(dear, cost=RowCost(12.345, "USD", ("2026-09-18",))), *others))


def printed(some: Board, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), record=True)
    for line in board_lines(some, width):
        console.print(line)
    return console.export_text().splitlines()


def test_a_row_s_cost_is_the_money_of_all_its_runs_by_their_hours() -> None:
    runs = [
        RunCost(money(3.0), None, 0.5),
        RunCost(money(1.0, "2026-10-07"), None, 1.5),
        RunCost(None, money(9)),
    ]
    assert row_cost(runs) == RowCost(2.0, "USD", ("2026-09-18", "2026-10-07"))
    assert row_cost([RunCost(money(3.0), None, 0.0)]) is None
    assert row_cost([RunCost(money(3.0), None, 1.0), RunCost(money(3, currency="EUR"), None, 1.0)]) is None
    assert row_cost([]) is None


def test_compute_that_was_charged_is_the_cost_of_what_runs_here() -> None:
    """12 s and 48 s of compute in half an hour of session."""
    charged = [RunAccount(5, 600.0, 60.0, 0, compute_s=12.0), RunAccount(5, 1200.0, 60.0, 0, compute_s=48.0)]
    ideal = RunAccount(5, 300.0, 60.0, 0)
    cost = row_compute([*charged, ideal])
    assert cost == RowCost(2.0, "min")
    assert row_compute([ideal]) is None
    assert cost_legend([cost]) == "min/h: minutes of compute charged in an hour of session"
    both = [cost, RowCost(3.0, "USD", ("2026-09-18",))]
    assert cost_head(both) == "USD|min/h"
    assert cost_cell(cost, cost_head(both)) == "2.00 min"
    assert cost_legend(both).startswith(
        "USD/h: an hour of session with the service, at prices of 2026-09-18; min/h"
    )


def test_without_costs_there_is_no_column(plain: Board) -> None:
    assert "cost" not in board_markdown(plain) + board_csv(plain) + board_json(plain)
    assert "Cost" not in board_latex(plain)
    assert not any("/h" in line for line in (*printed(plain, 80), *legend(plain)))
    assert cost_legend(plain.costs) == ""


def test_every_form_of_the_board_has_the_column_and_its_day(priced: Board) -> None:
    markdown = board_markdown(priced).splitlines()
    assert markdown[0].endswith("| USD/h |")
    assert next(line for line in markdown if line.startswith("| dear")).endswith("| 12.35 |")
    assert next(line for line in markdown if line.startswith("| own")).endswith("| – |")
    assert len({line.count(" |") for line in markdown if line.startswith("|")}) == 1
    assert "prices of 2026-09-18" in board_markdown(priced)
    rows = list(csv.DictReader(io.StringIO(board_csv(priced))))
    assert [row["cost_per_hour"] for row in rows] == ["12.345", "", ""]
    assert rows[0]["cost_as_of"] == "2026-09-18"
    first, second, _ = json.loads(board_json(priced))["rows"]
    assert first["cost"] == {"per_hour": 12.345, "unit": "USD", "as_of": ["2026-09-18"]}
    assert second["cost"] is None
    latex = board_latex(priced)
    assert r"{lcc}" in latex
    assert "& 12.35" in latex
    assert "prices of 2026{-}09{-}18" in latex


@pytest.mark.parametrize("width", [24, 40, 80, 120])
def test_the_terminal_s_board_stays_as_wide_as_the_terminal(priced: Board, width: int) -> None:
    lines = printed(priced, width)
    assert max(map(len, lines)) <= width
    if width > 40:
        assert any("USD/h" in line for line in lines)
        assert any("12.35" in line and "50" in line for line in lines)
        assert "at prices of 2026-09-18" in " ".join(legend(priced))


def test_many_columns_with_costs_fit_a_screen_of_80_by_24() -> None:
    columns = [column(f"task-{k}", None, metric=SCORE, title=f"Some Task {k}: made up") for k in range(9)]
    rows = {name: [cell(0.5, 0.4, 0.6)] * 9 for name in ("one", "two", "three", "ruler")}
    made = board(columns, rows)
    cost = RowCost(1234.5, "USD", ("2026-09-18",))
    lines = printed(Board(made.columns, tuple(replace(row, cost=cost) for row in made.rows)), 80)
    assert max(map(len, lines)) <= 80
    assert len(lines) + 3 <= 24


def test_eleven_tasks_stand_beside_each_other_in_whole_per_cents() -> None:
    columns = [column(f"task-{k}", None, metric=SCORE, title=f"Some Task {k}: made up") for k in range(11)]
    made = board(columns, {"ruler": [cell(0.875, 0.4, 0.6, floor=0.366, ceiling=1.0)] * 11})
    lines = printed(made, 80)
    (row,) = [line for line in lines if line.startswith("ruler ")]
    assert row.count("88✓") == 11
    assert [line.split() for line in lines[-3:-1]] == [["floor", *["37"] * 11], ["ceiling", *["100"] * 11]]
    assert max(map(len, lines)) <= 80
    assert "87.5✓" in "".join(printed(made, 120))


@pytest.fixture(scope="module")
def summaries() -> tuple[Summary, Summary]:
    """A run of a service and the same at a price, with another model's beside it."""
    used = RunUsage(Usage(10, 10, 10, 10), 4, 5, 3600.0)
    account = RunAccount(5, 300.0, 60.0, 10)
    told = msgspec.structs.replace(run("dear", PROMPT), usage=used, account=account)
    return told, msgspec.structs.replace(told, cost=RunCost(money(2.5), money(0.25, "2026-05-04"), 1.0))


def test_the_board_and_its_page_read_the_cost_of_summaries(summaries: tuple[Summary, Summary]) -> None:
    told, priced = summaries
    (row,) = board_of([priced]).rows
    assert row.cost == RowCost(2.5, "USD", ("2026-09-18",))
    assert board_of([told]).rows[0].cost is None
    here = msgspec.structs.replace(told, account=RunAccount(5, 3600.0, 60.0, 10, compute_s=90.0))
    assert board_of([here]).rows[0].cost == RowCost(1.5, "min")
    with_cost, without = site(board_of([priced]))["index.html"], site(board_of([told]))["index.html"]
    assert '<td role="cell" class="cost" data-v="2.5">2.50</td>' in with_cost
    assert "at prices of 2026-09-18" in with_cost
    assert "USD/h" not in without
    assert 'class="cost"' not in without


def test_a_run_s_page_says_what_a_session_took_and_cost(summaries: tuple[Summary, Summary]) -> None:
    told, priced = summaries
    cost = (
        "cost: 2.50 USD, 0.5 a session, 2.50 an hour of session (m at prices of 2026-09-18); "
        "judging 0.25 USD (m at prices of 2026-05-04)"
    )
    assert cost_line(priced) == cost
    assert cost_line(told) == ""
    account = (
        "a session: 60.0 s of audio sent, 12.0 s of speech given, 2 tool calls, 2 input tokens, "
        "2 output tokens; 5 valid ones: 5.0 min sent, 1.0 min given, 10 tool calls"
    )
    assert account_line(told) == account
    page = next(html for name, html in site(board_of([priced])).items() if name.startswith("runs/"))
    assert cost in page
    assert account in page
    assert cost in full_markdown([priced])
    line = next(csv.DictReader(io.StringIO(to_csv([priced]))))
    assert [line[f"cost{part}"] for part in ("", "_per_hour", "_judge", "_currency", "_as_of")] == [
        "2.5", "2.5", "0.25", "USD", "2026-09-18",
    ]  # fmt: skip
    assert account_line(run("local", PROMPT)) == ""
