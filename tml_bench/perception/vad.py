"""Where a track has speech: Silero regions whose edges are moved to the energy envelope.

Conventions: times are seconds from the track's first sample. The track is resampled to 16 kHz in one
streaming pass that keeps one probability per 32 ms and one level per 5 ms, so memory stays flat (7 MB per
hour of audio).

Regions. A region starts at a frame of probability >= 0.5 and ends where the probability falls below
0.35; regions less than 250 ms apart are one; regions shorter than 50 ms are none. The network alone
rejects tones, noise, clicks and hum, but its edges are 10-50 ms late.

Edges. The level is the RMS of 5 ms in dB. An onset moves to the first 5 ms at or above the threshold within
[-300, +150] ms of the region's start, an offset to the end of the last within [-150, +400] ms of its end; an
edge with nothing that loud in its window stays. The threshold is ``max(noise floor + 6 dB, peak - 38 dB)``:
the peak is the region's loudest 5 ms, the noise floor the 20th percentile of the levels between this
region and its neighbour, at most 1.3 s from the edge, digital zeros left out (a noisy line may open just
before its speech); with less than 200 ms there (clean speech, or the track's own edge) the peak alone
decides. Between two regions neither window passes the quietest 50 ms, so an
offset never takes the next onset's sound for its own.
"""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tml_bench.media.audio import ClipReader
from tml_bench.perception.silero import FRAME, FRAME_S, NEG_THRESHOLD, RATE, THRESHOLD, ProbabilityTrack
from tml_bench.timeline import Segment

RULE = "energy-edges 2"
"""Name and version of the rules in this module."""
_LEVEL = 80
_LEVEL_S = _LEVEL / RATE
_BLOCK = 80 * FRAME  # a multiple of both frame lengths
_MERGE_S = 0.25
_MIN_REGION_S = 0.05
_ONSET_WINDOW = (-60, 30)
_OFFSET_WINDOW = (-30, 80)
_FLOOR_SPAN = 260
_FLOOR_LEAST = 40
_FLOOR_PERCENTILE = 20
_QUIETEST = 10
_ABOVE_FLOOR_DB = 6.0
_BELOW_PEAK_DB = 38.0
_SILENT_DB = -200.0


class Activity(NamedTuple):
    """What one pass over a track leaves; ``samples`` counts them at 16 kHz.

    Speech probabilities are per 32 ms, levels per 5 ms: RMS in dB of full scale, -200 for digital zeros.
    """

    probabilities: NDArray[np.float32]
    levels: NDArray[np.float32]
    samples: int
    duration_s: float


def listen(audio: Path) -> Activity:
    """Pass over an audio file once. Raises BadSampleError as ``media.audio.probe``."""
    track = ProbabilityTrack()
    levels = []
    with ClipReader(audio, RATE) as clip:
        while (block := clip.read(_BLOCK)).size:
            levels.append(_levels(block))
            track.add(np.pad(block, (0, -block.size % FRAME)))
        return Activity(track.values(), np.concatenate(levels), clip.length, clip.length / RATE)


def speech_segments(activity: Activity) -> tuple[Segment, ...]:
    """Segments, ordered and apart, with edges on the energy envelope, by the rules at this module's head."""
    levels = activity.levels
    regions = [
        (round(a / _LEVEL_S), min(round(b / _LEVEL_S), levels.size))
        for a, b in _regions(activity.probabilities)
    ]
    borders = [_quietest(levels, before, after) for (_, before), (after, _) in pairwise(regions)]
    ends = [0, *(end for _, end in regions)]
    starts = [*(start for start, _ in regions), levels.size]
    segments = []
    for k, (start, end) in enumerate(regions):
        peak = float(levels[start:end].max())
        threshold = _threshold(levels[max(ends[k], start - _FLOOR_SPAN) : start], peak)
        first = max(start + _ONSET_WINDOW[0], borders[k - 1] if k else 0)
        loud = np.flatnonzero(levels[first : min(start + _ONSET_WINDOW[1], end)] >= threshold)
        onset = first + int(loud[0]) if loud.size else start

        threshold = _threshold(levels[end : min(starts[k + 1], end + _FLOOR_SPAN)], peak)
        first = max(end + _OFFSET_WINDOW[0], onset)
        last = min(end + _OFFSET_WINDOW[1], borders[k] if k < len(borders) else levels.size)
        loud = np.flatnonzero(levels[first:last] >= threshold)
        offset = first + int(loud[-1]) + 1 if loud.size else end
        segments.append(Segment(_seconds(onset), min(_seconds(offset), activity.duration_s)))
    return tuple(segments)


def _seconds(level: int) -> float:
    return round(level * _LEVEL_S, 3)


def _levels(block: NDArray[np.float32]) -> NDArray[np.float32]:
    padded = np.pad(block, (0, -block.size % _LEVEL)).reshape(-1, _LEVEL)
    power = np.einsum("ij,ij->i", padded, padded) / _LEVEL
    levels: NDArray[np.float32] = 10 * np.log10(np.maximum(power, 10 ** (_SILENT_DB / 10)))
    return levels


def _regions(probabilities: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Start and end in seconds of stretches of speech by hysteresis, near ones joined."""
    spans: list[tuple[float, float]] = []
    start: int | None = None
    for k, probability in enumerate([*probabilities, 0.0]):
        if start is None and probability >= THRESHOLD:
            start = k
        elif start is not None and probability < NEG_THRESHOLD:
            begin = start * FRAME_S
            if spans and begin - spans[-1][1] < _MERGE_S:
                begin = spans.pop()[0]
            spans.append((begin, k * FRAME_S))
            start = None
    return [(a, b) for a, b in spans if b - a >= _MIN_REGION_S]


def _quietest(levels: NDArray[np.float32], end: int, start: int) -> int:
    """Middle of the quietest 50 ms between two regions."""
    between = levels[end:start]
    width = min(_QUIETEST, between.size)
    mean = np.convolve(between, np.ones(width) / width, "valid")
    return end + int(np.argmin(mean)) + width // 2


def _threshold(beside: NDArray[np.float32], peak: float) -> float:
    sounding = beside[beside > _SILENT_DB]
    known = sounding.size >= _FLOOR_LEAST
    floor = float(np.percentile(sounding, _FLOOR_PERCENTILE)) if known else _SILENT_DB
    return max(floor + _ABOVE_FLOOR_DB, peak - _BELOW_PEAK_DB)
