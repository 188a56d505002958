"""Wall time to score recorded sessions of TimeSpeak and CueSpeak, both splits, on two processes.

The sessions are those of the oracle, which says everything that is expected. Scored three times: with
perceiving (speech detection in every recording) and finding floors and ceilings, as after a run; without what
was scored before, as with other prices; and as they stand, when nothing has changed.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from common import machine

from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import record
from tml_bench.runs.store import open_run
from tml_bench.scoring.kept_results import FOLDER
from tml_bench.scoring.score import score_runs

TASKS = ("timespeak", "timespeak-test", "cuespeak", "cuespeak-test")
JOBS = 2
TARGET_S = 60.0


def scoring_s(paths: list[Path]) -> float:
    """Seconds to score these runs."""
    with Pool(JOBS, 60.0) as pool:
        began = time.perf_counter()
        score_runs([open_run(path) for path in paths], pool, lambda line: None, "transcript")
        return time.perf_counter() - began


def main() -> None:
    """Print the times."""
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        plans = plan_runs(RunRequest(tasks=TASKS, adapters=("oracle",), out=Path(folder)))
        with Pool(JOBS, 60.0) as pool:
            began = time.perf_counter()
            failed = record(plans, pool, lambda line: None)
            recording_s = time.perf_counter() - began
        assert not failed, failed
        paths = [plan.path for plan in plans]
        runs = [open_run(path) for path in paths]
        minutes = sum(attempt.audio_s for run in runs for attempt in run.valid()) / 60
        sessions = sum(len(run.valid()) for run in runs)
        first = scoring_s(paths)
        shutil.rmtree(Path(folder) / FOLDER)
        again, unchanged = scoring_s(paths), scoring_s(paths)
    verdict = "ok" if first < TARGET_S else "missed"
    print(f"{sessions} sessions, {minutes:.0f} minutes of audio; recorded in {recording_s:.0f} s")
    print(f"scored with perceiving in {first:.1f} s (target {TARGET_S:g}: {verdict})")
    print(f"again in {again:.1f} s, unchanged in {unchanged:.1f} s")


if __name__ == "__main__":
    main()
