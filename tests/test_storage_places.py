"""Shared storage at large: who may write, what hostile names do, what is fetched, and what users are told."""

from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path

import fsspec
import msgspec
import pytest
from click.testing import CliRunner
from fake_storage import Clock, FakeStorage, store_of
from test_storage_runs import FILES, RUN, SAMPLES, Machine, session

from tml_bench.cli import main
from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.recording import MANIFEST
from tml_bench.runs.store import Attempt, RunFolder, read_lines
from tml_bench.storage import shared_place
from tml_bench.storage.address import file_system, is_shared
from tml_bench.storage.results_place import push_results, report_folder, results_place, scored_places
from tml_bench.storage.run_lock import STALE_S, LostLockError
from tml_bench.storage.run_upload import RunMirror
from tml_bench.storage.shared_place import FOR_READERS, local_place, need_file, need_recording
from tml_bench.storage.store import RemoteStore, StorageAwayError, is_away


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine itself does not fail here."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)


@pytest.fixture
def fs() -> FakeStorage:
    return FakeStorage()


def test_a_second_writer_is_refused_and_told_who_writes(fs: FakeStorage, tmp_path: Path) -> None:
    first, second = Machine(fs, tmp_path, "one"), Machine(fs, tmp_path, "two")
    upload = first.upload()
    with pytest.raises(UserError, match=r"fake://bucket/results/run is being written by .*, process \d+"):
        second.upload()
    upload.close()
    second.upload().close()


def test_a_silent_writer_is_taken_over_and_notices(fs: FakeStorage, tmp_path: Path) -> None:
    first, second = Machine(fs, tmp_path, "one"), Machine(fs, tmp_path, "two")
    upload = first.upload()
    first.record(["a"])
    second.clock.now_s += STALE_S - 1
    with pytest.raises(UserError):
        second.upload()
    second.clock.now_s += 2
    other = second.upload()
    first.clock.now_s += STALE_S + 1
    before = fs.contents()
    with pytest.raises(LostLockError, match="was taken over by"):
        upload.step()
    assert fs.contents() == before
    other.close()


def test_a_beat_keeps_the_run(fs: FakeStorage, tmp_path: Path) -> None:
    first, second = Machine(fs, tmp_path, "one"), Machine(fs, tmp_path, "two")
    upload = first.upload()
    for machine in (first, second):
        machine.clock.now_s += STALE_S
    upload.step()
    second.clock.now_s += STALE_S - 1
    with pytest.raises(UserError, match=f"{STALE_S - 1:.0f} s ago"):
        second.upload()


def test_continued_elsewhere_keeps_what_was_recorded_here(fs: FakeStorage, tmp_path: Path) -> None:
    first, second = Machine(fs, tmp_path, "one"), Machine(fs, tmp_path, "two")
    upload = first.upload()
    first.record(["a"])
    upload.step()
    first.record(["a", "b"])
    upload.abandon()
    second.clock.now_s += STALE_S + 1
    session(second, ["a", "c"])
    for _ in range(2):
        session(first, SAMPLES)
        assert first.samples() == ["a", "c", "b"]
    (kept,) = first.aside.iterdir()
    assert [a.sample for a in read_lines(kept / "attempts.jsonl", Attempt)] == ["a", "b"]
    assert "was continued elsewhere" in first.said[0]


def test_begun_anew_elsewhere_is_another_run(fs: FakeStorage, tmp_path: Path) -> None:
    first, second = Machine(fs, tmp_path, "one"), Machine(fs, tmp_path, "two")
    session(first, ["a", "b"])
    upload = second.upload(fresh=True)
    second.record(["c"])
    upload.close()
    assert not [path for path in fs.contents() if "/t/a/" in path]
    session(first, ["c"])
    assert first.samples() == ["c"]
    assert "is another run now" in first.said[0]


