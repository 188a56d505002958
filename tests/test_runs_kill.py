"""A run that is killed at any instant and started again ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from fakes import attempts_of, recordings_of, write_data

from tml_bench.recording import Recording
from tml_bench.runs.store import Attempt, read_lines

KILLS = 4
SLOW_SPEAKER = '''
import time
from tml_bench.adapters.reference import Delayed

class Slow(Delayed):
    """Takes its time over each step, so that kills find sessions under way."""
    def step(self, turn):
        time.sleep(0.004)
        return super().step(turn)
'''


def command(out: Path, data: Path, adapter: str) -> list[str]:
    main = "from tml_bench.cli import main; main()"
    return [
        *(
            sys.executable,
            "-P",
            "-c",
            main,
            "run",
            "--task",
            "fd-bench-v1",
            "--adapter",
            adapter,
            "--data",
            str(data),
        ),
        *("--out", str(out), "--jobs", "2", "--words", "transcript"),
    ]


def finish(arguments: list[str]) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def wait_for_progress(process: subprocess.Popen[bytes], run: Path, attempts: int, recorded: int) -> bool:
    """Until so many attempts have ended and so much of a session is written; False if it ended before."""
    while process.poll() is None:
        under_way = 0
        for file in run.glob(f".aside/{process.pid}/*/model.flac"):
            with suppress(FileNotFoundError):  # it has ended meanwhile
                under_way = max(under_way, file.stat().st_size)
        if len(attempts_of(run)) >= attempts and under_way > recorded:
            return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.01)
    return False


def check_files(run: Path) -> None:
    """Whatever a kill left, nothing that counts is torn."""
    if (run / "run.json").is_file():
        json.loads((run / "run.json").read_bytes())
    read_lines(run / "attempts.jsonl", Attempt)
    for manifest in run.glob("*/*/*/manifest.json"):
        for line in (manifest.parent / "session.jsonl").read_bytes().splitlines():
            json.loads(line)
        Recording(manifest.parent)
    for attempt in attempts_of(run).values():
        assert (run / "fd-bench-v1" / attempt.sample / str(attempt.attempt) / "manifest.json").is_file()
    if (run / "scores.jsonl").is_file():
        for line in (run / "scores.jsonl").read_bytes().splitlines():
            json.loads(line)
    if (run / "summary.json").is_file():
        json.loads((run / "summary.json").read_bytes())


def test_kill_minus_9_at_random_instants_loses_nothing(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", each=3)
    adapter = tmp_path / "slow.py"
    adapter.write_text(SLOW_SPEAKER)
    spec = f"{adapter}:Slow:ms=200"
    began = time.monotonic()
    finish(command(tmp_path / "calm", data, spec))
    whole_s = time.monotonic() - began
    (calm,) = (path for path in (tmp_path / "calm").iterdir() if (path / "run.json").is_file())
    run = tmp_path / "killed" / calm.name

    rng = random.Random(20)
    killed = midway = 0
    finished: list[Path] = []
    while killed < KILLS:
        process = subprocess.Popen(
            command(tmp_path / "killed", data, spec),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            if killed % 2:  # in mid-session, after none, some or all but the last of those that are left
                done = rng.randint(
                    min(8, len(attempts_of(run))), 8
                )  # of 9; with all of them only scores are left
                midway += wait_for_progress(process, run, done, rng.choice((0, 4096, 16384)))
                process.wait(0)
            else:
                process.wait(rng.uniform(0.1, 0.7) * whole_s)
        except subprocess.TimeoutExpired:
            # Half of the kills leave the workers to themselves.
            (os.killpg if killed % 4 < 2 else os.kill)(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
        check_files(run)
        if len(attempts_of(run)) == 9 and (run / "summary.json").is_file():
            finished.append(tmp_path / f"finished-{len(finished)}" / calm.name)
            (tmp_path / "killed").rename(finished[-1].parent)
            assert len(finished) < 3 * KILLS, "no session was ever found under way"
    finish(command(tmp_path / "killed", data, spec))

    assert midway >= KILLS // 2
    for path in [*finished, run]:
        check_files(path)
        samples = [attempt.sample for attempt in read_lines(path / "attempts.jsonl", Attempt)]
        assert sorted(samples) == sorted(attempts_of(calm))
        assert (path / "scores.jsonl").read_bytes() == (calm / "scores.jsonl").read_bytes()
        assert recordings_of(path) == recordings_of(calm)
