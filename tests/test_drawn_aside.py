"""Pictures drawn beside a large report are those drawn here, and a process that is gone costs no report."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_report import HALF, PROMPT, run

from tml_bench.report import drawn_aside
from tml_bench.report.board import board_of
from tml_bench.report.drawn_aside import FEWEST_RUNS, PicturesAside, pictures_aside
from tml_bench.report.files import write_report
from tml_bench.report.pictures import drawn
from tml_bench.scoring.summary_file import write_json

SUMMARIES = [run("prompt", PROMPT, run="run-a"), run("half", HALF, run="run-b")]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    write_json(SUMMARIES, path)
    return path


def test_they_are_those_that_are_drawn_here(report: Path) -> None:
    board = board_of(SUMMARIES)
    with pytest.MonkeyPatch.context() as patch, pictures_aside(FEWEST_RUNS) as pictures:
        patch.setattr(drawn_aside, "drawn", pytest.fail)  # here
        pictures.begin(report)
        found = pictures.drawn(board)
    assert found == drawn(board)
    assert [*found] == [
        f"{name}.{kind}" for name in ("frontier", "profile") for kind in ("png", "svg", "pdf")
    ]


@pytest.mark.parametrize("early", [True, False])
def test_what_a_process_that_is_gone_did_not_draw_is_drawn_here(
    early: bool, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawn_aside, "drawn", lambda board: {"a.png": b"here"})
    process = drawn_aside._started()
    assert process is not None
    pictures = PicturesAside(process)
    if not early:
        pictures.begin(report)
    process.process.kill()
    process.process.join()
    if early:
        pictures.begin(report)
    assert pictures.drawn(board_of(SUMMARIES)) == {"a.png": b"here"}
    pictures.end()


def test_few_runs_are_drawn_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(drawn_aside, "start_worker", pytest.fail)
    monkeypatch.setattr(drawn_aside, "drawn", lambda board: {"profile.png": b"here"})
    write_report(SUMMARIES, tmp_path / "report")
    assert (tmp_path / "report" / "profile.png").read_bytes() == b"here"
    with pictures_aside(FEWEST_RUNS - 1) as pictures:
        assert pictures.drawn(board_of(SUMMARIES)) == {"profile.png": b"here"}


KILLED = """
import os, signal, sys
from pathlib import Path
from tml_bench.report.drawn_aside import pictures_aside
with pictures_aside(1000) as pictures:
    pictures.begin(Path(sys.argv[1]))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_whose_parent_was_killed_ends_whatever_it_does(tmp_path: Path) -> None:
    never_ends = tmp_path / "report.json"
    os.mkfifo(never_ends)  # into which nobody writes
    command = [sys.executable, "-P", "-c", KILLED, str(never_ends)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asks:
        # Both processes hold these pipes, which end with the last of them.
        said, told = asks.communicate(timeout=60)
    assert (asks.returncode, said, told) == (-signal.SIGKILL, b"", b"")


def test_large_summaries_are_held_by_one_process(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn_aside, "drawn", lambda board: {"a.png": b"here"})
    monkeypatch.setattr(drawn_aside, "MOST_BYTES", report.stat().st_size - 1)
    with pictures_aside(FEWEST_RUNS) as pictures:
        pictures.begin(report)
        assert pictures.drawn(board_of(SUMMARIES)) == {"a.png": b"here"}


def refuse(*_: object) -> None:
    raise OSError(11, "Resource temporarily unavailable")


def test_where_no_process_may_be_started_they_are_drawn_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn_aside, "drawn", lambda board: {"a.png": b"here"})
    monkeypatch.setattr(drawn_aside, "start_worker", refuse)
    with pictures_aside(FEWEST_RUNS) as pictures:
        assert pictures.drawn(board_of(SUMMARIES)) == {"a.png": b"here"}
    monkeypatch.setattr(drawn_aside, "start_worker", pytest.fail)
    monkeypatch.setattr("multiprocessing.current_process", lambda: SimpleNamespace(daemon=True))
    with pictures_aside(FEWEST_RUNS) as pictures:
        assert pictures.drawn(board_of(SUMMARIES)) == {"a.png": b"here"}
