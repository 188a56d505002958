"""Where the sound of a stretch of speech begins and ends, given about where it is.

Conventions: times are frames of 5 ms, levels in dB as in ``perception.levels``. A region is ``[start, end)``.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tml_bench.perception.levels import Levels

Region = tuple[int, int]
Bands = NDArray[np.floating]
Marks = NDArray[np.bool_]

_BELOW_PEAK_DB = 53.0
_STILL_DB = -85.0
_ZERO_RUN = 4
_MARGIN = 10
_FLOOR_SPAN = 800
_FLOOR_LEAST = 10
_FLOOR_SOLID = 120
_REACH_BEFORE = 110
_REACH_AFTER = 120
_SUSTAINED = 4
_SHORT = 20
_NEAR = 4
_CLOSE = 12
_CLOSURE = 26
_SIBILANT = 70
_SIBILANT_DB = 6.0
_ABOVE_DB = 2.5
_ABOVE_HALF_DB = 8.0
_HISS_BELOW_PEAK_DB = 45.0
_LOUDEST = 90
_QUIETEST = 5
_ABOVE_QUIETEST_DB = 8.0
_NONE = -np.inf


def find(levels: Levels, regions: Sequence[Region]) -> list[Region]:
    """The edges of each region, in order and apart; a region in which nothing stands out stays as it is."""
    total, bands = levels.total, levels.bands
    speech = np.zeros(total.size, bool)
    for start, end in regions:
        speech[max(0, start - _MARGIN) : end + _MARGIN] = True
    borders = [0, *(_quietest(total, a, b) for (_, a), (b, _) in pairwise(regions)), total.size]
    found = []
    for k, (start, end) in enumerate(regions):
        low, high = max(start - _REACH_BEFORE, borders[k]), min(end + _REACH_AFTER, borders[k + 1])
        peak = float(total[start:end].max())
        floors = _floors(total, bands, speech, (start, end), peak)
        if peak <= _STILL_DB:
            found.append((start, end))
            continue
        audible = total[low:high] >= max(peak - _BELOW_PEAK_DB, _STILL_DB)
        near = bands[low:high].astype(np.float32)
        hiss = _hiss(near)
        sides = []
        for floor in floors:
            sides.append(audible & (near >= floor).any(axis=1))
        onset = _walk(sides[0][::-1], hiss[::-1], high - end, high - start, onset=True)
        offset = _walk(sides[1], hiss, start - low, end - low, onset=False)
        first = start if onset is None else high - onset
        last = end if offset is None else low + offset
        found.append((first, last) if first < last else (start, end))
    return found


def _walk(sounding: Marks, hiss: Marks, start: int, end: int, *, onset: bool) -> int | None:
    """The frame after the last that belongs to the region, seen in the direction of time that is given."""
    runs = _runs(sounding)
    inside = [k for k, (a, b) in enumerate(runs) if a < end and b > start]
    if not inside:
        return None
    at = inside[-1]
    edge = runs[at][1]
    for a, b in runs[at + 1 :]:
        gap, length = a - edge, b - a
        sibilant = length <= _SIBILANT and hiss[a:b].mean() > 0.5
        if gap > (_CLOSE if length <= _SHORT else _NEAR) and not (
            gap <= _CLOSURE and (sibilant or (length <= _SHORT and not onset))
        ):
            break
        edge = b
    return edge


def _runs(marks: Marks) -> list[Region]:
    """Stretches that are marked for at least `_SUSTAINED` frames, gaps of two frames closed."""
    changes = np.flatnonzero(np.diff(np.concatenate([[0], marks.view(np.int8), [0]])))
    joined: list[Region] = []
    for start, end in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True):
        if joined and start - joined[-1][1] <= 2:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return [(a, b) for a, b in joined if b - a >= _SUSTAINED]


def _hiss(bands: NDArray[np.float32]) -> Marks:
    """Frames with more power above 3.2 kHz than below."""
    power = 10 ** (bands / 10)
    marks: Marks = power[:, 4:].sum(axis=1) > 10 ** (_SIBILANT_DB / 10) * power[:, :4].sum(axis=1)
    return marks


class _Side(NamedTuple):
    """What lies on one side of a region: a floor of each band, whether it is solid, whether zeros end it."""

    floor: Bands
    solid: bool
    bounded: bool
    empty: bool


def _floors(
    total: NDArray[np.float32], bands: NDArray[np.float16], speech: Marks, region: Region, peak: float
) -> tuple[Bands, Bands]:
    start, end = region
    before = slice(max(0, start - _FLOOR_SPAN), max(0, start - _MARGIN))
    after = slice(end + _MARGIN, end + _FLOOR_SPAN)
    left = _side(total[before][::-1], bands[before][::-1], speech[before][::-1])
    right = _side(total[after], bands[after], speech[after])
    inside = bands[start:end][total[start:end] > _STILL_DB].astype(np.float32)
    quietest = np.percentile(inside, _QUIETEST, axis=0) if len(inside) else np.full(bands.shape[1], np.inf)
    cap = quietest + _ABOVE_QUIETEST_DB
    return _combined(left, right, cap, peak), _combined(right, left, cap, peak)


def _combined(own: _Side, other: _Side, cap: Bands, peak: float) -> Bands:
    if own.solid:
        return own.floor
    if own.empty:
        return np.full_like(own.floor, _NONE)
    if other.solid or (not other.bounded and not other.empty):
        return np.minimum(np.minimum(own.floor, other.floor), cap)
    if own.bounded or other.bounded:
        return np.minimum(own.floor, peak - _HISS_BELOW_PEAK_DB)
    return np.minimum(own.floor, cap)


def _side(total: NDArray[np.float32], bands: NDArray[np.float16], speech: Marks) -> _Side:
    """Outward from an edge to the first digital silence; speech is left out."""
    still = np.concatenate([[0], np.cumsum((total <= _STILL_DB) & ~speech)])
    run = np.flatnonzero(still[_ZERO_RUN:] - still[:-_ZERO_RUN] == _ZERO_RUN)
    bounded = run.size > 0
    reach = int(run[0]) if bounded else total.size
    beside = bands[:reach][~speech[:reach]].astype(np.float32)
    if len(beside) < _FLOOR_LEAST:
        return _Side(np.full(bands.shape[1], _NONE), False, bounded, True)
    half, loudest = np.percentile(beside, (50, _LOUDEST), axis=0)
    floor = np.minimum(loudest + _ABOVE_DB, half + _ABOVE_HALF_DB)
    return _Side(floor, len(beside) >= _FLOOR_SOLID, bounded, False)


def _quietest(levels: NDArray[np.float32], end: int, start: int) -> int:
    """Middle of the quietest 50 ms between two regions."""
    between = levels[end:start]
    width = min(10, between.size)
    mean = np.convolve(between, np.ones(width) / width, "valid")
    return end + int(np.argmin(mean)) + width // 2
