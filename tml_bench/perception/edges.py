"""Where the sound of a stretch of speech begins and ends, given about where it is.

Conventions: times are frames of 5 ms, levels in dB as in ``perception.levels``. A region is ``[start,
end)``; its peak is its loudest 5 ms.

Sound is a frame within 53 dB of the peak that stands out of the noise in some band (``perception.floors``).
It counts where it lasts for 20 ms, holes of 10 ms aside: a click does not. What is sure is the sound in the
region that stands out at least three tenths as far as whatever does most and has 20 ms of vowel; a region
is cut at half seconds of nothing. From there the edge moves outward over what is connected:

* the next sound after a gap of at most 20 ms, 30 ms where the sound lasts at most 100 ms;
* a consonant behind its closure: at the end of speech any sound of at most 100 ms after a gap of at most
  130 ms, or of at most 350 ms that begins within 6 dB of its loudest after at most 80 ms; at the beginning a
  hiss (most power above 2 kHz) of at most 200 ms that ends so. In noise it must stand out by 3 dB, and a
  hiss may last 350 ms and come after a gap of 130 ms at either end;
* no further than 550 ms before the region and 600 ms after it, and not past the quietest 50 ms to the next.

So a soft beginning belongs to the speech however long it takes, and a breath before or after a gap does
not.

Ends. Where the power of noise above 400 Hz, as a floor, is more than 8 dB above what counts without noise,
it hides the end: the end found is moved 2.25 ms later for each dB more, and is at most 150 ms before the
region's. Without such noise, sound that decays evenly (by 0.15 to 0.8 dB a frame, to 2 dB) for its last
0.3 s is a room's: the end is 60 ms after the last frame that is 3 dB off that line.

How far edges are off, by noise, is in ``docs/perception.md``, from ``benchmarks/edge_accuracy.py``.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tml_bench.perception.floors import STILL_DB, Decibels, Floor, Marks, Region, by_band, floors, smoothed
from tml_bench.perception.levels import Levels

_BELOW_PEAK_DB = 53.0
_REACH_BEFORE = 110
_REACH_AFTER = 120
_LAG = 12
_LATEST = 30
_HIDDEN = 0.45
_HIDES_DB = 8.0
_PAUSE = 100
_SUSTAINED = 4
_HOLE = 2
_SHORT = 20
_VOWEL = 4
_NEAR = 4
_BURST = 6
_CLOSURE = 26
_STOP = 16
_ABRUPT_DB = 6.0
_RESUMED_DB = 3.0
_FRICATIVE = 70
_HISS = 40
_HISS_DB = 6.0
_CLEAR = 0.3
_TAIL = 60
_SLOWEST = 0.15
_FASTEST = 0.8
_EVEN_DB = 2.0
_LEAVES_DB = 3.0
_AFTER_KNEE = 12


class _Track:
    """A track's levels, and what is found beside its regions."""

    def __init__(self, levels: Levels, regions: Sequence[Region], vowels: Marks) -> None:
        self.levels = levels
        self.vowels = vowels
        self._inside = np.zeros(levels.total.size, bool)
        for start, end in regions:
            self._inside[start:end] = True
        self._floors: dict[Region, tuple[Floor, Floor]] = {}

    def floors(self, region: Region) -> tuple[Floor, Floor]:
        """The floors before and after a region, which most often is asked for twice."""
        if region not in self._floors:
            self._floors[region] = floors(self.levels, self._inside, region)
        return self._floors[region]


class _Span(NamedTuple):
    """Levels of a span of frames: in all; by band, shape (bands, frames); and these smoothed."""

    total: Decibels
    bands: Decibels
    long: Decibels

    def excess(self, floor: Floor, peak: float) -> Decibels:
        """By how many dB each frame stands out of the noise, beside a region of that peak; -inf: too soft."""
        audible = self.total >= max(peak - _BELOW_PEAK_DB, STILL_DB)
        return np.where(audible, floor.excess(self.bands, self.long), -np.inf)


