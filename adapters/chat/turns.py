"""The user's turns cut out of the stream of audio, and audio files made and read."""

from __future__ import annotations

import io
from collections import deque

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from tml_bench.adapter import ProtocolError
from tml_bench.adapters._loudness import WINDOW_MS, Endpointer
from tml_bench.adapters._media import Frames, to_int16

LEAD_MS = 200
"""Audio kept from before a turn's first loud window."""


class UserTurns:
    """Collects audio until a turn has ended.

    Args:
        rate: of the audio, in Hz.
        silence_ms: silence that ends a turn; the turn includes it.
        max_s: a longer turn is cut here and goes on as another.
    """

    def __init__(self, rate: int, silence_ms: int, max_s: float) -> None:
        self._endpointer = Endpointer(rate, silence_ms)
        self._windows = Frames(rate * WINDOW_MS // 1000)
        self._lead: deque[NDArray[np.float32]] = deque(maxlen=LEAD_MS // WINDOW_MS)
        self._turn: list[NDArray[np.float32]] | None = None
        self._longest = round(max_s * 1000 / WINDOW_MS)

    def push(self, audio: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Take samples of shape (n,), [-1, 1]; returns the turns that ended in them, each of shape (m,)."""
        ended = (self._step(window) for window in self._windows.push(audio))
        return [turn for turn in ended if turn is not None]

    def _step(self, window: NDArray[np.float32]) -> NDArray[np.float32] | None:
        changes = self._endpointer.feed(window)
        if "began" in changes:
            self._turn = list(self._lead)
        self._lead.append(window)
        if self._turn is None:
            return None
        self._turn.append(window)
        if "ended" not in changes and len(self._turn) < self._longest:
            return None
        turn = np.concatenate(self._turn)
        self._turn = None if "ended" in changes else []
        return turn


def wav(audio: NDArray[np.float32], rate: int) -> bytes:
    """Samples of shape (n,) as a WAV file of 16 bits."""
    out = io.BytesIO()
    soundfile.write(out, to_int16(audio), rate, "PCM_16", format="WAV")
    return out.getvalue()


def samples(data: bytes, rate: int) -> NDArray[np.float32]:
    """The audio of a file that libsndfile reads, mono at ``rate``, shape (n,).

    Raises:
        ProtocolError: it is no such file.
    """
    try:
        audio, own_rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ProtocolError(f"the service sent audio that cannot be read: {error}") from error
    mono = audio.mean(axis=1, dtype=np.float32)
    at_rate: NDArray[np.float32] = soxr.resample(mono, own_rate, rate) if own_rate != rate else mono
    return at_rate
