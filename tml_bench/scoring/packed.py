"""Records of very many samples, kept as text and not as objects.

A run of a hundred thousand samples has more of them than fits: what was heard, what was asked, what was
scored. They are kept as JSON, the first `HELD` bytes in memory and all of them in a nameless file of the
run's folder once they are more, and decoded each time that they are asked for.
"""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Generic, TypeVar, overload
from weakref import finalize

import msgspec

from tml_bench.stored_paths import path_of_text, text_of_path

T = TypeVar("T")

HELD = 1 << 24
"""So many bytes of each kind of record are kept in memory."""


def _held(folder: Path | None) -> "SpooledTemporaryFile[bytes]":
    return SpooledTemporaryFile(HELD, dir=None if folder is None else str(folder))


class _Texts:
    """Texts by their number; those that have been replaced stay in the file."""

    def __init__(self, folder: Path | None) -> None:
        self._file = _held(folder)
        finalize(self, self._file.close)
        self._places = array("Q")
        self._lengths = array("L")
        self._end = 0

    def __len__(self) -> int:
        return len(self._places)

    def add(self, text: bytes) -> int:
        self._file.seek(self._end)
        self._file.write(text)
        self._places.append(self._end)
        self._lengths.append(len(text))
        self._end += len(text)
        return len(self._places) - 1

    def __getitem__(self, number: int) -> bytes:
        self._file.seek(self._places[number])
        return self._file.read(self._lengths[number])


class PackedList(Sequence[T]):
    """Records in order, of which each is its line of a JSON-lines file.

    Args:
        kind: their type, as `msgspec` decodes it.
        folder: where they are kept once they are many; None for the folder of temporary files.
    """

    def __init__(self, kind: type[T], items: Iterable[T] = (), *, folder: Path | None = None) -> None:
        self._decode = msgspec.json.Decoder(kind).decode
        self._texts = _Texts(folder)
        self._numbers: Sequence[int] = range(0)
        for item in items:
            self.append(item)

    def append(self, item: T) -> None:
        """Add one at the end."""
        self._texts.add(msgspec.json.encode(item, order="deterministic"))
        self._numbers = range(len(self._texts))

    def picked(self, kept: Iterable[int]) -> "PackedList[T]":
        """Those with these numbers, which share what is kept; nothing may be appended to them."""
        found = PackedList.__new__(PackedList)
        found._decode, found._texts, found._numbers = self._decode, self._texts, array("Q", kept)
        return found

    def lines(self) -> Iterator[bytes]:
        """Each as its line, without the line feed."""
        return (self._texts[number] for number in self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self._decode(self._texts[number]) for number in self._numbers[index]]
        return self._decode(self._texts[self._numbers[index]])


class PackedMap(MutableMapping[str, T], Generic[T]):
    """Records by name, in the order of their names' first setting; paths among their fields too.

    Args:
        kind: their type, as `msgspec` decodes it.
        folder: where they are kept once they are many; None for the folder of temporary files.
    """

    def __init__(self, kind: type[T], folder: Path | None = None) -> None:
        self._decode = msgspec.json.Decoder(kind, dec_hook=path_of_text).decode
        self._texts = _Texts(folder)
        self._numbers: dict[str, int] = {}

    def __getitem__(self, name: str) -> T:
        return self._decode(self._texts[self._numbers[name]])

    def __setitem__(self, name: str, item: T) -> None:
        self.set_text(name, msgspec.json.encode(item, enc_hook=text_of_path))

    def text(self, name: str) -> bytes:
        """A record as it is kept, as JSON. Raises KeyError: there is none."""
        return self._texts[self._numbers[name]]

    def set_text(self, name: str, text: bytes) -> None:
        """Keep what `text` has given."""
        self._numbers[name] = self._texts.add(text)

    def sha256(self) -> str:
        """SHA-256 over names and records in their order, in hexadecimal."""
        digest = hashlib.sha256()
        for name in self:
            text = self.text(name)
            digest.update(msgspec.json.encode((name, len(text))))
            digest.update(text)
        return digest.hexdigest()

    def __delitem__(self, name: str) -> None:
        del self._numbers[name]

    def __contains__(self, name: object) -> bool:
        return name in self._numbers

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def sort(self, order: Iterable[str]) -> None:
        """Put the names into an order, which names all of them."""
        self._numbers = {name: self._numbers[name] for name in order if name in self._numbers}
