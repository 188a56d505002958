"""Frames by presentation time: the barcode in each picture says which frame was given."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from videos import QUICK_VP8, barcode, constant, read_barcode, shown, turn, variable, write_video

from tml_bench.adapter import Frame, VideoSpec
from tml_bench.errors import BadSampleError
from tml_bench.media.video import FrameReader, instant_ns, probe_video, scaled_size

MS = 1_000_000
FULL = 4096


def frames(path: Path, fps: float, max_side: int = FULL, at_ns: int = 0) -> list[Frame]:
    with closing(FrameReader(path, VideoSpec(fps, max_side), at_ns)) as reader:
        return list(reader)


def independent(path: Path) -> dict[int, float]:
    """Every frame's time in milliseconds by its barcode: all decoded, on one thread, none skipped."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        return {
            read_barcode(f.to_ndarray(format="rgb24")): 1000 * float(f.pts * f.time_base)
            for f in container.decode(stream)
        }


H264 = {"options": {"preset": "veryfast", "bf": "3"}}
FILES = {
    "constant.mp4": (constant(), H264),
    "variable.mp4": (variable(), H264),
    "variable.mkv": (variable(), H264),
    "late.mp4": (constant(start_ms=500), H264),
    "late.mkv": (variable(80), H264),
    "hevc.mp4": (variable(60), {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
    "vp9.webm": (variable(60), {"codec": "libvpx-vp9", "options": {"deadline": "realtime"}}),
    "vp8.webm": (constant(60), {"codec": "libvpx", "options": QUICK_VP8}),
    "mjpeg.mkv": (variable(60), {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
    "ffv1.mkv": (variable(60), {"codec": "ffv1"}),
    "ten_bit.mp4": (constant(60), {**H264, "pix_fmt": "yuv420p10le"}),
    "every_frame_a_key.mp4": (constant(60), {"options": {"g": "1"}}),
    "open_gop.mp4": (
        variable(),
        {"options": {"bf": "3", "x264-params": "open-gop=1:keyint=20:min-keyint=20:scenecut=0"}},
    ),
    "fragmented.mp4": (
        variable(60),
        {"options": {"bf": "0"}, "container_options": {"movflags": "frag_keyframe+empty_moov"}},
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_each_instant_gets_the_last_frame_not_after_it(tmp_path: Path, name: str) -> None:
    times, how = FILES[name]
    path = write_video(tmp_path / name, times, **how)
    truth = independent(path)
    assert len(truth) == len(times)
    assert max(abs(truth[i] - t) for i, t in enumerate(times)) < 1
    by_index = [truth[i] for i in range(len(times))]
    for fps in (1, 2, 7.3, 25, 30):
        given = frames(path, fps)
        assert len(given) == math.ceil(probe_video(path).duration_s * fps - 1e-9)
        for k, frame in enumerate(given):
            assert frame.t_ns == instant_ns(k, fps)
            expected = shown(by_index, frame.t_ns / MS + 1e-6)
            if expected is None:
                assert frame.pts_ns is None
                assert not frame.image.any()
                continue
            assert read_barcode(frame.image) == expected
            assert frame.pts_ns is not None
            assert frame.pts_ns <= frame.t_ns
            assert abs(frame.pts_ns / MS - by_index[expected]) < 1e-3


@pytest.mark.parametrize("degrees", [0, 90])
@pytest.mark.parametrize("name", ["constant.mp4", "variable.mp4", "late.mp4", "open_gop.mp4", "hevc.mp4"])
@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_frame_times_are_those_of_ffprobe(tmp_path: Path, name: str, degrees: int) -> None:
    times, how = FILES[name]
    path = write_video(tmp_path / name, times, **how)
    if degrees:
        turn(path, degrees)
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=pts_time"]
    told = json.loads(subprocess.check_output([*command, "-of", "json", str(path)]))
    probed = [1000 * float(frame["pts_time"]) for frame in told["frames"]]
    for frame in frames(path, 30):
        expected = shown(probed, frame.t_ns / MS + 1e-6)
        assert (frame.pts_ns is None) == (expected is None)
        if expected is not None and frame.pts_ns is not None:
            assert read_barcode(np.rot90(frame.image, -(degrees // 90))) == expected
            assert abs(frame.pts_ns / MS - probed[expected]) < 1


@pytest.mark.parametrize(
    ("codec", "options"), [("mpeg4", {}), ("mpeg4", {"bf": "2"}), ("libx264", {"bf": "3"}), ("mjpeg", {})]
)
def test_avi_has_no_presentation_times_and_keeps_its_order(
    tmp_path: Path, codec: str, options: dict[str, str]
) -> None:
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write_video(
        tmp_path / "x.avi", constant(75), codec=codec, options=options, constant_fps=25, pix_fmt=pix_fmt
    )
    given = frames(path, 25)
    assert [read_barcode(f.image) for f in given] == list(range(75))
    assert [f.pts_ns for f in given] == [40 * MS * i for i in range(75)]


def test_a_transport_stream_starts_at_its_earliest_time_stamp(tmp_path: Path) -> None:
    path = write_video(tmp_path / "x.ts", constant(75), constant_fps=25)
    with av.open(str(path)) as container:
        assert container.start_time
    assert [read_barcode(f.image) for f in frames(path, 25)] == list(range(75))


def test_interlaced_video_keeps_its_times(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "x.mp4", constant(75), options={"flags": "+ilme+ildct", "x264-params": "interlaced=1"}
    )
    assert "interlaced" in probe_video(path).notes
    assert [read_barcode(f.image) for f in frames(path, 25)] == list(range(75))


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_video_is_shown_upright(tmp_path: Path, degrees: int) -> None:
    times = variable(60)
    path = turn(write_video(tmp_path / "x.mp4", times), degrees)
    info = probe_video(path)
    assert (info.width, info.height) == ((160, 96) if degrees == 180 else (96, 160))
    assert f"turned by {degrees} degrees" in info.notes
    for frame in frames(path, 5):
        stored = np.rot90(frame.image, -(degrees // 90))
        index = shown(times, frame.t_ns / MS)
        assert read_barcode(stored) == index
        # Colours prove that it is not the other way round: red is above in the picture as stored.
        assert np.abs(stored.astype(int) - barcode(index or 0)).mean() < 6


def test_frames_are_scaled_down_and_never_up(tmp_path: Path) -> None:
    path = write_video(tmp_path / "x.mp4", constant(5))
    assert frames(path, 25, 80)[3].image.shape == (48, 80, 3)
    assert frames(path, 25, 160)[3].image.shape == (96, 160, 3)
    assert frames(path, 25, 161)[3].image.shape == (96, 160, 3)
    small = frames(path, 25, 80)[3]
    assert read_barcode(small.image) == 3
    assert small.image.dtype == np.uint8
    assert not small.image.flags.writeable
    assert scaled_size(1920, 1080, 768) == (768, 432)
    assert scaled_size(4000, 1, 100) == (100, 1)


def test_pixels_that_are_not_square_are_stretched(tmp_path: Path) -> None:
    path = write_video(tmp_path / "x.mp4", constant(5), aspect=Fraction(3, 2))
    info = probe_video(path)
    assert (info.width, info.height) == (240, 96)
    frame = frames(path, 25)[4]
    assert frame.image.shape == (96, 240, 3)
    assert read_barcode(frame.image) == 4


def test_the_session_clock_shifts_the_video(tmp_path: Path) -> None:
    times = variable(60)
    path = write_video(tmp_path / "x.mp4", times)
    at_ns = 1_234_567_891
    given = frames(path, 10, at_ns=at_ns)
    assert given[0].t_ns == 1300 * MS
    for frame in given:
        assert frame.pts_ns is not None
        index = shown(times, (frame.t_ns - at_ns) / MS)
        assert read_barcode(frame.image) == index
        assert frame.pts_ns == at_ns + times[index or 0] * MS


@settings(max_examples=12)
@given(
    gaps=st.lists(st.integers(1, 700), min_size=1, max_size=40),
    start=st.integers(0, 400),
    fps=st.floats(0.4, 60),
    at_ns=st.integers(0, 5_000_000_000),
)
def test_any_times_at_any_rate(tmp_path: Path, gaps: list[int], start: int, fps: float, at_ns: int) -> None:
    stamps = (start + np.cumsum([0, *gaps])).tolist()
    path = write_video(tmp_path / "x.mkv", stamps, size=(80, 48), options={"preset": "ultrafast", "bf": "2"})
    times = [stamp - start for stamp in stamps]
    for frame in frames(path, fps, at_ns=at_ns):
        index = shown(times, (frame.t_ns - at_ns) / MS)
        assert frame.pts_ns == (None if index is None else at_ns + times[index] * MS)
        assert index is None or read_barcode(frame.image) == index


def test_what_a_file_holds(tmp_path: Path) -> None:
    info = probe_video(write_video(tmp_path / "a.mp4", constant(50)))
    assert (info.width, info.height, info.codec, info.frames) == (160, 96, "h264", 50)
    assert info.duration_s == pytest.approx(2.0, abs=0.01)
    assert not info.variable
    assert not info.has_audio
    assert info.notes == ()
    late = probe_video(write_video(tmp_path / "b.mp4", [500 + t for t in variable(30)]))
    assert late.variable
    assert late.notes == ("variable frame rate", "first frame at 0.500 s")
    even = write_video(tmp_path / "c.webm", constant(30, 33), codec="libvpx", options=QUICK_VP8)
    assert not probe_video(even).variable


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def test_broken_files_say_what_is_wrong(tmp_path: Path) -> None:
    def refused(path: Path, *words: str) -> None:
        with pytest.raises(BadSampleError) as error:
            probe_video(path)
        assert path.name in str(error.value)
        for word in words:
            assert word in str(error.value)

    fast = {"movflags": "faststart"}
    refused(tmp_path / "none.mp4", "does not exist")
    (tmp_path / "empty.mp4").touch()
    refused(tmp_path / "empty.mp4", "empty")
    refused(cut(write_video(tmp_path / "tail.mp4", constant()), 0.6), "truncated", "moov")
    refused(
        cut(write_video(tmp_path / "body.mp4", constant(), container_options=fast), 0.6),
        "truncated",
        "cut off",
    )
    refused(cut(write_video(tmp_path / "body.mkv", constant()), 0.6), "truncated", "of 4.800 s")
    refused(cut(write_video(tmp_path / "body.avi", constant(), constant_fps=25), 0.6), "truncated")
    (tmp_path / "text.mp4").write_text("not a video\n" * 100)
    refused(tmp_path / "text.mp4", "not a video")
    (tmp_path / "text.txt").write_text("not a video\n" * 100)
    refused(tmp_path / "text.txt", "not a video")
    cv2.imwrite(str(tmp_path / "picture.png"), barcode(1))
    refused(tmp_path / "picture.png", "not a video")
    refused(write_video(tmp_path / "raw.h264", constant(9)), "time stamps")


def test_sound_alone_is_not_a_video(tmp_path: Path) -> None:
    for name, codec in (("x.mp4", "aac"), ("x.webm", "libopus")):
        with av.open(str(tmp_path / name), "w") as container:
            track = container.add_stream(codec, rate=48000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 48000), np.float32), format="flt", layout="mono")
            frame.sample_rate = 48000
            container.mux(track.encode(frame))
            container.mux(track.encode())
        with pytest.raises(BadSampleError, match="only sound"):
            probe_video(tmp_path / name)


def test_a_track_without_frames_is_refused(tmp_path: Path) -> None:
    sound = ("pcm_s16le", np.zeros(48000, np.float32), 48000, 0)
    with pytest.raises(BadSampleError, match="no video frames"):
        probe_video(write_video(tmp_path / "x.mkv", [], codec="mpeg4", sound=sound))


def test_frames_that_cannot_be_decoded_are_refused(tmp_path: Path) -> None:
    times = constant(250)
    path = write_video(tmp_path / "x.mkv", times, codec="mpeg4", size=(320, 192))
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    for pos, size in packets[100:150]:
        where = data.index(b"\x00\x00\x01\xb6", pos)
        data[where : where + 4] = b"\xff" * 4
        data[where + 4 : pos + size] = b"\xff" * max(0, pos + size - where - 4)
    path.write_bytes(data)
    with pytest.raises(BadSampleError, match=r"damaged.*cannot be decoded"):
        frames(path, 2)


@pytest.mark.parametrize("size", [(8200, 16), (16, 8200), (8192, 4336)])
def test_frames_too_large_are_refused_before_they_are_decoded(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "x.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = "gray"
        image = np.zeros((size[1], size[0]), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray")))
        container.mux(stream.encode())
    with pytest.raises(BadSampleError, match=f"{size[0]}x{size[1]} pixels are too large"):
        probe_video(path)
