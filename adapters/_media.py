"""Audio and images as they travel in JSON messages: base64 of little-endian mono samples, and of JPEG."""

from __future__ import annotations

import base64
import binascii
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapter import Frame, ProtocolError
from tml_bench.adapters._pcm import from_pcm16, to_pcm16

Encoding = Literal["pcm16", "float32"]
"""Samples as 16-bit integers, or as floats of full scale [-1, 1]."""

JPEG_QUALITY = 85


def audio_base64(audio: NDArray[np.float32], encoding: Encoding = "pcm16") -> str:
    """Samples of shape (n,), full scale [-1, 1], as text; integers are rounded and clipped."""
    data = to_pcm16(audio) if encoding == "pcm16" else audio.astype("<f4").tobytes()
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """The bytes of a message's audio; empty text gives none.

    Raises:
        ProtocolError: it is not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError(f"the service sent audio that is not base64: {error}") from error


def audio_from_base64(text: str, encoding: Encoding = "pcm16") -> NDArray[np.generic]:
    """Samples of a message, shape (n,), int16 or float32; empty text gives none.

    Raises:
        ProtocolError: it is not base64, or not whole samples.
    """
    data = from_base64(text)
    if encoding == "pcm16":
        return from_pcm16(data)
    if len(data) % 4:
        raise ProtocolError(f"{len(data)} bytes are no 32-bit audio")
    return np.frombuffer(data, "<f4")


def jpeg(frame: Frame) -> bytes:
    """The frame's image as JPEG."""
    import cv2

    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    if not done:
        raise ValueError(f"a frame of shape {frame.image.shape} cannot be made a JPEG")
    return data.tobytes()


def jpeg_base64(frame: Frame) -> str:
    """The frame's image as JPEG in base64."""
    return base64.b64encode(jpeg(frame)).decode("ascii")
