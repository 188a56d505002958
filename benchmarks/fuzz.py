"""Reads damaged inputs for a while and tells what every reader did with them.

    python benchmarks/fuzz.py media --minutes 30
    python benchmarks/fuzz.py files messages --target run.json --seed 7
    python benchmarks/fuzz.py media --target flac --seed 7 --only 1234

The groups are `fuzz_media.py`, `fuzz_files.py` and `fuzz_messages.py`; each holds its ``TARGETS``. A reader
may return, or raise what it documents, within 10 s of processor time and 1 GB; anything else is a fault,
and its input is kept in ``--found``. Input N of a target follows from ``--seed`` and N alone. The time is
shared out among the targets.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fuzz_mutations import Mutator

LONGEST_S = 10
"""Of processor time."""
WAITS = 12
"""By the clock it may take so many times as long: others use the machine as well."""
MOST_MEMORY = 1 << 30
INPUTS_A_CHILD = 1000


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        name: What it reads, as `flac` or `run.json`.
        seeds: Makes real inputs.
        read: Reads an input as the product does.
        documented: What it may raise.
        text: Whether inputs are text, which is damaged by token and value as well.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes], object]
    documented: tuple[type[Exception], ...]
    text: bool = False


@dataclass
class Tally:
    """What happened to the inputs of a target so far."""

    tried: int = 0
    refused: int = 0
    spent_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)


class Fuzzing:
    """Feeds one target, in children that may die of it."""

    def __init__(self, target: Target, seed: int, found: Path) -> None:
        self.target = target
        self.seed = seed
        self.found = found
        self.mutator = Mutator(target.seeds(), target.text)
        self.tally = Tally()

    def input(self, number: int) -> bytes:
        """Input ``number``."""
        return self.mutator.draw(Random(f"{self.target.name}:{self.seed}:{number}"))

    def run(self, seconds: float) -> None:
        """Tries the next inputs for about ``seconds``."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            self._one_child(begin + seconds)
        self.tally.spent_s += time.monotonic() - begin

    def _one_child(self, until: float) -> None:
        """Tries inputs in a child until it ends or dies, and counts what it says of them."""
        first = self.tally.tried
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._child(first, until, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as said:
            for line in said:
                self._count(line.decode().rstrip("\n"))
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            name = signal.Signals(os.WTERMSIG(status)).name
            self._count(f"over {LONGEST_S} s" if name in ("SIGALRM", "SIGPROF") else f"killed by {name}")
        elif os.WEXITSTATUS(status):
            self._count(f"process ended with {os.WEXITSTATUS(status)}")

    def _child(self, first: int, until: float, writing: int) -> None:
        """Tries inputs; a line for each."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + MOST_MEMORY, held + MOST_MEMORY))
        for number in range(first, first + INPUTS_A_CHILD):
            data = self.input(number)
            signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
            signal.alarm(WAITS * LONGEST_S)
            outcome = self.outcome(data)
            signal.alarm(0)
            signal.setitimer(signal.ITIMER_PROF, 0)
            os.write(writing, f"{outcome}\n".encode(errors="backslashreplace"))
            if time.monotonic() > until:
                break
        os._exit(0)

    def outcome(self, data: bytes) -> str:
        """`read`, `refused`, or what was raised and where."""
        try:
            self.target.read(data)
        except self.target.documented:
            return "refused"
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            return f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
        return "read"

    def _count(self, outcome: str) -> None:
        """Counts one input; what is a fault is kept."""
        number = self.tally.tried
        self.tally.tried += 1
        if outcome == "refused":
            self.tally.refused += 1
        elif outcome != "read":
            self.tally.faults[outcome] += 1
            if self.tally.faults[outcome] <= 3:
                self._keep(number, outcome)

    def _keep(self, number: int, outcome: str) -> None:
        """Keeps the input of a fault, and says so."""
        data = self.input(number)
        folder = self.found / self.target.name
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / hashlib.sha256(data).hexdigest()[:12]
        path.write_bytes(data)
        print(f"{self.target.name} --only {number}: {outcome}; {path}", flush=True)


def table(fuzzed: list[Fuzzing]) -> str:
    """What was tried, by target."""
    rows = ["| target | minutes | inputs | refused | faults |", "| --- | --- | --- | --- | --- |"]
    for one in fuzzed:
        tally = one.tally
        faults = ", ".join(f"{count} {name}" for name, count in tally.faults.most_common()) or "none"
        cells = (
            f"`{one.target.name}`",
            f"{tally.spent_s / 60:.1f}",
            f"{tally.tried:,}",
            f"{tally.refused:,}",
        )
        rows.append(f"| {' | '.join(cells)} | {faults} |")
    return "\n".join(rows)


def main() -> int:
    """Fuzzes, prints the table; 1 if there were faults."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("groups", nargs="+", choices=("media", "files", "messages"))
    parser.add_argument("--target", action="append", help="only this one; can be given again")
    parser.add_argument("--minutes", type=float, default=1.0, help="in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="read this one input here, with its traceback")
    parser.add_argument("--found", type=Path, default=Path("fuzz-found"))
    asked = parser.parse_args()
    targets = [
        target
        for group in asked.groups
        for target in importlib.import_module(f"fuzz_{group}").TARGETS
        if not asked.target or target.name in asked.target
    ]
    if not targets:
        parser.error(f"no such target: {', '.join(asked.target)}")
    fuzzed = [Fuzzing(target, asked.seed, asked.found) for target in targets]
    if asked.only is not None:
        for one in fuzzed:
            print(one.target.read(one.input(asked.only)))
        return 0
    turns = max(1, round(asked.minutes))
    try:
        for _ in range(turns):
            for one in fuzzed:
                one.run(60 * asked.minutes / turns / len(fuzzed))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    print(table(fuzzed))
    return int(any(one.tally.faults for one in fuzzed))


if __name__ == "__main__":
    sys.exit(main())