def test_many_attempts_are_small_pieces_and_one_file_in_the_end(fs: FakeStorage, tmp_path: Path) -> None:
    machine = Machine(fs, tmp_path, "one")
    upload = machine.upload()
    sent: list[int] = []

    def count(number: int, call: str, path: str) -> None:
        if call == "write" and "attempts.parts" in path:
            sent.append(len(path))

    fs.before = count
    with RunFolder(machine.run, machine.file, lambda stored, attempts: stored) as folder:
        for n in range(640):
            folder.commit(Attempt(f"s{n}", "all", 1, Outcome.INVALID, "x" * 100), None)
    while upload.step():
        pass
    pieces = [len(content) for path, content in fs.contents().items() if "attempts.parts" in path]
    assert len(sent) == 640 / 16
    assert max(pieces) < 2 * (1 << 14)
    assert sum(pieces) == (machine.run / "attempts.jsonl").stat().st_size
    upload.close()
    assert not [path for path in fs.contents() if "attempts.parts" in path]
    assert fs.contents()[f"{RUN}/attempts.jsonl"] == (machine.run / "attempts.jsonl").read_bytes()


def test_names_that_lead_elsewhere_are_refused(
    fs: FakeStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session(Machine(fs, tmp_path, "one"), ["a"])
    line = msgspec.json.encode(Attempt("../../../../escaped", "all", 1, Outcome.VALID)) + b"\n"
    fs.pipe_file(f"{RUN}/attempts.jsonl", line)
    fs.pipe_file("/bucket/escaped/session.jsonl", b"{}")
    fs.pipe_file("/bucket/escaped/manifest.json", b"{}")
    for name in ("..", "a/../../b", "\\x"):
        fs.pipe_file(f"{RUN}/timelines/{name}", b"{}")
    place = opened(fs, tmp_path / "mirrors", monkeypatch)
    folder = place.folder / "run"
    assert place.fetch_run(folder, FOR_READERS)
    with pytest.raises(UserError, match="names no recording"):
        place.fetch_for_scoring(folder)
    need_file(folder / "timelines/../../../../../escaped/session.jsonl")
    need_recording(folder / "t/../../../../../escaped")
    assert {path.name for path in tmp_path.iterdir()} == {"one", "mirrors"}
    assert not [path for path in tmp_path.rglob("*") if path.name in ("escaped", "b", "\\x")]


def opened(fs: FakeStorage, mirrors: Path, monkeypatch: pytest.MonkeyPatch) -> shared_place.SharedPlace:
    monkeypatch.setenv("TML_BENCH_CACHE", str(mirrors))
    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda address, **options: (fs, "/bucket/results"))
    return shared_place.SharedPlace("memory://bucket/results")


