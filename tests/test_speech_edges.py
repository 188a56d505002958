"""Edges of speech in ordinary sound: shipped voices cut at T50, set among sounds whose place is known.

What rule ``energy-edges 2`` made of the same tracks stands beside each kind: errors in ms, late is positive.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from tml_bench.perception import edges, vad
from tml_bench.perception.levels import BANDS, SILENT_DB, Levels, LevelTrack

FOLDER = Path(__file__).parents[1] / "adapters" / "reference" / "voice"
RATE = 24000
GAP = round(1.3 * RATE)
Samples: TypeAlias = NDArray[np.float64]


def voice(name: str) -> Samples:
    """A shipped clip of at most 4 s, between its outer 2 ms within 50 dB of the loudest, at -26 dBFS."""
    samples, rate = soundfile.read(FOLDER / f"{name}.flac")
    clip = soxr.resample(samples, rate, RATE)
    frame = RATE // 500
    power = (clip[: clip.size // frame * frame].reshape(-1, frame) ** 2).mean(axis=1)
    loud = np.flatnonzero(power >= power.max() / 1e5)
    return at(clip[loud[0] * frame : (loud[-1] + 1) * frame][: 4 * RATE], -26)


def at(samples: Samples, dbfs: float) -> Samples:
    return samples * 10 ** (dbfs / 20) / np.sqrt(np.mean(samples**2))


def ms(duration: float) -> int:
    return round(duration * RATE / 1000)


def noise(n: int, gain: Callable[[Samples], Samples] = np.ones_like) -> Samples:
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(n))
    shaped: Samples = np.fft.irfft(spectrum * gain(np.maximum(np.fft.rfftfreq(n, 1 / RATE), 20)), n)
    return shaped


def pink(n: int) -> Samples:
    return noise(n, lambda hertz: hertz**-0.5)


def brown(n: int) -> Samples:
    return noise(n, lambda hertz: 1 / hertz)


def buzz(n: int) -> Samples:
    seconds = np.arange(n) / RATE
    return np.sum([np.sin(2 * np.pi * 50 * k * seconds + k * k) / k for k in range(1, 40)], axis=0)


def babble(n: int) -> Samples:
    talk = np.resize(voice("talk"), n)
    return np.sum([np.roll(talk, k * ms(1370)) for k in range(6)], axis=0)


def hum(n: int) -> Samples:
    seconds = np.arange(n) / RATE
    return np.sum([np.sin(2 * np.pi * 130 * k * seconds) / k**2 for k in range(1, 8)], axis=0)


def breath() -> Samples:
    n = ms(250)
    return at(noise(n, lambda hertz: 1 / (1 + (400 / hertz) ** 2)) * np.hanning(n), -46)


def click() -> Samples:
    return np.where(np.arange(ms(2)) % 2, 0.5, -0.5)


def errors(
    folder: Path,
    clip: Samples,
    before: Samples,
    after: Samples,
    under: Callable[[int], Samples] | None = None,
) -> tuple[float, float]:
    """Of the clip's onset and offset; before ``before`` and after ``after`` lie 1.3 s of zeros."""
    track = np.concatenate([np.zeros(GAP), before, clip, after, np.zeros(GAP)])
    if under is not None:
        track += at(under(track.size), -51)
    soundfile.write(folder / "a.wav", track, RATE)
    start, end = (GAP + before.size) / RATE, (GAP + before.size + clip.size) / RATE
    segments = vad.speech_segments(vad.listen(folder / "a.wav"))
    own = [s for s in segments if s.start_s < end and s.end_s > start]
    return 1000 * (own[0].start_s - start), 1000 * (own[-1].end_s - end)


NONE = np.empty(0)


@pytest.mark.parametrize("name", ["answer", "talk"])
@pytest.mark.parametrize("soft", [noise, hum])
@pytest.mark.parametrize("length", [210, 300, 400])
def test_a_soft_beginning_and_end_belong_to_the_speech(
    tmp_path: Path, length: int, soft: Callable[[int], Samples], name: str
) -> None:
    """30 dB below. Was: onset late by its whole length, +150 to +400; ends early by -43 to -415."""
    clip, sound = voice(name), at(soft(ms(length)), -56)
    onset, _ = errors(tmp_path, np.concatenate([sound, clip]), NONE, NONE)
    _, offset = errors(tmp_path, np.concatenate([clip, sound]), NONE, NONE)
    assert abs(onset) <= 10
    assert abs(offset) <= 15


@pytest.mark.parametrize("name", ["answer", "talk"])
@pytest.mark.parametrize(("sound", "gap"), [(click(), 248), (breath(), 50)], ids=["click", "breath"])
def test_a_click_or_a_breath_apart_from_the_speech_is_none_of_it(
    tmp_path: Path, sound: Samples, gap: int, name: str
) -> None:
    """Was: by a click -255 and +252 to +255, by a breath -260 to -265 and +262 to +265."""
    apart = np.zeros(ms(gap))
    onset, offset = errors(
        tmp_path, voice(name), np.concatenate([sound, apart]), np.concatenate([apart, sound])
    )
    assert abs(onset) <= 5
    assert abs(offset) <= 10


UNDER = [
    # Was (answer; talk): white 0, -3; 0, -15. pink -55, +467; -55, +325. brown -270, +472; -250, +475.
    # buzz 0, -3; 0, -15. babble -285, +272; 0, +495.
    pytest.param(noise, 30, 45, id="white"),
    pytest.param(pink, 30, 45, id="pink"),
    pytest.param(brown, 30, 30, id="brown"),
    pytest.param(buzz, 30, 30, id="buzz"),
    pytest.param(babble, 30, 60, id="babble"),
]


