"""``tml-bench report`` over results of 8 models on 9 tasks of 2,000 samples each: wall time and peak memory.

``python benchmarks/report_speed.py [MODELS] [SAMPLES] [TASK ...]`` writes summaries and scores in the true
form, of all tasks or those named, with values drawn at random around what each model can, and reports on them
in a process of its own.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from host import machine

from tml_bench.outcome import Outcome
from tml_bench.plugins import load_task, suite_names
from tml_bench.samples import Sample
from tml_bench.scoring.floors import Baseline, columns
from tml_bench.scoring.judging import JudgedScores
from tml_bench.scoring.summary import RunFacts, summarise
from tml_bench.scoring.summary_file import write_results
from tml_bench.scoring.timelines import SampleOutcome
from tml_bench.task import Kind, Metric, Score, Task, Value

TARGET_S, TARGET_MB = 60, 1000
PER_UNIT = 4
"""Samples of one speaker or video."""


def write_runs(out: Path, models: int, samples: int, tasks: Sequence[str] = ()) -> Iterator[Path]:
    """Runs of so many models on tasks, by default all, each of so many samples."""
    for name in tasks or suite_names():
        for model in range(models):
            yield write_run(out, load_task(name), model, samples)


def write_run(out: Path, task: Task, model: int, samples: int) -> Path:
    """Summary and scores of a run."""
    asked = [
        Sample(f"s{k}", task.subsets[k % len(task.subsets)], unit=f"u{k // PER_UNIT}") for k in range(samples)
    ]
    floors = [Baseline(part.name, metric.name, 0.2, "silence", 0.95, {}) for part, metric in columns(task)]
    rng = np.random.default_rng([model, len(task.name)])
    scores = [_score(task, sample, 0.4 + 0.05 * (model % 11), rng) for sample in asked]
    run = out / f"{task.name}--model-{model}"
    run.mkdir(parents=True)
    facts = RunFacts(
        run.name, f"model-{model}", task.name, "mini-1", 200_000_000, "ideal",
        created="2026-01-01T00:00:00+00:00", tml_bench="0",
    )  # fmt: skip
    valid = {sample.id: SampleOutcome(Outcome.VALID) for sample in asked}
    summary = summarise(task, facts, asked, scores, valid, floors)
    write_results(run, JudgedScores(scores, [], {}), summary)
    return run


def _score(task: Task, sample: Sample, skill: float, rng: np.random.Generator) -> Score:
    metrics = [m for m in task.metrics if not m.subsets or sample.subset in m.subsets]
    return Score(
        task.name, sample.subset, sample.id, sample.unit, {m.name: _value(m, skill, rng) for m in metrics}
    )


def _value(metric: Metric, skill: float, rng: np.random.Generator) -> Value:
    if metric.kind is Kind.RATE:
        return Value(float(rng.random() < skill))
    if metric.kind is Kind.RATIO:
        return Value(float(rng.binomial(5, skill)), 5.0)
    return Value(float(np.clip(rng.normal(skill, 0.2), 0, 1)))


def main(arguments: Sequence[str]) -> None:
    """Write, report, print."""
    models, samples = int(arguments[0]) if arguments else 8, int(arguments[1]) if arguments[1:] else 2000
    with tempfile.TemporaryDirectory() as folder:
        runs = list(write_runs(Path(folder, "results"), models, samples, arguments[2:]))
        command = [
            str(Path(sys.executable).with_name("tml-bench")),
            "report",
            *map(str, runs),
            "--out",
            f"{folder}/report",
        ]
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        wall_s = time.perf_counter() - begin
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        size = sum(path.stat().st_size for path in Path(folder, "report").rglob("*") if path.is_file())
    peak_mb, processor_s = used.ru_maxrss / 1024, used.ru_utime + used.ru_stime
    print(machine())
    print(f"{models} models, {samples} samples, {len(runs)} runs")
    print(
        f"wall time {wall_s:.1f} s (target {TARGET_S}: {'ok' if wall_s < TARGET_S else 'missed'}),"
        f" processor time {processor_s:.1f} s"
    )
    print(f"peak memory {peak_mb:.0f} MB (target {TARGET_MB}: {'ok' if peak_mb < TARGET_MB else 'missed'})")
    print(f"report of {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
