"""Encoded tracks that may be written again: with one adapter after the other the user says the same."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tml_bench.kept_by_task import KeptByTask

MOST_BYTES = 64 << 20
LONGEST_BYTES = 8 << 20
"""So long a track, 3 minutes at 24 kHz, is held until it is known whether it is known."""

Pcm = NDArray[np.int16]


class EncodedTracks(KeptByTask[str, bytes]):
    """Encoded tracks by `key_of` what they sound like."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        super().__init__(most_bytes)


def key_of(rate: int, pieces: Sequence[Pcm]) -> str:
    """What a track is known by: its rate and its samples."""
    digest = hashlib.sha256(rate.to_bytes(4, "little"))
    for piece in pieces:
        digest.update(piece.data)
    return digest.hexdigest()
