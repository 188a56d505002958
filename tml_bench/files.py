"""Files that are there whole or not at all, what identifies their contents, and typed JSON."""

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterable, Mapping
from glob import escape
from pathlib import Path
from threading import get_ident
from typing import TypeVar

import msgspec

from tml_bench.bounded_files import UNREADABLE, read_whole
from tml_bench.errors import UserError
from tml_bench.seals import seal_holds

T = TypeVar("T")
FileState = tuple[int, int, int, int]
"""Inode, size, and times of the last change of content and of anything, in ns, of a file.

No program can set the last: what has the same state has not been written since, nor is it a copy.
"""
_ASIDE = re.compile(r"\..+\.(\d+)-\d+")


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file aside and rename it, so that a reader sees the old or the new content, never half.

    Its folder is made if need be. Where it is not ``durable``, as a cache whose reader finds out, a power cut
    may leave part of it; and it is written in a fraction of the time.

    Raises:
        OSError: it cannot be written; what was there before stays, and nothing is left beside it.
    """
    write_together({path: content}, durable=durable)


def write_together(files: Mapping[Path, bytes | Iterable[bytes]], *, durable: bool = True) -> None:
    """As `write_atomically`, of several files: none is replaced before all of them are on the disk.

    What a file holds may come in pieces; files are written in their order.
    """
    asides = {path: path.with_name(aside_name(path.name)) for path in files}
    try:
        for path, content in files.items():
            _write_aside(path, asides[path], content, durable=durable)
        for path, aside in asides.items():
            aside.replace(path)
    except BaseException:
        for aside in asides.values():
            aside.unlink(missing_ok=True)
        raise


def write_output(path: Path, content: bytes) -> None:
    """As `write_atomically`, of a file that the user named; what a killed command left of it is removed."""
    remove_left_aside(path.parent, path.name)
    write_atomically(path, content)


def _write_aside(path: Path, aside: Path, content: bytes | Iterable[bytes], *, durable: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with aside.open("wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        error.filename = str(path)  # a full disk does not say where, and others name the file aside
        raise


def aside_name(name: str) -> str:
    """What a file or folder is called while this thread writes it."""
    return f".{name}.{os.getpid()}-{get_ident()}"


def is_left_aside(path: Path) -> bool:
    """Whether what has this name was being written by a process that is gone."""
    match = _ASIDE.fullmatch(path.name)
    return match is not None and not _is_alive(int(match[1]))


def remove_left_aside(folder: Path, name: str = "") -> None:
    """Remove files that processes which are gone had written aside in a folder; raises OSError.

    With a ``name`` only what was to become the file or folder of that name, which may be a folder too.
    """
    for path in folder.glob(f".{escape(name)}.*" if name else ".*"):
        if not is_left_aside(path):
            continue
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
        elif name:
            shutil.rmtree(path, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # another user's
    return True


def sync(path: Path) -> None:
    """Have a file's content, or which entries a folder has, survive a power cut; raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_contents(folder: Path) -> None:
    """Have a folder and the files in it, of this folder alone, survive a power cut; raises OSError."""
    for path in folder.iterdir():
        sync(path)
    sync(folder)


def make_folder(path: Path) -> None:
    """Make a folder, and what is missing above it, so that it survives a power cut; raises OSError."""
    if not path.is_dir():
        if not path.parent.exists():
            make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync(path.parent)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_state(path: Path) -> FileState | None:
    """What a file system says of a file; None where there is none, or something else such as a link."""
    try:
        about = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISREG(about.st_mode):
        return None
    return about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def is_coarse(time_ns: int) -> bool:
    """Whether a time of a file, ns after the epoch, has no fractions of a millisecond.

    A clock that stamps so cannot tell two changes apart that follow each other.
    """
    return time_ns % 1_000_000 == 0


def read_json(path: Path, kind: type[T], remedy: str) -> T:
    """Read a typed JSON file.

    Raises:
        UserError: it is missing or malformed, or is not as its seal says; names file and field.
    """
    try:
        content = read_whole(path)
        found = msgspec.json.decode(content, type=kind)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path} does not exist", remedy) from None
    except UNREADABLE as error:
        raise UserError(f"{path}: {error}", remedy) from error
    if seal_holds(content) is False:
        raise UserError(f"{path} was changed after it was written, by hand or by a fault of the disk", remedy)
    return found
