"""The videos of ``video_speed.py``: 1280x720 at 30 frames per second, H.264 and AAC.

``python video_files.py KIND MINUTES PATH`` writes one. Encoding takes more memory than a session, so it has a
process of its own.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))
from drawing import figure, film, motion

WIDTH, HEIGHT, FPS = 1280, 720, 30
SOUND_RATE = 48000
PART_S = 20
"""So much is encoded; then the same packets come over and over, each time from a key frame on."""
Planes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a video shows and how it is encoded.

    Attributes:
        text: the same in words.
        painter: gives the function from a frame's number to its planes, I420 of shape (1080, 1280).
        options: of x264.
    """

    text: str
    painter: Callable[[], Callable[[int], Planes]]
    options: dict[str, str]


def camera() -> Callable[[int], Planes]:
    """A hand-held camera: a person marches to and fro in a finely textured room, with sensor noise."""
    rng = np.random.default_rng(0)
    margin, scale = 48, HEIGHT / 2.75
    size = (WIDTH + 2 * margin, HEIGHT + 2 * margin)
    view = figure.SceneCamera(scale, complex(size[0] / 2, HEIGHT + margin - 0.32 * scale))
    room = film.room(size, view, 0).astype(np.float32)
    for grain in (2, 5, 16):
        coarse = rng.normal(0, 9, (size[1] // grain, size[0] // grain)).astype(np.float32)
        room += cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)[..., None]
    stage = np.clip(room, 0, 255).astype(np.uint8)

    def paint(i: int) -> Planes:
        t = i / FPS
        image = stage.copy()
        pose = motion.march(1.2 * math.sin(0.3 * t), 1, 0.5, t)
        figure.draw(image, pose, figure.Look(), view)
        x = margin + 20 * math.sin(0.7 * t) + 4 * math.sin(4.1 * t)
        y = margin + 12 * math.sin(0.9 * t + 1) + 3 * math.sin(5.3 * t)
        seen = cv2.warpAffine(image, np.array([[1, 0, -x], [0, 1, -y]]), (WIDTH, HEIGHT))
        noise = np.round(rng.standard_normal((HEIGHT, WIDTH), dtype=np.float32) * 3)
        noisy = cv2.add(seen, cv2.merge([noise] * 3), dtype=cv2.CV_8U)
        return np.asarray(cv2.cvtColor(noisy, cv2.COLOR_RGB2YUV_I420), np.uint8)

    return paint


def ripples() -> Callable[[int], Planes]:
    """Waves that run through the whole picture in two directions, with noise: little can be predicted."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    noise = [rng.integers(-6, 7, (HEIGHT, WIDTH), dtype=np.int16) for _ in range(8)]

    def paint(i: int) -> Planes:
        t = i / FPS
        luma = 110 + 50 * np.sin(x / 37 + y / 53 + 0.8 * t) + 30 * np.sin(x / 11 - 2 * t)
        left, top = int(500 + 400 * np.sin(t)), int(200 + 150 * np.cos(1.3 * t))
        luma[top : top + 200, left : left + 120] = 220
        planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        planes[:HEIGHT] = np.clip(luma + noise[i % 8], 16, 235)
        return planes

    return paint


KINDS = {
    "camera": Kind("a person before a hand-held camera; x264 medium, CRF 23", camera, {"crf": "23"}),
    "ripples": Kind(
        "waves and noise, all of the picture moves; x264 veryfast, 1500 kbit/s",
        ripples,
        {"preset": "veryfast", "bf": "3", "b": "1500k"},
    ),
}


def write_part(path: Path, kind: Kind) -> None:
    """``PART_S`` seconds."""
    rng = np.random.default_rng(1)
    paint = kind.painter()
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=FPS)
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        picture.options = dict(kind.options)
        # One slice a frame, as cameras have it; with PyAV's default there is one for each processor.
        picture.thread_type = "FRAME"
        sound = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for i in range(PART_S * FPS):
            frame = av.VideoFrame.from_ndarray(paint(i), format="yuv420p")
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


def main() -> None:
    """Write the video named by the arguments."""
    name, minutes, path = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    part = path.with_name(f"part-{path.name}")
    write_part(part, KINDS[name])
    repeat(part, minutes * 60 // PART_S, path)
    part.unlink()


if __name__ == "__main__":
    main()
