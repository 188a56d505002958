"""What tells a server's sound from any other, on sounds of known origin."""

from __future__ import annotations

import numpy as np
import pytest

from peers.runs import traced

RNG = np.random.default_rng(0)
NOISE = (0.1 * RNG.standard_normal(48000)).astype(np.float32)


def test_a_part_is_found_at_any_place_and_loudness() -> None:
    heard = np.concatenate([np.zeros(6000, np.float32), 0.5 * NOISE[1234:25234]])
    assert traced(heard, NOISE) == (1.0, pytest.approx(1.0, abs=1e-3))


def test_another_sound_is_not() -> None:
    seconds, likeness = traced(NOISE[:24000], NOISE[24000:])
    assert seconds == 1.0
    assert likeness < 0.2


def test_noise_lowers_the_likeness_as_it_must() -> None:
    added = (0.1 * RNG.standard_normal(48000)).astype(np.float32)
    assert traced(NOISE + added, NOISE)[1] == pytest.approx(0.5**0.5, abs=0.02)


def test_silence_is_nothing_heard() -> None:
    assert traced(np.zeros(24000, np.float32), NOISE) == (0.0, 0.0)