def test_scoring_fetches_sound_only_without_a_timeline(
    fs: FakeStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session(Machine(fs, tmp_path, "one"), ["a", "b"])
    fs.pipe_file(f"{RUN}/timelines/a-1.json", b"{}")
    place = opened(fs, tmp_path, monkeypatch)
    folder = place.folder / "run"
    place.fetch_run(folder, FOR_READERS)
    place.fetch_for_scoring(folder)
    assert sorted(p.name for p in (folder / "t/a/1").iterdir()) == [MANIFEST, "session.jsonl"]
    assert len([*(folder / "t/b/1").iterdir()]) == 4
    assert shared_place.is_partial(folder / "t/a/1")
    need_recording(folder / "t/a/1")
    assert (folder / "t/a/1/user.flac").read_bytes() == fs.contents()[f"{RUN}/t/a/1/user.flac"]
    assert not shared_place.is_partial(folder / "t/a/1")


def test_what_was_changed_there_is_left_out(
    fs: FakeStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session(Machine(fs, tmp_path, "one"), ["a"])
    fs.pipe_file(f"{RUN}/t/a/1/user.flac", b"other")
    said: list[str] = []
    place = opened(fs, tmp_path, monkeypatch)
    place.store.tell = said.append
    place.fetch_run(place.folder / "run", FOR_READERS)
    place.fetch_for_scoring(place.folder / "run")
    assert not (place.folder / "run/t/a/1/user.flac").exists()
    assert said == ["memory://bucket/results/run/t/a/1/user.flac is not what its manifest.json says"]


@pytest.mark.parametrize("scheme", ["memory", "file"])
def test_a_place_is_filled_beside_the_sessions(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TML_BENCH_CACHE", str(tmp_path / "cache"))
    address = f"{scheme}://{tmp_path}/shared/results"
    machine = Machine(FakeStorage(), tmp_path, "unused")
    said: list[str] = []
    with results_place(address, 1.0, said.append) as place:
        place.prepare("")
        machine.run = place.folder / "run"
        place.begin([machine.run], fresh=False)
        machine.record(SAMPLES)
        (machine.run / "summary.json").write_text("[]")
        assert place.end([machine.run]) is None
    with scored_places([f"{address}/run"], said.append) as (folder,):
        (folder / "scores.jsonl").write_text("")
    with report_folder(f"{address}/report") as report:
        report.mkdir()
        (report / "report.json").write_text("[]")
    store = fsspec.filesystem(scheme)
    there = {path.rpartition("/results/")[2] for path in store.find(f"{tmp_path}/shared")}
    recordings = {f"run/t/{sample}/1/{file}" for sample in SAMPLES for file in (*FILES, MANIFEST)}
    beside = {"run/run.json", "run/run-id", "run/attempts.jsonl", "run/summary.json", "run/scores.jsonl"}
    assert there == recordings | beside | {"report/report.json"}
    assert not [thread for thread in threading.enumerate() if thread.name == "uploads"]
    monkeypatch.setenv("TML_BENCH_CACHE", str(tmp_path / "other"))
    other = Path(local_place(f"{address}/*"))
    assert (other.parent / "run" / "summary.json").read_text() == "[]"
    assert not (other.parent / "run" / "attempts.jsonl").exists()
    assert said == []


def test_ctrl_c_uploads_what_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TML_BENCH_CACHE", str(tmp_path / "cache"))
    machine = Machine(FakeStorage(), tmp_path, "unused")

    def interrupted() -> None:
        with results_place(f"file://{tmp_path}/shared", 1.0, print) as place:
            machine.run = place.folder / "run"
            place.begin([machine.run], fresh=False)
            machine.record(SAMPLES)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    there = read_lines(tmp_path / "shared/run/attempts.jsonl", Attempt)
    assert [attempt.sample for attempt in there] == SAMPLES
    assert not (tmp_path / "shared/run/lock.json").exists()


def test_a_store_away_for_too_long_ends_with_what_to_do() -> None:
    said: list[str] = []
    clock, fs = Clock(), FakeStorage()

    def refuse(number: int, call: str, path: str) -> None:
        raise OSError(errno.EBUSY, "Slow down")

    fs.before = refuse
    began_s = clock.now_s
    with pytest.raises(StorageAwayError, match=r"cannot be reached: OSError.*waited for 20 s") as found:
        store_of(fs, clock, said, max_wait_s=20.0).read("/bucket/x")
    assert found.value.remedy == "the same command continues"
    assert 20.0 <= clock.now_s - began_s < 21.0
    assert len(said) == 1


def test_an_outage_is_said_once_and_the_next_again() -> None:
    clock, fs, said = Clock(), FakeStorage(), list[str]()

    def refuse(number: int, call: str, path: str) -> None:
        if number in (1, 2, 3, 5, 6):
            raise ConnectionResetError

    fs.before = refuse
    store = store_of(fs, clock, said)
    store.write("/x", b"1")
    assert len(said) == 1
    clock.pause(1.0)
    store.files("/")
    assert len(said) == 1 + 1


class BotoCoreError(Exception):
    """As botocore's."""


class NoCredentialsError(BotoCoreError):
    """As botocore's."""


class EndpointConnectionError(BotoCoreError, ConnectionError):
    """As botocore's, whose own ConnectionError has this name."""


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (OSError(errno.EBUSY, "503"), True),
        (EndpointConnectionError(), True),
        (NoCredentialsError(), False),
        (PermissionError("AccessDenied"), False),
        (FileNotFoundError("NoSuchBucket"), False),
        (OSError(errno.EINVAL, "InvalidBucketName"), False),
        (OSError(errno.ENOSPC, "full"), False),
        (ValueError(), False),
    ],
)
def test_what_waiting_mends(error: Exception, away: bool) -> None:
    assert is_away(error) is away


def test_a_refusal_is_said_at_once() -> None:
    fs, said = FakeStorage(), list[str]()

    def refuse(number: int, call: str, path: str) -> None:
        raise PermissionError("InvalidAccessKeyId")

    fs.before = refuse
    with pytest.raises(UserError, match="bucket refuses: PermissionError: InvalidAccessKeyId") as found:
        store_of(fs, Clock(), said).write("/bucket/x", b"")
    assert "credentials" in found.value.remedy
    assert (fs.calls, said) == (1, [])


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("nonsense://x/y", "Protocol not known"),
        ("memory://", "names no folder"),
        ("memory://a/../../b", "names no folder"),
        ("ftp://me:pass@host/x", "holds a password"),
    ],
)
def test_addresses_that_cannot_be_used(address: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        file_system(address)


def test_what_an_address_is() -> None:
    assert is_shared("s3://bucket/x")
    assert not is_shared("results/x")
    assert not is_shared(Path("results"))
    with pytest.raises(UserError, match="give addresses as text"):
        is_shared(Path("s3://bucket/x"))


def test_the_command_says_what_is_missing() -> None:
    found = CliRunner().invoke(main, ["report", "memory://nowhere/results"])
    assert found.exit_code == 2
    assert "memory://nowhere/results" in found.output


def test_two_read_in_parallel(fs: FakeStorage) -> None:
    store = RemoteStore(fs, "fake://", "fake", at_once=4)
    done: list[int] = []
    store.each(done.append, range(50))
    assert sorted(done) == list(range(50))
    with pytest.raises(ZeroDivisionError):
        store.each(lambda n: 1 // n, range(4))


def test_a_second_ctrl_c_leaves_the_rest_to_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs, said = FakeStorage(), list[str]()
    refused = threading.Event()

    def refuse(number: int, call: str, path: str) -> None:
        if "user.flac" in path:
            refused.set()
            raise ConnectionRefusedError

    fs.before = refuse
    opened(fs, tmp_path, monkeypatch)
    machine = Machine(fs, tmp_path, "unused")
    place = results_place("memory://bucket/results", 300.0, said.append)

    def interrupted() -> None:
        with place:
            machine.run = place.folder / "run"
            place.begin([machine.run], fresh=False)
            machine.record(SAMPLES)
            refused.wait()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert said[-1] == f"{len(SAMPLES)} attempts are left to be uploaded; the same command does it"
    assert f"{RUN}/attempts.jsonl" not in fs.contents()
    fs.before = lambda number, call, path: None
    with results_place("memory://bucket/results", 300.0, said.append) as again:
        again.begin([machine.run], fresh=False)
        assert again.end([]) is None
    there = fs.contents()[f"{RUN}/attempts.jsonl"]
    assert there == (machine.run / "attempts.jsonl").read_bytes()


def test_what_stops_the_uploads_is_told_to_the_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs = FakeStorage()
    opened(fs, tmp_path, monkeypatch)
    machine = Machine(fs, tmp_path, "unused")
    with results_place("memory://bucket/results", 1.0, lambda line: None) as place:
        machine.run = place.folder / "run"
        place.begin([machine.run], fresh=False)
        fs.rm_file(f"{RUN}/lock.json")
        machine.record(SAMPLES)
        problem = place.end([])
    assert isinstance(problem, LostLockError)
    assert place.problem is problem


def test_timelines_in_folders_between_go_both_ways(
    fs: FakeStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(fs, tmp_path, "one")
    session(machine, ["a"])
    (machine.run / "timelines/3f").mkdir(parents=True)
    (machine.run / "timelines/3f/a-1.json").write_text("{}")
    push_results(RunMirror(machine.store, RUN, machine.run, machine.aside), since_ns=0)
    place = opened(fs, tmp_path, monkeypatch)
    place.fetch_run(place.folder / "run", FOR_READERS)
    place.fetch_for_scoring(place.folder / "run")
    assert (place.folder / "run/timelines/3f/a-1.json").read_text() == "{}"


def test_without_the_extra_the_command_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(UserError, match=r"needs the extra \[remote\]") as found:
        file_system("s3://bucket/results")
    assert found.value.remedy == "pip install 'tml-bench[remote]'"
