"""Results on an S3-compatible store that others wrote, killed and started again in the middle of a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import fsspec.asyn
import pytest
import s3fs

from peers import peer
from tml_bench.storage.store import RemoteStore

pytestmark = pytest.mark.peers

SLOW = '''
import time
from tml_bench.adapters.reference import Delayed

class Slow(Delayed):
    """Takes its time, so that the store is killed with sessions to come."""
    def step(self, turn):
        time.sleep(0.01)
        return super().step(turn)
'''
BUCKET, OUT = "bench", "s3://bench/results"
AWAY_S = 8.0


class Store:
    """Moto's server, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._server = self._started(0)
        self.port = self._server.port
        self.url = f"http://127.0.0.1:{self.port}"
        self.fs = s3fs.S3FileSystem(
            key="key", secret="secret-of-the-test", endpoint_url=self.url, use_listings_cache=False
        )
        self.fs.mkdir(BUCKET)

    def _started(self, port: int) -> peer.Server:
        log, journal = self._folder / "moto.log", self._folder / "journal"
        return self._stack.enter_context(peer.running(peer.MOTO, log, "--journal", str(journal), port=port))

    def kill(self) -> None:
        self._server.signal(signal.SIGKILL)
        self._server.process.wait()

    def start(self) -> None:
        self._server = self._started(self.port)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="module", autouse=True)
def _loop() -> None:
    """The loop of fsspec, which lives as long as the process."""
    fsspec.asyn.get_loop()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


def environment(store: Store, cache: Path) -> dict[str, str]:
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": store.url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret-of-the-test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "TML_BENCH_CACHE": str(cache),
    }


PROGRAM = str(Path(sys.executable).with_name("tml-bench"))


def command(tmp_path: Path, out: str, *more: str) -> list[str]:
    (tmp_path / "slow.py").write_text(SLOW)
    adapter = f"{tmp_path / 'slow.py'}:Slow:ms=400"
    options = ("--task", "fd-bench-v1", "--limit", "2", "--jobs", "1", "--words", "transcript", "--out", out)
    return [PROGRAM, "run", "--adapter", adapter, *options, *more]


def ran(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, env=environ, capture_output=True, text=True, check=False)


def attempts(store: Store) -> int:
    """Lines of attempts that are there."""
    found = store.fs.glob(f"{BUCKET}/results/*/attempts.parts/*") + store.fs.glob(
        f"{BUCKET}/results/*/attempts.jsonl"
    )
    return sum(store.fs.cat_file(path).count(b"\n") for path in found)


def until_some_attempts(store: Store, process: subprocess.Popen[str]) -> None:
    while attempts(store) < 2:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)


def recordings_and_scores(folder: dict[str, bytes]) -> dict[str, bytes]:
    return {
        path: content
        for path, content in folder.items()
        if path.startswith("fd-bench-v1/") or path == "scores.jsonl"
    }


def local_files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def there(store: Store, run: str) -> dict[str, bytes]:
    root = f"{BUCKET}/results/{run}/"
    return {path.removeprefix(root): store.fs.cat_file(path) for path in store.fs.find(root)}


def test_killed_and_started_again_in_mid_run(store: Store, tmp_path: Path) -> None:
    calm = ran(dict(os.environ), *command(tmp_path, str(tmp_path / "local")))
    assert calm.returncode == 0, calm.stderr
    environ = environment(store, tmp_path / "cache")
    process = subprocess.Popen(
        command(tmp_path, OUT), env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until_some_attempts(store, process)
    store.kill()
    before = time.monotonic()
    time.sleep(AWAY_S)
    running = process.poll() is None
    store.start()
    print(f"the store was away for {time.monotonic() - before:.1f} s")
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert running, "the run ended before the store was there again"
    assert errors.count("waiting for s3://bench") == 1, errors
    (local,) = (tmp_path / "local").glob("fd-bench-v1-*")
    expected = recordings_and_scores(local_files(local))
    assert recordings_and_scores(there(store, local.name)) == expected
    assert len(expected) == 4 * 10 + 1

    other = environment(store, tmp_path / "other")
    scored = ran(other, PROGRAM, "score", f"{OUT}/{local.name}", "--words", "transcript")
    assert scored.returncode == 0, scored.stderr
    assert not list((tmp_path / "other").rglob("*.flac")), "what has a timeline is scored without its sound"
    assert recordings_and_scores(there(store, local.name)) == expected
    report = ran(other, PROGRAM, "report", OUT, "--out", f"{OUT}/report")
    assert report.returncode == 0, report.stderr
    assert store.fs.exists(f"{BUCKET}/results/report/index.html")
    view = ran(other, PROGRAM, "view", f"{OUT}/{local.name}", "--export", str(tmp_path / "pages"))
    assert view.returncode == 0, view.stderr
    pages = local_files(tmp_path / "pages")
    tracks = sorted(content for path, content in pages.items() if path.endswith(".flac"))
    assert tracks == sorted(content for path, content in expected.items() if path.endswith(".flac"))


def test_away_for_longer_than_is_waited(store: Store, tmp_path: Path) -> None:
    environ = environment(store, tmp_path / "cache")
    process = subprocess.Popen(
        command(tmp_path, OUT, "--max-wait", "3"),
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until_some_attempts(store, process)
    store.kill()
    _, errors = process.communicate()
    assert process.returncode == 2, errors
    assert "the same command continues" in errors
    store.start()
    kept = attempts(store)
    (log,) = (tmp_path / "cache").rglob("attempts.jsonl")
    made = log.read_bytes().count(b"\n")
    again = ran(environ, *command(tmp_path, OUT))
    assert again.returncode == 0, again.stderr
    assert f"{made} reused, {10 - made} run" in again.stderr
    assert kept <= made < 10
    assert attempts(store) == 10


def test_of_many_that_create_a_file_one_does(store: Store) -> None:
    remote = RemoteStore(store.fs, "s3://", f"s3://{BUCKET}")
    made: list[int] = []

    def create(number: int) -> None:
        if remote.create(f"{BUCKET}/results/lock.json", str(number).encode()):
            made.append(number)

    remote.each(create, range(8))
    assert remote.read(f"{BUCKET}/results/lock.json") == str(made[0]).encode()
    assert len(made) == 1
    assert remote.files(f"{BUCKET}/results") == {"lock.json": 1}
    assert remote.folders(BUCKET) == ["results"]
    remote.remove_tree(f"{BUCKET}/results")
    assert remote.files(f"{BUCKET}/results") == {}


def test_what_cannot_work_is_said_before_any_session(store: Store, tmp_path: Path) -> None:
    environ = environment(store, tmp_path / "cache")
    wrong = ran(environ, *command(tmp_path, "s3://no-such-bucket/results"))
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: s3://no-such-bucket cannot be written to"), wrong.stderr
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del environ[name]
    environ["AWS_EC2_METADATA_DISABLED"] = "true"
    keyless = ran(environ, *command(tmp_path, OUT))
    assert keyless.returncode == 2
    assert "error: s3://bench refuses: NoCredentialsError" in keyless.stderr
    assert not list((tmp_path / "cache").rglob("session.jsonl"))
