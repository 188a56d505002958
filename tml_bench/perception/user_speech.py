"""When the user speaks, by energy alone, within spans where it is known that they speak.

The user's track is the harness's own: clean recordings, laid where it knows them to be. So no network need
tell speech from noise, and a recording of a minute costs a few milliseconds.

Conventions: times are seconds from the track's first sample; the track keeps its rate, in frames of 5 ms
whose level is their RMS in dB of full scale. A frame sounds above the larger of two thresholds: 9 dB over
the level that a tenth of the track's frames stay below, and 38 dB under that which 0.5 % of the span's
frames that are no digital silence exceed. Sound of less than 20 ms does not count; sound less than 250 ms
apart is one stretch, as of the model; what lasts less than 50 ms is none. A track with noise at 25 dB or
less below the speech wants the rules of ``vad``: use ``Task.hears_user``.
"""

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tml_bench.media.audio import ClipReader, ClipSource, rate_of
from tml_bench.timeline import Segment

RULE = "user-energy 1"
"""Name and version of the rule."""
_HOP_S = 0.005
_BLOCK_FRAMES = 2000
_SILENT_DB, _STILL_DB = -200.0, -85.0
_ABOVE_FLOOR_DB, _BELOW_PEAK_DB = 9.0, 38.0
_SUSTAINED, _MERGE, _LEAST = 4, 50, 10

Levels = NDArray[np.float32]


def speech_in(audio: ClipSource, spans: Sequence[tuple[float, float]]) -> tuple[Segment, ...]:
    """Stretches of speech in spans ``(start, end)``, in order and apart; in the whole track for no spans.

    A stretch lies within its span; of spans that overlap the later one has what they share.

    Raises:
        BadSampleError: the track cannot be read.
    """
    rate = rate_of(audio)
    hop = max(1, round(_HOP_S * rate))
    levels, length = _levels(audio, rate, hop)
    hop_s, length_s = hop / rate, length / rate
    floor_db = float(np.percentile(levels, 10)) + _ABOVE_FLOOR_DB
    found: list[Segment] = []
    for start_s, end_s in sorted(spans) or [(0.0, levels.size * hop_s)]:
        first, last = max(0, round(start_s / hop_s)), round(end_s / hop_s)
        part = [
            Segment(a * hop_s, min(b * hop_s, length_s)) for a, b in _stretches(levels, first, last, floor_db)
        ]
        while found and part and found[-1].end_s > part[0].start_s:
            cut = found.pop()
            if cut.start_s < part[0].start_s:
                found.append(Segment(cut.start_s, part[0].start_s))
                break
        found += part
    return tuple(Segment(round(s.start_s, 4), round(s.end_s, 4)) for s in found)


def speech_key(audio_sha256: str, spans: Sequence[tuple[float, float]]) -> str:
    """The cache key, 64 hexadecimal digits, of what `speech_in` gives for such audio."""
    return hashlib.sha256(msgspec.json.encode((RULE, audio_sha256, spans))).hexdigest()


def _levels(audio: ClipSource, rate: int, hop: int) -> tuple[Levels, int]:
    """Of each frame, and how many samples there are."""
    with ClipReader(audio, rate) as clip:
        parts = []
        while (block := clip.read(hop * _BLOCK_FRAMES)).size:
            frames = (np.pad(block, (0, -block.size % hop)) if block.size % hop else block).reshape(-1, hop)
            parts.append(np.einsum("ij,ij->i", frames, frames) / hop)
    power = np.concatenate(parts)
    levels: Levels = 10 * np.log10(np.maximum(power, 10 ** (_SILENT_DB / 10)))
    return levels, clip.length


def _stretches(levels: Levels, first: int, last: int, floor_db: float) -> list[tuple[int, int]]:
    part = levels[first:last]
    sounding = part[part > _STILL_DB]
    if not sounding.size:
        return []
    marks = part > max(floor_db, float(np.percentile(sounding, 99.5)) - _BELOW_PEAK_DB, _STILL_DB)
    changes = np.flatnonzero(np.diff(np.concatenate([[0], marks.view(np.int8), [0]]))).tolist()
    joined: list[tuple[int, int]] = []
    for start, end in zip(changes[::2], changes[1::2], strict=True):
        if end - start < _SUSTAINED:
            continue
        if joined and start - joined[-1][1] < _MERGE:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return [(first + a, first + b) for a, b in joined if b - a >= _LEAST]
