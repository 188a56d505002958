"""The report's pages, opened from disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import WatchedPage, watched_page
from models import SIGNS

import tml_bench

if TYPE_CHECKING:
    from playwright.sync_api import Browser

KINDS = ("index.html", "tasks/fd-bench-v1*.html", "runs/fd-bench-v1-mini-1--prompt*.html")
"""One page of each kind, and what continues it."""


@pytest.fixture(scope="module")
def site(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tml_bench.report(results, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def hostile_site(hostile: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tml_bench.report(hostile, tmp_path_factory.mktemp("hostile"))


def pages(first: Path) -> list[Path]:
    return [first, *sorted(first.parent.glob("tasks/*.html")), *sorted(first.parent.glob("runs/*.html"))]


def test_first_screen_is_the_board(watched: WatchedPage, site: Path) -> None:
    watched.page.goto(site.as_uri())
    board = watched.page.locator("table.board").bounding_box()
    assert board is not None
    assert board["y"] < 400
    assert board["x"] + board["width"] <= 1280
    assert watched.page.locator("table.board tr[data-model]").count() == 4
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_board_is_readable_on_a_phone(browser: Browser, site: Path) -> None:
    with watched_page(browser, 400, 800) as watched:
        watched.page.goto(site.as_uri())
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= 400
        board = watched.page.locator("table.board").bounding_box()
        assert board is not None
        assert board["y"] < 800
        assert watched.violations() == []


def test_sorts_rows_by_a_task_both_ways(watched: WatchedPage, site: Path) -> None:
    watched.page.goto(site.as_uri())
    head = watched.page.locator("table.board thead th").nth(2)
    orders = []
    for way in ("ascending", "descending"):
        head.locator("button.sort").click()
        assert head.get_attribute("aria-sort") == way
        cells = watched.page.locator("tbody[data-kind=ruler] tr:not(.band) td:nth-child(3)")
        orders.append([float(cell.get_attribute("data-v") or "nan") for cell in cells.all()])
    assert orders[0][0] < 0.5 < orders[0][1]
    assert orders[1] == orders[0][::-1]


def test_filters_by_kind_and_name(watched: WatchedPage, site: Path) -> None:
    watched.page.goto(site.as_uri())
    rows = watched.page.locator("table.board tr[data-model]:visible")
    assert rows.count() == 4
    watched.page.locator("input[name=kind][value=ruler]").uncheck()
    assert sorted(row.get_attribute("data-model") or "" for row in rows.all()) == ["late", "prompt"]
    watched.page.locator("input[name=model]").fill("LAT")
    assert [row.get_attribute("data-model") for row in rows.all()] == ["late"]
    assert watched.page.locator("form.filters output").text_content() == "1 of 4 rows"


def test_leads_to_a_task_and_a_run_and_back(watched: WatchedPage, site: Path) -> None:
    watched.page.goto(site.as_uri())
    watched.page.locator("table.board thead th a").first.click()
    watched.page.wait_for_url("**/tasks/*.html")
    title = watched.page.locator("h1").text_content()
    watched.page.locator("a[href*='runs/']").first.click()
    watched.page.wait_for_url("**/runs/*.html")
    assert watched.page.locator("h1").text_content() != title
    watched.page.locator("a[href$='index.html']").first.click()
    watched.page.wait_for_url("**/index.html")


def test_every_kind_of_page_fits_and_breaks_no_rule(watched: WatchedPage, site: Path) -> None:
    found = {}
    for page in (page for kind in KINDS for page in sorted(site.parent.glob(kind))):
        watched.page.goto(page.as_uri())
        wide = watched.page.evaluate("document.documentElement.scrollWidth")
        wrong = watched.violations() + watched.refusals() + ([f"{wide} px wide"] if wide > 1280 else [])
        if wrong:
            found[page.name] = wrong
    assert found == {}


def test_attacks_are_shown_as_text(watched: WatchedPage, hostile_site: Path) -> None:
    shown = ""
    for page in pages(hostile_site):
        watched.page.goto(page.as_uri())
        watched.page.locator("body").click(position={"x": 1, "y": 1})
        assert watched.page.evaluate("window.pwned") is None
        assert watched.refusals() == []
        assert watched.page.locator("a[href^='javascript:' i], base, img[src=x]").count() == 0
        shown += watched.page.locator("body").inner_text()
    for sign in SIGNS:
        assert sign in shown
