"""Seconds of a session with a user who answers, per second of one processor.

The user of rules (``staged``) against a model that says nothing and costs nothing, whom it waits for and asks
again, and against ``cooperative``, who answers every goal: the user's ear runs on all that the model says.
Both tracks are recorded, 200 ms micro-turns. Lines are shipped clips in a store; each is read once. Processor
time is what is counted; the best of five counts.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import soundfile
from common import Null, machine

from tml_bench.adapter import StepAdapter
from tml_bench.adapters.reference.conversing import Cooperative
from tml_bench.adapters.reference.voice import clip
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import Reference, Sample
from tml_bench.scenario import Manners, Scenario, Stage
from tml_bench.session.settings import Settings, opened_event
from tml_bench.session.simulated import SimulatedSession
from tml_bench.users.staged import staged_lines
from tml_bench.users.voicing import INDEX, RATE, voice_key

TARGET = 150
STAGES, TRIES = 60, 60
BUDGET_S = 600.0


def conversation(folder: Path) -> Sample:
    """Sixty goals, told again up to sixty times, with lines of two to four seconds."""
    stages = tuple(
        Stage(f"T{k}", f"goal {k}", (f"I would like number {k}.",), (str(k),), (f"Number {k}, please.",))
        for k in range(STAGES)
    )
    patient = Manners(tries=TRIES, patience_s=4.0)
    unknown = tuple(f"I do not know, try number {k}." for k in range(TRIES))
    scenario = Scenario(
        "somebody",
        stages,
        manners=patient,
        unknown=unknown,
        budget_s=BUDGET_S,
        turn_limit=1000,
        voiced=folder,
    )
    talk = clip("talk", RATE).audio
    with (folder / INDEX).open("w", encoding="utf-8") as index:
        for number, line in enumerate(staged_lines(scenario)):
            key = voice_key(scenario.voice, line)
            soundfile.write(folder / f"{key}.flac", talk[: RATE * (2 + number % 3)], RATE)
            index.write(json.dumps({"key": key, "voice": scenario.voice, "text": line}) + "\n")
    replies = tuple(f"Very well, here is your number {k}, as you wish." for k in range(STAGES))
    return Sample("talk", "all", reference=Reference(replies=replies), scenario=scenario)


def speed(sample: Sample, model: StepAdapter, folder: Path) -> tuple[float, float, int]:
    """Seconds of session per second of processor, the best of five; its length, and the user's lines."""
    costs = []
    for attempt in range(5):
        began = time.process_time()
        opened = opened_event("benchmark", sample, "model", model, Settings())
        with RecordingWriter(folder / str(attempt), opened, clock="simulated", compute="ideal") as writer:
            SimulatedSession("benchmark", sample, model, Settings(), writer).run()
            writer.close()
        costs.append(time.process_time() - began)
    recording = Recording(folder / "0")
    length_s = recording.manifest.samples / recording.manifest.rate
    return length_s / min(costs), length_s, len(recording.facts.lines)


def main() -> None:
    """Print the speeds."""
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        sample = conversation(folder)
        for name, model in (("null model", Null(RATE, False)), ("cooperative", Cooperative())):
            found, length_s, lines = speed(sample, model, folder / name)
            verdict = "ok" if found >= TARGET else "MISSED"
            said = f"{length_s:.0f} s, {lines} lines of the user"
            print(f"{name} ({said}; target {TARGET}: {verdict}): {found:.0f} x real time")


if __name__ == "__main__":
    main()
