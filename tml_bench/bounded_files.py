"""Files that anybody may have written, read in bounded memory.

Whatever such a file holds, reading and decoding it ends in a value, in ``OSError`` or in one of `UNREADABLE`,
which whoever reads turns into an error that names the file. Sizes are limited because decoded values take up
to 25 times the memory of their text.
"""

import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

UNREADABLE = (ValueError, RecursionError)
"""What decoders raise for bytes that they cannot read: no JSON or TOML, no UTF-8, values of other types or
out of range, nested too deeply."""
MOST_BYTES, LONGEST_LINE = 1 << 25, 1 << 24
"""Most bytes of a file that is read whole, and of a line."""
_PIECE = 1 << 20


def read_whole(path: Path, most: int = MOST_BYTES, *, piped: bool = False) -> bytes:
    """The content of a file.

    Args:
        path: where it is.
        most: it may have so many bytes.
        piped: it may be a pipe, as a user gives one, which in a folder of strangers is waited for for ever.

    Raises:
        OSError: it is missing or cannot be read.
        ValueError: it is no file, or has more bytes.
    """
    about = path.stat()
    if not (stat.S_ISREG(about.st_mode) or (piped and not stat.S_ISDIR(about.st_mode))):
        raise ValueError("it is no file")
    with path.open("rb") as file:
        content = file.read(min(about.st_size, most) + 1)
        if len(content) > about.st_size:  # it grew, or has no size
            content += file.read(most + 1 - len(content))
    if len(content) > most:
        raise ValueError(f"it has more than the {most:,} bytes that are read")
    return content


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file as they stand, one in memory at a time; only the last may have no line feed.

    Of one that is too long there is as much as `check_length` needs to refuse it.

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: it is no file.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is no file")
    with path.open("rb") as file:
        for line in iter(partial(file.readline, LONGEST_LINE + 1), b""):
            rest = line
            while len(line) > LONGEST_LINE and rest and not rest.endswith(b"\n"):
                rest = file.readline(_PIECE)
            yield line if rest is line else line + b"\n" * rest.endswith(b"\n")


def check_length(line: bytes) -> bytes:
    """A line that is not too long. Raises `ValueError`: it is."""
    if len(line) > LONGEST_LINE:
        raise ValueError(f"the line has more than {LONGEST_LINE:,} bytes")
    return line


def is_there(path: Path) -> bool:
    """Whether a path leads to a file; no for what is no path, or is too long for one."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def last_line_end(path: Path) -> tuple[int, int]:
    """Where the last whole line of a file ends, and the file's size; both in bytes. Raises `OSError`."""
    with path.open("rb") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end:
            begin = max(0, end - _PIECE)
            file.seek(begin)
            if (found := file.read(end - begin).rfind(b"\n")) >= 0:
                return begin + found + 1, size
            end = begin
    return 0, size
