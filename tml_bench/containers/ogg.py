"""Whether an Ogg file is whole, by its pages (RFC 3533), without decoding."""

import os
from pathlib import Path
from typing import NamedTuple

from tml_bench.errors import BadSampleError

_FIRST, _LAST = 0x02, 0x04


class OggPages(NamedTuple):
    """How many streams a file holds, one after the other or side by side; whether its last one is ended."""

    streams: int
    ended: bool


def read_pages(path: Path, begin: int = 0) -> OggPages | None:
    """Walk over the pages of a file from byte ``begin`` on; None for other files.

    Raises:
        BadSampleError: it ends within a page, or something else stands between two.
    """
    streams, flags, at = 0, 0, begin
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        while at < size:
            file.seek(at)
            header = file.read(27)
            if header[:4] != b"OggS":
                if not streams:
                    return None
                # A tag or zeros behind the last page are no part of the sound.
                if flags & _LAST:
                    break
                raise BadSampleError(f"{path} is damaged: no Ogg page begins at byte {at}")
            table = file.read(header[26]) if len(header) == 27 else b""
            end = at + 27 + len(table) + sum(table)
            if len(header) < 27 or len(table) < header[26] or end > size:
                raise BadSampleError(f"{path} is truncated: it ends within an Ogg page")
            flags = header[5]
            streams += bool(flags & _FIRST)
            at = end
    return OggPages(streams, bool(flags & _LAST)) if streams else None
