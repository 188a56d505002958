"""Leaves out the silence between utterances of a service that streams without a pause.

Such a service sends silence as it sends speech, in real time. Played one after the other, every late message
would delay all that follows for good; a listener's client makes up for it in the silences. So silence is not
queued: what comes after it is heard when it arrives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WINDOW_MS = 20
OPEN_RMS = 100 / 32768
CLOSED_RMS = 15 / 32768
"""Root mean square of the loudest 20 ms, full scale 1: at 0.0031 the gate opens, below 0.00046 it closes."""


class SilenceGate:
    """Follows the messages of one session.

    Args:
        rate: of the audio, in Hz.
    """

    def __init__(self, rate: int) -> None:
        self._window = max(1, rate * WINDOW_MS // 1000)
        self._open = False

    def lets_through(self, audio: NDArray[np.int16]) -> bool:
        """Whether a message's samples, shape (n,), belong to an utterance; empty audio does not."""
        self._open = self._loudest(audio) >= (CLOSED_RMS if self._open else OPEN_RMS)
        return self._open

    def _loudest(self, audio: NDArray[np.int16]) -> float:
        if not len(audio):
            return 0.0
        power = (audio.astype(np.float64) / 32768) ** 2
        starts = np.arange(0, len(power), self._window)
        lengths = np.diff(np.append(starts, len(power)))
        return float(np.sqrt(np.max(np.add.reduceat(power, starts) / lengths)))
