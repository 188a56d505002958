"""How loud a track is, every 5 ms: in all, and in six bands of frequency.

Conventions: mono float32 at 16 kHz; a frame is 5 ms (80 samples); levels are in dB of full scale, -200 for
zeros. The level in all is the RMS of the frame. A band's level is its power under a Hann window of 16 ms
about the frame's middle, between two of the frequencies in ``BANDS``; nothing below 200 Hz is in any band, so
that hum, rumble and an offset of the whole track are not heard there.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

HOP = 80
SILENT_DB = -200.0
BANDS = (200, 600, 1200, 2000, 3200, 5000, 8000)
"""Edges of the bands in Hz."""
_RATE = 16_000
_WINDOW = 256
_BEFORE = (_WINDOW - HOP) // 2
_HANN = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
_LEAST_POWER = np.float32(10 ** (SILENT_DB / 10))


class Levels(NamedTuple):
    """``total`` of shape (frames,) and ``bands`` of shape (frames, 6), in dB."""

    total: NDArray[np.float32]
    bands: NDArray[np.float16]


class LevelTrack:
    """Levels of a track that comes in blocks."""

    def __init__(self) -> None:
        self._totals: list[NDArray[np.float32]] = []
        self._bands: list[NDArray[np.float16]] = []
        self._rest = np.zeros(_BEFORE, np.float32)

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next samples, shape (n,); n is a multiple of 80 in all blocks but the last."""
        frames = np.pad(block, (0, -block.size % HOP)).reshape(-1, HOP)
        self._totals.append(_decibels(np.einsum("ij,ij->i", frames, frames) / HOP))
        self._analyse(frames.ravel())

    def _analyse(self, samples: NDArray[np.float32]) -> None:
        self._rest = np.concatenate([self._rest, samples])
        frames = (self._rest.size - _WINDOW) // HOP + 1
        if frames > 0:
            self._bands.append(_bands(self._rest, frames))
            self._rest = self._rest[frames * HOP :]

    def values(self) -> Levels:
        """Levels of all that was added; nothing may be added afterwards."""
        self._analyse(np.zeros(_BEFORE, np.float32))
        if not self._totals:
            return Levels(np.empty(0, np.float32), np.empty((0, len(BANDS) - 1), np.float16))
        return Levels(np.concatenate(self._totals), np.concatenate(self._bands))


def _bands(samples: NDArray[np.float32], frames: int) -> NDArray[np.float16]:
    if not samples.any():
        return np.full((frames, len(BANDS) - 1), SILENT_DB, np.float16)
    windows = sliding_window_view(samples, _WINDOW)[: frames * HOP : HOP] * _HANN
    spectrum = np.fft.rfft(windows)
    power = spectrum.real**2 + spectrum.imag**2
    bins = [round(hertz * _WINDOW / _RATE) for hertz in BANDS]
    sums = np.add.reduceat(power[:, : bins[-1]], bins[:-1], axis=1)
    # A sine of full scale is -3 dB here as it is in the level in all.
    return _decibels(sums * np.float32(2 / (_WINDOW * (_HANN**2).sum()))).astype(np.float16)


def _decibels(power: NDArray[np.float32]) -> NDArray[np.float32]:
    levels: NDArray[np.float32] = 10 * np.log10(np.maximum(power, _LEAST_POWER))
    return levels
