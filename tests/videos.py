"""Video files with known answers: every frame carries its index as a barcode, so the picture is the proof."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

BITS = 10
QUICK_VP8 = {"deadline": "realtime", "cpu-used": "-16"}
"""Options of libvpx, which by itself takes half a second for a video of three; below 0 its speed is fixed."""
MS = Fraction(1, 1000)
Audio = NDArray[np.float32]


def barcode(index: int, width: int = 160, height: int = 96) -> NDArray[np.uint8]:
    """The index in ``BITS`` vertical bars between a red band above and a blue one below."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 4] = (255, 0, 0)
    image[-(height // 4) :] = (0, 0, 255)
    for bit in range(BITS):
        if index >> bit & 1:
            first, last = bit * width // BITS, (bit + 1) * width // BITS
            image[height // 4 : height - height // 4, first:last] = 255
    return image


def read_barcode(image: NDArray[np.uint8]) -> int:
    """The index in an upright picture of a barcode, at any size."""
    height, width = image.shape[:2]
    bars = image[height // 2, [int((bit + 0.5) * width / BITS) for bit in range(BITS)]]
    return sum(1 << bit for bit, bright in enumerate((bars.mean(axis=1) > 128).tolist()) if bright)


def write_video(
    path: Path,
    times_ms: Sequence[int],
    *,
    codec: str = "libx264",
    size: tuple[int, int] = (160, 96),
    sound: tuple[str, Audio, int, int] | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    constant_fps: int = 0,
    pix_fmt: str = "yuv420p",
    aspect: Fraction | None = None,
) -> Path:
    """A video whose frame ``i`` is barcode ``i``, presented at ``times_ms[i]``.

    Args:
        path: its ending names the container.
        times_ms: presentation times, ascending.
        codec: FFmpeg's name of the encoder.
        size: width and height.
        sound: codec, samples, rate and time of the first sample in milliseconds.
        options: of the encoder.
        container_options: of the container.
        constant_fps: time stamps are i / constant_fps instead, for codecs and containers that know no other.
        pix_fmt: pixel format.
        aspect: width of a pixel over its height.
    """
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=constant_fps or 25)
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        stream.options = {"g": "25", **(options or {})}
        base = Fraction(1, constant_fps) if constant_fps else MS
        stream.codec_context.time_base = base
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        track = None
        if sound:
            track = container.add_stream(sound[0], rate=sound[2], layout="mono")
        for index, t_ms in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(barcode(index, *size), format="rgb24")
            frame.pts = index if constant_fps else t_ms
            frame.time_base = base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if track is not None and sound is not None:
            _, samples, rate, start_ms = sound
            for at in range(0, len(samples), 960):
                piece = av.AudioFrame.from_ndarray(samples[None, at : at + 960], format="flt", layout="mono")
                piece.sample_rate = rate
                piece.pts = start_ms * rate // 1000 + at
                piece.time_base = Fraction(1, rate)
                container.mux(track.encode(piece))
            container.mux(track.encode())
    return path


def constant(n: int = 120, gap_ms: int = 40, start_ms: int = 0) -> list[int]:
    """Times of a constant frame rate."""
    return [start_ms + gap_ms * i for i in range(n)]


def variable(n: int = 120, seed: int = 0) -> list[int]:
    """Times 17 to 250 ms apart, as phones record them."""
    gaps = np.random.default_rng(seed).integers(17, 251, n - 1)
    return [0, *np.cumsum(gaps).tolist()]


MATRICES = {
    90: (0, -1, 1, 0),
    180: (-1, 0, 0, -1),
    270: (0, 1, -1, 0),
}
"""Upper left of the display matrix by degrees counterclockwise (ISO 14496-12, 8.3.2)."""


def turn(path: Path, degrees: int) -> Path:
    """Write a display matrix into the (only) track header of an MP4, which tells players to turn it."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4
    assert data[at] == 0, "a track header of version 0"
    matrix = at + 4 + 4 * 5 + 8 + 2 * 4
    a, b, c, d = MATRICES[degrees]
    for place, value in ((0, a), (4, b), (12, c), (16, d)):
        data[matrix + place : matrix + place + 4] = (value << 16).to_bytes(4, "big", signed=True)
    path.write_bytes(data)
    return path


def shown(times_ms: Sequence[int], t_ms: float) -> int | None:
    """By definition: the last frame that is presented at or before ``t_ms``; None before the first."""
    due = [index for index, at in enumerate(times_ms) if at <= t_ms]
    return due[-1] if due else None
