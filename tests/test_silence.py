"""Digital silence is found in a file's own samples and stays silence through resampling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

import tml_bench.adapters.reference
from tml_bench.perception import prosody
from tml_bench.perception.silence import SilenceKeepingReader, read_without_residue

VOICE = Path(tml_bench.adapters.reference.__file__).parent / "voice" / "answer.flac"


def pauses(rate: int) -> np.ndarray:
    """The reference voice at 16 kHz and then at ``rate``, twice, between seconds of zeros."""
    samples, source = soundfile.read(VOICE)
    clip = soxr.resample(soxr.resample(samples, source, 16000), 16000, rate)
    silence = np.zeros(rate)
    return np.concatenate([silence, clip, silence, clip, silence])


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
def test_zeros_stay_zeros_and_sound_stays(tmp_path: Path, rate: int) -> None:
    samples = pauses(rate)
    soundfile.write(tmp_path / "a.wav", samples, rate)
    found = read_without_residue(tmp_path / "a.wav", 16000)
    plain = soxr.resample(soundfile.read(tmp_path / "a.wav", dtype="float32")[0], rate, 16000, "HQ")
    assert found.size == plain.size
    assert not found[:15_990].any()
    assert not found[-15_990:].any()
    sounding = found != 0
    np.testing.assert_allclose(found[sounding], plain[sounding], atol=1e-6)
    assert np.abs(plain[~sounding]).max() < 1e-3


@pytest.mark.parametrize("block", [100, 1024, 70_000])
def test_silence_does_not_depend_on_the_blocks(tmp_path: Path, block: int) -> None:
    rate = 24000
    samples = np.random.default_rng(0).normal(0, 0.1, 6 * rate)
    for start, length in ((0, 300), (5000, 239), (20_000, 241), (95_900, 300), (130_000, 14_000)):
        samples[start : start + length] = 0
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    with SilenceKeepingReader(tmp_path / "a.wav", 16000) as clip:
        still = []
        while clip.read(block).size:
            still.append(clip.still())
    changes = np.flatnonzero(np.diff(np.concatenate([[0], np.concatenate(still), [0]])))
    # 239 samples are less than 10 ms; a sample is silent where all of it lies in the silence.
    expected = [(0, 200), (13_334, 13_494), (63_934, 64_134), (86_667, 96_000)]
    assert list(zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True)) == expected


@pytest.mark.parametrize("rate", [24000, 44100, 48000])
def test_a_voice_is_as_loud_at_any_rate(tmp_path: Path, rate: int) -> None:
    """Was: 47.6 dB +- 52 instead of 61.3 +- 15, by the residue that resampling leaves in silence."""
    pytest.importorskip("parselmouth")
    voices = []
    for each in (16000, rate):
        samples = pauses(each)
        soundfile.write(tmp_path / "a.wav", samples, each)
        (described,) = prosody.voices(tmp_path / "a.wav", [(0.0, samples.size / each)])
        voices.append(described)
    original, resampled = voices
    assert resampled.intensity_db == pytest.approx(original.intensity_db, abs=0.3)
    assert resampled.intensity_std_db == pytest.approx(original.intensity_std_db, abs=0.5)
    assert resampled.pitch_hz == pytest.approx(original.pitch_hz, rel=0.01)
