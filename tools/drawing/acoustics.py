"""How a voice sounds that is not meant for the microphone: level, tone, reflections.

Only the scripts that render shipped audio use this module. Filters are second-order sections after R.
Bristow-Johnson's "Cookbook formulae for audio EQ biquad filter coefficients"; a reflection is a delayed,
weaker copy. All of it is deterministic.

The two chains are those that Full-Duplex-Bench v1.5 (arXiv 2507.23159) describes for its overlaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

BUTTERWORTH_Q = 2**-0.5


class Biquad(NamedTuple):
    """Coefficients of a second-order section, normalised to a0 = 1."""

    b0: float
    b1: float
    b2: float
    a1: float
    a2: float

    def gain_db(self, frequency: float, rate: int) -> float:
        """Gain at a frequency in Hz below ``rate`` / 2."""
        z = np.exp(-2j * np.pi * frequency / rate)
        response = (self.b0 + self.b1 * z + self.b2 * z * z) / (1 + self.a1 * z + self.a2 * z * z)
        return float(20 * np.log10(abs(response)))


def low_pass(cutoff: float, rate: int) -> Biquad:
    """Butterworth low-pass: -3 dB at ``cutoff`` Hz, 12 dB per octave above."""
    omega = 2 * np.pi * cutoff / rate
    alpha, cosine = np.sin(omega) / (2 * BUTTERWORTH_Q), np.cos(omega)
    return _normalised((1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2, 1 + alpha, -2 * cosine, 1 - alpha)


def high_shelf(corner: float, gain_db: float, rate: int) -> Biquad:
    """High shelf of slope 1: half of ``gain_db`` at ``corner`` Hz, all of it far above, none far below."""
    a = 10 ** (gain_db / 40)
    omega = 2 * np.pi * corner / rate
    cosine = np.cos(omega)
    beta = 2 * np.sqrt(a) * np.sin(omega) * BUTTERWORTH_Q
    return _normalised(
        a * ((a + 1) + (a - 1) * cosine + beta),
        -2 * a * ((a - 1) + (a + 1) * cosine),
        a * ((a + 1) + (a - 1) * cosine - beta),
        (a + 1) - (a - 1) * cosine + beta,
        2 * ((a - 1) - (a + 1) * cosine),
        (a + 1) - (a - 1) * cosine - beta,
    )


def filtered(samples: Samples, section: Biquad) -> Samples:
    """Run a section over samples, shape (n,), from rest."""
    b0, b1, b2, a1, a2 = section
    out = np.empty(len(samples))
    s1 = s2 = 0.0
    for k, x in enumerate(samples.tolist()):
        y = b0 * x + s1
        s1, s2 = b1 * x - a1 * y + s2, b2 * x - a2 * y
        out[k] = y
    return out.astype(np.float32)


def amplified(samples: Samples, gain_db: float) -> Samples:
    """Change the level."""
    return samples * np.float32(10 ** (gain_db / 20))


def reflected(samples: Samples, rate: int, reflections: Sequence[tuple[float, float]]) -> Samples:
    """Add reflections, each ``(delay in seconds, gain in dB)``; the longest delay is added to the length."""
    delays = [(round(delay * rate), np.float32(10 ** (gain / 20))) for delay, gain in reflections]
    out = np.pad(samples, (0, max((delay for delay, _ in delays), default=0)))
    for delay, gain in delays:
        out[delay : delay + len(samples)] += samples * gain
    return out


def turned_away(samples: Samples, rate: int) -> Samples:
    """The user speaks to somebody else: -8 dB, -5 dB above 4 kHz, reflections after 45 and 120 ms."""
    dull = filtered(amplified(samples, -8.0), high_shelf(4000.0, -5.0, rate))
    return reflected(dull, rate, [(0.045, -6.0), (0.120, -12.0)])


def in_the_background(samples: Samples, rate: int) -> Samples:
    """Somebody speaks farther away: -15 dB, nothing above 3 kHz, an echo after 100 ms."""
    dull = filtered(amplified(samples, -15.0), low_pass(3000.0, rate))
    return reflected(dull, rate, [(0.100, -10.0)])


def _normalised(b0: float, b1: float, b2: float, a0: float, a1: float, a2: float) -> Biquad:
    return Biquad(*(float(c / a0) for c in (b0, b1, b2, a1, a2)))
