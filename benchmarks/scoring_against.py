"""Time to score 480 stored sessions with the code of another revision and with this checkout's, in turns.

The sessions are those of the oracle in TimeSpeak and CueSpeak, both splits, recorded with the other revision.
Both codes are installed the same way, each into an environment of its own with the same versions of
everything else, and are used through the command line alone. Each scores a copy of the same runs: once to
warm up, which fills its cache of timelines, then in turns with the other. Before each time everything that
scoring writes is removed but the timelines; ``--perceive`` removes these too. At the end the results must be
the same: ``scores.jsonl`` and ``verdicts.jsonl`` to the byte, and every value of the other revision's
``summary.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from host import machine, processor_s

ROOT = Path(__file__).resolve().parent.parent
TASKS = ("timespeak", "timespeak-test", "cuespeak", "cuespeak-test")
SESSIONS = 480
JOBS = "2"
TIMES = 3
RECORDED = {"run.json", "attempts.jsonl", *TASKS}
"""What scoring reads and does not write, of a run's folder."""


@dataclass(slots=True)
class Code:
    """One of the two that are compared.

    Attributes:
        name: what to call it.
        source: its tree.
        folder: for its environment, its runs and its cache.
        wall_s: what each scoring took.
        processor_s: the processor time of the same, of all its processes.
    """

    name: str
    source: Path
    folder: Path
    wall_s: list[float] = field(default_factory=list)
    processor_s: list[float] = field(default_factory=list)

    @property
    def runs(self) -> list[Path]:
        """Its copies of the runs, in order."""
        return sorted(path.parent for path in (self.folder / "runs").glob("*/run.json"))

    def install(self, constraints: Path) -> None:
        """Make its environment; ``constraints`` holds versions that must be taken, if it exists."""
        subprocess.run([sys.executable, "-m", "venv", self.folder / "venv"], check=True)
        limits = ["-c", str(constraints)] if constraints.is_file() else []
        self._python("-m", "pip", "install", "--quiet", *limits, str(self.source))

    def versions(self) -> str:
        """What is installed beside tml-bench, as pip prints it."""
        return self._python("-m", "pip", "freeze", "--exclude", "tml-bench")

    def _python(self, *arguments: str) -> str:
        command = [str(self.folder / "venv" / "bin" / "python"), *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def call(self, *arguments: str) -> None:
        """Run its command line, with an empty cache folder.

        Raises:
            RuntimeError: it fails.
        """
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        done = subprocess.run(
            [str(self.folder / "venv" / "bin" / "tml-bench"), *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"XDG_CACHE_HOME": str(self.folder / "cache")},
        )
        if done.returncode:
            raise RuntimeError(f"{self.name}: tml-bench {arguments[0]} failed: {done.stderr[-2000:]}")

    def score(self, *, perceive: bool, count: bool) -> None:
        """Score its runs, from its cache of timelines unless they are to be perceived."""
        kept = RECORDED if perceive else RECORDED | {"timelines"}
        for path in (p for run in self.runs for p in run.iterdir() if p.name not in kept):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        began, used = time.perf_counter(), _children_s()
        self.call("score", "--jobs", JOBS, *map(str, self.runs))
        if count:
            self.wall_s.append(time.perf_counter() - began)
            self.processor_s.append(_children_s() - used)

    def medians(self) -> tuple[float, float]:
        """Of the wall time and of the processor time."""
        return statistics.median(self.wall_s), statistics.median(self.processor_s)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def tree_of(revision: str, folder: Path) -> Path:
    """The files of a revision."""
    archive = folder.with_suffix(".tar")
    archive.parent.mkdir(parents=True, exist_ok=True)
    _git("archive", "--format=tar", "-o", str(archive), revision)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()
    return folder


def tree_here(folder: Path) -> Path:
    """The files of this checkout as they are, uncommitted changes included."""
    for name in _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def differences(old: object, new: object, where: str = "") -> list[str]:
    """Where values of ``old`` are missing in ``new`` or are not the same; ``new`` may have more."""
    if isinstance(old, dict) and isinstance(new, dict):
        gone = [f"{where}.{key}" for key in old if key not in new]
        return gone + [
            d for key in old if key in new for d in differences(old[key], new[key], f"{where}.{key}")
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [d for k, (one, other) in pairs for d in differences(one, other, f"{where}[{k}]")]
    # Printed, so that 1 is not 1.0 and a float must be the same to its last bit.
    return [] if repr(old) == repr(new) else [f"{where}: {old!r} and {new!r}"]


def compare(old: Code, new: Code) -> list[str]:
    """What differs between the results of the two; empty when nothing does."""
    found = [] if [r.name for r in old.runs] == [r.name for r in new.runs] else ["the runs"]
    for one, other in zip(old.runs, new.runs, strict=True):
        for name in ("scores.jsonl", "verdicts.jsonl"):
            if (one / name).read_bytes() != (other / name).read_bytes():
                found.append(f"{one.name}/{name}")
        then, now = (json.loads((run / "summary.json").read_bytes()) for run in (one, other))
        found += differences(then, now, f"{one.name}/summary.json")
    return found


def sessions_of(runs: list[Path]) -> int:
    """How many sessions were scored."""
    return sum(len((run / "scores.jsonl").read_bytes().splitlines()) for run in runs)


def prepare(folder: Path, revision: str) -> tuple[Code, Code]:
    """Install both codes and record the sessions; what an earlier call left of the revision is used again."""
    sha = _git("rev-parse", "--verify", f"{revision}^{{commit}}").strip()
    base, here = folder / sha, folder / "here"
    shutil.rmtree(here, ignore_errors=True)
    old = Code(revision, base / "tree", base)
    new = Code("this checkout", here / "tree", here)
    constraints = base / "versions.txt"
    if not constraints.is_file():
        shutil.rmtree(base, ignore_errors=True)
        tree_of(sha, old.source)
        old.install(constraints)
        tasks = [word for task in TASKS for word in ("--task", task)]
        old.call("run", *tasks, "--adapter", "oracle", "--jobs", JOBS, "--out", str(base / "runs"))
        assert sessions_of(old.runs) == SESSIONS
        constraints.write_text(old.versions())
    tree_here(new.source)
    new.install(constraints)
    shutil.copytree(base / "runs", here / "runs")
    return old, new


def measure(old: Code, new: Code, perceive: bool) -> None:
    """Score in turns and print what it took."""
    for code in (old, new):
        code.score(perceive=perceive, count=False)
    began, used = time.perf_counter(), processor_s()
    for _ in range(TIMES):
        for code in (old, new):
            code.score(perceive=perceive, count=True)
    ours = sum(old.processor_s) + sum(new.processor_s)
    others = (processor_s() - used - ours) / (time.perf_counter() - began)
    for code in (old, new):
        wall, processor = code.medians()
        times = ", ".join(f"{s:.2f}" for s in code.wall_s)
        print(f"{code.name}: {wall:.2f} s, median of {times}; processor time {processor:.2f} s")
    ratios = [one / other for one, other in zip(old.medians(), new.medians(), strict=True)]
    print(f"times as fast: {ratios[0]:.2f} by wall time, {ratios[1]:.2f} by processor time")
    print(f"others used {others:.0%} of a processor meanwhile")


def main() -> None:
    """Print the times, and fail when the results differ."""
    parser = argparse.ArgumentParser(description="Scoring with another revision's code and with this one's.")
    parser.add_argument(
        "--against", default="aed5b99", metavar="REV", help="the other revision [%(default)s]"
    )
    parser.add_argument("--perceive", action="store_true", help="without timelines in the cache")
    parser.add_argument(
        "--work",
        type=Path,
        help="folder that keeps the other revision's environment and sessions for next time",
    )
    asked = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as temporary:
        old, new = prepare(asked.work.resolve() if asked.work else Path(temporary), asked.against)
        how = "perceived afresh" if asked.perceive else "timelines in the cache"
        print(f"{sessions_of(old.runs)} sessions, {how}, {JOBS} processes")
        measure(old, new, asked.perceive)
        found = compare(old, new)
    same = "the same: scores.jsonl and verdicts.jsonl to the byte, summary.json in every value"
    print("results: " + ("\n  ".join(["they differ", *found[:20]]) if found else same))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
