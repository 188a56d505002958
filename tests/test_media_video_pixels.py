"""What is decoded ahead, on several threads and with frames passed over, is what a full decoding gives."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from videos import MS, constant, shown, turn, variable

from tml_bench.adapter import VideoSpec
from tml_bench.media.video import FrameReader, ReadAhead

SIZE = (128, 80)
NS_PER_MS = 1_000_000


def scene(n: int) -> Iterator[NDArray[np.uint8]]:
    """A patch that moves over a moving texture with new noise in each frame, so that no two look alike."""
    rng = np.random.default_rng(n)
    width, height = SIZE
    texture = rng.integers(40, 200, (height, 2 * width, 3), dtype=np.int16)
    for i in range(n):
        image = texture[:, i % width : i % width + width].copy()
        left = 3 * i % (width - 24)
        image[20:60, left : left + 24] = (220, 60, 60)
        yield np.clip(image + rng.integers(-12, 13, image.shape), 0, 255).astype(np.uint8)


def encode(path: Path, times_ms: list[int], codec: str, options: dict[str, str], threads: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.options = options
        stream.thread_type, stream.thread_count = threads, 4
        base = Fraction(1, 25) if path.suffix == ".avi" else MS
        stream.codec_context.time_base = base
        for t_ms, image in zip(times_ms, scene(len(times_ms)), strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(Fraction(t_ms, 1000) / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def whole(path: Path) -> list[tuple[float, NDArray[np.uint8]]]:
    """Every frame with its time in milliseconds: in order, on one thread, none passed over."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        scaler = VideoReformatter()  # a frame's own is set up again for each
        return [
            (
                1000 * float(f.pts * f.time_base),
                scaler.reformat(f, f.width, f.height, "rgb24", interpolation="AREA").to_ndarray(),
            )
            for f in container.decode(stream)
        ]


X265 = "log-level=none:frame-threads=1:pools=none"
ENCODINGS: dict[str, tuple[str, list[int], dict[str, str], str]] = {
    "default.mp4": ("libx264", constant(90), {}, "FRAME"),
    "variable.mp4": ("libx264", variable(90), {}, "FRAME"),
    "late.mp4": ("libx264", constant(90, start_ms=730), {}, "FRAME"),
    "pyramid.mkv": ("libx264", variable(90), {"bf": "8", "refs": "6", "x264-params": "b-adapt=2"}, "FRAME"),
    "strict.mp4": ("libx264", constant(90), {"bf": "5", "x264-params": "b-pyramid=strict"}, "FRAME"),
    "no_pyramid.mp4": ("libx264", variable(90), {"bf": "3", "x264-params": "b-pyramid=none"}, "FRAME"),
    "slices.mp4": ("libx264", variable(90), {"bf": "3"}, "SLICE"),
    "open_gop.mp4": (
        "libx264",
        variable(90),
        {"bf": "4", "x264-params": "open-gop=1:keyint=13:min-keyint=13:scenecut=0"},
        "FRAME",
    ),
    "short_gop.mp4": ("libx264", constant(90), {"g": "9", "bf": "2"}, "FRAME"),
    "no_b.mp4": ("libx264", variable(90), {"bf": "0", "tune": "zerolatency"}, "FRAME"),
    "refresh.mp4": ("libx264", constant(90), {"x264-params": "intra-refresh=1:keyint=20"}, "FRAME"),
    "interlaced.mp4": (
        "libx264",
        constant(90),
        {"flags": "+ilme+ildct", "x264-params": "interlaced=1"},
        "FRAME",
    ),
    "x.ts": ("libx264", constant(90), {"bf": "3"}, "FRAME"),
    "hevc.mp4": ("libx265", variable(90), {"x265-params": f"{X265}:bframes=5:keyint=30"}, "FRAME"),
    "hevc_closed.mp4": ("libx265", constant(90), {"x265-params": f"{X265}:open-gop=0:keyint=20"}, "FRAME"),
    "alt_ref.webm": ("libvpx-vp9", variable(60), {"deadline": "good", "cpu-used": "5"}, "FRAME"),
    "vp8.webm": ("libvpx", constant(60), {"auto-alt-ref": "1", "lag-in-frames": "10"}, "FRAME"),
    "mpeg4.mkv": ("mpeg4", variable(90), {"bf": "2"}, "FRAME"),
    "x.avi": ("libx264", constant(90), {"bf": "3"}, "FRAME"),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_pictures_are_those_of_a_full_decoding(tmp_path: Path, name: str) -> None:
    codec, times, options, threads = ENCODINGS[name]
    path = encode(tmp_path / name, times, codec, options, threads)
    truth = whole(path)
    assert len(truth) == len(times)
    # A transport stream counts from anywhere; an AVI has the order only.
    starts_ms = truth[0][0] - times[0] if name in ("x.ts", "x.avi") else 0.0
    truth_ms = times if name == "x.avi" else [t - starts_ms for t, _ in truth]
    for fps in (0.7, 2, 12.5, 30):
        for ahead in (True, False):
            with closing(FrameReader(path, VideoSpec(fps, 4096), ahead=ahead)) as reader:
                for frame in reader:
                    index = shown(truth_ms, frame.t_ns / NS_PER_MS + 1e-3)
                    if index is None:
                        assert frame.pts_ns is None
                        continue
                    assert frame.pts_ns is not None
                    assert abs(frame.pts_ns / NS_PER_MS - truth_ms[index]) < 1
                    assert np.array_equal(frame.image, truth[index][1])


def test_a_turned_video_too(tmp_path: Path) -> None:
    path = turn(encode(tmp_path / "x.mp4", variable(60), "libx264", {"bf": "3"}, "FRAME"), 90)
    truth = whole(path)
    with closing(FrameReader(path, VideoSpec(5, 4096))) as reader:
        for frame in reader:
            index = shown([t for t, _ in truth], frame.t_ns / NS_PER_MS + 1e-3)
            assert index is not None
            assert np.array_equal(frame.image, np.rot90(truth[index][1]))


def test_frames_are_ready_before_they_are_asked_for() -> None:
    made, third = [], threading.Event()

    def items() -> Iterator[int]:
        for i in range(10):
            made.append(i)
            if i == 2:
                third.set()
            yield i

    ahead = ReadAhead(items(), 3)
    assert third.wait(10)
    assert list(ahead) == list(range(10))
    assert list(ahead) == []


def test_an_error_comes_where_its_frame_would_have_come() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("the third")

    ahead = ReadAhead(items(), 5)
    assert [next(ahead), next(ahead)] == [1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(ahead)
    with pytest.raises(StopIteration):
        next(ahead)


def test_closing_early_waits_for_the_thread_and_makes_no_more() -> None:
    made = []

    def items() -> Iterator[int]:
        while True:
            made.append(threading.current_thread())
            yield len(made)

    ahead = ReadAhead(items(), 2)
    assert next(ahead) == 1
    ahead.close()
    count = len(made)
    assert 1 <= count <= 3
    assert not made[0].is_alive()
    assert list(ahead) == []


def test_a_reader_that_is_dropped_leaves_no_thread(tmp_path: Path) -> None:
    path = encode(tmp_path / "x.mp4", constant(30), "libx264", {}, "FRAME")
    before = set(threading.enumerate())
    reader = FrameReader(path, VideoSpec(5, 4096))
    (thread,) = set(threading.enumerate()) - before
    del reader
    for _ in range(100):
        gc.collect()
        thread.join(0.1)
        if not thread.is_alive():
            return
    pytest.fail("its thread waits for ever")
