"""kill -9 at seeded moments over every command that writes; given again it must end as if nothing had been.

A kill comes at a random time of the command's own duration, or right before one of the changes that its main
process makes to files (an audit hook counts them), and ends the whole process group, every third time the
main process alone. The same command is then given again, and sometimes killed again, until it ends. Compared
is everything in the folder, byte by byte, but for times of day, seconds taken, seals over these, whether a
judge's answer came from the cache, and what is kept of what was heard and scored, which names files by their
inodes; caches of judges by their contents; lines of ``attempts.jsonl`` in any order. No process may be left.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from host import machine
from kill_cases import CASES, MAIN, Judge, KillCase, command, judging

from tml_bench.runs.heard_index import FOLDER as HEARD
from tml_bench.scoring.kept_results import FOLDER as SCORED

Tree = dict[str, bytes]

VARYING = (
    (re.compile(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00"), b"DAY"),
    (re.compile(rb'"wall_s":[0-9.e-]+'), b'"wall_s":0'),
    (re.compile(rb'"cached":(true|false)'), b'"cached":true'),  # what an answer cost the last time
    # Checksums over a file with the day, and over one with what answers cost.
    (re.compile(rb'"(summary.json|verdicts.jsonl)":\s*"[0-9a-f]{64}"'), b'"":""'),
    (re.compile(rb'"seal":\s*"[0-9a-f]{64}"'), b'"seal":""'),
)
"""What two undisturbed runs differ in."""
HOOK = """
import atexit, os, signal, sys
count, at, leader = 0, int(os.environ["KILL_AT"]), os.getpid()
def changed(event, args):
    global count
    if event == "open":
        mode, flags = args[1:]
        if not (flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or "/dev/" in str(args[0]):
            return
    elif event not in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate"):
        return
    if os.getpid() == leader:
        count += 1
        if count == at:
            os.killpg(0, signal.SIGKILL)
sys.addaudithook(changed)
if os.environ["KILL_COUNT"]:
    def tell():
        total = count
        open(os.environ["KILL_COUNT"], "w").write(str(total))
    atexit.register(tell)
"""
MARK = "TML_BENCH_KILLS"


@dataclass
class Told:
    """What was seen of one command."""

    changes: int = 0
    took_s: float = 0.0
    calm: Tree = field(default_factory=dict)
    kills: int = 0
    ends: int = 0
    wrong: list[str] = field(default_factory=list)
    asked: int = 0
    asked_calm: int = 0


class Killer:
    """Kills commands in one folder, which each begins with what is there before it."""

    def __init__(self, root: Path, seed: int, judge: Judge) -> None:
        self._root, self._judge = root, judge
        self._place = root / "here"
        self._rng = random.Random(seed)
        self._environment = {**os.environ, "TMPDIR": str(root / "tmp"), MARK: str(os.getpid())}
        (root / "tmp").mkdir()

    def prepare(self, case: KillCase) -> Told:
        """Make what is there before, and run the command undisturbed."""
        shutil.rmtree(self._place, ignore_errors=True)
        self._place.mkdir()
        case.prepare(self._place)
        self._place.rename(self._before(case))
        self._restore(case)
        told = Told()
        began, asked = time.monotonic(), self._judge.asked
        count = self._root / "count"
        code, said = self._ended(self._start(case, 0, count))
        told.took_s = time.monotonic() - began
        told.asked_calm = self._judge.asked - asked
        if code:
            raise RuntimeError(f"{case.name}: {said}")
        told.changes = int(count.read_text())
        told.calm = seen(self._place)
        return told

    def kill(self, case: KillCase, told: Told, most: int) -> None:
        """One story: kills, at most so many, until the command ends; then look at what is there."""
        self._restore(case)
        asked, killed = self._judge.asked, 0
        moments: list[str] = []
        while True:
            again = killed < most and (killed == 0 or self._rng.random() < 0.4)
            at = self._rng.randint(1, told.changes) if again and self._rng.random() < 0.5 else 0
            process = self._start(case, at)
            if again and not at:
                try:
                    process.wait(self._rng.uniform(0.1, 1.0) * told.took_s)
                except subprocess.TimeoutExpired:
                    (os.kill if self._rng.random() < 1 / 3 else os.killpg)(process.pid, signal.SIGKILL)
            code, said = self._ended(process)
            if code != -signal.SIGKILL:
                break
            killed += 1
            moments.append(f"change {at}" if at else "time")
        told.kills += killed
        told.ends += 1
        told.asked += self._judge.asked - asked - told.asked_calm
        wrong = differences(told.calm, seen(self._place))
        if code:
            wrong = [f"exit {code}: {said}"]
        if left := self._left():
            wrong.append(f"processes left: {left}")
        if wrong:
            told.wrong.append(f"after {', '.join(moments)}: {'; '.join(wrong[:4])}")

    def _before(self, case: KillCase) -> Path:
        return self._root / f"before-{case.name.replace(' ', '-')}"

    def _restore(self, case: KillCase) -> None:
        shutil.rmtree(self._place, ignore_errors=True)
        shutil.copytree(self._before(case), self._place)

    def _start(self, case: KillCase, at: int, count: Path | str = "") -> subprocess.Popen[str]:
        words = (*case.words, self._judge.address) if case.asks else case.words
        return subprocess.Popen(
            command(words, HOOK + MAIN), cwd=self._place, start_new_session=True, text=True,
            env={**self._environment, "KILL_AT": str(at), "KILL_COUNT": str(count)},
            stdout=subprocess.DEVNULL, stderr=(self._root / "stderr").open("w"),
        )  # fmt: skip

    def _ended(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        code = process.wait()
        return code, (self._root / "stderr").read_text()[-400:]

    def _left(self) -> list[int]:
        """Processes of killed commands that are there a while after the last has ended."""
        mark = f"{MARK}={os.getpid()}".encode()
        for _ in range(40):
            environs = Path("/proc").glob("[0-9]*/environ")
            found = [int(path.parent.name) for path in environs if _has(path, mark)]
            if not found:
                break
            time.sleep(0.25)
        return found


def _has(environ: Path, mark: bytes) -> bool:
    try:
        return mark in environ.read_bytes()
    except OSError:
        return False  # it has ended, or is another user's


def seen(place: Path) -> Tree:
    """All that is in a folder, as it must be the same."""
    found: Tree = {}
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if not {HEARD, SCORED}.isdisjoint(path.parts):
            continue
        if path.is_dir():
            found[name] = b"folder"
        elif path.suffix == ".sqlite":
            with closing(sqlite3.connect(path)) as connection:
                found[name] = "\n".join(connection.iterdump()).encode()
        else:
            content = path.read_bytes()
            for pattern, usual in VARYING:
                content = pattern.sub(usual, content)
            if path.name == "attempts.jsonl":
                content = b"".join(sorted(content.splitlines(True)))
            found[name] = content
    return found


def differences(calm: Tree, found: Tree) -> list[str]:
    """What is there in one of two folders alone, or is not the same."""
    more = [f"left behind {name}" for name in found if name not in calm]
    less = [f"no {name}" for name in calm if name not in found]
    other = (name for name in calm if found.get(name, calm[name]) != calm[name])
    return more + less + [f"other bytes in {name}" for name in other]


def main() -> None:
    """Kill, and print a table; exits with 1 where something was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="cases whose names begin so")
    asked = parser.parse_args()
    cases = [case for case in CASES if case.name.startswith(asked.only)]
    shares = sum(case.share for case in cases)
    rng, wanted = random.Random(asked.seed), Counter({case.name: 0 for case in cases})
    for case in cases:
        wanted[case.name] = max(1, round(asked.kills * case.share / shares))
    while (left := asked.kills - wanted.total()) != 0:
        wanted[rng.choice(cases).name] += 1 if left > 0 else -1
    print(f"{machine()}; seed {asked.seed}\n")
    print("| command | takes, s | changes of files | kills | ended | not equal |")
    print("| --- | --- | --- | --- | --- | --- |")
    total = Counter[str]()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder, judging() as judge:
        for number, case in enumerate(cases):
            root = Path(folder, str(number))
            root.mkdir()
            killer = Killer(root, asked.seed * 1000 + number, judge)
            told = killer.prepare(case)
            while told.kills < wanted[case.name]:
                killer.kill(case, told, wanted[case.name] - told.kills)
            more = f"; {told.asked} questions asked twice" if case.asks else ""
            print(
                f"| {case.name} | {told.took_s:.1f} | {told.changes} | {told.kills} | {told.ends} "
                f"| {len(told.wrong)}{more} |",
                flush=True,
            )
            for one in told.wrong:
                print(f"{case.name}: {one}", file=sys.stderr, flush=True)
            total.update(kills=told.kills, ends=told.ends, wrong=len(told.wrong))
            shutil.rmtree(root)
    print(f"| all | | | {total['kills']} | {total['ends']} | {total['wrong']} |")
    sys.exit(bool(total["wrong"]))


if __name__ == "__main__":
    main()
