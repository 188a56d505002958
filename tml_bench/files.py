"""Files that are there whole or not at all, what identifies their contents, and typed JSON."""

import hashlib
import os
from pathlib import Path
from threading import get_ident
from typing import TypeVar

import msgspec

from tml_bench.errors import UserError

T = TypeVar("T")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file aside and rename it, so that a reader sees the old or the new content, never half.

    Its folder is made if need be.

    Raises:
        OSError: it cannot be written; what was there before stays, and nothing is left beside it.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path, kind: type[T], remedy: str) -> T:
    """Read a typed JSON file; raises `UserError`, naming file and field, where it is missing or malformed."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path} does not exist", remedy) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}", remedy) from error
