"""Many wall-clock sessions at once: does the harness keep its own deadlines?

64 sessions of 30 s against a server in another process that speaks the wire protocol and answers after
each user turn; then the same with four busy processes beside it. What counts is the harness's own
lateness: it must stay small, or the session must be declared invalid; it must never look like the model's
latency.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import machine, processor_s, speech_file

from tml_bench import events as ev
from tml_bench.outcome import Outcome
from tml_bench.recording import Recording
from tml_bench.runs.jobs import SessionJob
from tml_bench.runs.pool import LivePool
from tml_bench.samples import Reference, Sample, Script, UserTurn
from tml_bench.session.live import LatenessLimits
from tml_bench.session.settings import Settings

SESSIONS = 64
SECONDS = 30
TARGET_MS = 10.0
SERVER = Path(__file__).parent.parent / "examples" / "wire_server.py"


@contextlib.contextmanager
def wire_server() -> Iterator[tuple[str, int]]:
    """The reference server in a process of its own; gives its URL and its process's number."""
    process = subprocess.Popen(
        [sys.executable, str(SERVER), "0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        match = re.search(r"ws://\S+", line)
        assert match, line
        yield match.group(), process.pid
    finally:
        process.terminate()
        process.wait()


def others_s(server: int) -> float:
    """Processor seconds that others than this benchmark have used; NaN where the machine does not say."""
    of_server = Path(f"/proc/{server}/stat")
    if not of_server.is_file():
        return math.nan
    ticks = of_server.read_text().rpartition(")")[2].split()[11:13]
    ours = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK") + sum(os.times()[:4])
    return processor_s() - ours


def burn() -> None:
    """Keep a processor busy."""
    while True:
        sum(range(100_000))


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """So many busy processes."""
    processes = [multiprocessing.Process(target=burn, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def lateness_ms(folder: Path) -> np.ndarray:
    """How late each micro-turn of a recording was sent."""
    sent = (e for e in Recording(folder).events() if isinstance(e, ev.TurnSent))
    return np.array([e.late_ns / 1e6 for e in sent])


def measure(url: str, folder: Path, user: Path) -> str:
    """Run the sessions; one line of results."""
    sample = Sample("s", "live", Script((UserTurn(user),), tail_s=1.0), Reference())
    jobs = [
        SessionJob((0, str(n)), "live", sample, f"wire:{url}", Settings(seed=n), folder / str(n))
        for n in range(SESSIONS)
    ]
    outcomes: dict[str, int] = {}
    reasons: set[str] = set()
    with LivePool(SESSIONS) as pool:
        for job in jobs:
            pool.submit(job)
        for _, result in pool.results():
            outcomes[result.outcome.value] = outcomes.get(result.outcome.value, 0) + 1
            if result.outcome is not Outcome.VALID:
                reasons.add(re.sub(r"[\d.]+ ms", "... ms", result.reason))
    late = [lateness_ms(job.folder) for job in jobs if (job.folder / "manifest.json").is_file()]
    every = np.concatenate(late)
    lengths = {Recording(job.folder).duration_s for job in jobs if (job.folder / "manifest.json").is_file()}
    limits = LatenessLimits()
    kept = [m for m in late if np.percentile(m, 99) <= limits.late_p99_ms and m.max() <= limits.late_max_ms]
    in_limits = np.concatenate(kept) if kept else np.zeros(1)
    return (
        f"{len(late)} recorded, outcomes {dict(sorted(outcomes.items()))}, "
        f"lengths {sorted(lengths)} s (drift 0 when all are equal)\n"
        f"  send lateness: median {np.median(every):.2f} ms, p99 {np.percentile(every, 99):.2f} ms, "
        f"max {every.max():.2f} ms; in valid sessions p99 {np.percentile(in_limits, 99):.2f} ms"
        + "".join(f"\n  {reason}" for reason in sorted(reasons))
    )


def main() -> None:
    """Print the lateness alone and beside busy processes."""
    print(machine())
    with tempfile.TemporaryDirectory() as scratch, wire_server() as (url, server):
        user = speech_file(Path(scratch) / "user.flac", 16000, SECONDS - 1)
        print(f"{SESSIONS} sessions of {SECONDS} s (target: p99 under {TARGET_MS:g} ms)")
        began_s, used_s = time.monotonic(), others_s(server)
        print(measure(url, Path(scratch) / "alone", user))
        share = (others_s(server) - used_s) / (time.monotonic() - began_s)
        print(f"  meanwhile others used {share:.0%} of one processor")
        with busy(4):
            print(f"{SESSIONS} sessions of {SECONDS} s beside 4 busy processes")
            print(measure(url, Path(scratch) / "busy", user))


if __name__ == "__main__":
    main()
