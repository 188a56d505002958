"""What TimeSpeak and CueSpeak give a perfect model that is known by its sound alone.

The model (`spoken_oracle.py`) says an accepted reply of every event at its time in a real voice. What it says
is found by speech detection and recognition, then by its transcript without word times, and judged by rules.
Printed are ``on_time`` of every family, and every item that is not fully right with what was made of it. The
recogniser is that of ``$TML_BENCH_WHISPER``; with the one that ships, which knows only English, foreign
replies are missing.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import spoken_oracle
from common import machine

from tml_bench.perception import asr
from tml_bench.perception.perceive import WordMode
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import record
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import StoredRun, open_run, read_lines
from tml_bench.scoring.score import score_runs
from tml_bench.scoring.summary import Summary
from tml_bench.task import Score
from tml_bench.tasks._timed.expected import expected_of

TASKS = ("timespeak", "cuespeak", "timespeak-test", "cuespeak-test")
ADAPTER = f"{Path(spoken_oracle.__file__)}:SpokenOracle"
MODES: tuple[tuple[str, WordMode, float], ...] = (
    ("sound alone", "asr", 95.0),
    ("untimed transcript", "auto", 97.0),
)
"""What is known of the words, how that is asked for, and what the mean of families must reach."""
STEP_S = 300.0


def main() -> None:
    """Record, score both ways, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--task", action="append", help="only this task; repeatable")
    parser.add_argument("--subset", action="append", default=[], help="only this family; repeatable")
    parser.add_argument("--test", type=int, default=7, help="first items a family of test splits; 0: all")
    parser.add_argument("--out", type=Path, help="keep the runs here, and go on with those that are there")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    print(machine())
    print(asr.recogniser_id())
    with tempfile.TemporaryDirectory() as scratch:
        paths = []
        for task in args.task or TASKS:
            limit = args.test if task.endswith("-test") else 0
            selection = Selection(subsets=tuple(args.subset), limit=limit)
            paths += _recorded(
                RunRequest((task,), (ADAPTER,), args.out or Path(scratch), selection), args.jobs
            )
        for name, words, target in MODES:
            runs = [open_run(path) for path in paths]
            with Pool(args.jobs, STEP_S) as pool:
                summaries = score_runs(runs, pool, _tell, words)
            for run, summary in zip(runs, summaries, strict=True):
                print(f"\n{summary.facts.task}, {name} (target {target:g})")
                _print(run, summary)


def _recorded(request: RunRequest, jobs: int) -> list[Path]:
    plans = plan_runs(request)
    with Pool(jobs, STEP_S) as pool:
        record(plans, pool, _tell)
    for plan in plans:
        run = open_run(plan.path)
        assert len(run.valid()) == len(run.samples), "an item could not be played"
    return [plan.path for plan in plans]


def _tell(line: str) -> None:
    if line:
        print(line)


def _print(run: StoredRun, summary: Summary) -> None:
    """Scores, then every item that is not fully right: what was said, and what it was taken for."""
    for metric in summary.metrics:
        if metric.metric.name == "on_time":
            mean = metric.estimate.mean
            print(f"  {metric.subset:20} {'missing' if mean is None else f'{100 * mean:.1f}'}")
    said = {sample.id: spoken_oracle.lines(expected_of(sample)) for sample in run.samples}
    for score in read_lines(run.path / "scores.jsonl", Score):
        if "on_time" in score.missing:
            print(f"  {score.sample}: {score.missing['on_time']}")
        elif score.values["on_time"].numerator < 1:
            print(f"  {score.sample}: {score.values['on_time'].numerator:.2f}")
            for at_s, text, _ in said[score.sample]:
                print(f"    {at_s:6.2f} said {text!r}")
            for row in score.rows:
                print(f"    {row['start_s']:6.2f} {row['event']}")


if __name__ == "__main__":
    main()
