"""The run's folder: one writer, one configuration, a torn line repaired, nothing removed by mistake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from tml_bench.errors import UserError
from tml_bench.files import write_atomically
from tml_bench.runs.config import RUN_SCHEMA, Identity, RunConfig, RunFile, environment
from tml_bench.runs.removal import start_over
from tml_bench.runs.store import (
    Attempt,
    Outcome,
    RunFolder,
    last_attempts,
    read_lines,
    read_run,
)

CONFIG = RunConfig(
    schema=RUN_SCHEMA,
    task="t",
    dataset="mini-1",
    dataset_sha256="0" * 64,
    data="",
    subsets=(),
    limit=0,
    adapter="silent",
    privileged=False,
    clock="simulated",
    compute="ideal",
    replay="",
    tick_ns=200_000_000,
    seed=0,
    max_session_s=60.0,
)


FILE = RunFile(config=CONFIG, environment=environment())


def as_it_is(stored: RunFile, attempts: Sequence[Attempt]) -> RunFile:
    return stored


def refuse(stored: RunFile, attempts: Sequence[Attempt]) -> RunFile:
    raise AssertionError("there is no run yet")


def attempt(sample: str, number: int = 1, outcome: Outcome = Outcome.VALID) -> Attempt:
    return Attempt(sample=sample, subset="all", attempt=number, outcome=outcome)


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", FILE, as_it_is):
        with pytest.raises(UserError, match="being written by another process"):
            RunFolder(tmp_path / "run", FILE, as_it_is)
        with pytest.raises(UserError, match="being written by another process"):
            start_over(tmp_path / "run")
    with RunFolder(tmp_path / "run", FILE, as_it_is):
        pass


def test_a_folder_that_holds_a_run_asks_what_it_will_hold(tmp_path: Path) -> None:
    with RunFolder(tmp_path, FILE, refuse) as folder:
        folder.commit(attempt("a"), None)

    def settle(stored: RunFile, attempts: Sequence[Attempt]) -> RunFile:
        assert (stored, list(attempts)) == (FILE, [attempt("a")])
        return wider

    wider = replace(FILE, config=replace(CONFIG, limit=7))
    with RunFolder(tmp_path, replace(FILE, config=replace(CONFIG, seed=1)), settle) as folder:
        assert folder.file == wider
        assert read_run(tmp_path) == FILE
        folder.commit(attempt("b"), None)
        assert read_run(tmp_path) == wider


def test_what_a_model_says_of_itself_is_recorded_and_compared(tmp_path: Path) -> None:
    with RunFolder(tmp_path, replace(FILE, identity=Identity({"m.py": "0"})), refuse) as folder:
        assert folder.learn({}) == ""
        assert folder.learn({"model": "m-1"}) == ""
        assert folder.learn({"model": "m-1", "server_version": ""}) == ""
        before = (tmp_path / "run.json").read_bytes()
        assert folder.learn({"model": "m-2", "server_version": "3"}) == (
            "model m-1 there and m-2 now, server version none there and 3 now"
        )
        assert folder.learn({"server_version": ""}) == ""
        assert (tmp_path / "run.json").read_bytes() == before
    assert read_run(tmp_path).identity == Identity({"m.py": "0"}, "", {"model": "m-1", "server_version": ""})


def test_a_later_format_is_refused_and_a_later_minor_version_read(tmp_path: Path) -> None:
    for schema in ("tml-bench/run/1.0", "tml-bench/run/1.7", RUN_SCHEMA):
        file = replace(FILE, config=replace(CONFIG, schema=schema))
        (tmp_path / "run.json").write_bytes(msgspec.json.encode(file))
        assert read_run(tmp_path) == file
    file = replace(FILE, config=replace(CONFIG, schema="tml-bench/run/2.0"))
    (tmp_path / "run.json").write_bytes(msgspec.json.encode(file))
    with pytest.raises(UserError, match=r"schema 'tml-bench/run/2\.0' is not"):
        read_run(tmp_path)


def test_a_damaged_run_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"config": 3}')
    with pytest.raises(UserError, match=r"run\.json: .*\$\.config"):
        RunFolder(tmp_path, FILE, as_it_is)
    (tmp_path / "run.json").write_bytes(b'{"config": {"schema": "\xff"}}')
    with pytest.raises(UserError, match=r"run\.json: 'utf-8'"):
        RunFolder(tmp_path, FILE, as_it_is)


def test_attempts_are_read_back(tmp_path: Path) -> None:
    lines = [attempt("a", outcome=Outcome.INFRASTRUCTURE), attempt("b"), attempt("a", 2)]
    with RunFolder(tmp_path, FILE, as_it_is) as folder:
        for line in lines:
            folder.commit(line, None)
    with RunFolder(tmp_path, FILE, as_it_is) as folder:
        assert folder.attempts == lines
    assert last_attempts(lines) == {"a": lines[2], "b": lines[1]}


@pytest.mark.parametrize("keep", range(1, 60, 7))
def test_a_torn_last_line_is_cut_off(tmp_path: Path, keep: int) -> None:
    with RunFolder(tmp_path, FILE, as_it_is) as folder:
        folder.commit(attempt("a"), None)
    log = tmp_path / "attempts.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole + whole[:keep])
    assert read_lines(log, Attempt) == [attempt("a")]
    with RunFolder(tmp_path, FILE, as_it_is) as folder:
        folder.commit(attempt("b"), None)
    assert read_lines(log, Attempt) == [attempt("a"), attempt("b")]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    log = tmp_path / "attempts.jsonl"
    log.write_bytes(b'{"sample": 1}\n')
    with pytest.raises(UserError, match=r"attempts\.jsonl, line 1: .*sample"):
        read_lines(log, Attempt)
    log.write_bytes(b'{"sample": "\xff"}\n')
    with pytest.raises(UserError, match=r"attempts\.jsonl, line 1: 'utf-8'"):
        read_lines(log, Attempt)


def test_a_recording_left_by_a_kill_is_replaced(tmp_path: Path) -> None:
    with RunFolder(tmp_path, FILE, as_it_is) as folder:
        left = folder.recording_path("a", 1)
        left.mkdir(parents=True)
        (left / "torn").write_text("")
        whole = folder.aside / "a"
        whole.mkdir(parents=True)
        (whole / "manifest.json").write_text("{}")
        folder.commit(attempt("a"), whole)
        assert [path.name for path in left.iterdir()] == ["manifest.json"]


def test_what_was_written_aside_is_removed_at_the_next_start(tmp_path: Path) -> None:
    with RunFolder(tmp_path, FILE, as_it_is) as folder:
        (folder.aside / "a").mkdir(parents=True)
    with RunFolder(tmp_path, FILE, as_it_is) as folder:
        assert not folder.aside.exists()


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new" / "file", b"one")
    write_atomically(tmp_path / "new" / "file", b"two")
    assert [path.read_bytes() for path in (tmp_path / "new").iterdir()] == [b"two"]


def test_what_cannot_be_written_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "file", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_only_a_run_is_started_over(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    with pytest.raises(UserError, match="is not a run"):
        start_over(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").is_file()
    with RunFolder(tmp_path / "run", FILE, as_it_is):
        pass
    start_over(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    start_over(tmp_path / "run")
