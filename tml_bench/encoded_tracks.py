"""Encoded tracks that may be written again.

With one adapter after the other the user says the same, and several of them say nothing where that is right.
"""

import hashlib
import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tml_bench.kept_by_task import KeptByTask

MOST_BYTES = 64 << 20
LONGEST_BYTES = 8 << 20
"""So long a track, 3 minutes at 24 kHz, is held until it is known whether it is known."""

Pcm = NDArray[np.int16]
MOST_SILENCE = 96_000
"""The longest piece of digital zeros that is known without looking: 4 s at 24 kHz."""
_SILENCE: Pcm = np.zeros(MOST_SILENCE, np.int16)
_SILENCE.flags.writeable = False


class EncodedTracks(KeptByTask[str, bytes]):
    """Encoded tracks by `key_of` what they sound like."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        super().__init__(most_bytes)


def silence(samples: int) -> Pcm:
    """So many digital zeros, shape (samples,), which `is_silence` knows without looking.

    Raises:
        ValueError: they are more than `MOST_SILENCE`.
    """
    if samples > MOST_SILENCE:
        raise ValueError(f"{samples} samples of silence, and at most {MOST_SILENCE} are known")
    return _SILENCE[:samples]


def is_silence(piece: Pcm) -> bool:
    """Whether a piece is one that `silence` gave."""
    return piece.base is _SILENCE


def key_of(rate: int, pieces: Sequence[Pcm]) -> str:
    """What a track is known by: its rate and its samples, of which equal ones are to be cut alike."""
    digest = hashlib.sha256(rate.to_bytes(4, "little"))
    for piece in pieces:
        silent = is_silence(piece)
        digest.update(struct.pack("<?q", silent, piece.size))
        if not silent:
            digest.update(piece.data)
    return digest.hexdigest()
