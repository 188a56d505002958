"""Audio reading: exact lengths, no delay, no seams, and broken files named with their reason."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from tml_bench.errors import BadSampleError
from tml_bench.media.audio import ClipReader, probe, read_mono
from tml_bench.samples import Waveform

RATES = (8000, 11025, 16000, 22050, 24000, 44100, 48000)


def sine(seconds: float, rate: int, hz: float = 440.0) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def read_in_chunks(clip: ClipReader, sizes: list[int]) -> NDArray[np.float32]:
    parts = [np.empty(0, np.float32)]
    k = 0
    while (part := clip.read(sizes[k % len(sizes)])).size:
        parts.append(part)
        k += 1
    return np.concatenate(parts)


@settings(deadline=None, max_examples=40)
@given(
    source=st.sampled_from(RATES),
    target=st.sampled_from(RATES),
    frames=st.integers(1, 250_000),
    sizes=st.lists(st.integers(1, 30_000), min_size=1, max_size=5),
    seed=st.integers(0, 2**32 - 1),
)
def test_chunked_reading_equals_one_offline_resampling(
    source: int, target: int, frames: int, sizes: list[int], seed: int
) -> None:
    sizes = [*sizes, 5000]  # keeps the number of reads small
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, frames).astype(np.float32)
    whole = samples if source == target else soxr.resample(samples, source, target)
    clip = ClipReader(Waveform(samples, source), target)
    read = read_in_chunks(clip, sizes)
    assert clip.length == read.size == whole.size
    np.testing.assert_allclose(read, whole, atol=1e-4)


@settings(deadline=None, max_examples=60)
@given(source=st.integers(2000, 200_000), target=st.integers(2000, 200_000), frames=st.integers(1, 20_000))
def test_length_is_known_up_front_for_any_pair_of_rates(source: int, target: int, frames: int) -> None:
    clip = ClipReader(Waveform(np.zeros(frames, np.float32), source), target)
    assert clip.read(clip.length + 1).size == clip.length
    assert abs(clip.length - frames * target / source) <= 0.5


@pytest.mark.parametrize("source", RATES)
@pytest.mark.parametrize("target", [16000, 24000])
def test_an_impulse_stays_where_it_was(source: int, target: int) -> None:
    samples = np.zeros(20 * source, np.float32)
    samples[13 * source] = 1.0
    read = read_in_chunks(ClipReader(Waveform(samples, source), target), [target // 5])
    assert int(np.argmax(np.abs(read))) == 13 * target


@pytest.mark.parametrize("source", RATES)
def test_a_sine_keeps_level_and_phase_across_blocks(source: int) -> None:
    read = read_in_chunks(ClipReader(Waveform(sine(10, source), source), 16000), [3200])
    inside = slice(1600, -1600)
    np.testing.assert_allclose(read[inside], sine(10, 16000)[inside], atol=1e-4)


def test_reading_from_a_file_equals_reading_from_memory(tmp_path: Path) -> None:
    samples = sine(9.3, 44100)
    soundfile.write(tmp_path / "a.flac", samples, 44100, subtype="PCM_24")
    with ClipReader(tmp_path / "a.flac", 16000) as clip:
        read = read_in_chunks(clip, [3200])
    np.testing.assert_allclose(read, soxr.resample(samples, 44100, 16000), atol=1e-5)


def test_nothing_comes_after_the_end() -> None:
    clip = ClipReader(Waveform(np.ones(10, np.float32), 16000), 16000)
    assert [clip.read(n).size for n in (4, 0, 4, 4, 4)] == [4, 0, 4, 2, 0]


def test_what_is_read_may_be_changed_without_changing_the_sample() -> None:
    samples = np.ones(10, np.float32)
    ClipReader(Waveform(samples, 16000), 16000).read(10)[:] = 0
    assert samples.sum() == 10


def test_channels_are_averaged_and_noted(tmp_path: Path) -> None:
    left, right = np.full(100, 0.5), np.full(100, -0.25)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 16000)
    assert probe(tmp_path / "a.wav").notes == ("2 channels averaged",)
    samples, rate = read_mono(tmp_path / "a.wav")
    assert rate == 16000
    np.testing.assert_allclose(samples, 0.125, atol=1e-4)


def test_eight_bit_is_read_and_noted(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sine(1, 8000), 8000, subtype="PCM_U8")
    info = probe(tmp_path / "a.wav")
    assert (info.rate, info.channels, info.frames, info.duration_s, info.notes) == (
        8000,
        1,
        8000,
        1.0,
        ("8-bit",),
    )
    np.testing.assert_allclose(read_mono(tmp_path / "a.wav")[0], sine(1, 8000), atol=1 / 100)


def test_read_mono_resamples(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sine(1, 48000), 48000)
    samples, rate = read_mono(tmp_path / "a.wav", 16000)
    assert (samples.size, rate) == (16000, 16000)
    assert samples.dtype == np.float32


def fails(path: Path, *words: str) -> None:
    with pytest.raises(BadSampleError) as caught:
        probe(path)
    for word in (str(path), *words):
        assert word in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    fails(tmp_path / "nope.wav", "does not exist")
    fails(tmp_path, "not a file")


def test_empty_files(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    fails(tmp_path / "a.wav", "0 bytes")
    soundfile.write(tmp_path / "b.wav", np.zeros(0), 16000)
    fails(tmp_path / "b.wav", "no samples")


def test_not_audio(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("hello " * 100)
    fails(tmp_path / "a.wav", "not audio")


def test_absurd_rate(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 3)
    fails(tmp_path / "a.wav", "3 Hz")


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3"])
def test_truncated_files(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole.{suffix}"
    soundfile.write(whole, sine(10, 16000), 16000)
    assert probe(whole).frames == 160_000
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    fails(cut)


def with_data_size(tmp_path: Path, size: int) -> Path:
    path = tmp_path / "a.wav"
    soundfile.write(path, sine(1, 16000), 16000)
    raw = bytearray(path.read_bytes())
    at = raw.index(b"data") + 4
    raw[at : at + 4] = struct.pack("<I", size)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000])
def test_a_streamed_header_of_unknown_size_is_read_to_the_end(tmp_path: Path, size: int) -> None:
    assert probe(with_data_size(tmp_path, size)).frames == 16000


def test_a_header_one_byte_too_long_is_truncated(tmp_path: Path) -> None:
    fails(with_data_size(tmp_path, 32_001), "truncated", "32001", "32000")


def test_a_value_that_is_not_finite_is_named_with_its_place(tmp_path: Path) -> None:
    samples = np.zeros(100_000, np.float32)
    samples[88_000] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    with (
        ClipReader(tmp_path / "a.wav", 8000) as clip,
        pytest.raises(BadSampleError, match=r"a\.wav .*88000 .5\.500 s"),
    ):
        clip.read(clip.length)


@pytest.mark.parametrize(
    "waveform", [Waveform(np.zeros(0, np.float32), 16000), Waveform(np.zeros((5, 2), np.float32), 16000)]
)
def test_a_waveform_of_the_wrong_shape_is_refused(waveform: Waveform) -> None:
    with pytest.raises(BadSampleError, match="shape"):
        ClipReader(waveform, 16000)


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "flac"])
def test_blocks_of_a_file_join_without_a_mark(tmp_path: Path, suffix: str) -> None:
    """A seek after each block cost an MP3 decoder what it knew: 0.5 of full scale was wrong after 4 s.

    The same MP3 read twice may differ by a rounding of float32.
    """
    soundfile.write(tmp_path / f"a.{suffix}", sine(9.3, 22050), 22050)
    whole = soundfile.read(tmp_path / f"a.{suffix}", dtype="float32")[0]
    np.testing.assert_allclose(read_mono(tmp_path / f"a.{suffix}")[0], whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("rate", "wanted"), [(24_000, 16_000), (44_100, 16_000), (8_000, 16_000), (16_000, 24_000)]
)
def test_silence_that_is_passed_over_is_zeros_and_moves_nothing(rate: int, wanted: int) -> None:
    rng = np.random.default_rng(rate)
    parts = [rng.standard_normal(rate), np.zeros(3 * rate + 7), rng.standard_normal(501), np.zeros(5 * rate)]
    clip = Waveform(np.concatenate(parts).astype(np.float32) / 10, rate)
    with ClipReader(clip, wanted, passes_silence=True) as passing, ClipReader(clip, wanted) as whole:
        found, expected = passing.read(passing.length + 1), whole.read(whole.length + 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert not found[-4 * wanted :].any()
