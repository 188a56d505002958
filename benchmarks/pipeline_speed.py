"""Seconds of session per processor second, from playing to scores; nothing is recognised.

Of every task the first ``--samples`` of each subset with each of ``--adapters``, in this process. What is
recorded and what is heard is digested, so that two revisions can be compared: ``--against PYTHON``, the
interpreter of an environment in which the other is installed, runs both in turns, ``--rounds`` times.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

from msgspec import structs

from tml_bench.plugins import load_task, make_adapter, parse_adapter_spec
from tml_bench.recording import Recording
from tml_bench.runs.jobs import PerceiveJob, SessionJob
from tml_bench.runs.worker import Worker
from tml_bench.samples import Sample
from tml_bench.session.settings import Settings
from tml_bench.task import Task
from tml_bench.timeline import Timeline

TASKS = ("fd-bench-v1", "fd-bench-v1.5", "timespeak", "cuespeak", "audio-multichallenge")
RULERS = ("oracle", "delayed:700", "early:500", "always-on", "silent")


def first(task: Task, most: int) -> list[Sample]:
    """The first samples of each subset."""
    seen: Counter[str] = Counter()
    found = []
    for sample in task.samples():
        seen[sample.subset] += 1
        if seen[sample.subset] <= most:
            found.append(sample)
    return found


def heard_alone(timeline: Timeline) -> Timeline:
    """A timeline without the versions that made it."""
    user = None if timeline.user is None else heard_alone(timeline.user)
    return structs.replace(timeline, perceiver="", user=user)


class Pipeline:
    """Runs sessions through, as a run's worker does, and adds up what each part takes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.worker = Worker(lambda at: None, 60.0)
        self.audio_s = 0.0
        self.spent_s = dict.fromkeys(("session", "perception", "scores"), 0.0)
        self.digest = hashlib.sha256()

    def run(self, task: Task, sample: Sample, name: str) -> None:
        """One session, and what is made of it."""
        folder = self.folder / f"{task.name}-{name}-{sample.id}"
        key = (0, sample.id)
        times = [time.process_time()]
        ended = self.worker.do(SessionJob(key, task.name, sample, name, Settings(), folder))
        if not ended.recording:
            raise ValueError(f"{name} on {task.name}, {sample.id}: {ended.reason}")
        times.append(time.process_time())
        facts = Recording(folder).facts
        heard = PerceiveJob(key, task.name, sample, facts, folder / "timeline.json", "transcript")
        timeline = self.worker.do(heard).timeline
        if timeline is None:
            raise ValueError(f"{task.name}, {sample.id} cannot be perceived")
        times.append(time.process_time())
        if not sample.companions:
            task.score(sample, timeline)
        times.append(time.process_time())
        self.audio_s += ended.audio_s
        for part, begin, end in zip(self.spent_s, times, times[1:], strict=False):
            self.spent_s[part] += end - begin
        for track in (facts.user, facts.model):
            self.digest.update(track.sha256.encode())
        self.digest.update(repr(heard_alone(timeline)).encode())


def measured(tasks: list[str], adapters: list[str], most: int) -> dict[str, object]:
    """What the pipeline takes in this process."""
    with tempfile.TemporaryDirectory() as scratch:
        pipeline = Pipeline(Path(scratch))
        for task in map(load_task, tasks):
            for name in adapters:
                if task.needs_history and not make_adapter(parse_adapter_spec(name)).takes_history:
                    continue
                for sample in first(task, most):
                    pipeline.run(task, sample, name)
        return {
            "audio_s": pipeline.audio_s, "digest": pipeline.digest.hexdigest()[:12], **pipeline.spent_s
        }  # fmt: skip


def main() -> None:
    """Print the speed, or that of two revisions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--adapters", nargs="+", default=list(RULERS))
    parser.add_argument("--samples", type=int, default=2, help="of each subset")
    parser.add_argument("--against", default="", help="interpreter of another revision's environment")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print only what was measured, once")
    asked = parser.parse_args()
    if asked.json:
        print(json.dumps(measured(asked.tasks, asked.adapters, asked.samples)))
        return
    here = [__file__, "--json", "--samples", str(asked.samples)]
    here += ["--tasks", *asked.tasks, "--adapters", *asked.adapters]
    speeds: dict[str, list[float]] = {}
    for _ in range(asked.rounds):
        for name, python in {"against": asked.against, "this checkout": sys.executable}.items():
            if not python:
                continue
            done = subprocess.run([python, *here], check=True, stdout=subprocess.PIPE, text=True)
            found = json.loads(done.stdout)
            spent = {part: found[part] for part in ("session", "perception", "scores")}
            speeds.setdefault(name, []).append(found["audio_s"] / sum(spent.values()))
            parts = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in spent.items())
            print(
                f"{name}: {speeds[name][-1]:.0f} x real time; {parts}; digest {found['digest']}", flush=True
            )
    for name, values in speeds.items():
        print(f"{name}: median {median(values):.0f} x real time")


if __name__ == "__main__":
    main()
