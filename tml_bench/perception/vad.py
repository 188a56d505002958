"""Where a track has speech: Silero regions whose edges are moved to where their sound begins and ends.

Conventions: times are seconds from the track's first sample. The track is resampled to 16 kHz in one
streaming pass that keeps one probability per 32 ms and the levels of ``perception.levels`` per 5 ms, so
memory stays flat (12 MB per hour of audio). Digital silence is found before resampling and stays silence.

Regions. A region starts at a frame of probability >= 0.5 and ends where the probability falls below
0.35; regions less than 250 ms apart are one; regions shorter than 50 ms are none. The network alone
rejects tones, noise, clicks and hum, but its edges are 10-50 ms late.

Edges are those of ``perception.edges``.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tml_bench.perception import edges
from tml_bench.perception.levels import HOP, Levels, LevelTrack
from tml_bench.perception.silence import SilenceKeepingReader
from tml_bench.perception.silero import FRAME, FRAME_S, NEG_THRESHOLD, RATE, THRESHOLD, ProbabilityTrack
from tml_bench.timeline import Segment

RULE = "energy-edges 3"
"""Name and version of the rules in this module and in ``levels``, ``edges`` and ``silence``."""
_HOP_S = HOP / RATE
_BLOCK = 80 * FRAME  # a multiple of both frame lengths
_MERGE_S = 0.25
_MIN_REGION_S = 0.05


class Activity(NamedTuple):
    """What one pass over a track leaves; ``samples`` counts them at 16 kHz.

    Speech probabilities are per 32 ms, levels per 5 ms.
    """

    probabilities: NDArray[np.float32]
    levels: Levels
    samples: int
    duration_s: float


def listen(audio: Path) -> Activity:
    """Pass over an audio file once. Raises BadSampleError as ``media.audio.probe``."""
    probabilities, levels = ProbabilityTrack(), LevelTrack()
    with SilenceKeepingReader(audio, RATE) as clip:
        while (block := clip.read(_BLOCK)).size:
            levels.add(np.where(clip.still(), np.float32(0), block))
            probabilities.add(np.pad(block, (0, -block.size % FRAME)))
        return Activity(probabilities.values(), levels.values(), clip.length, clip.length / RATE)


def speech_segments(activity: Activity) -> tuple[Segment, ...]:
    """Segments, ordered and apart, by the rules at this module's head."""
    frames = activity.levels.total.size
    regions = [
        (round(start / _HOP_S), min(round(end / _HOP_S), frames))
        for start, end in _regions(activity.probabilities)
    ]
    return tuple(
        Segment(_seconds(onset), min(_seconds(offset), activity.duration_s))
        for onset, offset in edges.find(activity.levels, regions)
    )


def _seconds(frame: int) -> float:
    return round(frame * _HOP_S, 3)


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
