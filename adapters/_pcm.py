"""Samples to bytes and back: 16-bit PCM, mu-law of ITU-T G.711, and frames of one size.

Full scale is [-1, 1]; one step of 16 bits is 1 / 32768. Empty input gives empty output.
"""

from __future__ import annotations

import io

import numpy as np
import soundfile
from numpy.typing import NDArray

from tml_bench.adapter import ProtocolError

MULAW_RATE = 8000
"""Telephony's rate in Hz."""


def to_int16(audio: NDArray[np.float32]) -> NDArray[np.int16]:
    """Samples of shape (n,) as int16, rounded and clipped."""
    samples: NDArray[np.int16] = np.clip(np.rint(audio * np.float32(32768)), -32768, 32767).astype(np.int16)
    return samples


def to_pcm16(audio: NDArray[np.float32]) -> bytes:
    """Samples of shape (n,) as little-endian 16-bit PCM, 2 n bytes."""
    return to_int16(audio).astype("<i2").tobytes()


def from_pcm16(data: bytes) -> NDArray[np.int16]:
    """Little-endian 16-bit PCM as int16 of shape (len / 2,).

    Raises:
        ProtocolError: half a sample.
    """
    if len(data) % 2:
        raise ProtocolError(f"{len(data)} bytes are no 16-bit audio")
    return np.frombuffer(data, "<i2").astype(np.int16)


def to_mulaw(audio: NDArray[np.float32]) -> bytes:
    """Samples of shape (n,) as mu-law, n bytes."""
    data = io.BytesIO()
    soundfile.write(data, to_int16(audio), MULAW_RATE, "ULAW", format="RAW")
    return data.getvalue()


def from_mulaw(data: bytes) -> NDArray[np.int16]:
    """Mu-law as int16 of shape (len,), in [-32124, 32124]."""
    form = {"samplerate": MULAW_RATE, "channels": 1, "format": "RAW", "subtype": "ULAW"}
    samples: NDArray[np.int16] = soundfile.read(io.BytesIO(data), dtype="int16", **form)[0]
    return samples


class Frames:
    """Cuts a stream of samples into frames of one size; what does not fill one waits.

    Args:
        size: samples of a frame.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._rest: NDArray[np.float32] = np.zeros(0, np.float32)

    def push(self, audio: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Take samples of shape (n,); returns the frames that are now full, each of shape (size,)."""
        audio = np.concatenate([self._rest, audio])
        full = len(audio) - len(audio) % self._size
        self._rest = audio[full:]
        return [audio[at : at + self._size] for at in range(0, full, self._size)]
