"""Ray started on this machine, with two actors: bytes as of processes, whatever is killed; ``-m peers``."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from fakes import attempts_of, recordings_of, write_data

from tml_bench.outcome import Outcome
from tml_bench.runs.store import Attempt, read_lines

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(find_spec("ray") is None, reason="pip install 'tml-bench[ray]'"),
]

KILLS = 10
PATIENCE_S = 600.0
ADAPTER = '''
import time
from tml_bench.adapters.reference import Delayed

class Slow(Delayed):
    """Takes its time over each step, so that kills find sessions under way."""
    def step(self, turn):
        time.sleep(0.02)
        return super().step(turn)

class Hangs(Delayed):
    """Says nothing any more in a session's third second."""
    def step(self, turn):
        if turn.index == 10:
            time.sleep(3600)
        return super().step(turn)
'''
RAY = ("--executor", "ray", "--actors", "2", "--actor-cpus", "0.5")


def command(out: Path, *more: object) -> list[str]:
    main = "from tml_bench.cli import main; main()"
    return [sys.executable, "-P", "-c", main, "run", "--out", str(out), "-q", *map(str, more)]


def finished(out: Path, *more: object) -> int:
    done = subprocess.run(command(out, *more), capture_output=True, text=True, timeout=PATIENCE_S * 6)
    print(done.stdout, done.stderr)
    return done.returncode


@contextmanager
def begun(out: Path, *more: object) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command(out, *more), start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(happened: Callable[[], bool]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < until_s
        time.sleep(0.05)


def below(pid: int) -> dict[int, str]:
    """The processes below another, with what they are called."""
    parents: dict[int, tuple[int, str]] = {}
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            called = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            parents[int(place.name)] = parent, called
    found: dict[int, str] = {}
    todo = [pid]
    while todo:
        above = todo.pop()
        todo += [one for one, (parent, _) in parents.items() if parent == above]
        found |= {one: called for one, (parent, called) in parents.items() if parent == above}
    return found


def at_work(pid: int) -> list[int]:
    """Actors that do something, and the processes below them."""
    called = below(pid)
    actors = [one for one, name in called.items() if name.startswith("ray::RemoteWorker.do")]
    return actors + [one for actor in actors for one, name in below(actor).items() if "spawn_main" in name]


@pytest.fixture
def slow(tmp_path: Path) -> tuple[object, ...]:
    """A task of 24 samples and an adapter."""
    (tmp_path / "slow.py").write_text(ADAPTER)
    data = write_data(tmp_path / "data", each=8)
    adapter = f"{tmp_path / 'slow.py'}:Slow:ms=200"
    return "--task", "fd-bench-v1", "--data", data, "--adapter", adapter, "--words", "transcript"


def run_in(out: Path) -> Path:
    (run,) = (path.parent for path in out.glob("*/run.json"))
    return run


def by_sample(run: Path) -> dict[str, dict[str, bytes]]:
    return {place.split("/")[1]: files for place, files in recordings_of(run).items()}


def check_same(calm: Path, shaken: Path) -> list[Attempt]:
    """Every sample has one valid recording, with the same bytes; gives the attempts that were lost."""
    attempts = read_lines(shaken / "attempts.jsonl", Attempt)
    valid = Counter(attempt.sample for attempt in attempts if attempt.outcome is Outcome.VALID)
    assert valid == Counter(attempts_of(calm).keys())
    assert by_sample(shaken) == by_sample(calm)
    assert (shaken / "scores.jsonl").read_bytes() == (calm / "scores.jsonl").read_bytes()
    return [attempt for attempt in attempts if attempt.outcome is not Outcome.VALID]


def test_the_mini_suite_has_the_bytes_of_local(tmp_path: Path) -> None:
    for name, more in (("local", ()), ("ray", RAY)):
        began_s = time.monotonic()
        assert finished(tmp_path / name, *more) == 0
        print(f"{name}: {time.monotonic() - began_s:.0f} s")
    count = 0
    for local in sorted(path.parent for path in (tmp_path / "local").glob("*/run.json")):
        ray = tmp_path / "ray" / local.name
        mine, theirs = recordings_of(local), recordings_of(ray)
        count += sum(map(len, mine.values()))
        assert mine == theirs
        for name in ("scores.jsonl",):
            assert (local / name).read_bytes() == (ray / name).read_bytes()
    print(f"{count} files of recordings are the same")
    assert count > 100


def test_workers_killed_ten_times(slow: tuple[object, ...], tmp_path: Path) -> None:
    assert finished(tmp_path / "calm", *slow) == 0
    rng = random.Random(5)
    killed: list[str] = []
    with begun(tmp_path / "shaken", *slow, *RAY) as process:
        while len(killed) < KILLS:
            wait_for(lambda: bool(at_work(process.pid)) or process.poll() is not None)
            assert process.poll() is None, f"over after {len(killed)} kills"
            time.sleep(rng.uniform(0, 0.4))
            if working := at_work(process.pid):
                name = below(process.pid).get(chosen := rng.choice(working), "")
                with suppress(ProcessLookupError):
                    os.kill(chosen, signal.SIGKILL)
                    killed.append(name.partition(" ")[0].partition(".")[0])
                wait_for(lambda: chosen not in below(process.pid))
        assert process.wait(PATIENCE_S) == 0
    lost = check_same(run_in(tmp_path / "calm"), run_in(tmp_path / "shaken"))
    print(killed, [attempt.reason for attempt in lost])
    assert 0 < len(lost) <= KILLS
    assert {attempt.outcome for attempt in lost} == {Outcome.INFRASTRUCTURE}
    assert {name == "ray::RemoteWorker" for name in killed} == {True, False}


def test_an_actor_that_is_stopped_is_not_waited_for_without_end(
    slow: tuple[object, ...], tmp_path: Path
) -> None:
    stopped: list[int] = []
    with begun(tmp_path / "out", *slow, *RAY, "--step-timeout", 5) as process:
        wait_for(lambda: bool(at_work(process.pid)) or process.poll() is not None)
        stopped += [one for one in at_work(process.pid) if "ray::" in below(process.pid).get(one, "")][:1]
        assert stopped
        os.kill(stopped[0], signal.SIGSTOP)
        try:
            assert process.wait(PATIENCE_S) == 0
        finally:
            with suppress(ProcessLookupError):
                os.kill(stopped[0], signal.SIGCONT)
    attempts = read_lines(run_in(tmp_path / "out") / "attempts.jsonl", Attempt)
    (lost,) = (attempt for attempt in attempts if attempt.outcome is not Outcome.VALID)
    assert lost.outcome is Outcome.INFRASTRUCTURE
    assert lost.reason == "adapter: the actor was lost (it has given no sign of life for 35 s)"
    wait_for(lambda: not Path(f"/proc/{stopped[0]}/stat").exists())


def test_a_killed_driver_is_continued_and_leaves_no_process(slow: tuple[object, ...], tmp_path: Path) -> None:
    assert finished(tmp_path / "calm", *slow) == 0
    run = tmp_path / "shaken" / run_in(tmp_path / "calm").name
    left: dict[int, str] = {}
    with begun(tmp_path / "shaken", *slow, *RAY) as process:
        wait_for(lambda: run.is_dir() and len(read_lines(run / "attempts.jsonl", Attempt)) >= 3)
        left = below(process.pid)
        assert any(name.startswith("ray::RemoteWorker") for name in left.values())
        process.kill()
        process.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}/stat").exists() for pid in left))
    before = attempts_of(run)
    assert 3 <= len(before) < 24
    assert finished(tmp_path / "shaken", *slow, *RAY) == 0
    assert check_same(run_in(tmp_path / "calm"), run) == []
    after = attempts_of(run)
    assert {sample: after[sample] for sample in before} == before


def test_control_c_ends_what_was_started(slow: tuple[object, ...], tmp_path: Path) -> None:
    with begun(tmp_path / "out", *slow, *RAY) as process:
        wait_for(lambda: bool(at_work(process.pid)))
        left = below(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
    wait_for(lambda: not any(Path(f"/proc/{pid}/stat").exists() for pid in left))


def test_a_step_that_hangs_is_ended(slow: tuple[object, ...], tmp_path: Path) -> None:
    slow = tuple(str(word).replace(":Slow", ":Hangs") for word in slow)
    assert finished(tmp_path / "out", *slow, *RAY, "--limit", 1, "--step-timeout", 2) == 3
    attempts = attempts_of(run_in(tmp_path / "out"))
    assert {attempt.outcome for attempt in attempts.values()} == {Outcome.ADAPTER_ERROR}
    assert all("no answer within 2 s" in attempt.reason for attempt in attempts.values())


@contextmanager
def node(*words: object) -> Iterator[subprocess.Popen[bytes]]:
    """A node of a cluster, as ``ray start`` makes it."""
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
    process = subprocess.Popen([*start, *map(str, words)], stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: "raylet" in " ".join(below(process.pid).values()) or process.poll() is not None)
        assert process.poll() is None
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def test_a_node_that_dies_costs_what_ran_there(
    slow: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_worker_niceness", "0")
    assert finished(tmp_path / "calm", *slow) == 0
    port, work = "6397", tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # a socket's path has at most 107 bytes
    at = f"127.0.0.1:{port}"
    head = ("--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false", f"--temp-dir={work}")
    # Both at once: room is asked for each quarter of a minute, and a node may be registered late.
    there = ("--executor", f"ray:address={at}", "--actors", 2, "--max-wait", 300)
    assert finished(tmp_path / "away", *slow, *there, "--limit", 1) == 2
    with node(*head) as first, ExitStack() as others:
        second, third = (others.enter_context(node(f"--address={at}", "--num-cpus=1")) for _ in range(2))
        run = tmp_path / "shaken" / run_in(tmp_path / "calm").name
        with begun(tmp_path / "shaken", *slow, *there) as process:
            wait_for(lambda: all(at_work(one.pid) for one in (second, third)))
            before = len(read_lines(run / "attempts.jsonl", Attempt))
            for pid in (second.pid, *below(second.pid)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert process.wait(PATIENCE_S) == 0
        lost = check_same(run_in(tmp_path / "calm"), run)
        print(before, [attempt.reason for attempt in lost])
        assert len(lost) == 1
        assert first.poll() is None
        assert not at_work(third.pid)
    shutil.rmtree(work, ignore_errors=True)
