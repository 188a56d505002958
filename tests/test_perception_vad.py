"""Speech segments against tracks whose truth is known to the sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from tml_bench.errors import BadSampleError
from tml_bench.perception import silero, vad
from tml_bench.perception.levels import Levels
from tml_bench.perception.silero_network import SileroNetwork
from tml_bench.timeline import Segment

VOICE = Path(__file__).parents[1] / "adapters" / "reference" / "voice" / "answer.flac"
RATES = (8000, 16000, 24000, 44100, 48000)


def voice(rate: int) -> NDArray[np.float32]:
    """The reference voice clip cut where its 2 ms envelope passes -40 dB of its peak, at -23 dBFS."""
    samples, source = soundfile.read(VOICE, dtype="float32")
    clip = samples if source == rate else soxr.resample(samples, source, rate)
    window = rate // 500
    envelope = np.sqrt(np.convolve(clip.astype(float) ** 2, np.ones(window) / window, "same"))
    loud = np.flatnonzero(envelope >= envelope.max() / 100)
    cut: NDArray[np.float32] = clip[loud[0] : loud[-1] + 1]
    return cut * np.float32(10 ** (-23 / 20) / np.sqrt(np.mean(cut**2)))


def track(rate: int, noise_db: float | None = None) -> tuple[NDArray[np.float32], list[tuple[float, float]]]:
    """The clip twice between silences, and where it is; ``noise_db`` is white noise below its RMS."""
    clip = voice(rate)
    starts = [round(1.237 * rate), round(1.237 * rate) + clip.size + round(1.501 * rate)]
    samples = np.zeros(starts[1] + clip.size + 2 * rate, np.float32)
    for start in starts:
        samples[start : start + clip.size] += clip
    if noise_db is not None:
        noise = np.random.default_rng(7).standard_normal(samples.size)
        samples += (noise * 10 ** ((-23 - noise_db) / 20)).astype(np.float32)
    return samples, [(start / rate, (start + clip.size) / rate) for start in starts]


def segments(path: Path, samples: NDArray[np.float32], rate: int) -> tuple[Segment, ...]:
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return vad.speech_segments(vad.listen(path))


def grouped(found: tuple[Segment, ...], truth: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """First onset and last offset of the segments inside each true stretch; every segment must be in one."""
    inside = [[s for s in found if s.start_s < end and s.end_s > start] for start, end in truth]
    assert sum(map(len, inside)) == len(found)
    return [(group[0].start_s, group[-1].end_s) for group in inside]


@pytest.mark.parametrize("rate", RATES)
def test_clean_onsets_are_within_15_ms(tmp_path: Path, rate: int) -> None:
    samples, truth = track(rate)
    for (start, end), (onset, offset) in zip(
        truth, grouped(segments(tmp_path / "a.wav", samples, rate), truth), strict=True
    ):
        assert abs(onset - start) <= 0.015
        assert abs(offset - end) <= 0.030


@pytest.mark.parametrize("rate", RATES)
def test_onsets_at_25_db_are_within_40_ms(tmp_path: Path, rate: int) -> None:
    samples, truth = track(rate, noise_db=25)
    for (start, _), (onset, _) in zip(
        truth, grouped(segments(tmp_path / "a.wav", samples, rate), truth), strict=True
    ):
        assert abs(onset - start) <= 0.040


def test_what_is_not_speech_gives_nothing(tmp_path: Path) -> None:
    rate = 16000
    seconds = np.arange(2 * rate) / rate
    noise = np.random.default_rng(1).standard_normal(2 * rate)
    click = np.zeros(2 * rate)
    click[::4000] = 0.9
    sounds = [np.sin(2 * np.pi * hz * seconds) for hz in (50, 440, 1000)]
    sounds += [noise / 4, np.cumsum(noise) / 500, click, np.where(seconds % 0.5 < 0.1, sounds[2], 0)]
    gap = np.zeros(rate)
    samples = np.concatenate([part for sound in sounds for part in (0.1 * sound, gap)]).astype(np.float32)
    assert segments(tmp_path / "a.wav", samples, rate) == ()


def test_silence_gives_nothing(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(100_001), 24000)
    activity = vad.listen(tmp_path / "a.wav")
    assert activity.duration_s == pytest.approx(100_001 / 24000, abs=1e-4)
    assert vad.speech_segments(activity) == ()
    assert silero.silero_segments(activity.probabilities, activity.samples) == ()


def test_putting_off_a_silent_beginning_changes_nothing() -> None:
    speech = voice(16000)
    speech = speech[: speech.size // 512 * 512]
    samples = np.concatenate([np.zeros(512 * 80, np.float32), speech])
    put_off = silero.ProbabilityTrack()
    for start in range(0, samples.size, 5120):
        put_off.add(samples[start : start + 5120])
    at_once = SileroNetwork().probabilities(samples.reshape(-1, 512))
    np.testing.assert_allclose(put_off.values(), at_once, atol=1e-5)


def test_silence_is_put_off_until_something_follows_and_left_out_where_nothing_does() -> None:
    speech = voice(16000)
    speech = speech[: speech.size // 512 * 512]
    samples = np.concatenate(
        [speech, np.zeros(512 * 100, np.float32), speech, np.zeros(512 * 60, np.float32)]
    )
    track = silero.ProbabilityTrack()
    for start in range(0, samples.size, 5120):
        track.add(samples[start : start + 5120])
    found = track.values()
    whole = SileroNetwork().probabilities(samples.reshape(-1, 512))
    shown = whole.size - 60 + silero.FADING
    np.testing.assert_allclose(found[:shown], whole[:shown], atol=1e-5)
    assert not found[shown:].any()
    assert whole[shown:].max() < silero.NEG_THRESHOLD / 4
    assert silero.silero_segments(found, samples.size) == silero.silero_segments(whole, samples.size)


def test_speech_that_fills_the_track_stays_inside_it(tmp_path: Path) -> None:
    samples = voice(16000)
    found = segments(tmp_path / "a.wav", samples, 16000)
    assert found[0].start_s <= 0.015
    assert samples.size / 16000 - 0.030 <= found[-1].end_s <= samples.size / 16000


def test_speech_just_before_and_after_noise_keeps_its_own_edges(tmp_path: Path) -> None:
    """The floor is measured on each side by itself: noise that starts after the speech moves no onset."""
    rate = 16000
    clip = voice(rate)
    samples = np.concatenate([np.zeros(rate, np.float32), clip, np.zeros(2 * rate, np.float32)])
    after = rate + clip.size + rate // 2
    samples[after:] += np.random.default_rng(3).normal(0, 0.002, samples.size - after).astype(np.float32)
    found = segments(tmp_path / "a.wav", samples, rate)
    assert abs(found[0].start_s - 1.0) <= 0.015


@pytest.mark.parametrize("noise", [0.0, 0.001])
def test_close_neighbours_do_not_take_each_others_sound(tmp_path: Path, noise: float) -> None:
    """Two clips 400 ms apart: the pause keeps its length to within 60 ms."""
    rate = 16000
    clip = voice(rate)
    gap = np.zeros(rate, np.float32)
    samples = np.concatenate([gap, clip, gap[: round(0.4 * rate)], clip, gap])
    samples += np.random.default_rng(5).normal(0, noise, samples.size).astype(np.float32)
    found = segments(tmp_path / "a.wav", samples, rate)
    pause = 1 + clip.size / rate
    before, after = [s for s in found if s.end_s < pause + 0.2], [s for s in found if s.end_s > pause + 0.2]
    assert abs(before[-1].end_s - pause) <= 0.06
    assert abs(after[0].start_s - pause - 0.4) <= 0.015


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 16000)
    with pytest.raises(BadSampleError, match="no samples"):
        vad.listen(tmp_path / "a.wav")


@given(
    probabilities=st.lists(st.sampled_from([0.0, 0.3, 0.4, 0.6, 1.0]), min_size=1, max_size=120),
    seed=st.integers(0, 99),
)
def test_segments_are_ordered_disjoint_and_inside(probabilities: list[float], seed: int) -> None:
    samples = len(probabilities) * 512
    random, frames = np.random.default_rng(seed), -(-samples // 80)
    total = random.uniform(-90, 0, frames).astype(np.float32)
    bands = (total[:, None] - random.uniform(0, 20, (frames, 6))).astype(np.float16)
    activity = vad.Activity(
        np.array(probabilities, np.float32), Levels(total, bands), samples, samples / 16000
    )
    for found in (
        vad.speech_segments(activity),
        silero.silero_segments(activity.probabilities, activity.samples),
    ):
        edges = [edge for s in found for edge in (s.start_s, s.end_s)]
        assert edges == sorted(edges)
        assert all(s.end_s > s.start_s for s in found)
        assert not edges or (edges[0] >= 0 and edges[-1] <= activity.duration_s)


# Frames are 32 ms. Worked by hand from the rule: start at the first >= 0.5, end at the first < 0.35 that is
# followed by another < 0.35 at least 100 ms (4 frames) later with none >= 0.5 between; 30 ms added.
SILERO_RULE = [
    pytest.param([0.1] * 50, [], id="no speech"),
    # 10..20 is 0.320-0.640 s; padded 0.290-0.670
    pytest.param([0] * 10 + [1] * 10 + [0] * 10, [(0.3, 0.7)], id="one segment"),
    # 7 frames are 224 ms, 8 are 256 ms
    pytest.param([0] * 10 + [1] * 7 + [0] * 10, [], id="at most 250 ms is dropped"),
    pytest.param([0] * 10 + [1] * 8 + [0] * 10, [(0.3, 0.6)], id="more than 250 ms is kept"),
    # 4 quiet frames: the last begins 96 ms after the first, so the segment goes on: 0.320-1.088
    pytest.param([0] * 10 + [1] * 10 + [0] * 4 + [1] * 10 + [0] * 9, [(0.3, 1.1)], id="96 ms do not split"),
    # 5 quiet frames split: 0.320-0.640 and 0.800-1.120
    pytest.param(
        [0] * 10 + [1] * 10 + [0] * 5 + [1] * 10 + [0] * 9, [(0.3, 0.7), (0.8, 1.1)], id="128 ms split"
    ),
    pytest.param([0] * 10 + [0.49] * 20 + [0] * 9, [], id="0.49 does not start"),
    pytest.param([0] * 10 + [0.5] + [0.36] * 19 + [0] * 9, [(0.3, 1.0)], id="0.36 does not end"),
    # 0.960 s is the track's end
    pytest.param([0] * 10 + [1] * 20, [(0.3, 0.96)], id="to the end, which is not rounded"),
    pytest.param([1] * 20 + [0] * 10, [(0.0, 0.7)], id="from the beginning"),
]


@pytest.mark.parametrize(("probabilities", "expected"), SILERO_RULE)
def test_silero_rule(probabilities: list[float], expected: list[tuple[float, float]]) -> None:
    found = silero.silero_segments(probabilities, len(probabilities) * 512)
    assert [(s.start_s, s.end_s) for s in found] == expected


def test_unrounded_segments_are_whole_samples() -> None:
    # 10..20 is samples 5120-10240; 480 samples (30 ms) are added on both sides.
    found = silero.silero_segments([0] * 10 + [1] * 10 + [0] * 10, 30 * 512, rounded=False)
    assert [(s.start_s, s.end_s) for s in found] == [(4640 / 16000, 10720 / 16000)]


@pytest.mark.parametrize("lead_s", [0.25, 0.5, 1.0])
def test_a_noisy_line_may_open_just_before_its_speech(tmp_path: Path, lead_s: float) -> None:
    voice, rate = soundfile.read(VOICE, dtype="float32")
    onset = 2.0
    noise = np.random.default_rng(0).standard_normal(round((lead_s + len(voice) / rate + 1) * rate))
    opened = round((onset - lead_s) * rate)
    track = np.zeros(opened + len(noise), np.float32)
    track[opened:] = noise * np.sqrt(np.mean(voice**2)) * 10 ** (-25 / 20)
    track[round(onset * rate) :][: len(voice)] += voice
    soundfile.write(tmp_path / "line.wav", track, rate)
    segments = vad.speech_segments(vad.listen(tmp_path / "line.wav"))
    assert segments[0].start_s == pytest.approx(onset, abs=0.04)
