"""What a machine does to a run: one clear message, nothing lost that was done, the same command goes on."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner
from fakes import sample_of
from test_runs_store import CONFIG, FILE, as_it_is, attempt
from virtual_pool import session_job

import tml_bench
from tml_bench.adapter import MicroTurn, StepAdapter
from tml_bench.cli import CommandGroup, main
from tml_bench.errors import UserError
from tml_bench.files import write_together
from tml_bench.outcome import Outcome
from tml_bench.runs.handles import parts
from tml_bench.runs.removal import start_over
from tml_bench.runs.store import Attempt, RunFolder, last_attempts, open_run, read_lines
from tml_bench.runs.worker import Worker, failure
from tml_bench.scoring import agreement, kept_floors
from tml_bench.scoring.agreement import make_sheet
from tml_bench.scoring.floors import Baseline
from tml_bench.scoring.kept_floors import KeptFloors

GOLDEN = Path(__file__).parent / "golden" / "runs"

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
        [sys.executable, "-P", "-c", FEW_FILES, str(tmp_path), f"{tests / 'many_task.py'}:Many"],
        env={**os.environ, "PYTHONPATH": str(tests)}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.split() == ["1"] * 40
    assert len(list((tmp_path / "out").glob("*/attempts.jsonl"))) == 40


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("process", ctypes.c_int))


class _Rights(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable"))


@contextmanager
def no_more_rights_than_others() -> Iterator[None]:
    """Also for root, whom permissions do not bind, they hold in this thread."""
    header, rights = _Header(0x20080522, 0), (_Rights * 2)()
    libc = ctypes.CDLL(None)
    if libc.capget(ctypes.byref(header), rights):
        pytest.skip("the system has no capabilities")
    before, beyond = rights[0].effective, 0b110  # of Linux: to write and to read whatever permissions say
    rights[0].effective = before & ~beyond
    libc.capset(ctypes.byref(header), rights)
    try:
        yield
    finally:
        rights[0].effective = before
        libc.capset(ctypes.byref(header), rights)


@pytest.mark.skipif(sys.platform != "linux", reason="permissions bind root too")
def test_folders_that_cannot_be_written_are_told_in_two_lines_and_stay(tmp_path: Path) -> None:
    name = "proactive-video-qa-mini-1--oracle"
    results = tmp_path / "results"
    run = Path(shutil.copytree(GOLDEN / name, results / name))
    shutil.rmtree(run / "proactive-video-qa")  # nothing is to be perceived
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    commands = (
        ("score", run, "--words", "transcript", "--jobs", 1),
        ("report", run, "--out", results / "report"),
        ("view", run, "--export", results / "pages"),
        ("judge", "sheet", run, "--out", results / "sheet.csv"),
        ("compare", run, run, "--json", results / "change.json"),
        ("merge", run, "--out", results / "whole"),
        (
            "run",
            "--task",
            "proactive-video-qa",
            "--adapter",
            "oracle",
            "--out",
            results,
            "--fresh",
            "--quiet",
        ),
    )
    for path in (*results.rglob("*"), results):
        path.chmod(0o555 if path.is_dir() else 0o444)
    with no_more_rights_than_others():
        for command in commands:
            told = CliRunner().invoke(main, [str(word) for word in command])
            assert told.exit_code == 2, (command, told.output)
            *_, problem, remedy = told.output.splitlines()
            assert problem.startswith(f"error: {results}"), (command, told.output)
            assert "Permission denied" in problem
            assert "another folder; the same command continues" in remedy
    for path in (results, *results.rglob("*")):
        path.chmod(0o755)
    assert {path: path.read_bytes() for path in results.rglob("*") if path.is_file()} == before


class Hungry(StepAdapter):
    def step(self, turn: MicroTurn) -> None:
        if turn.index == 0:
            raise MemoryError


def test_want_of_memory_is_the_machine_s_fault_and_tried_again(tmp_path: Path) -> None:
    job = replace(session_job(0, "s", "hungry"), sample=sample_of(), folder=tmp_path / "a")
    worker = Worker(lambda at: None, 60.0, "hungry", Hungry())
    ended = worker.do(job)
    assert (ended.outcome, ended.retry) == (Outcome.INFRASTRUCTURE, True)
    assert ended.reason.startswith("out of memory")
    assert failure(MemoryError()).reason == ended.reason
    calm = worker.do(replace(job, adapter="silent", folder=tmp_path / "b"))
    assert calm.outcome is Outcome.VALID


def test_a_clock_that_was_set_back_changes_nothing_of_what_is_done(tmp_path: Path) -> None:
    with RunFolder(tmp_path, FILE, as_it_is) as folder:
        lost = attempt("a", 1, Outcome.INFRASTRUCTURE)
        folder.commit(msgspec.structs.replace(lost, ended="2031-01-01T00:00:00+00:00"), None)
        folder.commit(msgspec.structs.replace(attempt("a", 2), ended="1970-01-01T00:00:00+00:00"), None)
    with RunFolder(tmp_path, FILE, as_it_is) as folder:
        assert last_attempts(folder.attempts)["a"].attempt == 2
    os.utime(tmp_path / ".lock", (2e9, 2e9))
    with RunFolder(tmp_path, FILE, as_it_is) as folder:
        assert len(folder.attempts) == 2


def test_two_commands_may_keep_the_same_floors_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_floors, "code_of", lambda *run: ("this",))
    name = "fd-bench-v1-mini-1--delayed-700"
    run = open_run(Path(shutil.copytree(GOLDEN / name, tmp_path / name)))
    floors = tuple(Baseline("all", f"m{k}", 0.25, "silent", 1.0, {"silent": 0.25}) for k in range(200))

    def keep(_: int) -> tuple[Baseline, ...] | None:
        KeptFloors().keep(run, ("a",), floors)
        return KeptFloors().of(run, ("a",))

    with ThreadPoolExecutor(4) as pool:
        assert all(found == floors for found in pool.map(keep, range(40)))
    assert len([*(tmp_path / ".floors").iterdir()]) == 1


def test_a_sheet_whose_writing_was_killed_gets_the_same_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = GOLDEN / "proactive-video-qa-mini-1--oracle"
    calm, killed = tmp_path / "calm" / "sheet.csv", tmp_path / "killed" / "sheet.csv"

    def kill(*_: object) -> str:
        raise KeyboardInterrupt

    make_sheet([run], calm, limit=1)
    for name in ("to_page", "to_csv"):
        with monkeypatch.context() as patch:
            patch.setattr(agreement, name, kill)
            with pytest.raises(KeyboardInterrupt):
                make_sheet([run], killed, limit=1)
    (killed.parent / f".sheet.csv.{GONE}-1").touch()
    make_sheet([run], killed, limit=1)
    files = [
        {path.relative_to(sheet.parent): path.read_bytes() for path in sheet.parent.rglob("*.*")}
        for sheet in (calm, killed)
    ]
    assert files[0] == files[1]
