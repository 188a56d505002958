"""What the benchmarks share: the machine's name, an hour of speech, a model that costs nothing."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from tml_bench.adapter import MicroTurn, Output, StepAdapter
from tml_bench.media.audio import read_mono
from tml_bench.plugins import load_task
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import Sample, Script, UserTurn
from tml_bench.session.simulated import Session, Settings, opened_event


def machine() -> str:
    """Processor, number of logical processors, system and Python, in one line."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    system = f"{platform.system()} {platform.machine()}"
    return f"{processor}, {os.cpu_count()} logical; {system}; Python {platform.python_version()}"


def processor_s() -> float:
    """Processor seconds that the whole machine has used; NaN where it does not say."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return math.nan
    used = [int(n) for n in stat.read_text().split("\n", 1)[0].split()[1:9]]
    idle = used[3] + used[4]
    return (sum(used) - idle) / os.sysconf("SC_CLK_TCK")


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
        Session("benchmark", sample, model, Settings(), writer).run()
        writer.close()
