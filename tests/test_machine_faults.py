"""What a machine does to a run: one clear message, nothing lost that was done, the same command goes on."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from test_runs_store import CONFIG, FILE, as_it_is, attempt

import tml_bench
from tml_bench.cli import CommandGroup
from tml_bench.errors import UserError
from tml_bench.files import write_together
from tml_bench.runs.handles import parts
from tml_bench.runs.removal import start_over
from tml_bench.runs.store import Attempt, RunFolder, read_lines

GONE = 2**22 + 1
"""No process has this number on Linux."""


@contextmanager
def files_up_to(most: int) -> Iterator[None]:
    """No file grows beyond so many bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 1, 40])
def test_a_full_disk_loses_no_attempt_that_was_done(tmp_path: Path, room: int) -> None:
    log = tmp_path / "attempts.jsonl"

    def fill() -> None:
        with RunFolder(tmp_path, FILE, as_it_is) as folder:
            folder.commit(attempt("a"), None)
            with files_up_to(log.stat().st_size + room):
                folder.commit(attempt("b"), None)

    with pytest.raises(OSError, match="File too large"):
        fill()
    assert read_lines(log, Attempt)[:1] == [attempt("a")]
    with RunFolder(tmp_path, FILE, as_it_is) as folder:  # the lock is free
        folder.commit(attempt("c"), None)
    assert {a.sample for a in read_lines(log, Attempt)} >= {"a", "c"}


def test_of_several_files_all_are_replaced_or_none(tmp_path: Path) -> None:
    files = {tmp_path / name: b"old" for name in ("scores", "summary", "verdicts")}
    write_together(files)
    with files_up_to(5), pytest.raises(OSError, match="summary") as told:
        write_together({**dict.fromkeys(files, b"new"), tmp_path / "summary": b"much longer"})
    assert told.value.errno == errno.EFBIG
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "results/x"), "make room"),
        (OSError(errno.EFBIG, os.strerror(errno.EFBIG)), "make room"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "results/x"), "another folder"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS), "results/x"), "another folder"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "ulimit -n"),
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "--jobs 1"),
        (MemoryError(), "--jobs 1"),
    ],
)
def test_what_the_machine_lacks_is_said_in_two_lines(error: Exception, remedy: str) -> None:
    @click.group(cls=CommandGroup)
    def group() -> None:
        pass

    @group.command()
    def work() -> None:
        raise error

    result = CliRunner().invoke(group, ["work"])
    assert result.exit_code == 2
    assert remedy in result.output
    assert "the same command continues" in result.output
    assert len(result.output.splitlines()) == 2


@pytest.mark.parametrize("left", [("run.json", "t/a/1/user.flac"), ("attempts.jsonl", "t/a/1/user.flac"), ()])
def test_what_is_left_of_a_removal_is_removed(tmp_path: Path, left: tuple[str, ...]) -> None:
    run = tmp_path / "run"
    with RunFolder(run, FILE, as_it_is) as folder:
        folder.commit(attempt("a"), None)
    (run / "t/a/1").mkdir(parents=True)
    (run / "t/a/1/user.flac").touch()
    for path in sorted(run.rglob("*"), reverse=True):
        name = path.relative_to(run).as_posix()
        if not path.is_dir() and name not in left:
            path.unlink()
        elif path.is_dir() and not left:
            path.rmdir()
    start_over(run)
    assert not run.exists()
    with RunFolder(run, FILE, as_it_is) as folder:
        assert folder.attempts == []


def test_a_folder_whose_attempts_are_none_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "attempts.jsonl").write_text('{"my": "notes"}\n')
    with pytest.raises(UserError, match="is not a run"):
        start_over(tmp_path)
    assert (tmp_path / "attempts.jsonl").is_file()


def test_files_that_a_killed_process_was_writing_are_cleared(tmp_path: Path) -> None:
    (tmp_path / "timelines").mkdir()
    left = [tmp_path / f".summary.json.{GONE}-1", tmp_path / "timelines" / f".a-1.json.{GONE}-1"]
    for path in left:
        path.touch()
    with RunFolder(tmp_path, FILE, as_it_is) as folder:
        assert folder.file.config == CONFIG
        assert not any(path.exists() for path in left)


def test_scoring_clears_them_too_and_leaves_what_lies_behind_links(tmp_path: Path) -> None:
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    for folder in (run / "user" / "replies", elsewhere):
        folder.mkdir(parents=True)
    (run / "timelines").symlink_to(elsewhere)
    left = [run / f".scores.jsonl.{GONE}-1", run / "user" / "replies" / f".a.json.{GONE}-1"]
    for path in (*left, elsewhere / f".a-1.json.{GONE}-1"):
        path.touch()
    with pytest.raises(UserError, match=r"run\.json does not exist"):
        tml_bench.score(run, progress=False)
    assert not any(path.exists() for path in left)
    assert (elsewhere / f".a-1.json.{GONE}-1").exists()


def test_so_many_runs_are_open_as_may_be() -> None:
    assert [*parts({"a": [1, 2, 3], "b": [], "c": [4, 5]}, 2)] == [
        {"a": [1, 2], "b": [], "c": []},
        {"a": [3], "b": [], "c": [4]},
        {"a": [], "b": [], "c": [5]},
    ]
    assert [*parts({"a": [1], "c": [4]}, 9)] == [{"a": [1], "c": [4]}]
    assert [*parts({"a": []}, 1)] == [{"a": []}]


FEW_FILES = """
import resource, sys
from pathlib import Path
from virtual_pool import VirtualPool
from tml_bench.outcome import Outcome
from tml_bench.runs.jobs import JobResult
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.record import record
from tml_bench.runs.selection import Selection
folder = Path(sys.argv[1])
adapters = [f"delayed:{k}" for k in range(100, 140)]
plans = plan_runs(RunRequest((sys.argv[2],), adapters, folder / "out", Selection(folder / "1")))
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
with VirtualPool({name: lambda job, now: (1.0, JobResult(Outcome.VALID, audio_s=0.4))
                  for name in adapters}) as pool:
    failed = record(plans, pool, lambda line: None, end=lambda ended: print(ended.ran))
assert not failed
"""


def test_more_runs_than_files_that_may_be_open_are_recorded_all_the_same(tmp_path: Path) -> None:
    tests = Path(__file__).parent
    (tmp_path / "1").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", FEW_FILES, str(tmp_path), f"{tests / 'many_task.py'}:Many"],
        env={**os.environ, "PYTHONPATH": str(tests)}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.split() == ["1"] * 40
    assert len(list((tmp_path / "out").glob("*/attempts.jsonl"))) == 40
