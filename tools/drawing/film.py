"""Rooms, camera noise and mp4 files for the video that ships.

Only the scripts that render shipped video use this module. Everything is a pure function of its arguments
and a seed, and the encoder runs on one thread without a time stamp of its own, so that two runs on one
machine write the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from drawing.figure import Colour, Image, SceneCamera, disc, polygon, shaded

from tml_bench.synthesis import speech

TICKS = 90000
"""Presentation times are whole numbers of 1 / 90000 s."""
CRF = "28"
X264 = "threads=1:asm=sse2"
"""With wider instructions than SSE2 x264 writes other bytes in each run; with SSE2 those of its C code."""
NOISE = 1.6
"""Standard deviation of the sensor noise, in levels of 255."""

_WALLS: tuple[Colour, ...] = (
    (196, 190, 176),
    (168, 184, 192),
    (190, 200, 180),
    (204, 186, 178),
    (176, 176, 190),
)
_FLOORS: tuple[Colour, ...] = ((128, 98, 70), (108, 104, 100), (146, 120, 92), (92, 84, 80))


def room(size: tuple[int, int], camera: SceneCamera, seed: int) -> Image:
    """An empty room: a lit wall with a window and a picture, skirting, and a floor of planks.

    Args:
        size: width and height in pixels.
        camera: the same view as the people's.
        seed: chooses colours and where things hang.

    Returns:
        Shape (height, width, 3), uint8, RGB.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    image = np.empty((height, width, 3), np.uint8)
    image[:] = _WALLS[rng.integers(len(_WALLS))]
    floor = _FLOORS[rng.integers(len(_FLOORS))]
    left, right = _edges(size, camera)
    edge = 0.12
    rectangle(image, complex(left, -4), complex(right, edge), floor, camera)
    for row, y in enumerate(np.linspace(edge, -0.9, 6)):
        for x in np.arange(left - 0.4 * (row % 2), right, 0.8):
            rectangle(
                image,
                complex(x, y - 0.2),
                complex(x + 0.79, y),
                shaded(floor, rng.uniform(0.9, 1.08)),
                camera,
            )
    rectangle(image, complex(left, edge), complex(right, edge + 0.07), (226, 222, 214), camera)
    _window(image, complex(left + rng.uniform(0.15, 0.35) * (right - left), 1.15), camera)
    _picture(image, complex(left + rng.uniform(0.68, 0.85) * (right - left), 1.35), rng, camera)
    return lit(image, complex(0.3, 0.2), 0.82, 1.08)


def rectangle(image: Image, low: complex, high: complex, colour: Colour, camera: SceneCamera) -> None:
    """Fill an upright rectangle given by its lower left and upper right corner, in metres."""
    corners = [low, complex(high.real, low.imag), high, complex(low.real, high.imag)]
    polygon(image, corners, colour, camera)


def shadow(image: Image, centre: complex, radius: float, camera: SceneCamera) -> None:
    """Darken a soft ellipse on the floor below something."""
    column, row = camera.pixel(centre)
    wide, high = radius * camera.scale, 0.2 * radius * camera.scale
    left, top = max(0, int(column - 2 * wide)), max(0, int(row - 2 * high))
    part = image[top : max(0, int(row + 2 * high)), left : max(0, int(column + 2 * wide))]
    y, x = np.mgrid[top : top + part.shape[0], left : left + part.shape[1]]
    dark = 0.38 * np.exp(-(((x - column) / wide) ** 2) - ((y - row) / high) ** 2)
    part[:] = (part * (1 - dark[..., None])).astype(np.uint8)


def lit(image: Image, at: complex, dark: float, bright: float) -> Image:
    """Light falling off, from ``bright`` at a point (in shares of width and height) to ``dark`` far away."""
    height, width = image.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    away = np.hypot(x / width - at.real, y / height - at.imag)
    gain = np.clip(bright - (bright - dark) * away, 0, 2)[..., None]
    return np.asarray(np.clip(image * gain, 0, 255), np.uint8)


def constant_times(fps: float, duration_s: float) -> list[Fraction]:
    """Presentation times of a constant-rate video, in seconds."""
    return [Fraction(k) / Fraction(fps).limit_denominator(1001) for k in range(round(duration_s * fps))]


