"""Where a track has speech: Silero regions whose edges are moved to where their sound begins and ends.

Conventions: times are seconds from the track's first sample. The track is resampled to 16 kHz in one
streaming pass that keeps one probability per 32 ms and the levels of ``perception.levels`` per 5 ms, so
memory stays flat (15 MB per hour of audio). Digital silence is found before resampling and stays silence.

Regions. A region starts at a frame of probability >= 0.5 and ends where the probability falls below
0.35; regions less than 250 ms apart are one; regions shorter than 50 ms are none. A part of a region at its
beginning or end is left out where the network is never sure of it (0.9) or no 20 ms of it are voiced, unless
that holds for all parts: a breath is no speech. The network alone rejects tones, noise, clicks and hum, but
its edges are 10-50 ms late.

Edges are those of ``perception.edges``.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tml_bench.media.audio import ClipSource
from tml_bench.perception import edges
from tml_bench.perception.levels import HOP, Levels
from tml_bench.perception.prefix_cache import PrefixCache, TrackListener
from tml_bench.perception.silence import SilenceKeepingReader
from tml_bench.perception.silero import RATE, telling
from tml_bench.perception.silero_network import FRAME
from tml_bench.timeline import Segment

RULE = "energy-edges 3"
"""Name and version of the rules in this module and in ``levels``, ``floors``, ``edges`` and ``silence``."""
_HOP_S = HOP / RATE
_BLOCK = 80 * FRAME  # a multiple of both frame lengths
_HOPS = FRAME / HOP
_MERGE = 50
_SURE = 0.9
_MIN_REGION = 10
_VOICED = 4
_PREFIXES = PrefixCache()


class Activity(NamedTuple):
    """What one pass over a track leaves; ``samples`` counts them at 16 kHz.

    Speech probabilities are per 32 ms, levels per 5 ms.
    """

    probabilities: NDArray[np.float32]
    levels: Levels
    samples: int
    duration_s: float


def listen(audio: ClipSource) -> Activity:
    """Pass over a clip once. Raises BadSampleError as ``media.audio.probe``."""
    listener = TrackListener(_PREFIXES)
    with SilenceKeepingReader(audio, RATE, passes_silence=True) as clip:
        while (block := clip.read(_BLOCK)).size:
            listener.add(block, clip.still())
        heard = listener.heard()
        return Activity(heard.probabilities.values(), heard.levels.values(), clip.length, clip.length / RATE)


def speech_segments(activity: Activity) -> tuple[Segment, ...]:
    """Segments, ordered and apart, by the rules at this module's head."""
    vowels = edges.voiced(activity.levels)
    regions = _regions(activity.probabilities, vowels)
    return tuple(
        # An edge is somewhere in its frame.
        Segment(_seconds(onset + 0.5), min(_seconds(offset - 0.5), activity.duration_s))
        for onset, offset in edges.find(activity.levels, regions, vowels)
    )


def _seconds(frame: float) -> float:
    return round(frame * _HOP_S, 4)


def _regions(probabilities: NDArray[np.float32], voiced: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last level frame of stretches of speech by hysteresis, near ones joined."""
    joined: list[list[tuple[int, int, bool]]] = []
    start: int | None = None
    for k, speech in [*telling(probabilities), (probabilities.size, False)]:
        if start is None and speech:
            start = k
        elif start is not None and not speech:
            first, end = round(start * _HOPS), min(round(k * _HOPS), voiced.size)
            sure = bool(probabilities[start:k].max() >= _SURE and voiced[first:end].sum() >= _VOICED)
            if joined and first - joined[-1][-1][1] < _MERGE:
                joined[-1].append((first, end, sure))
            else:
                joined.append([(first, end, sure)])
            start = None
    spans = [[part for part in parts if part[2]] or parts for parts in joined]
    return [(parts[0][0], parts[-1][1]) for parts in spans if parts[-1][1] - parts[0][0] >= _MIN_REGION]
