"""How loud a track is, every 5 ms: in all, and in eight bands of frequency.

Conventions: mono float32 at 16 kHz; a frame is 5 ms (80 samples); levels are in dB of full scale, -200 for
zeros. The level in all is the RMS of the frame. A band's level is its power under a Hann window of 16 ms
about the frame's middle, between two of the frequencies in ``BANDS``; nothing below 100 Hz is in any band, so
that hum, rumble and an offset of the whole track are not heard there.
"""

from copy import copy
from typing import NamedTuple, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

HOP = 80
SILENT_DB = -200.0
BANDS = (100, 200, 400, 700, 1200, 2000, 3200, 5000, 8000)
"""Edges of the bands in Hz."""
_RATE = 16_000
_WINDOW = 256
_BEFORE = (_WINDOW - HOP) // 2
_ABOUT = -(-_BEFORE // HOP)
"""So many frames on each side of a frame reach into its window."""
_HANN = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
_BINS = [round(hertz * _WINDOW / _RATE) for hertz in BANDS]
_AT_ONCE = 64
"""Windows whose spectra are in memory at a time: what is larger is taken from the system anew each time."""
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
        self._sounding = np.zeros(_ABOUT, bool)

    def copy(self) -> Self:
        """One that has taken the same, and goes on by itself."""
        other = copy(self)
        other._totals, other._bands = [*self._totals], [*self._bands]
        return other

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next samples, shape (n,); n is a multiple of 80 in all blocks but the last."""
        frames = padded(block, HOP).reshape(-1, HOP)
        power = np.einsum("ij,ij->i", frames, frames) / HOP
        self._totals.append(_decibels(power))
        self._analyse(frames.ravel(), power > 0)

    def _analyse(self, samples: NDArray[np.float32], sounding: NDArray[np.bool_]) -> None:
        """Take samples, and which of their frames are no zeros."""
        self._rest = np.concatenate([self._rest, samples])
        self._sounding = np.concatenate([self._sounding, sounding])
        frames = (self._rest.size - _WINDOW) // HOP + 1
        if frames > 0:
            about = [self._sounding[k : k + frames] for k in range(2 * _ABOUT + 1)]
            self._bands.append(_bands(self._rest, np.logical_or.reduce(about)))
            self._rest = self._rest[frames * HOP :]
            self._sounding = self._sounding[frames:]

    def values(self) -> Levels:
        """Levels of all that was added; nothing may be added afterwards."""
        self._analyse(np.zeros(_BEFORE, np.float32), np.zeros(_ABOUT, bool))
        if not self._totals:
            return Levels(np.empty(0, np.float32), np.empty((0, len(BANDS) - 1), np.float16))
        return Levels(np.concatenate(self._totals), np.concatenate(self._bands))


def padded(samples: NDArray[np.float32], multiple: int) -> NDArray[np.float32]:
    """The samples, shape (n,), with zeros after them so that ``multiple`` divides their number."""
    missing = -samples.size % multiple
    return np.pad(samples, (0, missing)) if missing else samples


def _bands(samples: NDArray[np.float32], sounding: NDArray[np.bool_]) -> NDArray[np.float16]:
    """Of each frame, shape (frames,), that has a sound in its window; those of the others are silent."""
    levels = np.full((sounding.size, len(BANDS) - 1), SILENT_DB, np.float16)
    which = np.flatnonzero(sounding)
    windows = sliding_window_view(samples, _WINDOW)[::HOP]
    for at in range(0, which.size, _AT_ONCE):
        piece = which[at : at + _AT_ONCE]
        levels[piece] = _decibels(_powers(windows[piece]))
    return levels


def _powers(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power in each band of windows: shapes (n, 256) and (n, bands)."""
    spectrum = np.fft.rfft(windows * _HANN)
    power = spectrum.real**2 + spectrum.imag**2
    sums = np.add.reduceat(power[:, : _BINS[-1]], _BINS[:-1], axis=1)
    # A sine of full scale is -3 dB here as it is in the level in all.
    return sums * np.float32(2 / (_WINDOW * (_HANN**2).sum()))


def _decibels(power: NDArray[np.float32]) -> NDArray[np.float32]:
    levels: NDArray[np.float32] = 10 * np.log10(np.maximum(power, _LEAST_POWER))
    return levels
