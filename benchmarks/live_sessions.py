"""Many wall-clock sessions at once: does the harness keep its own deadlines, and what does a session take?

64 and 128 sessions of 30 s against a server in another process that speaks the wire protocol and answers
after each user turn, beside nothing and beside one busy process; with ``--echo`` against one that gives back
all that it hears, which is more to do. What counts is the harness's own lateness: it must stay small, or the
session must be declared invalid; it must never look like the model's latency.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import machine, processor_s, speech_file

from tml_bench import events as ev
from tml_bench.outcome import Outcome
from tml_bench.recording import Recording
from tml_bench.runs.jobs import SessionJob
from tml_bench.runs.pool import LivePool
from tml_bench.samples import Reference, Sample, Script, UserTurn
from tml_bench.session.settings import Settings

COUNTS = (64, 128)
SECONDS = 30
README = Path(__file__).parent / "README.md"
ANSWERING = [str(Path(__file__).parent.parent / "examples" / "wire_server.py"), "0"]
ECHOING = ["-m", "tml_bench.conformance.answering"]


@contextlib.contextmanager
def wire_server(command: list[str]) -> Iterator[tuple[str, int]]:
    """A server in a process of its own; gives its URL and its process's number."""
    process = subprocess.Popen(
        [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
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


def used_s(pid: int) -> float:
    """Processor seconds that a process has used; NaN where the system does not say."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.is_file():
        return math.nan
    return sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of a process; NaN where the system does not say."""
    statm = Path(f"/proc/{pid}/statm")
    return (
        int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
        if statm.is_file()
        else math.nan
    )


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


class HostWatch(threading.Thread):
    """Looks at the process that runs the sessions, from when it is there until told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._before = {process.pid for process in multiprocessing.active_children()}
        self._over = threading.Event()
        self.peak_mb = 0.0
        self.used_s = 0.0

    def run(self) -> None:
        """Look four times a second."""
        while not self._over.wait(0.25):
            hosts = [p.pid for p in multiprocessing.active_children() if p.pid not in self._before]
            if hosts and hosts[0] is not None:
                with contextlib.suppress(OSError):  # it may end at any moment
                    self.peak_mb = max(self.peak_mb, resident_mb(hosts[0]))
                    self.used_s = max(self.used_s, used_s(hosts[0]))

    def stop(self) -> None:
        """Stop looking."""
        self._over.set()
        self.join()


def lateness_ms(folder: Path) -> np.ndarray:
    """How late each micro-turn of a recording was sent."""
    sent = (e for e in Recording(folder, verify=False).events() if isinstance(e, ev.TurnSent))
    return np.array([e.late_ns / 1e6 for e in sent])


@dataclass
class LoadResult:
    """What became of so many sessions at once, and what the process that ran them took."""

    outcomes: Counter[str]
    reasons: set[str]
    late_ms: np.ndarray
    lengths_s: set[float]
    peak_mb: float
    used_s: float


def play(count: int, url: str, folder: Path, user: Path) -> LoadResult:
    """Run so many sessions at once."""
    sample = Sample("s", "live", Script((UserTurn(user),), tail_s=1.0), Reference())
    jobs = [
        SessionJob((0, str(n)), "live", sample, f"wire:{url}", Settings(seed=n), folder / str(n))
        for n in range(count)
    ]
    outcomes: Counter[str] = Counter()
    reasons: set[str] = set()
    watch = HostWatch()
    watch.start()
    with LivePool(count) as pool:
        for job in jobs:
            pool.submit(job)
        for _, result in pool.results():
            outcomes[result.outcome.value] += 1
            if result.outcome is not Outcome.VALID:
                reasons.add(re.sub(r"[\d.]+ ms", "... ms", result.reason))
        watch.stop()
    recorded = [job.folder for job in jobs if (job.folder / "manifest.json").is_file()]
    late = np.concatenate([lateness_ms(path) for path in recorded] or [np.full(1, np.nan)])
    lengths = {Recording(path, verify=False).duration_s for path in recorded}
    return LoadResult(outcomes, reasons, late, lengths, watch.peak_mb, watch.used_s)


def others_s(server: int) -> float:
    """Processor seconds that others than this benchmark, its children and the server have used."""
    return processor_s() - used_s(server) - sum(os.times()[:4])


def measure(
    count: int, neighbours: int, server: tuple[str, int], folder: Path, user: Path, one: LoadResult
) -> tuple[str, list[str]]:
    """A row of the table, less what a process with ``one`` session takes; and what else there is to say."""
    url, pid = server
    began_s, used = time.monotonic(), others_s(pid)
    with busy(neighbours):
        load = play(count, url, folder, user)
    others = (others_s(pid) - used) / (time.monotonic() - began_s)
    p50, p99 = np.percentile(load.late_ms, [50, 99])
    valid = load.outcomes[Outcome.VALID.value]
    each_mb = (load.peak_mb - one.peak_mb) / (count - 1)
    turn_ms = 1000 * (load.used_s - one.used_s) / (len(load.late_ms) - len(one.late_ms))
    late = f"{p50:.2f} | {p99:.2f} | {load.late_ms.max():.1f} | {valid} of {count}"
    row = f"| {count} | {neighbours} | {others:.0%} | {late} | {each_mb:.1f} | {turn_ms:.2f} |"
    notes = sorted(load.reasons)
    if load.lengths_s != {float(SECONDS)}:
        notes.append(f"lengths {sorted(load.lengths_s)} s: drift")
    return row, [f"{count} beside {neighbours}: {note}" for note in notes]


def table(command: list[str]) -> Iterator[str]:
    """Its lines as they come."""
    yield f"{machine()}; {SECONDS} s a session"
    yield ""
    yield "| sessions | busy | others used | median | p99 | worst | valid | MB each | ms a micro-turn |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as scratch, wire_server(command) as server:
        user = speech_file(Path(scratch) / "user.flac", 16000, SECONDS - 1)
        short = speech_file(Path(scratch) / "short.flac", 16000, 4)
        one = play(1, server[0], Path(scratch) / "one", short)
        for count in COUNTS:
            for neighbours in (0, 1):
                folder = Path(scratch) / f"{count}-{neighbours}"
                row, more = measure(count, neighbours, server, folder, user, one)
                notes += more
                yield row
    yield ""
    yield from notes


def main() -> None:
    """Print the table, or write it too."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--echo", action="store_true", help="a server that gives back all that it hears")
    options.add_argument("--write", action="store_true", help="put the table into README.md")
    given = options.parse_args()
    lines = []
    for line in table(ECHOING if given.echo else ANSWERING):
        lines.append(line)
        print(line, flush=True)
    if given.write:
        what = "echoing server" if given.echo else "answering server"
        begin, end = f"<!-- {what} -->\n", f"<!-- end of {what} -->\n"
        before, rest = README.read_text().split(begin)
        README.write_text(
            before + begin + "\n" + "\n".join(lines).strip() + "\n\n" + end + rest.split(end)[1]
        )


if __name__ == "__main__":
    main()
