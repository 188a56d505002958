"""Where the user's turns begin and end, by loudness alone: for services that must be told.

A turn begins with the first 20 ms window louder than ``THRESHOLD_DBFS`` (root mean square) and ends once
``silence_ms`` have passed without one.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

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
        self._window = max(1, rate * WINDOW_MS // 1000)
        self._patience = -(-silence_ms // WINDOW_MS)
        self._rest: NDArray[np.float32] = np.zeros(0, np.float32)
        self._quiet = 0
        self._in_turn = False

    def feed(self, audio: NDArray[np.float32]) -> list[Change]:
        """Take the next samples, shape (n,), [-1, 1]; returns what changed in them, in order."""
        audio = np.concatenate([self._rest, audio])
        n = len(audio) // self._window
        self._rest = audio[n * self._window :]
        windows = audio[: n * self._window].reshape(n, self._window).astype(np.float64)
        loud = np.mean(windows**2, axis=1) > 10 ** (THRESHOLD_DBFS / 10)
        return [change for window in loud if (change := self._step(bool(window))) is not None]

    def _step(self, loud: bool) -> Change | None:
        self._quiet = 0 if loud else self._quiet + 1
        if loud and not self._in_turn:
            self._in_turn = True
            return "began"
        if self._in_turn and self._quiet >= self._patience:
            self._in_turn = False
            return "ended"
        return None
