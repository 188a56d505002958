"""Filters have the gain they promise, measured on sines that went through; scipy agrees."""

from __future__ import annotations

import numpy as np
import pytest
from drawing.acoustics import (
    Biquad,
    amplified,
    filtered,
    high_shelf,
    in_the_background,
    low_pass,
    reflected,
    turned_away,
)
from scipy.signal import lfilter

RATE = 16000


def sine(frequency: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


def measured_db(section: Biquad, frequency: float) -> float:
    wave = sine(frequency)
    settled = slice(RATE // 2, None)
    out = filtered(wave, section)[settled].astype(float)
    return float(10 * np.log10(np.mean(out**2) / np.mean(wave[settled].astype(float) ** 2)))


@pytest.mark.parametrize(
    ("frequency", "gain"),
    # The bilinear transform pulls the slope to -inf at 8 kHz; at 6 kHz tan(3pi/8) / tan(3pi/16) = 3.61 to
    # the 4th power plus 1 is 22.4 dB.
    [(100.0, 0.0), (1000.0, -0.04), (3000.0, -3.01), (6000.0, -22.35)],
)
def test_low_pass(frequency: float, gain: float) -> None:
    assert measured_db(low_pass(3000.0, RATE), frequency) == pytest.approx(gain, abs=0.05)
    assert low_pass(3000.0, RATE).gain_db(frequency, RATE) == pytest.approx(gain, abs=0.05)


@pytest.mark.parametrize(
    ("frequency", "gain", "within"), [(200.0, 0, 0.02), (4000.0, -2.5, 0.02), (7500.0, -5, 0.05)]
)
def test_high_shelf(frequency: float, gain: float, within: float) -> None:
    assert measured_db(high_shelf(4000.0, -5.0, RATE), frequency) == pytest.approx(gain, abs=within)


@pytest.mark.parametrize("section", [low_pass(3000.0, RATE), high_shelf(4000.0, -5.0, RATE)])
def test_filtering_agrees_with_scipy(section: Biquad) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)
    expected = lfilter(section[:3], (1.0, *section[3:]), noise)
    np.testing.assert_allclose(filtered(noise, section), expected, atol=1e-6)


def test_level() -> None:
    assert amplified(np.ones(1, np.float32), -20.0)[0] == pytest.approx(0.1)


def test_reflections_are_delayed_weaker_copies() -> None:
    click = np.zeros(10, np.float32)
    click[0] = 1.0
    out = reflected(click, 1000, [(0.045, -6.0), (0.120, -12.0)])
    assert len(out) == 130
    assert {int(k): round(float(out[k]), 4) for k in np.flatnonzero(out)} == {0: 1.0, 45: 0.5012, 120: 0.2512}
    assert np.array_equal(reflected(click, 1000, []), click)


@pytest.mark.parametrize(
    ("chain", "frequency", "direct_db", "delays"),
    [
        (turned_away, 200.0, -8.0, {0.045: -6.0, 0.120: -12.0}),
        (turned_away, 7500.0, -13.0, {0.045: -6.0, 0.120: -12.0}),
        (in_the_background, 200.0, -15.0, {0.100: -10.0}),
        (in_the_background, 3000.0, -18.0, {0.100: -10.0}),
    ],
)
def test_chains_have_the_levels_of_the_paper(chain, frequency, direct_db, delays) -> None:  # type: ignore[no-untyped-def]
    # A burst shorter than any delay: the direct sound and each reflection stand apart in time.
    burst = sine(frequency, 0.04) * np.hanning(640).astype(np.float32)
    out = chain(burst, RATE)
    power = float(np.sum(burst.astype(float) ** 2))
    for delay, gain in {0.0: 0.0, **delays}.items():
        at = round(delay * RATE)
        part = out[at : at + 640].astype(float)
        assert 10 * np.log10(np.sum(part**2) / power) == pytest.approx(direct_db + gain, abs=0.15)
