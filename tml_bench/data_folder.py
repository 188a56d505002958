"""Data stays in its folder: while samples are loaded, files that really lie elsewhere are not read.

Annotations are written by strangers, and so are the links in a folder. Who loads samples says which folders
may be read (`only_within`); whoever opens a file of a sample asks first (`check_within`, `check_layout`).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from tml_bench.errors import BadSampleError

REMEDY = "put the file into the data's folder, or give --allow-outside if you trust the data"
_folders: ContextVar[tuple[Path, ...]] = ContextVar("data folders", default=())


@contextmanager
def only_within(*folders: Path) -> Iterator[None]:
    """Read files of samples only from these folders, the data's first; from any where none is given."""
    before = _folders.set(tuple(folder.resolve() for folder in folders))
    try:
        yield
    finally:
        _folders.reset(before)


def leads_outside(path: Path) -> bool:
    """Whether a file really lies outside the folders that may be read, links and ``..`` followed."""
    folders = _folders.get()
    if not folders:
        return False
    try:
        place = path.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL
        return True
    return not any(place.is_relative_to(folder) for folder in folders)


def check_within(path: Path) -> None:
    """Raise `BadSampleError` where a file that an annotation names `leads_outside`."""
    if leads_outside(path):
        raise BadSampleError(outside(path))


def check_layout(path: Path) -> None:
    """The same for a file that the layout names: it may stand above the folder, but be no link there."""
    folders = _folders.get()
    if folders and leads_outside(path):
        lexical = Path(os.path.abspath(path))
        above = not any(lexical.is_relative_to(folder) for folder in folders)
        if not above or path.is_symlink():
            raise BadSampleError(outside(path))


def outside(path: Path) -> str:
    """What is wrong with a file that `leads_outside`, and what to do about it."""
    shown = repr("/".join(path.parts[-3:]))
    return f"{shown} leads out of the data's folder; {REMEDY}"
