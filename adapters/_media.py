"""Audio and images as they travel in JSON messages."""

from __future__ import annotations

import base64
import binascii
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapter import Frame, ProtocolError

Encoding = Literal["pcm16", "float32"]
"""Little-endian mono samples: 16-bit integers, or floats of full scale [-1, 1]."""

JPEG_QUALITY = 85

_DTYPES = {"pcm16": np.dtype("<i2"), "float32": np.dtype("<f4")}


def audio_bytes(audio: NDArray[np.float32], encoding: Encoding = "pcm16") -> bytes:
    """Samples as bytes; what is beyond full scale is clipped.

    Args:
        audio: shape (n,), full scale [-1, 1].
        encoding: of the bytes.
    """
    clipped = np.clip(audio, -1.0, 1.0)
    return (np.rint(clipped * 32767.0) if encoding == "pcm16" else clipped).astype(_DTYPES[encoding]).tobytes()


def audio_base64(audio: NDArray[np.float32], encoding: Encoding = "pcm16") -> str:
    """Samples as base64; see ``audio_bytes``."""
    return base64.b64encode(audio_bytes(audio, encoding)).decode("ascii")


def audio_from_base64(text: str, encoding: Encoding = "pcm16") -> NDArray[np.generic]:
    """Samples of a message, shape (n,), int16 or float32; empty text gives none.

    Raises:
        ProtocolError: it is not base64, or not whole samples.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError(f"the service sent audio that is not base64: {error}") from error
    dtype = _DTYPES[encoding]
    if len(data) % dtype.itemsize:
        raise ProtocolError(f"the service sent {len(data)} bytes of audio, not whole {encoding} samples")
    return np.frombuffer(data, dtype)


def jpeg(frame: Frame) -> bytes:
    """The frame's image as JPEG."""
    import cv2

    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    if not done:
        raise ValueError(f"a frame of shape {frame.image.shape} cannot be made a JPEG")
    return cast(bytes, data.tobytes())


def jpeg_base64(frame: Frame) -> str:
    """The frame's image as JPEG in base64."""
    return base64.b64encode(jpeg(frame)).decode("ascii")
