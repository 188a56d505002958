"""What one process holds of very many samples, from plan to report, where their sessions are played already.

``python benchmarks/many_samples_memory.py [SAMPLES]`` (100,000 by default) plans the run of
``many_samples.py``, takes its sessions for played and heard, all alike, then scores and reports them, and
prints the peak of memory after each. ``--floors`` also searches floors, which takes longer than all else.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import many_samples_task as task
import msgspec
from host import machine
from many_samples import HERE, peak_mb, write_data

import tml_bench
from tml_bench.judges.rules import RuleJudge
from tml_bench.outcome import Outcome
from tml_bench.plugins import load_task
from tml_bench.pricing.table import load_prices
from tml_bench.recording import AudioTrack, SessionFacts
from tml_bench.runs.config import RunFile, environment
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import Attempt, RunFolder, StoredRun, last_attempts
from tml_bench.scoring.asking import ask
from tml_bench.scoring.floors import Baseline
from tml_bench.scoring.packed import PackedMap
from tml_bench.scoring.score import _score
from tml_bench.scoring.search import respondents
from tml_bench.scoring.timelines import RunTimelines, outcomes_of
from tml_bench.timeline import Segment, Timeline

TARGET_MB = 1000


def main() -> None:
    """Do it and print the peaks."""
    parser = argparse.ArgumentParser(description="Memory of a process over very many samples.")
    parser.add_argument("samples", type=int, nargs="?", default=100_000)
    parser.add_argument("--floors", action="store_true")
    given = parser.parse_args()
    print(machine())
    import_all()
    say("imported")
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), given.samples, floors=given.floors)
    print(f"target {TARGET_MB} MB: {'ok' if peak_mb() < TARGET_MB else 'missed'}")


def import_all() -> None:
    """Load what scoring and reports import late, so that it is not counted."""
    for name in ("tml_bench.api.running", "tml_bench.report.files"):
        __import__(name)


def say(what: str) -> None:
    """Print the peak so far."""
    print(f"{what}: peak {peak_mb():.0f} MB, {time.process_time():.0f} s of processor time", flush=True)


def measure(folder: Path, samples: int, *, floors: bool) -> None:
    """Plan, score and report a run of so many samples."""
    source = f"{HERE / 'many_samples_task.py'}:{task.ManySamples.__name__}"
    selection = Selection(write_data(folder / "data", samples))
    (plan,) = plan_runs(RunRequest((source,), ("silent",), folder / "results", selection))
    file = RunFile(plan.config, environment(), plan.identity)
    with RunFolder(plan.path, file, lambda stored, attempts: stored):
        say("planned")
    done = [
        Attempt(s.id, s.subset, 1, Outcome.VALID, audio_s=task.SECONDS, sample_sha256=plan.hashes[s.id])
        for s in plan.samples
    ]
    run = StoredRun(plan.path, file, load_task(source), plan.samples, last_attempts(done))
    said_s = task.user_s(task.SECONDS)
    timelines, facts = PackedMap(Timeline, run.path), PackedMap(SessionFacts, run.path)
    for k, sample in enumerate(plan.samples):
        place = run.recording_path(done[k])
        user, model = (AudioTrack(place / f"{who}.flac", "0" * 64) for who in ("user", "model"))
        facts[sample.id] = SessionFacts(user, model, None, (), (), (Segment(0.0, said_s),))
        timelines[sample.id] = Timeline(task.SECONDS, user_speech=(Segment(0.0, said_s),))
    say("heard")
    heard = RunTimelines(run, timelines, outcomes_of(run, {}), facts)
    (asked,) = ask([heard], respondents, known=lambda run, samples: not floors)
    found: dict[tuple[str, ...], tuple[Baseline, ...] | Exception] = {} if floors else {asked.samples: ()}
    _score(asked, RuleJudge(run.task.rules), found, msgspec.UNSET, load_prices(None))
    say("scored")
    tml_bench.report(folder / "results", folder / "report")
    say("reported")


if __name__ == "__main__":
    main()