def variable_times(duration_s: float, seed: int) -> list[Fraction]:
    """Presentation times of a variable-rate video: frames 1/30 to 1/10 s apart, as phones do in low light."""
    rng = np.random.default_rng(seed)
    times = [Fraction(0)]
    while times[-1] < duration_s:
        times.append(times[-1] + Fraction(int(rng.choice([3000, 3600, 4500, 6000, 9000])), TICKS))
    return times[:-1]


def write_video(
    path: Path,
    times: Sequence[Fraction],
    picture: Callable[[float], Image],
    seed: int,
    noise: float = NOISE,
    fps: float | None = None,
) -> None:
    """Render and encode one h264/mp4 file (yuv420p, no sound).

    Args:
        path: the file; its folder is made.
        times: presentation time of every frame in seconds, rising, the first 0.
        picture: what the camera shows at a time; shape (height, width, 3), RGB, even sides.
        seed: of the sensor noise.
        noise: its standard deviation in levels.
        fps: the constant frame rate; None for a variable one.
    """
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    rate = Fraction(fps).limit_denominator(1001) if fps else Fraction(30)
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as file:
        stream = file.add_stream(
            "libx264", rate=rate, options={"crf": CRF, "preset": "medium", "x264-params": X264}
        )
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        stream.codec_context.thread_count = 1
        stream.pix_fmt = "yuv420p"
        for number, time in enumerate(times):
            image = _noisy(picture(float(time)), rng, noise)
            if number == 0:
                stream.height, stream.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(time * TICKS), Fraction(1, TICKS)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def spoken(folder: Path, name: str, text: str, voice: speech.SynthesisVoice) -> dict[str, object]:
    """Speak an instruction into ``folder/name`` (FLAC, 16 kHz) and return its entry for the list."""
    clip = speech.level(speech.shorten_pauses(speech.synthesise(text, voice, 16000), 16000, 0.25))
    speech.write_flac(folder / name, clip, 16000)
    return {"file": name, "text": text, "duration_s": len(clip) / 16000}


def write_manifest(folder: Path, version: str) -> None:
    """Write ``manifest.json``: the version, and the SHA-256 of every file but itself and the README."""
    files = sorted(
        p for p in folder.rglob("*") if p.is_file() and p.name not in ("manifest.json", "README.md")
    )
    hashes = {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    speech.write_json(folder / "manifest.json", {"version": version, "files": hashes})


def smooth(share: float) -> float:
    """A step from 0 to 1 that starts and ends gently; ``share`` is clamped to [0, 1]."""
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)


def _noisy(image: Image, rng: np.random.Generator, noise: float) -> Image:
    grain = rng.standard_normal(image.shape[:2], dtype=np.float32) * np.float32(noise)
    return cv2.add(image, cv2.merge([np.round(grain)] * 3), dtype=cv2.CV_8U).astype(np.uint8, copy=False)


def _edges(size: tuple[int, int], camera: SceneCamera) -> tuple[float, float]:
    left = -camera.origin.real / camera.scale
    return left, left + size[0] / camera.scale


def _window(image: Image, low: complex, camera: SceneCamera) -> None:
    rectangle(image, low - 0.06 - 0.06j, low + 0.76 + 0.96j, (236, 234, 228), camera)
    for x in (0, 0.36):
        rectangle(image, low + x, low + x + 0.34 + 0.9j, (186, 212, 230), camera)
        rectangle(image, low + x, low + x + 0.34 + 0.25j, (150, 176, 150), camera)


def _picture(image: Image, low: complex, rng: np.random.Generator, camera: SceneCamera) -> None:
    rectangle(image, low - 0.04 - 0.04j, low + 0.49 + 0.39j, (70, 52, 38), camera)
    tone: Iterable[int] = rng.integers(70, 220, 3)
    red, green, blue = (int(c) for c in tone)
    rectangle(image, low, low + 0.45 + 0.35j, (red, green, blue), camera)
    polygon(image, disc(low + 0.22 + 0.15j, 0.1), (blue, red, green), camera)
