"""Binary frames of the wire protocol: a header of 16 bytes, then media.

Little endian: ``u8 kind | u8 flags | u16 item | u32 seq | u64 t_us``; see ``docs/wire-protocol.md``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapter import ProtocolError, ProviderEvent

AUDIO = 1
JPEG = 2

_HEADER = struct.Struct("<BBHIQ")


@dataclass(frozen=True, slots=True)
class BinaryFrame:
    """A binary frame of ``AUDIO`` or ``JPEG``; other kinds are ignored.

    ``item`` is the number of the reply, 0 in frames of the harness; ``seq`` that of the frame; ``t_us`` the
    session time of its first sample in microseconds, which the model's frames leave 0.
    """

    kind: int
    item: int
    seq: int
    t_us: int
    payload: bytes

    def pack(self) -> bytes:
        """As it is sent."""
        return _HEADER.pack(self.kind, 0, self.item, self.seq & 0xFFFFFFFF, self.t_us) + self.payload

    @classmethod
    def unpack(cls, data: bytes) -> BinaryFrame:
        """Read a frame.

        Raises:
            ProtocolError: it is shorter than its header, or its audio is half a sample too long.
        """
        if len(data) < _HEADER.size:
            raise ProtocolError(f"a binary frame has {len(data)} bytes, its header alone has {_HEADER.size}")
        kind, _, item, seq, t_us = _HEADER.unpack_from(data)
        payload = data[_HEADER.size :]
        if kind == AUDIO and len(payload) % 2:
            raise ProtocolError(
                f"an audio frame holds {len(payload)} bytes, which are no whole 16-bit samples"
            )
        return cls(kind, item, seq, t_us, payload)

    @property
    def event(self) -> ProviderEvent:
        """As it goes into the recording."""
        body = {"kind": self.kind, "item": self.item, "seq": self.seq, "bytes": len(self.payload)}
        return ProviderEvent("media", body)

    @property
    def samples(self) -> NDArray[np.int16]:
        """The audio, shape (n,)."""
        return np.frombuffer(self.payload, dtype="<i2")
