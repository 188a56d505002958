"""Processor seconds to perceive and to score a minute of audio.

The model talks all the time, which is the most there can be to perceive. Words come from its own transcript,
and from local recognition where the extra ``speech`` is installed. Imports and the loading of models are
left out by doing one recording first; threads of the recogniser are counted in.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from common import machine

from tml_bench.adapters.reference import AlwaysOn
from tml_bench.perception import asr
from tml_bench.perception.perceive import WordMode
from tml_bench.perception.recordings import timeline_of
from tml_bench.plugins import load_task
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import Sample
from tml_bench.session.settings import Settings, opened_event
from tml_bench.session.simulated import SimulatedSession
from tml_bench.task import Task


def recordings(task: Task, folder: Path) -> list[tuple[Sample, Recording]]:
    """The backchannel stories of the mini set with a model that never stops."""
    model = AlwaysOn()
    made = []
    for sample in task.samples(subsets=["icc_backchannel"]):
        opened = opened_event(task.name, sample, "always-on", model, Settings())
        with RecordingWriter(folder / sample.id, opened, clock="simulated", compute="ideal") as writer:
            SimulatedSession(task.name, sample, model, Settings(), writer).run()
            writer.close()
        made.append((sample, Recording(folder / sample.id)))
    return made


def cost(task: Task, made: list[tuple[Sample, Recording]], words: WordMode, folder: Path) -> str:
    """Processor seconds per minute of audio, for perceiving and for scoring."""
    timeline_of(made[0][1].facts, folder / "first.json", words)
    minutes = sum(recording.duration_s for _, recording in made) / 60
    perceiving = scoring = 0.0
    for sample, recording in made:
        began = time.process_time()
        timeline = timeline_of(recording.facts, folder / f"{words}-{sample.id}.json", words)
        perceived = time.process_time()
        task.score(sample, timeline)
        perceiving += perceived - began
        scoring += time.process_time() - perceived
    return f"perceive {perceiving / minutes:.2f} s, score {1000 * scoring / minutes:.2f} ms"


def main() -> None:
    """Print the costs."""
    print(machine())
    task = load_task("fd-bench-v1")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        made = recordings(task, folder)
        print("per minute of audio, words from the transcript:", cost(task, made, "transcript", folder))
        if problem := asr.missing():
            print(f"local recognition: not measured, {problem}")
        else:
            print("per minute of audio, words recognised:", cost(task, made, "asr", folder))


if __name__ == "__main__":
    main()
