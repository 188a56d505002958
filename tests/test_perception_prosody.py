"""Pitch and intensity, against sounds whose pitch and intensity are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

import tml_bench.adapters.reference
from tml_bench.perception import prosody
from tml_bench.timeline import Voice

RATE = 16000
TALK = Path(tml_bench.adapters.reference.__file__).parent / "voice" / "talk.flac"


def sine(hertz: float, amplitude: float = 0.1, seconds: float = 2.0) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.mark.parametrize("hertz", [80.0, 220.0, 550.0])
def test_pitch_of_a_sine(hertz: float) -> None:
    pytest.importorskip("parselmouth")
    mean, std, _, _ = prosody.describe(sine(hertz))
    assert mean == pytest.approx(hertz, abs=0.1)
    assert std == pytest.approx(0, abs=0.1)


def test_pitch_spread_of_two_sines() -> None:
    # Half the frames at 100 Hz and half at 200 Hz: mean 150, standard deviation 50.
    mean, std, _, _ = prosody.describe(np.concatenate([sine(100, seconds=10), sine(200, seconds=10)]))
    assert mean == pytest.approx(150, abs=1)
    assert std == pytest.approx(50, abs=1)


@pytest.mark.parametrize("amplitude", [0.5, 0.01])
def test_intensity_of_a_sine(amplitude: float) -> None:
    _, _, mean, std = prosody.describe(sine(220, amplitude))
    assert mean == pytest.approx(20 * np.log10(amplitude / np.sqrt(2) / 2e-5), abs=0.05)
    assert std == pytest.approx(0, abs=0.05)


def test_pitch_outside_50_to_600_hz_is_none() -> None:
    assert prosody.describe(sine(30))[:2] == (None, None)


@pytest.mark.parametrize("samples", [np.zeros(RATE, np.float32), np.zeros(0, np.float32)])
def test_silence_has_no_voice(samples: np.ndarray) -> None:
    assert prosody.describe(samples) == (None, None, None, None)


def test_a_sound_too_short_for_praat_has_no_voice() -> None:
    assert prosody.describe(sine(220, seconds=0.005)) == (None, None, None, None)


def test_silence_is_removed() -> None:
    talk, rate = soundfile.read(TALK, dtype="float32")
    assert rate == 24000
    speech = talk[: 3 * rate : 3]  # 8 kHz, doubled to 16 kHz: good enough for a detector
    speech = np.repeat(speech, 2)
    padded = np.concatenate([np.zeros(2 * RATE, np.float32), speech, np.zeros(2 * RATE, np.float32)])
    kept = prosody.without_silence(padded)
    assert 0.8 * len(speech) < len(kept) < len(speech) + RATE // 5
    assert prosody.without_silence(np.zeros(RATE, np.float32)).size == 0


def test_stretches_of_a_track(tmp_path: Path) -> None:
    talk, rate = soundfile.read(TALK, dtype="float32")
    track = np.concatenate([talk[: 4 * rate], np.zeros(2 * rate, np.float32), talk[: 4 * rate] / 10])
    path = tmp_path / "track.wav"
    soundfile.write(path, track, rate)
    loud, silent, soft = prosody.voices(path, [(0.0, 4.0), (4.0, 6.0), (6.0, 10.0)])
    assert silent == Voice(4.0, 6.0)
    assert loud.pitch_hz is not None
    assert soft.pitch_hz == pytest.approx(loud.pitch_hz, rel=0.02)
    assert 150 < loud.pitch_hz < 260
    assert loud.intensity_db is not None
    assert soft.intensity_db == pytest.approx(loud.intensity_db - 20, abs=0.7)


def test_without_praat_nothing_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = prosody.voices_key("a" * 64, [(0.0, 1.0)])
    monkeypatch.setattr(prosody, "installed", lambda: False)
    assert prosody.voices(TALK, [(0.0, 1.0)]) == (Voice(0.0, 1.0, measured=False),)
    assert prosody.voices_key("a" * 64, [(0.0, 1.0)]) != key
