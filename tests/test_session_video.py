"""Video in a session: the right frame in the right micro-turn, sound and subtitles on the same clock."""

from __future__ import annotations

import gc
import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import MS, Ran, Scripted, attempts_of, run_session, sample_of, tone
from videos import constant, read_barcode, shown, variable, write_video

from tml_bench import events as ev
from tml_bench.adapter import Frame, InfrastructureError, MicroTurn, Output, VideoSpec
from tml_bench.errors import BadSampleError, UserError
from tml_bench.report.log import describe
from tml_bench.runs.config import RUN_SCHEMA, RunConfig, RunPlan
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import record
from tml_bench.samples import At, Sample, Script, Subtitle, UserTurn, UserVideo, Waveform
from tml_bench.session.settings import Settings

TICK = Settings(tick_ns=200 * MS)
FULL = VideoSpec(fps=5, max_side=160)
RATE = 16000


class Watching(Scripted):
    """Remembers the frames it was handed."""

    def __init__(self, spec: VideoSpec | None = FULL) -> None:
        super().__init__()
        self.video_in = spec

    def frames(self) -> list[Frame]:
        return [frame for turn in self.turns for frame in turn.frames]


def watch(
    folder: Path,
    *videos: UserVideo,
    spec: VideoSpec | None = FULL,
    settings: Settings = TICK,
    **script: object,
) -> tuple[Ran, Watching]:
    adapter = Watching(spec)
    sample = Sample("s", "all", replace(Script(videos=videos, tail_s=1.0), **script))  # type: ignore[arg-type]
    return run_session(folder, sample, adapter, settings), adapter


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds at 25 frames per second."""
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", constant(75))


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of picture, and 2.5 s of a tone from 0.5 s on."""
    sound = ("pcm_s16le", tone(2.5, 24000), 24000, 500)
    folder = tmp_path_factory.mktemp("loud")
    return write_video(folder / "loud.mkv", constant(50), codec="mpeg4", sound=sound)


@pytest.mark.parametrize("tick_ms", [20, 130, 200, 1000])
@pytest.mark.parametrize("fps", [1, 2, 7.3])
def test_each_frame_comes_in_the_micro_turn_its_instant_lies_in(
    tmp_path: Path, fps: float, tick_ms: int
) -> None:
    times = variable(40)
    path = write_video(tmp_path / "x.mp4", times)
    ran, adapter = watch(
        tmp_path / "r",
        UserVideo(path, at_s=0.5),
        spec=VideoSpec(fps, 160),
        settings=Settings(tick_ns=tick_ms * MS),
    )
    for turn in adapter.turns:
        assert all(turn.start_ns <= frame.t_ns < turn.end_ns for frame in turn.frames)
    given = adapter.frames()
    end_ns = adapter.turns[-1].end_ns
    assert [f.t_ns for f in given] == [round(k * 1e9 / fps) for k in range(len(given))]
    assert round(len(given) * 1e9 / fps) >= end_ns
    (event,) = ran.of(ev.UserVideoStarted)
    for frame in given:
        index = shown(times, frame.t_ns / MS - 500)
        if index is None or frame.t_ns >= event.end_ns:
            assert frame.pts_ns is None
            assert not frame.image.any()
        else:
            assert read_barcode(frame.image) == index
            assert frame.pts_ns == (500 + times[index]) * MS
    assert [(e.t_ns, e.pts_ns) for e in ran.of(ev.FrameShown)] == [(f.t_ns, f.pts_ns) for f in given]


def test_the_recording_names_the_video_and_holds_no_pictures(tmp_path: Path, clip: Path) -> None:
    ran, _ = watch(tmp_path / "r", UserVideo(clip, at_s=0.5, subtitles=(Subtitle(0, 1, "hello"),)))
    (event,) = ran.of(ev.UserVideoStarted)
    assert event == ev.UserVideoStarted(
        t_ns=500 * MS,
        end_ns=3500 * MS,
        video=0,
        name="clip.mp4",
        sha256=hashlib.sha256(clip.read_bytes()).hexdigest(),
        codec="h264",
        width=160,
        height=96,
        subtitles=1,
    )
    assert set(ran.files()) == {"session.jsonl", "user.flac", "model.flac", "manifest.json"}
    assert len(ran.files()["session.jsonl"]) < 10_000
    (end,) = ran.of(ev.SessionClosed)
    assert end == ev.SessionClosed(4500 * MS, "script")


def test_inspect_shows_the_video_and_counts_frames(tmp_path: Path, clip: Path) -> None:
    ran, _ = watch(tmp_path / "r", UserVideo(clip, at_s=0.5))
    lines = list(describe(ran.recording))
    assert any("0.500 s  user   starts video 0 clip.mp4 (h264, 160x96, muted)" in line for line in lines)
    assert any("3.500 s  user   ends video 0, then black" in line for line in lines)
    assert "22 frames handed over, 7 of them black" in lines


