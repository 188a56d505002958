"""The report's page, opened from disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from chromium import WatchedPage

import tml_bench


@pytest.fixture(scope="module")
def site(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = sorted(path.parent for path in results.glob("*/summary.json"))
    return tml_bench.report(runs, tmp_path_factory.mktemp("site"))


def test_opens_from_disk(watched: WatchedPage, site: Path) -> None:
    watched.page.goto(site.as_uri())
    assert watched.page.locator("table").count() > 0