class _View(NamedTuple):
    """A span of frames as heard from one side of a region; ``bands`` as of `_Span`."""

    total: Decibels
    bands: Decibels
    excess: Decibels
    vowels: Marks
    floor: Floor

    def reversed(self) -> "_View":
        backward = self.total[::-1], self.bands[:, ::-1], self.excess[::-1], self.vowels[::-1]
        return _View(*backward, self.floor)

    def hisses(self, run: Region) -> bool:
        """Whether most frames of a run have far more power above 2 kHz than below, the noise not counted."""
        bands = np.ascontiguousarray(self.bands[:, run[0] : run[1]])
        power = np.maximum(10 ** (bands / 10) - 10 ** (self.floor.single[:, np.newaxis] / 10), 0)
        marks = power[5:].sum(axis=0) > 10 ** (_HISS_DB / 10) * power[:5].sum(axis=0)
        return bool(marks.mean() > 0.5)


def voiced(levels: Levels) -> Marks:
    """Frames whose power is most at 200 to 700 Hz, as a vowel's is and that of breaths and hisses is not."""
    marks: Marks = levels.total > STILL_DB
    sounding = by_band(levels.bands[marks])
    marks[marks] = sounding[1:3].max(axis=0) > sounding[4:].max(axis=0)
    return marks


def find(levels: Levels, regions: Sequence[Region], vowels: Marks) -> list[tuple[int, float]]:
    """The edges of each region, in order and apart; a region in which nothing stands out stays as it is."""
    track = _Track(levels, regions, vowels)
    parts = [part for region in regions for part in _parts(track, region)]
    if not parts:
        return []
    borders = [
        0,
        *(_quietest(levels.total, a, b) for (_, a), (b, _) in pairwise(parts)),
        levels.total.size,
    ]
    return [_edges(track, part, limits) for part, limits in zip(parts, pairwise(borders), strict=True)]


def _parts(track: _Track, region: Region) -> list[Region]:
    """A region without its stretches of half a second and more in which nothing stands out."""
    start, end = region
    if end - start < _PAUSE:
        return [region]
    span, peak = _span(track, region), _peak(track, region)
    excess = np.minimum(*(span.excess(floor, peak) for floor in track.floors(region)))
    runs = _clear(_runs(excess >= 0), excess)
    if not runs:
        return [region]
    firsts = [0, *(k + 1 for k, ((_, a), (b, _)) in enumerate(pairwise(runs)) if b - a >= _PAUSE), len(runs)]
    parts = [(start + runs[a][0], start + runs[b - 1][1]) for a, b in pairwise(firsts)]
    # The region's own ends are for the edges to judge, unless they lie in such a stretch.
    if parts[0][0] - start < _PAUSE:
        parts[0] = (start, parts[0][1])
    if end - parts[-1][1] < _PAUSE:
        parts[-1] = (parts[-1][0], end)
    return parts


def _edges(track: _Track, region: Region, borders: Region) -> tuple[int, float]:
    start, end = region
    peak = _peak(track, region)
    if peak <= STILL_DB:
        return region
    low, high = max(start - _REACH_BEFORE, borders[0]), min(end + _REACH_AFTER, borders[1])
    before, after = track.floors(region)
    span, vowels = _span(track, (low, high)), track.vowels[low:high]
    back, ahead = (
        _View(span.total, span.bands, span.excess(floor, peak), vowels, floor) for floor in (before, after)
    )
    onset = _walk(back.reversed(), (high - end, high - start), onset=True)
    offset = _walk(ahead, (start - low, end - low), onset=False)
    first = start if onset is None else high - onset
    last: float = end if offset is None else low + offset
    hidden = _hidden(after, peak)
    if hidden:
        last = min(max(last, end - _LATEST) + hidden, high)
    elif last > first:
        last = first + _dry(track.levels.total[first:last])
    return (first, last) if first < last else region


