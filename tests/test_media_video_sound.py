"""The sound of a video lies on the video's clock, at any rate, in any container."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from videos import QUICK_VP8, Audio, constant, write_video

from tml_bench.containers.sound_track import mono
from tml_bench.errors import BadSampleError
from tml_bench.media.audio import ClipReader
from tml_bench.media.video import probe_video
from tml_bench.media.video_sound import VideoSound

RATE = 48000
PEAK_S = 1.25


def bump() -> Audio:
    """Two seconds of silence but for a pulse whose peak is at ``PEAK_S``; low enough for any codec."""
    t = np.arange(2 * RATE) / RATE - PEAK_S
    return (0.8 * np.exp(-0.5 * (t / 0.002) ** 2) * np.cos(2 * np.pi * 200 * t)).astype(np.float32)


def peak_s(audio: Audio, rate: int) -> float:
    return int(np.argmax(audio)) / rate


CASES = [
    ("x.mp4", "aac", 0),
    ("x.mp4", "aac", 300),
    ("x.mkv", "flac", 300),
    ("x.mkv", "pcm_s16le", 0),
    ("x.webm", "libopus", 0),
    ("x.mov", "pcm_s16le", 700),
    ("x.avi", "pcm_s16le", 0),
]


@pytest.mark.parametrize("rate", [16000, 24000, 44100, 48000])
@pytest.mark.parametrize(("name", "codec", "start_ms"), CASES)
def test_sound_is_where_the_video_has_it(
    tmp_path: Path, name: str, codec: str, start_ms: int, rate: int
) -> None:
    video = "libvpx" if name.endswith("webm") else "mpeg4"
    fps = 25 if name.endswith("avi") else 0
    sound = (codec, bump(), RATE, start_ms)
    options = QUICK_VP8 if video == "libvpx" else None
    path = write_video(
        tmp_path / name, constant(75), codec=video, sound=sound, constant_fps=fps, options=options
    )
    with ClipReader(VideoSound(path), rate) as clip:
        audio = clip.read(10 * rate)
        assert len(audio) == clip.length
        assert clip.read(1).size == 0
    info = probe_video(path)
    assert info.audio_rate == RATE
    assert len(audio) == pytest.approx(info.sound_s * rate, abs=2)
    assert info.sound_s == pytest.approx(2 + start_ms / 1000, abs=0.05)
    assert peak_s(audio, rate) == pytest.approx(PEAK_S + start_ms / 1000, abs=0.001)
    assert audio.max() == pytest.approx(0.8, abs=0.05)


def test_a_transport_stream_keeps_picture_and_sound_together(tmp_path: Path) -> None:
    sound = ("aac", bump(), RATE, 0)
    path = write_video(tmp_path / "x.ts", constant(75), sound=sound, constant_fps=25)
    with ClipReader(VideoSound(path), 16000) as clip:
        heard_s = peak_s(clip.read(clip.length), 16000)
    assert heard_s - probe_video(path).first_s == pytest.approx(PEAK_S, abs=0.001)


def test_lossless_sound_comes_bit_for_bit_however_it_is_asked_for(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(-32768, 32768, 2 * RATE)
    noise = (values / 32768).astype(np.float32)
    path = write_video(tmp_path / "x.mkv", constant(10), codec="mpeg4", sound=("pcm_s16le", noise, RATE, 0))
    with ClipReader(VideoSound(path), RATE) as clip:
        whole = clip.read(clip.length)
    assert np.array_equal(whole[: len(noise)], noise)
    for rate in (RATE, 16000):
        with ClipReader(VideoSound(path), rate) as clip:
            once = clip.read(clip.length)
        with ClipReader(VideoSound(path), rate) as clip:
            pieces = [clip.read(n) for n in [1, 3200, 7, 0, 4800] + [3200] * 40]
        assert np.array_equal(np.concatenate(pieces), once)


def test_a_video_without_sound_has_none_to_send(tmp_path: Path) -> None:
    with pytest.raises(BadSampleError, match="no sound"):
        VideoSound(write_video(tmp_path / "x.mp4", constant(5)))


def test_channels_are_averaged_at_full_scale() -> None:
    planar = np.array([[1.0, 0.5], [0.0, -0.5]], np.float32)
    assert mono(planar, 2, planar=True).tolist() == [0.5, 0.0]
    packed = np.array([[32767, -32768, -32768, -32768]], np.int16)
    assert mono(packed, 2, planar=False).tolist() == [-0.5 / 32768, -1.0]
    assert mono(np.array([[0, 128, 255]], np.uint8), 1, planar=False).tolist() == [-1.0, 0.0, 127 / 128]
    assert mono(np.array([[-(2**31), 2**30]], np.int32), 1, planar=False).tolist() == [-1.0, 0.5]
