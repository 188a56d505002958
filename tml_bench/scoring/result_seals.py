"""Checksums over what scoring leaves in a run's folder, so that a changed digit is found and never shown.

``seals.json`` holds the SHA-256 of every file that scoring wrote, and a seal over itself. It lies beside
them, so that a score is the same bytes in every version. What earlier versions wrote has none and is read
as ever.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from tml_bench.errors import UserError
from tml_bench.files import file_sha256, read_json
from tml_bench.runs.store import read_lines
from tml_bench.seals import sealed

T = TypeVar("T")
SEALS = "seals.json"


class ResultSeals(msgspec.Struct, frozen=True):
    """Contents of ``seals.json``: SHA-256 in hexadecimal by the name of the file."""

    sha256: dict[str, str]
    schema: str = "tml-bench/seals/1.0"


class ResultDigests:
    """What ``seals.json`` holds beside files that are written in pieces.

    Attributes:
        sha256: of its own content, in hexadecimal; empty until that was asked for.
    """

    sha256 = ""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def passing(self, name: str, content: bytes | Iterable[bytes]) -> Iterator[bytes]:
        """The content of the file of that name in pieces, taken note of as they pass."""
        digest = hashlib.sha256()
        for piece in [content] if isinstance(content, bytes) else content:
            digest.update(piece)
            yield piece
        self._found[name] = digest.hexdigest()

    def seals(self) -> Iterator[bytes]:
        """The content of ``seals.json``, to be asked for once all others have passed."""
        known = {name: self._found[name] for name in sorted(self._found)}
        content = sealed(msgspec.json.format(msgspec.json.encode(ResultSeals(known))))
        self.sha256 = hashlib.sha256(content).hexdigest()
        yield content


def check_result(path: Path) -> None:
    """Look whether a file that scoring wrote is as it was written; one that is not there is.

    Raises:
        UserError: it is not, or ``seals.json`` is not; names it.
    """
    seals, again = path.with_name(SEALS), f"score the run again: tml-bench score {path.parent}"
    if not (seals.is_file() and path.is_file()):
        return
    known = read_json(seals, ResultSeals, again).sha256.get(path.name)
    if known is not None and file_sha256(path) != known:
        raise UserError(f"{path} was changed after it was written, by hand or by a fault of the disk", again)


def read_results(path: Path, kind: type[T]) -> list[T]:
    """Read a file of lines that scoring wrote, as `read_lines` does; raises as that and `check_result`."""
    check_result(path)
    return read_lines(path, kind)
