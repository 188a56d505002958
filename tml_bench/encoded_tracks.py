"""Encoded tracks that may be written again: with one adapter after the other the user says the same."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 64 << 20
LONGEST_BYTES = 8 << 20
"""So long a track, 3 minutes at 24 kHz, is held until it is known whether it is known."""

Pcm = NDArray[np.int16]


class EncodedTracks:
    """Keeps encoded tracks by what they sound like, those that came first, up to ``MOST_BYTES``."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self.bytes = 0
        """How many are kept."""
        self._kept: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """The encoded track of a key, None where none is kept."""
        return self._kept.get(key)

    def keep(self, key: str, encoded: bytes) -> None:
        """Keep an encoded track, as long as there is room."""
        if self.bytes + len(encoded) <= self._most_bytes:
            self._kept[key] = encoded
            self.bytes += len(encoded)


def key_of(rate: int, pieces: Sequence[Pcm]) -> str:
    """What a track is known by: its rate and its samples."""
    digest = hashlib.blake2b(rate.to_bytes(4, "little"), digest_size=32)
    for piece in pieces:
        digest.update(piece.data)
    return digest.hexdigest()