@pytest.mark.parametrize("name", ["answer", "talk"])
@pytest.mark.parametrize(("under", "onset_ms", "offset_ms"), UNDER)
def test_noise_25_db_below_moves_no_edge(
    tmp_path: Path, under: Callable[[int], Samples], onset_ms: float, offset_ms: float, name: str
) -> None:
    onset, offset = errors(tmp_path, voice(name), NONE, NONE, under)
    assert abs(onset) <= onset_ms
    assert abs(offset) <= offset_ms


def test_a_room_rings_on_and_the_speech_does_not(tmp_path: Path) -> None:
    """0.8 s of reverberation, 6 dB below. Was: +167."""
    clip = voice("answer")
    seconds = np.arange(ms(1200)) / RATE
    room = np.random.default_rng(0).standard_normal(seconds.size) * 10 ** (-3 * seconds / 0.8)
    room *= 0.5 / np.sqrt(np.sum(room**2))
    room[0] = 1.0
    n = clip.size + room.size
    heard = np.fft.irfft(np.fft.rfft(clip, n) * np.fft.rfft(room, n), n)
    onset, offset = errors(tmp_path, heard[: clip.size], NONE, heard[clip.size :])
    assert abs(onset) <= 5
    assert abs(offset) <= 130


@pytest.mark.parametrize("dbfs", [-15.0, -40.0])
def test_loud_and_soft_speech_has_the_same_edges(tmp_path: Path, dbfs: float) -> None:
    for name in ("four", "stop", "talk"):
        onset, offset = errors(tmp_path, at(voice(name), dbfs), NONE, NONE)
        assert abs(onset) <= 10, name
        assert abs(offset) <= 10, name


@pytest.mark.parametrize("rate", [8000, 22050, 24000, 48000])
def test_silence_has_no_level_at_any_rate(tmp_path: Path, rate: int) -> None:
    """Was: -60 to -150 dB for 20 ms about every sound."""
    clip = soxr.resample(voice("talk"), RATE, rate)
    soundfile.write(tmp_path / "a.wav", np.concatenate([np.zeros(rate), clip, np.zeros(rate)]), rate)
    total = vad.listen(tmp_path / "a.wav").levels.total
    assert total[:199].max() == -200
    assert total[-199:].max() == -200


def made(*stretches: tuple[int, float], hiss: float = 0.0) -> Levels:
    """Levels that are the same in every band, in turn for so many frames; ``hiss`` is added above 3.2 kHz."""
    total = np.concatenate([np.full(n, db, np.float32) for n, db in stretches])
    bands = np.repeat(total[:, None], len(BANDS) - 1, axis=1)
    bands[:, 2] += 6  # a vowel
    return Levels(total, bands.astype(np.float16))


def found(levels: Levels, *regions: tuple[int, int]) -> list[tuple[int, float]]:
    return edges.find(levels, regions, edges.voiced(levels))


def test_edges_of_levels_that_are_made() -> None:
    silence = (300, -200.0)
    assert found(made(silence, (200, -20), silence), (310, 505)) == [(300, 500)]
    # A soft sound of 0.4 s that runs into it.
    assert found(made(silence, (80, -60), (200, -20), silence), (382, 585)) == [(300, 580)]
    # The same 60 ms before it; and a click of 10 ms, 15 ms before it.
    assert found(made(silence, (80, -60), (12, -200), (200, -20), silence), (392, 592)) == [(392, 592)]
    assert found(made(silence, (2, -20), (3, -200), (200, -20), silence), (310, 506)) == [(305, 505)]
    # A burst behind a closure of 100 ms ends the speech; one of 150 ms is too late.
    assert found(made(silence, (200, -20), (20, -200), (8, -40), silence), (305, 500)) == [(300, 528)]
    assert found(made(silence, (200, -20), (30, -200), (8, -40), silence), (305, 500)) == [(300, 500)]


def test_a_region_without_sound_stays_as_it_is() -> None:
    assert found(made((400, -200.0)), (100, 200)) == [(100, 200)]
    assert found(made((400, -50.0))) == []


def test_half_a_second_of_nothing_cuts_a_region() -> None:
    """The network may hear speech go on in other people's talk."""
    levels = made((600, -60.0), (100, -20), (150, -60), (100, -20), (600, -60))
    (first, end), (start, last) = found(levels, (590, 960))
    assert (first, start) == (600, 850)
    assert end == pytest.approx(700, abs=12)
    assert last == pytest.approx(950, abs=12)


@pytest.mark.parametrize("block", [80, 4000, 40_960])
def test_levels_do_not_depend_on_the_blocks(block: int) -> None:
    samples = np.random.default_rng(2).standard_normal(16_000 * 3 + 17).astype(np.float32) / 10
    samples[20_000:30_000] = 0
    whole, parts = LevelTrack(), LevelTrack()
    whole.add(samples)
    for start in range(0, samples.size, block):
        parts.add(samples[start : start + block])
    for one, other in zip(whole.values(), parts.values(), strict=True):
        np.testing.assert_allclose(one, other, atol=0.2)
    assert whole.values().total.size == parts.values().total.size


@pytest.mark.parametrize("place", [0, 79, 80, 3927, 4000, 4079, 5119])
def test_a_frame_is_silent_where_nothing_is_in_its_window(place: int) -> None:
    samples = np.zeros(5120, np.float32)
    samples[place] = 0.5
    track = LevelTrack()
    for start in range(0, samples.size, 1600):
        track.add(samples[start : start + 1600])
    bands = track.values().bands
    # The window's first sample has no weight.
    near = [k for k in range(64) if 80 * k - 88 < place < 80 * k - 88 + 256]
    assert np.flatnonzero((bands > SILENT_DB).any(axis=1)).tolist() == near
    assert (bands[near] > SILENT_DB).all()