@pytest.mark.parametrize("after", ["black", "frozen"])
def test_after_its_end_the_camera_is_black_or_stands_still(tmp_path: Path, clip: Path, after: str) -> None:
    _, adapter = watch(tmp_path / "r", UserVideo(clip, after=after))
    tail = [frame for frame in adapter.frames() if frame.t_ns >= 3000 * MS]
    assert len(tail) == 4
    for frame in tail:
        if after == "black":
            assert (frame.pts_ns, frame.image.max()) == (None, 0)
        else:
            assert (frame.pts_ns, read_barcode(frame.image)) == (2960 * MS, 74)


def test_several_videos_follow_each_other(tmp_path: Path, clip: Path) -> None:
    wide = write_video(tmp_path / "wide.mp4", constant(25), size=(240, 96))
    _, adapter = watch(
        tmp_path / "r", UserVideo(clip, after="frozen"), UserVideo(wide, at_s=4.0), spec=VideoSpec(5, 240)
    )
    given = adapter.frames()
    assert [f.image.shape[1] for f in given] == [160] * 20 + [240] * 9
    assert [read_barcode(f.image) for f in given[15:20]] == [74] * 5
    assert [read_barcode(f.image) for f in given[20:25]] == [0, 5, 10, 15, 20]
    assert [f.pts_ns for f in given[25:]] == [None] * 4


def test_an_adapter_without_eyes_gets_no_frames(tmp_path: Path, clip: Path) -> None:
    ran, adapter = watch(tmp_path / "r", UserVideo(clip), spec=None)
    assert adapter.frames() == []
    assert ran.of(ev.FrameShown) == []
    assert len(ran.of(ev.UserVideoStarted)) == 1


def test_a_script_without_video_gives_no_frames(tmp_path: Path) -> None:
    adapter = Watching()
    run_session(tmp_path / "r", sample_of(UserTurn(Waveform(tone(1.0), RATE))), adapter, TICK)
    assert adapter.frames() == []


def test_a_video_that_starts_after_the_time_limit_is_not_placed(tmp_path: Path, clip: Path) -> None:
    ran, _ = watch(
        tmp_path / "r", UserVideo(clip, at_s=3.0), settings=Settings(tick_ns=200 * MS, max_session_s=2.0)
    )
    assert ran.of(ev.UserVideoStarted) == []
    assert ran.of(ev.SessionClosed) == [ev.SessionClosed(2000 * MS, "time-out")]


def test_subtitles_are_burned_in_while_they_last(tmp_path: Path, clip: Path) -> None:
    lines = (Subtitle(0.4, 1.0, "first"), Subtitle(0.8, 1.4, "second"))
    _, with_text = watch(tmp_path / "a", UserVideo(clip, at_s=0.2, subtitles=lines))
    _, without = watch(tmp_path / "b", UserVideo(clip, at_s=0.2))
    differ = [
        a.t_ns // MS
        for a, b in zip(with_text.frames(), without.frames(), strict=True)
        if not np.array_equal(a.image, b.image)
    ]
    assert differ == [600, 800, 1000, 1200, 1400]
    for a, b in zip(with_text.frames(), without.frames(), strict=True):
        assert (a.t_ns, a.pts_ns, a.image.shape) == (b.t_ns, b.pts_ns, b.image.shape)


def test_the_sound_of_a_video_is_heard_and_recorded_on_its_clock(tmp_path: Path, loud: Path) -> None:
    ran, adapter = watch(tmp_path / "r", UserVideo(loud, at_s=1.0, sound=True))
    assert ran.recording.opened.rate == 24000
    (event,) = ran.of(ev.UserVideoStarted)
    assert event.sound
    assert (event.t_ns, event.end_ns) == (1000 * MS, 3000 * MS)
    for track, rate in ((ran.user, 24000), (adapter.heard(), RATE)):
        loud_at = np.flatnonzero(np.abs(track) > 0.25)
        assert loud_at[0] / rate == pytest.approx(1.5, abs=0.001)
        assert loud_at[-1] / rate == pytest.approx(4.0, abs=0.003)
    (end,) = ran.of(ev.SessionClosed)
    assert end.t_ns == pytest.approx(5000 * MS, abs=2 * MS)


