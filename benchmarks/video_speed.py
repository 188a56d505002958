"""A 10-minute 1280x720 video through a session at 2 frames per second: speed and resident memory."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import av
import common
import numpy as np

from tml_bench.adapter import MicroTurn, Output, VideoSpec
from tml_bench.recording import RecordingWriter
from tml_bench.samples import Sample, Script, UserVideo
from tml_bench.session.engine import Session, Settings, opened_event

MINUTES = 10
SIZE = (1280, 720)
FPS = 30
SOUND_RATE = 48000
TARGET_SPEED = 20
TARGET_MB = 400
PART_S = 20


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


def write_part(path: Path) -> None:
    """``PART_S`` seconds of a moving scene with camera noise and sound, as H.264 with B-frames and AAC."""
    rng = np.random.default_rng(0)
    width, height = SIZE
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    noise = [rng.integers(-6, 7, (height, width), dtype=np.int16) for _ in range(8)]
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=FPS)
        picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
        picture.options = {"preset": "veryfast", "bf": "3", "b": "1500k"}
        sound = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for i in range(PART_S * FPS):
            t = i / FPS
            luma = 110 + 50 * np.sin(x / 37 + y / 53 + 0.8 * t) + 30 * np.sin(x / 11 - 2 * t)
            left, top = int(500 + 400 * np.sin(t)), int(200 + 150 * np.cos(1.3 * t))
            luma[top : top + 200, left : left + 120] = 220
            planes = np.full((height * 3 // 2, width), 128, np.uint8)
            planes[:height] = np.clip(luma + noise[i % 8], 16, 235)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = i
            container.mux(picture.encode(frame))
            piece = rng.normal(0, 0.05, (1, SOUND_RATE // FPS)).astype(np.float32)
            audio = av.AudioFrame.from_ndarray(piece, format="flt", layout="mono")
            audio.sample_rate, audio.pts = SOUND_RATE, i * (SOUND_RATE // FPS)
            container.mux(sound.encode(audio))
        container.mux(picture.encode())
        container.mux(sound.encode())


def repeat(part: Path, times: int, path: Path) -> None:
    """The same packets over and over in one file, which is quicker than encoding them."""
    with av.open(str(path), "w") as out:
        streams = {}
        last: dict[int, int] = {}
        for n in range(times):
            with av.open(str(part)) as source:
                for stream in source.streams:
                    if n == 0:
                        streams[stream.index] = out.add_stream_from_template(stream)
                for packet in source.demux():
                    shift = round(n * PART_S / packet.time_base)
                    # The sound of a part reaches a little into the next.
                    if (
                        packet.dts is None
                        or packet.pts is None
                        or packet.dts + shift <= last.get(packet.stream_index, -(10**9))
                    ):
                        continue
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    last[packet.stream_index] = packet.dts
                    packet.stream = streams[packet.stream_index]
                    out.mux(packet)


def run(path: Path, folder: Path) -> tuple[float, float, int]:
    """Wall and processor seconds of one session, and how many frames it handed over."""
    sample = Sample("benchmark", "benchmark", Script(videos=(UserVideo(path, sound=True),)))
    model = Watcher()
    wall, processor = time.perf_counter(), time.process_time()
    opened = opened_event("benchmark", sample, "null", model, Settings())
    with RecordingWriter(folder, opened, clock="simulated", compute="ideal") as writer:
        Session("benchmark", sample, model, Settings(), writer).run()
        writer.close()
    return time.perf_counter() - wall, time.process_time() - processor, model.frames


def main() -> None:
    """Print the speed, memory and size; the argument is the number of minutes."""
    minutes = int(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    print(common.machine())
    with tempfile.TemporaryDirectory() as scratch:
        part, path = Path(scratch) / "part.mp4", Path(scratch) / "whole.mp4"
        write_part(part)
        repeat(part, minutes * 60 // PART_S, path)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        wall, processor, frames = run(path, Path(scratch) / "recording")
        megabytes = path.stat().st_size / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    speed = minutes * 60 / wall
    print(
        f"{minutes} min of {SIZE[0]}x{SIZE[1]} at {FPS} frames/s, H.264 and AAC, {megabytes:.0f} MB: "
        f"{frames} frames handed over, with sound"
    )
    print(
        f"{wall:.1f} s of wall time, {processor:.1f} s of processor time: {speed:.0f} times real time "
        f"(target {TARGET_SPEED}: {'ok' if speed >= TARGET_SPEED else 'MISSED'})"
    )
    print(
        f"memory: peak {peak:.0f} MB (target {TARGET_MB}: {'ok' if peak < TARGET_MB else 'MISSED'}); "
        f"{before:.0f} MB after writing the video"
    )


if __name__ == "__main__":
    main()
