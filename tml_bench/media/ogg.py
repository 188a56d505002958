"""Ogg files whose bytes depend on their sound alone.

An encoder gives every stream a random serial number, so that two encodings of the same sound differ. The
number, and the checksum of each page that covers it, are rewritten here (RFC 3533, section 6).
"""

from __future__ import annotations

import zlib

_HEAD = 27
_SERIAL = slice(14, 18)
_CHECKSUM = slice(22, 26)
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def with_serial(data: bytes, serial: int) -> bytes:
    """The same Ogg file of one stream with another serial number, 0 to 2^32 - 1.

    Raises:
        ValueError: ``data`` is not Ogg or is cut off.
    """
    out = bytearray(data)
    at = 0
    while at < len(out):
        segments = out[at + 26] if at + _HEAD <= len(out) else 0
        body = sum(out[at + _HEAD : at + _HEAD + segments])
        end = at + _HEAD + segments + body
        if out[at : at + 4] != b"OggS" or end > len(out):
            raise ValueError(f"no whole Ogg page at byte {at}")
        page = out[at:end]
        page[_SERIAL] = serial.to_bytes(4, "little")
        page[_CHECKSUM] = bytes(4)
        page[_CHECKSUM] = _checksum(page).to_bytes(4, "little")
        out[at:end] = page
        at = end
    return bytes(out)


def _checksum(page: bytes | bytearray) -> int:
    """Ogg's CRC: that of zlib with all bits in the other order, from 0 and not inverted."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
