"""A folder of files that are replaced as a whole: a kill or a full disk leaves the old ones or the new ones.

A folder that holds nothing else changes places with the new one, in one step where the system has one. In one
with other files, or that cannot be moved, every file is first written beside its place; then all are renamed.
"""

import ctypes
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tml_bench.files import aside_name, is_left_aside, remove_left_aside, sync, sync_contents

_EXCHANGE, _HERE = 2, -100  # of Linux: RENAME_EXCHANGE and AT_FDCWD


@contextmanager
def swapped_in(out: Path, is_gone: Callable[[Path], bool] = lambda old: False) -> Iterator[Path]:
    """Gives an empty folder; what is in it takes the place of what is in ``out`` when the block has ended.

    Files that are not written again stay, but for those that ``is_gone`` says are not wanted any more. What
    the block raises leaves ``out`` as it was.

    Raises:
        OSError: it cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    out = out.resolve()
    remove_left_aside(out.parent, out.name)
    for folder in {path.parent for path in out.rglob("*")}:
        _clear(folder)
    new = out.parent / aside_name(out.name)
    try:
        new.mkdir()
    except OSError:  # it may be all that we may write to
        new = out / aside_name(out.name)
        new.mkdir()
    try:
        yield new
        for folder in (new, *(path for path in new.rglob("*") if path.is_dir())):
            sync_contents(folder)
        names = _files(new)
        olds = [path for path in _files(out) if path not in names and new.name not in path.parts]
        gone = [path for path in olds if is_gone(out / path)]
        moves = new.parent == out.parent and len(gone) == len(olds) and not Path.cwd().is_relative_to(out)
        if not (moves and _exchanged(new, out)):
            _replaced(new, out, names)
            for path in gone:
                (out / path).unlink()
        sync(out.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _clear(folder: Path) -> None:
    remove_left_aside(folder)
    for left in folder.glob(".*/"):
        if is_left_aside(left):
            shutil.rmtree(left, ignore_errors=True)


def _files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()}


def _exchanged(one: Path, other: Path) -> bool:
    """Have two folders change places; False where the system cannot do it in one step."""
    with suppress(AttributeError, OSError):
        rename = ctypes.CDLL(None).renameat2
        return bool(rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)
    return False


def _replaced(new: Path, out: Path, names: set[Path]) -> None:
    """Replace files one by one, once all of them are there."""
    ready: list[tuple[Path, Path]] = []
    try:
        for name in sorted(names):
            place = out / name
            place.parent.mkdir(parents=True, exist_ok=True)
            ready.append((place.with_name(aside_name(place.name)), place))
            shutil.copyfile(new / name, ready[-1][0])
            sync(ready[-1][0])
        for aside, place in ready:
            aside.replace(place)
    finally:
        for aside, _ in ready:
            aside.unlink(missing_ok=True)
