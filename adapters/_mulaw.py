"""Mu-law of ITU-T G.711, one byte per sample; full scale is [-1, 1], empty input gives empty output."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BIAS = 132
_CLIP = 32635


def to_mulaw(audio: NDArray[np.float32]) -> bytes:
    """Samples of shape (n,), taken as 16-bit, as n bytes; what is beyond full scale is clipped.

    The biased magnitude ``min(|x|, 32635) + 132`` lies in [2 ** (e + 7), 2 ** (e + 8)) for one exponent e in
    0..7; the byte is the complement of sign (1 bit), e (3 bits) and the four bits after the leading one.
    """
    samples = np.rint(np.clip(audio, -1.0, 1.0).astype(np.float64) * 32768).astype(np.int32)
    biased = np.minimum(np.abs(samples), _CLIP) + _BIAS
    exponent = np.frexp(biased.astype(np.float64))[1] - 8
    code = ((samples < 0).astype(np.int32) << 7) | (exponent << 4) | ((biased >> (exponent + 3)) & 0x0F)
    return bytes((~code & 0xFF).astype(np.uint8))


def _table() -> NDArray[np.int16]:
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + _BIAS) << ((code >> 4) & 7)) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


_MULAW = _table()


def from_mulaw(data: bytes) -> NDArray[np.int16]:
    """The samples, shape (len,), in [-32124, 32124]."""
    return _MULAW[np.frombuffer(data, np.uint8)]
