"""Values of samples that stay in the file of a large summary until they are asked for.

Nearly all of a ``summary.json`` are the values of its samples, which only comparisons with other runs need. A
file of `LARGE` bytes or more is read without them, so that reading it takes no more memory for more samples.
They are told by the layout that `tml_bench.scoring.summary_file.to_json` gives them (a line break is in no
JSON text); a file that is laid out otherwise is read whole.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, overload

import msgspec

from tml_bench.errors import UserError
from tml_bench.metrics.statistics import Observation

LARGE = 4_000_000
"""Files of so many bytes are read without the values."""
EMPTY, BEGIN, END = b'"observations": []', b'\n    "observations": [', b"\n    ]"
"""How no values are written, and what stands before and after some."""
PIECE = 1 << 20
_NEXT, _ONE = b"\n     },", b'"sample": '


class Outline(NamedTuple):
    """A summary's file without its values, and the places of these: one for each measure, in order."""

    text: bytes
    values: list["StoredValues | None"]


class StoredValues(Sequence[Observation]):
    """Values that are read from their file each time they are asked for.

    Raises:
        UserError: the file has changed since its outline was read.
    """

    def __init__(self, path: Path, stamp: tuple[int, ...], begin: int, end: int) -> None:
        self._path, self._stamp, self._begin, self._end = path, stamp, begin, end
        self._length: int | None = None

    def pieces(self) -> Iterator[bytes]:
        """What stands between the brackets, as it is written."""
        with self._path.open("rb") as file:
            if _stamp(file.fileno()) != self._stamp:
                raise UserError(f"{self._path} has changed while it was read", "try again")
            file.seek(self._begin)
            left = self._end - self._begin
            while left:
                piece = file.read(min(PIECE, left))
                left -= len(piece)
                yield piece

    def __iter__(self) -> Iterator[Observation]:
        decode = msgspec.json.Decoder(list[Observation]).decode
        held = b""
        for piece in self.pieces():
            whole, mark, rest = (held + piece).rpartition(_NEXT)
            if mark:
                yield from decode(b"[" + whole + b"}]")
            held = rest
        if held.strip():
            yield from decode(b"[" + held + b"]")

    def __len__(self) -> int:
        # Python asks for it before it makes a list: nothing is decoded for that.
        if self._length is None:
            count, torn = 0, b""
            for piece in self.pieces():
                count += (torn + piece).count(_ONE)
                torn = (torn + piece)[1 - len(_ONE) :]
            self._length = count
        return self._length

    @overload
    def __getitem__(self, index: int) -> Observation: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Observation]: ...
    def __getitem__(self, index: int | slice) -> Observation | Sequence[Observation]:
        return tuple(self)[index]


def outline(path: Path) -> Outline:
    """Read a summary's file without its values if it is `LARGE`, else whole; raises OSError."""
    with path.open("rb") as file:
        stamp = _stamp(file.fileno())
        if stamp[0] < LARGE:
            return Outline(file.read(), [])
        kept, spans = _cut(iter(lambda: file.read(PIECE), b""))
    values = [None if span is None else StoredValues(path, stamp, *span) for span in spans]
    return Outline(kept, values)


def _stamp(file: int) -> tuple[int, ...]:
    found = os.fstat(file)
    return found.st_size, found.st_ino, found.st_mtime_ns


def _cut(pieces: Iterable[bytes]) -> tuple[bytes, list[tuple[int, int] | None]]:
    """What is left without values, and where these are: from, to; None where there are none."""
    kept: list[bytes] = []
    spans: list[tuple[int, int] | None] = []
    held, at, begin = b"", 0, -1
    for piece in pieces:
        held += piece
        while (found := held.find(BEGIN if begin < 0 else END)) >= 0:
            # What follows a mark tells whether there are values at all.
            if begin < 0 and found + len(BEGIN) == len(held):
                break
            if begin >= 0:
                spans.append((begin, at + found))
                kept.append(b"]")
                used, begin = found + len(END), -1
            else:
                used = found + len(BEGIN)
                kept.append(held[:used])
                begin = at + used
                if held[used : used + 1] == b"]":
                    spans.append(None)
                    kept.append(b"]")
                    used, begin = used + 1, -1
            held, at = held[used:], at + used
        else:
            # A mark may be torn between two pieces.
            used = max(0, len(held) - len(BEGIN))
            if begin < 0:
                kept.append(held[:used])
            held, at = held[used:], at + used
    if begin < 0:
        kept.append(held)
    return b"".join(kept), spans
