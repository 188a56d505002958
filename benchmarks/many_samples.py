"""What a sample costs in runs of very different size: time, memory, bytes and files of run, score and report.

``python benchmarks/many_samples.py [N ...]`` makes runs of so many samples (by default 1000 and 4000) of
``--seconds`` (by default 2) with ``--adapter`` (by default ``silent``, which costs the least). Each phase is
a process of its own that uses tml-bench as the command line does. Other arguments: ``--jobs`` processes,
``--phases`` not all, ``--work`` a folder that is kept: phases whose figures are there are not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import many_samples_task as task
import numpy as np
import soundfile
from host import machine, processor_s

HERE = Path(__file__).resolve().parent
RATE = 16_000
PHASES = ("run", "score", "score again", "report")


class Cost(NamedTuple):
    """What a phase took, of the process that leads and of its workers."""

    wall_s: float
    cpu_s: float
    workers_cpu_s: float
    others_cpu_s: float
    start_mb: float
    peak_mb: float
    worker_mb: float


def write_data(folder: Path, samples: int, seconds: float = task.SECONDS) -> Path:
    """The data of a run: its clips, which samples share, and how many samples there are, and how long."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    syllables = np.abs(np.sin(np.pi * 4 * np.arange(round(task.user_s(seconds) * RATE)) / RATE))
    for k in range(task.CLIPS):
        audio = 0.1 * rng.normal(size=len(syllables)) * syllables
        soundfile.write(folder / task.clip(k), audio, RATE, "PCM_16")
    (folder / task.COUNT).write_text(f"{samples} {seconds}")
    return folder


def do(phase: str, work: Path, jobs: int, adapter: str) -> None:
    """Do one phase in this process."""
    # Imported here, so that memory before and after the phase is that of the same modules.
    import tml_bench
    from tml_bench.api.scores import worker_pool
    from tml_bench.runs.plan import RunRequest, plan_runs
    from tml_bench.runs.record import record
    from tml_bench.runs.selection import Selection

    if phase == "report":
        tml_bench.report(work / "results", work / "report")
        return
    source = f"{HERE / 'many_samples_task.py'}:{task.ManySamples.__name__}"
    request = RunRequest((source,), (adapter,), work / "results", Selection(work / "data"))
    plans = plan_runs(request)
    if phase == "run":
        with worker_pool(jobs, 60.0) as pool:
            assert not record(plans, pool, lambda line: None)
    else:
        tml_bench.score(plans[0].path, jobs=jobs, progress=False)


def measured(phase: str, work: Path, jobs: int, adapter: str) -> Cost:
    """Do one phase in this process and tell what it took."""
    for loaded in ("tml_bench.api.running", "tml_bench.report.files"):
        import_module(loaded)  # before memory is looked at
    start_mb = peak_mb()
    busy_s, began_s = processor_s(), time.perf_counter()
    do(phase, work, jobs, adapter)
    wall_s = time.perf_counter() - began_s
    own, workers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s, workers_s = own.ru_utime + own.ru_stime, workers.ru_utime + workers.ru_stime
    others_s = processor_s() - busy_s - cpu_s - workers_s
    return Cost(wall_s, cpu_s, workers_s, others_s, start_mb, peak_mb(), workers.ru_maxrss / 1024)


def peak_mb() -> float:
    """Most resident memory of this process so far; of ``getrusage`` it were also that of what started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def files_in(folder: Path) -> tuple[int, int, int]:
    """How many files and folders there are in a folder, and how many bytes."""
    files = folders = size = 0
    for place, inside, names in os.walk(folder):
        folders += len(inside)
        files += len(names)
        size += sum(os.lstat(os.path.join(place, name)).st_size for name in names)
    return files, folders, size


def measure(
    samples: int, seconds: float, work: Path, how: Sequence[str], phases: Sequence[str]
) -> dict[str, float]:
    """Phases of a run of so many samples, each in a process of its own: figures by what they are.

    ``how`` are the arguments that each of these processes gets.
    """
    write_data(work / "data", samples, seconds)
    found: dict[str, float] = {}
    for phase in phases:
        kept = work / f"{phase.replace(' ', '-')}.json"
        if not kept.is_file():
            kept.write_text(json.dumps(_figures(phase, samples, work, how)))
        found |= json.loads(kept.read_text())
    took = sum(value for name, value in found.items() if "processor" in name)
    return found | {"in all: processor, ms": took}


def _figures(phase: str, samples: int, work: Path, how: Sequence[str]) -> dict[str, float]:
    """Do a phase: its figures, a sample."""
    command = [sys.executable, __file__, "--phase", phase, "--work", str(work), *how]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    cost = Cost(*json.loads(done.stdout.splitlines()[-1]))
    print(f"{samples} samples, {phase}: {cost}", file=sys.stderr, flush=True)
    found = {
        f"{phase}: wall, ms": 1e3 * cost.wall_s / samples,
        f"{phase}: processor of the command, ms": 1e3 * cost.cpu_s / samples,
        f"{phase}: processor of workers, ms": 1e3 * cost.workers_cpu_s / samples,
        f"{phase}: memory, KB": 1024 * (cost.peak_mb - cost.start_mb) / samples,
    }
    if phase != "score again":
        files, folders, size = files_in(work / ("report" if phase == "report" else "results"))
        found |= {
            f"after {phase}: files": files / samples,
            f"after {phase}: folders": folders / samples,
            f"after {phase}: KB": size / 1024 / samples,
        }
    return found


def table(sizes: Sequence[int], found: Sequence[dict[str, float]]) -> str:
    """What a sample costs, by size of the run, and the last size against the first."""
    heads = ["a sample", *(f"{n:,} samples" for n in sizes), "last : first"]
    lines = [heads, ["---"] * len(heads)]
    for name in dict.fromkeys(name for one in found for name in one):
        values = [one.get(name) for one in found]
        ratio = f"{values[-1] / values[0]:.2f}" if values[0] and values[-1] is not None else ""
        lines.append([name, *("" if value is None else f"{value:.3g}" for value in values), ratio])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What a sample costs in runs of different size.")
    parser.add_argument("samples", type=int, nargs="*", default=[1000, 4000])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=task.SECONDS, help="length of a session")
    parser.add_argument("--adapter", default="silent")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--phases", nargs="+", choices=PHASES, default=PHASES)
    parser.add_argument("--phase", choices=PHASES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.phase:
        print(json.dumps(measured(given.phase, given.work, given.jobs, given.adapter)))
        return
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        how = ["--jobs", str(given.jobs), "--adapter", given.adapter]
        found = [measure(n, given.seconds, work / str(n), how, given.phases) for n in given.samples]
    print(table(given.samples, found))


if __name__ == "__main__":
    main()
