"""10-minute 1280x720 videos through a session at 2 frames per second: speed and resident memory."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import common
import video_files

from tml_bench.adapter import MicroTurn, Output, VideoSpec
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import Sample, Script, UserVideo
from tml_bench.session.settings import Settings, opened_event
from tml_bench.session.simulated import SimulatedSession

MINUTES = 10
TARGET_SPEED = 20
TARGET_MB = 400
TIMES = 2
"""A shared machine may have been busy with something else: the best counts."""


class Watcher(common.Null):
    """A model that costs nothing and takes video at 2 frames per second."""

    video_in = VideoSpec(fps=2.0, max_side=768)

    def __init__(self) -> None:
        super().__init__(16000, speaks=False)
        self.frames = 0

    def step(self, turn: MicroTurn) -> Output | None:
        """Count the frames."""
        self.frames += len(turn.frames)
        return super().step(turn)


class Run(NamedTuple):
    """How one session went.

    Attributes:
        wall_s: how long it took.
        processor_s: processor time of it.
        others_s: processor time of everything else on the machine meanwhile.
        frames: how many it handed over.
    """

    wall_s: float
    processor_s: float
    others_s: float
    frames: int


def run(path: Path, folder: Path) -> Run:
    """Stream one video."""
    sample = Sample("benchmark", "benchmark", Script(videos=(UserVideo(path, sound=True),)))
    model = Watcher()
    wall, own, machine = time.perf_counter(), time.process_time(), common.processor_s()
    opened = opened_event("benchmark", sample, "null", model, Settings())
    with RecordingWriter(folder, opened, clock="simulated", compute="ideal") as writer:
        SimulatedSession("benchmark", sample, model, Settings(), writer).run()
        writer.close()
    wall, own = time.perf_counter() - wall, time.process_time() - own
    return Run(wall, own, common.processor_s() - machine - own, model.frames)


def measure(name: str, minutes: int, scratch: Path) -> None:
    """Write one of the videos, stream it and print how that went."""
    path = scratch / f"{name}.mp4"
    writer = Path(__file__).with_name("video_files.py")
    subprocess.run([sys.executable, str(writer), name, str(minutes), str(path)], check=True)
    best = min(run(path, scratch / f"{name}-{i}") for i in range(TIMES))
    speed = minutes * 60 / best.wall_s
    rate = path.stat().st_size * 8 / (minutes * 60) / 1e6
    print(f"{name}: {video_files.KINDS[name].text}")
    print(f"  {minutes} min, {rate:.1f} Mbit/s, {best.frames} frames shown")
    print(
        f"  {best.wall_s:.1f} s of wall time, {best.processor_s:.1f} s of processor time (others meanwhile: "
        f"{best.others_s:.1f} s): {speed:.0f} times real time "
        f"(target {TARGET_SPEED}: {'ok' if speed >= TARGET_SPEED else 'MISSED'})",
        flush=True,
    )
    path.unlink()


def main() -> None:
    """Print the speed and memory; the arguments are the number of minutes and which videos."""
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    print(common.machine())
    with tempfile.TemporaryDirectory() as scratch:
        for name in sys.argv[2:] or video_files.KINDS:
            measure(name, minutes, Path(scratch))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory: peak {peak:.0f} MB (target {TARGET_MB}: {'ok' if peak < TARGET_MB else 'MISSED'})")


if __name__ == "__main__":
    main()
