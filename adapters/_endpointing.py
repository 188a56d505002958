"""Where the user's turns begin and end, by loudness alone: for services that must be told.

A turn begins with the first 20 ms window louder than ``THRESHOLD_DBFS`` (root mean square) and ends once
``silence_ms`` have passed without one.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapters._pcm import Frames

WINDOW_MS = 20
THRESHOLD_DBFS = -45.0

Change = Literal["began", "ended"]


class Endpointer:
    """Follows a stream of audio.

    Args:
        rate: of the audio, in Hz.
        silence_ms: silence after which a turn has ended.
    """

    def __init__(self, rate: int, silence_ms: int) -> None:
        self._windows = Frames(max(1, rate * WINDOW_MS // 1000))
        self._patience = -(-silence_ms // WINDOW_MS)
        self._quiet = 0
        self._in_turn = False

    def feed(self, audio: NDArray[np.float32]) -> list[Change]:
        """Take the next samples, shape (n,), [-1, 1]; returns what changed in them, in order."""
        changes = (self._step(window) for window in self._windows.push(audio))
        return [change for change in changes if change is not None]

    def _step(self, window: NDArray[np.float32]) -> Change | None:
        loud = np.mean(window.astype(np.float64) ** 2) > 10 ** (THRESHOLD_DBFS / 10)
        self._quiet = 0 if loud else self._quiet + 1
        if loud and not self._in_turn:
            self._in_turn = True
            return "began"
        if self._in_turn and self._quiet >= self._patience:
            self._in_turn = False
            return "ended"
        return None
