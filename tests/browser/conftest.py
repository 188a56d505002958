"""The browser, and results to look at: small real runs, made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import NONE, WatchedPage, launched, watched_page
from fakes import no_workers
from filelock import FileLock
from models import Answering, Hostile, poison

import tml_bench
from tml_bench.api.running import RunOptions

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PARTS = {
    "fd-bench-v1": ("candor_turn_taking", "synthetic_user_interruption"),
    "charades": (),
}
"""The tasks to look at, one sample a subset: sound alone, and video."""
QUICK: RunOptions = {"limit": 1, "words": "transcript", "progress": False}
"""No words are recognised: what was said is what the models say they said."""


def _made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that is made by the first of the tests' processes to need it."""
    base = factory.getbasetemp()
    out = (base.parent if base.name.startswith("popen-") else base) / name
    with FileLock(f"{out}.lock"):
        if not out.is_dir():
            with no_workers():
                make(out)
    return out


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder: two models and two rulers on two tasks."""

    def make(out: Path) -> None:
        models = {"prompt": Answering(200), "late": Answering(1600)}
        for task, parts in PARTS.items():
            for adapters in (models, ["oracle", "silent:audio_out=8000"]):
                tml_bench.run(task, adapters, subsets=parts, out=out, jobs=1, **QUICK)

    return _made_once(tmp_path_factory, "seen", make)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder in whose every text there is an attack, said, written, judged or told."""

    def make(out: Path) -> None:
        task, parts = "audio-multichallenge", ("INFERENCE_MEMORY",)
        run = tml_bench.run(task, {"hostile": Hostile()}, subsets=parts, out=out, **QUICK)
        poison(run[0].path)

    return _made_once(tmp_path_factory, "hostile", make)


@pytest.fixture(scope="module")
def browser(results: Path, hostile: Path) -> Iterator[Browser]:
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
