"""Shared by all tests: the fakes beside this file are importable, and hypothesis is deterministic."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import soundfile
from hypothesis import HealthCheck, settings

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "tools")]

from fakes import forget_secrets, no_floor_search, no_workers  # noqa: E402
from leaks import no_leaks  # noqa: E402, F401

from tml_bench import redact  # noqa: E402

settings.register_profile(
    "suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("suite")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what is collected out of the garbage collector's way.

    Ten thousand tests and the modules they are in live to the end: looking through them again and again is a
    third of the time that collecting them takes.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


atexit.register(gc.unfreeze)
"""The interpreter takes everything apart at its end, as modules in C expect; not pytest, which collects twice
before that."""


LONG = (
    "test_floors_of_tasks", "test_runs_kill", "test_fd_bench_v15_behaviours", "test_runs_resume",
    "test_runs_broken_adapters", "test_timed_cheats", "test_mini_video", "test_timed_shipped",
    "test_untimed_scores", "test_video_origin",
)  # fmt: skip
"""Files that take longest, longest first: started last, they would keep one processor waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files begin first."""
    order = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONG)))


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """Nothing that is written in this process needs to survive a power cut.

    Waiting for the disk, thousands of times, is a tenth of what tests of runs take. `test_power_cut`, which
    looks at what is synced and when, puts its own in the place of this; other processes wait as ever.
    A sound file's `flush` does nothing but wait.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        patch.setattr(soundfile.SoundFile, "flush", lambda file: None)
        yield


@pytest.fixture(autouse=True)
def own_secrets() -> Iterator[None]:
    """A test's secrets are its own: in another's texts they would be blanked, wherever they stand."""
    before = set(redact._known)
    yield
    if redact._known != before or redact._secrets() != redact._secrets.__wrapped__():
        forget_secrets(before)


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports have empty pictures, for tests of something else: drawing takes half of a small run's time."""
    names = [f"{name}.{kind}" for name in ("frontier", "profile") for kind in ("png", "svg", "pdf")]
    monkeypatch.setattr("tml_bench.report.drawn_aside.drawn", lambda board: dict.fromkeys(names, b""))


@pytest.fixture(scope="module")
def without_floor_search() -> Iterator[None]:
    """Floors of FD-bench v1 are not searched for in a module; see `fakes.no_floor_search`."""
    with no_floor_search("fd-bench-v1"):
        yield


@pytest.fixture(scope="module")
def in_this_process() -> Iterator[None]:
    """Runs of a whole module play and perceive here; see `fakes.no_workers`."""
    with no_workers():
        yield


@pytest.fixture
def here() -> Iterator[None]:
    """Runs of one test play and perceive here; see `fakes.no_workers`."""
    with no_workers():
        yield
