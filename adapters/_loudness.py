"""What loudness alone tells: where the user's turns are and where a service is silent, by 20 ms."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapters._media import Frames

WINDOW_MS = 20
THRESHOLD_DBFS = -45.0

OPEN_RMS = 100 / 32768
CLOSED_RMS = 15 / 32768
"""Root mean square of the loudest 20 ms, full scale 1: at 0.0031 the gate opens, below 0.00046 it closes."""
Change = Literal["began", "ended"]


class Endpointer:
    """Where the user's turns begin and end in audio at ``rate`` Hz, for services that must be told.

    A turn begins with the first window louder than ``THRESHOLD_DBFS`` (root mean square) and ends once
    ``silence_ms`` have passed without one.
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


class SilenceGate:
    """Leaves out the silence between utterances of a service that streams without a pause, at ``rate`` Hz.

    Such a service sends silence as it sends speech, in real time. Played one after the other, every late
    message would delay all that follows for good; a listener's client makes up for it in the silences. So
    silence is not queued: what comes after it is heard when it arrives.
    """

    def __init__(self, rate: int) -> None:
        self._window = max(1, rate * WINDOW_MS // 1000)
        self._open = False

    def lets_through(self, audio: NDArray[np.int16]) -> bool:
        """Whether a message's samples, shape (n,), belong to an utterance; empty audio does not."""
        if not len(audio):
            return False
        self._open = self._loudest(audio) >= (CLOSED_RMS if self._open else OPEN_RMS)
        return self._open

    def _loudest(self, audio: NDArray[np.int16]) -> float:
        power = (audio.astype(np.float64) / 32768) ** 2
        starts = np.arange(0, len(power), self._window)
        lengths = np.diff(np.append(starts, len(power)))
        return float(np.sqrt(np.max(np.add.reduceat(power, starts) / lengths)))