def _dry(levels: Decibels) -> int:
    """Where a sound ends that a room lets ring on: what decays evenly for 0.3 s is the room's."""
    reach = min(_REACH_AFTER + _TAIL, levels.size)
    if reach < 2 * _TAIL:
        return levels.size
    tail = np.convolve(levels[-reach:], np.ones(5) / 5, "same")[:-3]
    frames = np.arange(tail.size)
    slope, height = np.polyfit(frames[-_TAIL:], tail[-_TAIL:], 1)
    off = tail - (slope * frames + height)
    if not _SLOWEST <= -slope <= _FASTEST or np.std(off[-_TAIL:]) > _EVEN_DB:
        return levels.size
    leaves = np.flatnonzero(np.abs(off) > _LEAVES_DB)
    knee = int(leaves[-1]) + 1 if leaves.size else 0
    return levels.size - reach + min(knee + _AFTER_KNEE, reach)


def _hidden(floor: Floor, peak: float) -> float:
    """How many frames of the end of speech the noise above 400 Hz hides, as a rule."""
    noise = 10 * np.log10(np.sum(10 ** (floor.single[2:] / 10)) + 1e-20)
    return max(0.0, _HIDDEN * (float(noise) - (peak - _BELOW_PEAK_DB) - _HIDES_DB))


def _peak(track: _Track, region: Region) -> float:
    return float(track.levels.total[region[0] : region[1]].max())


def _span(track: _Track, frames: Region) -> _Span:
    low, high = frames
    bands = by_band(track.levels.bands[low:high])
    return _Span(track.levels.total[low:high], bands, smoothed(bands))


def _walk(view: _View, region: Region, *, onset: bool) -> int | None:
    """The frame after the last that belongs to the region, seen in the direction of time that is given."""
    start, end = region
    runs = _runs(view.excess >= 0)
    latest = max(end - (0 if onset else _LAG), start + 1)
    sure = _clear([(a, b) for a, b in runs if a < latest and b > start], view.excess)
    if not sure:
        return None
    sure = [(a, b) for a, b in sure if view.vowels[a:b].sum() >= _VOWEL] or sure
    edge = sure[-1][1]
    for a, b in runs[runs.index(sure[-1]) + 1 :]:
        gap, length = a - edge, b - a
        loudest, hissing = float(view.excess[a:b].max()), view.hisses((a, b))
        abrupt = gap <= _STOP and float(view.total[a : a + 3].max() - view.total[a:b].max()) >= -_ABRUPT_DB
        consonant = abrupt and (not onset or (hissing and length <= _HISS))
        if np.isfinite(loudest):  # in noise, of which a breath seldom stands out
            consonant = hissing or (abrupt and not onset)
        consonant = consonant and length <= _FRICATIVE
        released = not onset and length <= _SHORT
        resumed = (consonant or released) and loudest >= _RESUMED_DB
        near = _BURST if length <= _SHORT else _NEAR
        if gap > (_CLOSURE if resumed else near):
            break
        edge = b
    return edge


def _runs(marks: Marks) -> list[Region]:
    """Stretches that are marked for at least `_SUSTAINED` frames, short holes closed."""
    changes = np.flatnonzero(np.diff(np.concatenate([[0], marks.view(np.int8), [0]])))
    joined: list[Region] = []
    for start, end in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True):
        if joined and start - joined[-1][1] <= _HOLE:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return [(a, b) for a, b in joined if b - a >= _SUSTAINED]


def _clear(runs: list[Region], excess: Decibels) -> list[Region]:
    """Those that stand out at least three tenths as far as whatever does most."""
    least = _CLEAR * max((float(excess[a:b].max()) for a, b in runs), default=0.0)
    return [(a, b) for a, b in runs if excess[a:b].max() >= least]


def _quietest(levels: Decibels, end: int, start: int) -> int:
    """Middle of the quietest 50 ms between two regions."""
    between = levels[end:start]
    width = min(10, between.size)
    mean = np.convolve(between, np.ones(width) / width, "valid")
    return end + int(np.argmin(mean)) + width // 2
