"""What the benchmarks share: an hour of speech, a model that costs nothing, and what ``host`` tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from host import machine, processor_s
from numpy.typing import NDArray

from tml_bench.adapter import MicroTurn, Output, StepAdapter
from tml_bench.media.audio import read_mono
from tml_bench.plugins import load_task
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import Sample, Script, UserTurn
from tml_bench.session.settings import Settings, opened_event
from tml_bench.session.simulated import SimulatedSession

__all__ = ["Null", "machine", "processor_s", "record", "speech_file"]


class Null(StepAdapter):
    """A model that costs nothing.

    Args:
        rate: of both sides' audio in Hz.
        speaks: give back what was heard; otherwise say nothing.
    """

    def __init__(self, rate: int, speaks: bool) -> None:
        self.audio_in = self.audio_out = rate
        self._speaks = speaks

    def step(self, turn: MicroTurn) -> Output | None:
        """Nothing, or the user's audio."""
        return Output(audio=turn.audio) if self._speaks else None


def speech_file(path: Path, rate: int, seconds: int) -> Path:
    """Write a FLAC file of that length: the stories of the mini set, over and over."""
    stories = list(_stories(rate))
    left = seconds * rate
    with soundfile.SoundFile(path, "w", rate, 1, "PCM_16", format="FLAC") as file:
        while left > 0:
            for story in stories:
                file.write(story[:left])
                left -= len(story[:left])
    return path


def _stories(rate: int) -> Iterator[NDArray[np.float32]]:
    for sample in load_task("fd-bench-v1").samples(subsets=["icc_backchannel"]):
        audio = sample.script.turns[0].audio
        assert isinstance(audio, Path)
        yield read_mono(audio, rate)[0]


def record(user: Path, model: StepAdapter, folder: Path) -> None:
    """Run one session of 200 ms micro-turns and write its recording into ``folder``."""
    sample = Sample("benchmark", "benchmark", Script(turns=(UserTurn(user),)))
    opened = opened_event("benchmark", sample, "null", model, Settings())
    with RecordingWriter(folder, opened, clock="simulated", compute="ideal") as writer:
        SimulatedSession("benchmark", sample, model, Settings(), writer).run()
        writer.close()
