"""What it costs to score again what has been scored: processor time of the whole command, a sample.

``python benchmarks/rescoring.py [RUNS ...]`` takes runs of a results folder; without any it makes those of
all that ships, with six rulers, which takes minutes. They are copied first. ``tml-bench score`` over all of
them is called

- ``unchanged``: as the same command has left everything;
- ``touched``: a file of each run was written again, with the same content, so that what was heard is read;
- ``anew``: nothing is kept of what was scored, as with other prices, while what was heard and floors are.

Each is called ``--rounds`` times; the least and the most are told. Results must stay the same to the byte.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from host import machine, processor_s

from tml_bench.runs.store import ATTEMPTS
from tml_bench.scoring.kept_floors import FOLDER as FLOORS
from tml_bench.scoring.kept_results import FOLDER as SCORED

RULERS = ("silent", "always-on", "echo", "delayed:700", "early:500", "oracle")
RESULTS = ("scores.jsonl", "summary.json", "verdicts.jsonl")
OLD_S = 0.1
"""What was written so short before runs are opened may be another than was read, and is read again."""


def command(*words: str | Path) -> float:
    """Processor seconds of a command with all its processes."""
    main = "from tml_bench.cli import main; main()"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-P", "-c", main, *map(str, words)], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def copied(runs: Sequence[Path], out: Path) -> list[Path]:
    """The runs in a folder of their own, with floors."""
    for run in runs:
        shutil.copytree(run, out / run.name)
    for folder in {run.parent / FLOORS for run in runs}:
        if folder.is_dir():
            shutil.copytree(folder, out / FLOORS, dirs_exist_ok=True)
    return [out / run.name for run in runs]


def touch(runs: Sequence[Path]) -> None:
    """Write a file of each run again, whose content decides nothing."""
    for run in runs:
        next(path for path in sorted(run.rglob("manifest.json"))).touch()


def forget(runs: Sequence[Path]) -> None:
    """Have nothing kept of what was scored."""
    shutil.rmtree(runs[0].parent / SCORED)


CASES: dict[str, Callable[[Sequence[Path]], None]] = {
    "unchanged": lambda runs: None,
    "touched": touch,
    "anew": forget,
}
"""What is done before each call."""


def results(runs: Sequence[Path]) -> dict[str, bytes]:
    """What scoring wrote."""
    files = [run / name for run in runs for name in RESULTS]
    return {str(file): file.read_bytes() for file in files if file.exists()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rescoring-") as folder:
        given = asked.runs
        if not given:
            adapters = [f"--adapter={name}" for name in RULERS]
            command("run", "--suite", "mini", *adapters, "--out", Path(folder) / "made", "--quiet")
            given = sorted(path.parent for path in (Path(folder) / "made").glob("*/run.json"))
        runs = copied(given, Path(folder) / "results")
        samples = sum(len((run / ATTEMPTS).read_bytes().splitlines()) for run in runs)
        command("score", *runs, "--quiet")
        before = results(runs)
        print(f"{machine()}; {len(runs)} runs, {samples} samples, {asked.rounds} rounds\n")
        print(
            "| tml-bench score | processor, s | a sample, ms | others meanwhile |\n| --- | --- | --- | --- |"
        )
        for name, prepare in CASES.items():
            command("score", *runs, "--quiet")
            found, began, used = [], time.perf_counter(), processor_s()
            for _ in range(asked.rounds):
                prepare(runs)
                time.sleep(OLD_S)
                found.append(command("score", *runs, "--quiet"))
            took_s = time.perf_counter() - began
            others = (processor_s() - used - sum(found)) / took_s
            least, most = min(found), max(found)
            each = f"{1000 * least / samples:.2f} to {1000 * most / samples:.2f}"
            print(f"| {name} | {least:.2f} to {most:.2f} | {each} | {others:.0%} |", flush=True)
        after = results(runs)
    print(f"\nresults: {'the same to the byte' if after == before else 'NOT the same'}")
    sys.exit(after != before)


if __name__ == "__main__":
    main()