def test_sound_is_mixed_with_speech_and_stays_in_range(tmp_path: Path, loud: Path) -> None:
    speech = UserTurn(Waveform(tone(4.0, RATE, 150.0, level=0.9), RATE), At(0.0))
    both, _ = watch(tmp_path / "a", UserVideo(loud, sound=True), turns=(speech,))
    alone, _ = watch(tmp_path / "b", UserVideo(loud), turns=(speech,))
    only, _ = watch(tmp_path / "c", UserVideo(loud, sound=True))
    n = min(len(only.user), 3 * 24000)
    assert np.abs(both.user).max() <= 1
    assert not np.array_equal(both.user[: len(alone.user)], alone.user[: len(both.user)])
    quiet = slice(0, 24000 * 48 // 100)
    assert np.abs(only.user[quiet]).max() == 0
    mixed = np.clip(resampled(alone.user, alone.recording.opened.rate)[:n] + only.user[:n], -1, 1)
    assert np.abs(both.user[:n] - mixed).max() < 0.02


def resampled(audio: np.ndarray, rate: int) -> np.ndarray:
    import soxr

    return audio if rate == 24000 else soxr.resample(audio, rate, 24000)


def test_a_muted_video_is_silent(tmp_path: Path, loud: Path) -> None:
    ran, adapter = watch(tmp_path / "r", UserVideo(loud))
    assert not ran.user.any()
    assert not adapter.heard().any()
    assert ran.of(ev.SessionClosed) == [ev.SessionClosed(3000 * MS, "script")]


def test_a_video_without_sound_is_sent_silent_and_says_so(tmp_path: Path, clip: Path) -> None:
    ran, _ = watch(tmp_path / "r", UserVideo(clip, sound=True))
    (event,) = ran.of(ev.UserVideoStarted)
    assert not event.sound
    assert event.notes == ("no sound to send",)


def test_two_ideal_runs_are_byte_identical(tmp_path: Path, loud: Path) -> None:
    video = UserVideo(loud, at_s=0.3, sound=True, after="frozen", subtitles=(Subtitle(0, 9, "look"),))
    one, first = watch(tmp_path / "a", video)
    two, second = watch(tmp_path / "b", video)
    assert one.files() == two.files()
    for a, b in zip(first.frames(), second.frames(), strict=True):
        assert np.array_equal(a.image, b.image)


def test_ill_described_videos_are_bad_samples(tmp_path: Path, clip: Path) -> None:
    for videos, words in (
        ((UserVideo(clip), UserVideo(clip, at_s=2.9)), "before .* is over at 3.000 s"),
        ((UserVideo(clip, at_s=-1.0),), "at_s"),
        ((UserVideo(clip, after="white"),), "'black' or 'frozen'"),
        ((UserVideo(clip, subtitles=(Subtitle(2, 1, "x"),)),), "lasts from 2 to 1 s"),
        ((UserVideo(clip, subtitles=(Subtitle(0, 1, "数"),)),), "cannot be drawn"),
    ):
        with pytest.raises(BadSampleError, match=words):
            watch(tmp_path / "r", *videos)


@pytest.mark.parametrize("spec", [VideoSpec(0, 768), VideoSpec(float("nan"), 768), VideoSpec(2, 5), (2, 768)])
def test_a_video_that_cannot_be_had_is_the_adapters_mistake(
    tmp_path: Path, clip: Path, spec: VideoSpec
) -> None:
    with pytest.raises(UserError, match="video_in"):
        watch(tmp_path / "r", UserVideo(clip), spec=spec)


EYES = """
from tml_bench.adapter import StepAdapter, VideoSpec

class Eyes(StepAdapter):
    video_in = VideoSpec(fps=5, max_side=64)
    def step(self, turn):
        return None
"""


def test_a_broken_video_ends_its_sample_only(tmp_path: Path, clip: Path) -> None:
    whole = clip.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 3 // 4])
    (tmp_path / "text.mp4").write_text("no video")
    files = {
        "a": clip,
        "cut": tmp_path / "cut.mp4",
        "none": tmp_path / "none.mp4",
        "text": tmp_path / "text.mp4",
    }
    samples = tuple(
        Sample(name, "all", Script(videos=(UserVideo(path),))) for name, path in (*files.items(), ("z", clip))
    )
    adapter = tmp_path / "eyes.py"
    adapter.write_text(EYES)
    config = RunConfig(
        schema=RUN_SCHEMA, task="t", dataset="d", dataset_sha256="0", data="", subsets=(),
        limit=0, adapter=f"{adapter}:Eyes", privileged=False, clock="simulated", compute="ideal", replay="",
        tick_ns=200 * MS, seed=0, max_session_s=60.0,
    )  # fmt: skip
    with Pool(1, 60.0) as pool:
        record([RunPlan(tmp_path / "run", config, samples)], pool, lambda line: None)
    ended = attempts_of(tmp_path / "run")
    assert {name: attempt.outcome for name, attempt in ended.items()} == {
        "a": "valid", "cut": "invalid", "none": "invalid", "text": "invalid", "z": "valid",
    }  # fmt: skip
    assert "cut.mp4 is truncated" in ended["cut"].reason
    assert "none.mp4 does not exist" in ended["none"].reason
    assert "text.mp4 is not a video" in ended["text"].reason


class Unreachable(Watching):
    """Loses its model in the third micro-turn."""

    def step(self, turn: MicroTurn) -> Output | None:
        if turn.index == 2:
            raise InfrastructureError("gone")
        return super().step(turn)


def test_however_a_session_ends_its_video_is_closed(tmp_path: Path, clip: Path) -> None:
    sample = Sample("s", "all", Script(videos=(UserVideo(clip),)))
    before = set(threading.enumerate())
    gc.disable()  # it would tidy up sooner or later, and hide what is left open
    try:
        with pytest.raises(InfrastructureError, match="gone"):
            run_session(tmp_path / "r", sample, Unreachable(), TICK)
        assert set(threading.enumerate()) <= before
    finally:
        gc.enable()
