"""Writing and deleting inside a folder, and nowhere else: links in it are refused, wherever they lead.

A run's folder may come from a stranger, with links where a run is written. Nothing below the folder may be a
link, nor anything else than a file or folder: each part of a path is looked at before it is used
(`own_place`). Where what is written or removed can be opened part by part without following links (POSIX),
it is, so that a link that appears meanwhile is not followed either.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tml_bench.errors import UserError

_BY_PARTS = os.open in os.supports_dir_fd and shutil.rmtree.avoids_symlink_attacks
_FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


def own_place(root: Path, *parts: str) -> Path:
    """The place below a folder that parts lead to, whether something is there or not.

    Raises:
        UserError: a part is a step up or several, or what is there is no file and no folder, such as a link.
    """
    place = os.fspath(root)
    for part in parts:
        if part in ("", ".", "..") or "\0" in part or os.path.basename(part) != part:
            raise UserError(f"{part!r} leads out of {root}", "was the folder changed by somebody?")
        place = os.path.join(place, part)
        with suppress(FileNotFoundError, NotADirectoryError):
            mode = os.lstat(place).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise _refused(root, Path(place))
    return Path(place)


def _refused(root: Path, place: Path) -> UserError:
    what = "is a link" if place.is_symlink() else "is no file and no folder"
    return UserError(
        f"{place} {what}, so nothing is written there: {root} may only hold files and folders",
        "remove it, or work on a copy of what is inside",
    )


def refuse_links(root: Path, *inner: str) -> None:
    """Raise `UserError` where a folder, or one of its inner folders, has a link in it; it may be missing."""
    for folder in (root, *(own_place(root, name) for name in inner)):
        if folder.is_dir():
            for child in folder.iterdir():
                own_place(folder, child.name)


def remove_own(root: Path, *parts: str) -> None:
    """Remove a folder below another with all that is in it, links themselves and not what they lead to.

    Raises:
        UserError: as `own_place`.
        OSError: something cannot be removed.
    """
    place = own_place(root, *parts)
    if not place.exists():
        return
    if not _BY_PARTS:
        shutil.rmtree(place)
        return
    with _opened(root, parts[:-1]) as folder, suppress(FileNotFoundError):
        shutil.rmtree(parts[-1], dir_fd=folder)


def move_own(source: Path, root: Path, *parts: str) -> None:
    """Put a folder into another, in the place of what is there.

    Raises:
        UserError: as `own_place`.
        OSError: it cannot be moved.
    """
    remove_own(root, *parts)
    if not _BY_PARTS:
        place = own_place(root, *parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        source.replace(place)
        return
    with _opened(root, parts[:-1], make=True) as folder:
        os.replace(source, parts[-1], dst_dir_fd=folder)


def append_own(root: Path, name: str) -> BinaryIO:
    """Open a file of a folder to append to it.

    One that another folder has too (a hard link) is first made the folder's own. Raises as `own_place`.
    """
    path = own_place(root, name)
    if path.exists() and path.stat().st_nlink > 1:
        own = path.with_name(f".{name}.own")
        own.unlink(missing_ok=True)
        shutil.copyfile(path, own)
        own.replace(path)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o666), "ab")


def own_lock(root: Path) -> Path:
    """The place of a folder's lock, whose file is emptied when it is locked.

    One that another folder has too (a hard link) is removed first. Raises as `own_place`.
    """
    place = own_place(root, ".lock")
    if place.is_file() and place.stat().st_nlink > 1:
        place.unlink()
    return place


@contextmanager
def _opened(root: Path, parts: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
    """A folder below another, opened part by part without following links; ``make`` makes it."""
    folder = os.open(root, os.O_RDONLY)
    try:
        place = root
        for part in parts:
            place /= part
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=folder)
            try:
                inner = os.open(part, os.O_RDONLY | _FOLDER, dir_fd=folder)
            except OSError as error:
                raise _refused(root, place) if place.is_symlink() else error from None
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)
