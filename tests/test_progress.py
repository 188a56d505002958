"""What the terminal is told of runs that have ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from tml_bench.api.progress import MOST_RUNS, Progress, TerminalProgress
from tml_bench.runs.record import RunEnd

FEW = [RunEnd(Path(f"r{k}"), k, 1) for k in range(MOST_RUNS)]
MANY = [RunEnd(Path(f"r{k}"), 10, 2) for k in range(54)]
LEFT = RunEnd(Path("left"), 1, 2, left=3)
CLOSED = RunEnd(Path("old"), 3, 0, why="made before")


def told(capfd: pytest.CaptureFixture[str]) -> list[str]:
    out, err = capfd.readouterr()
    assert out == ""
    return err.splitlines()


def test_few_runs_are_told_one_by_one(capfd: pytest.CaptureFixture[str]) -> None:
    TerminalProgress().ended(FEW)
    assert told(capfd) == [f"r{k}: {k} reused, 1 run" for k in range(MOST_RUNS)]


def test_many_runs_are_one_line_and_what_is_not_complete_another(capfd: pytest.CaptureFixture[str]) -> None:
    TerminalProgress().ended([*MANY, LEFT, CLOSED])
    assert told(capfd) == [
        "54 runs: 540 samples reused, 108 run",
        "left: 1 reused, 2 run, 3 not run",
        "old: 3 reused, 0 run (made before)",
    ]
    TerminalProgress(verbose=True).ended([*MANY, LEFT])
    assert len(told(capfd)) == 55


def test_failures_are_told_unless_the_board_tells_them(capfd: pytest.CaptureFixture[str]) -> None:
    TerminalProgress().failed(["a", "b"])
    assert told(capfd) == ["a", "b"]
    TerminalProgress(failures=False).failed(["a", "b"])
    Progress().failed(["a", "b"])
    Progress().ended(MANY)
    assert told(capfd) == []
