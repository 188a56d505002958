"""A run on shared storage is consistent at every instant, whenever the writer dies or the store fails."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from fake_storage import FILE, Clock, FakeStorage, Killed, store_of
from hypothesis import given, settings, strategies as st

from tml_bench.outcome import Outcome
from tml_bench.recording import MANIFEST_SCHEMA, FileEntry, Manifest
from tml_bench.runs.store import Attempt, RunFolder, read_lines
from tml_bench.storage.attempt_log import read_log
from tml_bench.storage.run_lock import RunLock
from tml_bench.storage.run_upload import RunMirror, RunUpload
from tml_bench.storage.store import RemoteStore


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine itself does not fail here."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)


RUN = "/bucket/results/run"
FILES = {"session.jsonl": b"{}\n", "user.flac": b"user", "model.flac": b"model"}


class Machine:
    """One machine with its own folder of mirrors."""

    def __init__(self, fs: FakeStorage, root: Path, name: str) -> None:
        self.said: list[str] = []
        self.clock = Clock()
        self.store = store_of(fs, self.clock, self.said)
        self.name = name
        self.run = root / name / "run"
        self.aside = root / name / "aside"
        self.file = FILE

    def upload(self, fresh: bool = False) -> RunUpload:
        lock = RunLock(self.store, RUN, self.name, now=self.clock, settle=self.clock.pause)
        return RunUpload(RunMirror(self.store, RUN, self.run, self.aside), lock, fresh=fresh)

    def record(self, samples: list[str], each: Callable[[], object] = lambda: None) -> None:
        """What `tml-bench run` does of each sample that is not done."""
        with RunFolder(self.run, self.file, lambda stored, attempts: stored) as folder:
            done = {attempt.sample for attempt in folder.attempts}
            for sample in samples:
                if sample not in done:
                    folder.commit(*recorded(folder, sample))
                each()

    def samples(self) -> list[str]:
        return [attempt.sample for attempt in read_lines(self.run / "attempts.jsonl", Attempt)]


def recorded(folder: RunFolder, sample: str) -> tuple[Attempt, Path]:
    place = folder.aside / sample
    place.mkdir(parents=True)
    entries = {}
    for name, content in FILES.items():
        content += sample.encode()
        (place / name).write_bytes(content)
        entries[name] = FileEntry(hashlib.sha256(content).hexdigest(), len(content))
    manifest = Manifest(MANIFEST_SCHEMA, entries, 16000, 0, "simulated", "ideal", "0")
    (place / "manifest.json").write_bytes(manifest.encode())
    return Attempt(sample, "all", 1, Outcome.VALID, ended=f"at {folder.path.parent.name}"), place


def session(machine: Machine, samples: list[str]) -> None:
    """A whole command: open, record and upload by turns, close."""
    upload = machine.upload()
    try:
        machine.record(samples, upload.step)
        upload.close()
    except BaseException:
        upload.abandon()
        raise


def consistent(fs: FakeStorage) -> Callable[[], None]:
    """Every attempt that counts there has its whole recording there, and none that counted is gone."""
    looked: list[bytes] = [b""]

    def check() -> None:
        files = fs.contents()
        peek = FakeStorage()
        peek.store = dict(fs.store)
        log = read_log(RemoteStore(peek, "peek://", "peek", at_once=1), RUN).content
        assert log.startswith(looked[0])
        looked[0] = log
        for line in log.splitlines():
            attempt = msgspec.json.decode(line, type=Attempt)
            folder = f"{RUN}/t/{attempt.sample}/{attempt.attempt}"
            manifest = msgspec.json.decode(files[f"{folder}/manifest.json"], type=Manifest)
            for name, entry in manifest.files.items():
                assert hashlib.sha256(files[f"{folder}/{name}"]).hexdigest() == entry.sha256
        assert not log or f"{RUN}/run.json" in files

    return check


SAMPLES = ["a", "b"]


def plain(tmp_path: Path) -> tuple[dict[str, bytes], int]:
    fs = FakeStorage()
    session(Machine(fs, tmp_path / "plain", "one"), SAMPLES)
    return fs.contents(), fs.calls


def without_id(files: dict[str, bytes]) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if not path.endswith("/run-id")}


def test_what_is_there_is_what_a_local_run_holds(tmp_path: Path) -> None:
    files, _ = plain(tmp_path)
    here = tmp_path / "plain" / "one" / "run"
    local = {
        f"{RUN}/{p.relative_to(here).as_posix()}": p.read_bytes() for p in here.rglob("*") if p.is_file()
    }
    assert without_id(files) == {k: v for k, v in without_id(local).items() if not k.endswith(".lock")}


def test_what_a_simulated_user_made_is_there_too(tmp_path: Path) -> None:
    fs = FakeStorage()
    machine = Machine(fs, tmp_path, "one")
    replies, voice = machine.run / "user" / "replies", machine.run / "user" / "voice"
    upload = machine.upload()
    for folder in (replies, voice):
        folder.mkdir(parents=True)
        (folder / ".lock").touch()
    (replies / "1.json").write_text("{}")
    (voice / "lines.jsonl").write_text("1\n")
    machine.record(["a"], upload.step)
    (voice / "lines.jsonl").write_text("1\n2\n")
    machine.record(["a", "b"], upload.step)
    upload.close()
    made = {path: content for path, content in fs.contents().items() if "/user/" in path}
    assert made == {f"{RUN}/user/replies/1.json": b"{}", f"{RUN}/user/voice/lines.jsonl": b"1\n2\n"}


@pytest.mark.parametrize("other", [False, True], ids=["same machine", "other machine"])
def test_killed_at_any_call(tmp_path: Path, other: bool) -> None:
    expected, calls = plain(tmp_path)
    for k in range(1, calls + 1):
        fs = FakeStorage()
        fs.after = consistent(fs)

        def kill(number: int, call: str, path: str, k: int = k) -> None:
            if number == k:
                raise Killed

        fs.before = kill
        first = Machine(fs, tmp_path / str(k), "one")
        with pytest.raises(Killed):
            session(first, SAMPLES)
        fs.before = lambda number, call, path: None
        second = Machine(fs, tmp_path / str(k), "two") if other else first
        second.clock.now_s += 1000 if other else 0
        session(second, SAMPLES)
        assert second.samples() == SAMPLES
        assert not second.aside.exists()
        if not other:
            assert without_id(fs.contents()) == without_id(expected)


def test_a_store_that_fails_at_any_call_is_waited_for(tmp_path: Path) -> None:
    expected, calls = plain(tmp_path)
    for k in range(1, calls + 1):
        fs = FakeStorage()
        fs.after = consistent(fs)

        def fail(number: int, call: str, path: str, k: int = k) -> None:
            if k <= number < k + 4:
                raise ConnectionRefusedError(111, "Connection refused")

        fs.before = fail
        machine = Machine(fs, tmp_path / str(k), "one")
        session(machine, SAMPLES)
        assert without_id(fs.contents()) == without_id(expected)
        assert [line.partition(":")[0] for line in machine.said] == ["waiting for fake"]


@settings(max_examples=12)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 45)), min_size=1, max_size=4))
def test_killed_again_and_again_on_two_machines(deaths: list[tuple[bool, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fs = FakeStorage()
        fs.after = consistent(fs)
        machines = [Machine(fs, Path(folder), name) for name in ("one", "two")]
        for which, calls in deaths:
            last = fs.calls + calls

            def kill(number: int, call: str, path: str, last: int = last) -> None:
                if number == last:
                    raise Killed

            fs.before = kill
            with suppress(Killed):
                session(machines[which], SAMPLES)
            for machine in machines:
                machine.clock.now_s += 1000
        fs.before = lambda number, call, path: None
        session(machines[0], SAMPLES)
        assert sorted(machines[0].samples()) == SAMPLES
        log = read_log(machines[0].store, RUN).content
        assert log == (machines[0].run / "attempts.jsonl").read_bytes()
        kept = [a.sample for p in Path(folder).rglob("attempts.jsonl") for a in read_lines(p, Attempt)]
        assert set(kept) == set(SAMPLES)
