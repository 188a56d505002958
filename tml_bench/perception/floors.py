"""The noise that lies beside a stretch of speech, in every band of frequency.

Conventions as in ``perception.levels``. A floor is the level that a band must reach to stand out of the
noise: its median where nothing is said, and 3.5 times what a quarter of the frames exceed it by, at least
3.5 dB. That is for single frames; for the power over 40 ms, which varies less, it is at least 1.5 dB. So
noise that swells and fades, as babble does, has a high floor, and something short that is no noise, as a
breath, does not raise it.

Each side of a region has a floor of its own. It is taken outward from the region's edge, over up to 4 s,
and ends at the first digital silence (20 ms below -85 dB): what is beyond does not reach the speech. Not
counted are frames of speech: those in a region that are within 32 dB of this region's loudest, and 50 ms
about them. Then

* 600 ms and more are noise;
* less than 50 ms are none: there is no floor;
* anything between may as well be speech that begins softly. Is there noise on the other side, it is noise
  up to that floor and up to 8 dB above what each band falls to in the region itself (noise goes on under
  speech). Does digital silence end it, it is noise where it is at least 50 dB below the region's loudest.
  Else it is noise up to 8 dB above what each band falls to in the region.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tml_bench.perception.levels import Levels

Region = tuple[int, int]
Decibels = NDArray[np.floating]
Marks = NDArray[np.bool_]

STILL_DB = -85.0
_STILL_FRAMES = 4
_SPEECH_BELOW_PEAK_DB = 32.0
_MARGIN = 10
_SPAN = 800
_LEAST = 10
_SOLID = 120
_SPREADS = 3.5
_ABOVE_DB = 3.5
_ABOVE_LONG_DB = 1.5
_LONG = 8
_HISS_BELOW_PEAK_DB = 50.0
_QUIETEST = 5
_ABOVE_QUIETEST_DB = 8.0


class Floor(NamedTuple):
    """Levels that stand out, shape (bands,), in single frames and over 40 ms; -inf: there is no noise."""

    single: Decibels
    long: Decibels

    def excess(self, bands: Decibels, long: Decibels) -> Decibels:
        """By how many dB each frame stands out, in the band that does most; inf where there is no noise.

        Levels, shape (bands, frames), and what `smoothed` makes of them.
        """
        above = with_edges((long - self.long[:, np.newaxis]).max(axis=0), _LONG // 2)
        # Power over 40 ms is high 20 ms before a sound begins and after it ends.
        least = np.minimum.reduce([above[k : above.size - _LONG + k] for k in range(_LONG + 1)])
        excess: Decibels = np.maximum((bands - self.single[:, np.newaxis]).max(axis=0), least)
        return excess


class _Side(NamedTuple):
    floor: Floor
    power_db: float
    """In all bands, as a rule."""
    frames: int
    bounded: bool
    """Whether digital silence ends it."""


def floors(levels: Levels, inside: Marks, region: Region) -> tuple[Floor, Floor]:
    """The floors before and after a region; ``inside`` marks the frames of all regions."""
    start, end = region
    peak = float(levels.total[start:end].max())
    first, last = max(0, start - _SPAN), end + _SPAN
    total, bands = levels.total[first:last], levels.bands[first:last]
    speech = widened(inside[first:last] & (total >= peak - _SPEECH_BELOW_PEAK_DB), _MARGIN)
    start, end = start - first, end - first
    before = _side(total[:start][::-1], bands[:start][::-1], speech[:start][::-1])
    after = _side(total[end:], bands[end:], speech[end:])
    sounding = by_band(bands[start:end][total[start:end] > STILL_DB])
    quietest = np.full(len(sounding), np.inf)
    if sounding.size:
        quietest = np.percentile(sounding, _QUIETEST, axis=1) + _ABOVE_QUIETEST_DB
    return _judged(before, after, quietest, peak), _judged(after, before, quietest, peak)


def _judged(own: _Side, other: _Side, quietest: Decibels, peak: float) -> Floor:
    if own.frames >= _SOLID or own.frames == 0:
        return own.floor
    if other.frames >= _SOLID:
        return _at_most(_at_most(own.floor, quietest), other.floor.single)
    if own.bounded or other.bounded:
        return own.floor if own.power_db <= peak - _HISS_BELOW_PEAK_DB else _none(own.floor.single.size)
    return _at_most(own.floor, quietest)


def _at_most(floor: Floor, limit: Decibels) -> Floor:
    return Floor(np.minimum(floor.single, limit), np.minimum(floor.long, limit))


def _none(bands: int) -> Floor:
    return Floor(np.full(bands, -np.inf), np.full(bands, -np.inf))


def _side(total: Decibels, bands: NDArray[np.float16], speech: Marks) -> _Side:
    """What lies outward from an edge, up to the first digital silence."""
    still = np.concatenate([[0], np.cumsum((total <= STILL_DB) & ~speech)])
    silence = np.flatnonzero(still[_STILL_FRAMES:] - still[:-_STILL_FRAMES] == _STILL_FRAMES)
    reach = int(silence[0]) if silence.size else total.size
    beside = by_band(bands[:reach][~speech[:reach]])
    frames = beside.shape[1]
    if frames < _LEAST:
        return _Side(_none(len(beside)), -np.inf, 0, silence.size > 0)
    floor = Floor(_above(beside, _ABOVE_DB), _above(smoothed(beside), _ABOVE_LONG_DB))
    power_db = float(10 * np.log10(np.sum(10 ** (np.median(beside, axis=1) / 10))))
    return _Side(floor, power_db, frames, silence.size > 0)


def _above(beside: Decibels, least: float) -> Decibels:
    median, louder = np.percentile(beside, (50, 75), axis=1)
    floor: Decibels = median + np.maximum(least, _SPREADS * (louder - median))
    return floor


def by_band(bands: NDArray[np.float16]) -> NDArray[np.float32]:
    """Levels of shape (frames, bands) as (bands, frames), each band's in one piece of memory."""
    return bands.T.astype(np.float32, order="C")


def smoothed(bands: Decibels) -> Decibels:
    """Power over 40 ms about each frame, in dB; shape (bands, frames) as given."""
    power = np.cumsum(with_edges(10 ** (bands.astype(float) / 10), _LONG // 2), axis=1)
    levels: Decibels = 10 * np.log10(np.maximum((power[:, _LONG:] - power[:, :-_LONG]) / _LONG, 1e-20))
    return levels


def with_edges(values: Decibels, margin: int) -> Decibels:
    """Values, shape (..., n), with the first and the last of them ``margin`` times more."""
    wide = np.empty((*values.shape[:-1], values.shape[-1] + 2 * margin), values.dtype)
    wide[..., :margin] = values[..., :1]
    wide[..., margin:-margin] = values
    wide[..., -margin:] = values[..., -1:]
    return wide


def widened(marks: Marks, margin: int) -> Marks:
    """The marked frames and as many as ``margin`` before and after each."""
    if not marks.any():
        return marks
    wide: Marks = np.convolve(marks, np.ones(2 * margin + 1), "same") > 0.5
    return wide[: marks.size] if marks.size >= 2 * margin + 1 else np.ones_like(marks)
