"""The browser, and results to look at: small real runs, made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import NONE, WatchedPage, launched, watched_page
from filelock import FileLock

import tml_bench
from tml_bench.adapters.reference import Delayed, Early

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PARTS = {
    "fd-bench-v1": ("candor_turn_taking", "synthetic_user_interruption"),
    "charades": (),
}
"""The tasks to look at, one sample a subset: sound alone, and video."""


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A results folder, shared by the processes of the tests: three models and two rulers on two tasks."""
    base = tmp_path_factory.getbasetemp()
    out = (base.parent if hasattr(request.config, "workerinput") else base) / "seen"
    with FileLock(f"{out}.lock"):
        if not out.is_dir():
            models = {"prompt": Delayed(300), "late": Delayed(1500), "rude": Early(500)}
            for task, parts in PARTS.items():
                for adapters in (models, ["oracle", "silent"]):
                    tml_bench.run(task, adapters, subsets=parts, limit=1, out=out, jobs=1, progress=False)
    return out


@pytest.fixture(scope="module")
def browser(results: Path) -> Iterator[Browser]:
    """A browser, begun after the runs: while it is there, this thread has a running event loop.

    A module's own, so that it is gone before other tests of this process need an event loop.
    """
    pytest.importorskip("playwright", reason="no playwright: pip install 'tml-bench[test]'")
    with launched() as found:
        if found is None:
            pytest.skip(NONE)
        yield found


@pytest.fixture
def watched(browser: Browser) -> Iterator[WatchedPage]:
    """A page of 1280 by 800 that must ask nothing of the network, and raise, open and break nothing."""
    with watched_page(browser) as page:
        yield page
