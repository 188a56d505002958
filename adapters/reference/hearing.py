"""The ears of the reference adapters: when the user's voice is heard, by energy alone."""

import numpy as np
from numpy.typing import NDArray

FRAME_S = 0.01
VOICED_DBFS = -45.0
"""The user speaks in a frame of this length that is louder than this, as root mean square."""


def voiced_frames(audio: NDArray[np.float32], size: int) -> NDArray[np.intp]:
    """Which frames of that many samples hold a voice, in order; what is no whole frame is left out."""
    frames = audio[: len(audio) // size * size].reshape(-1, size)
    level = 10 ** (VOICED_DBFS / 20)
    return np.flatnonzero(np.sqrt(np.mean(np.square(frames), axis=1)) > level)


class TurnsByEnergy:
    """The turn that the user has, or has had, since the last one was closed.

    All times are seconds of the user's audio, exact to a frame, counted from the session's start.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._size = max(1, round(FRAME_S * rate))
        self._heard = self._began = self._ended = 0
        self._open = False

    def hear(self, audio: NDArray[np.float32]) -> None:
        """Take the next stretch of the user's audio, shape (n,)."""
        voiced = voiced_frames(audio, self._size)
        if voiced.size:
            if not self._open:
                self._open, self._began = True, self._heard + int(voiced[0]) * self._size
            self._ended = self._heard + (int(voiced[-1]) + 1) * self._size
        self._heard += len(audio)

    def close(self) -> None:
        """Take the turn for dealt with: the next voice begins another."""
        self._open = False

    @property
    def now_s(self) -> float:
        """How much was heard so far."""
        return self._heard / self._rate

    @property
    def began_s(self) -> float | None:
        """Onset of the turn; None while there is none."""
        return self._began / self._rate if self._open else None

    @property
    def ended_s(self) -> float:
        """End of the last voice; 0 before any."""
        return self._ended / self._rate

    @property
    def silent_s(self) -> float:
        """How long there has been no voice."""
        return (self._heard - self._ended) / self._rate

    @property
    def lasted_s(self) -> float:
        """From the turn's onset to the end of its last voice, pauses included; of one that is there."""
        return (self._ended - self._began) / self._rate

    @property
    def age_s(self) -> float:
        """From the turn's onset to now; of one that is there."""
        return (self._heard - self._began) / self._rate
