"""Classes from files, as ``path/to/file.py:Name``.

Each file is a module of its own, named after its path: two of the same stem do not collide, and a worker
process finds it by that name when it is sent something a class of it made. As for a script, modules that lie
beside it can be imported.
"""

import importlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from tml_bench.blame import in_one_line
from tml_bench.errors import UserError

PREFIX = "tml_bench_file"

Stamp = tuple[int, int]

_stamps: dict[str, Stamp] = {}
"""Of each file when it was loaded, by the name of its module."""
_beside: dict[str, str] = {}
"""Modules that files have imported from their own folders, with the folder."""
_copies: dict[str, str] = {}
"""Where on this machine the files of another one lie, by their names there."""


def use_copies(places: Mapping[str, Path]) -> None:
    """Load files of another machine, by their names there, from the copies that lie on this one."""
    _copies.update((named, str(place)) for named, place in places.items())


def from_file(target: str) -> object:
    """What ``FILE.py:NAME`` names; the file is loaded once, and again when it has changed.

    Raises:
        UserError: there is no such file, it cannot be imported, or it has no such name.
    """
    file, _, name = target.rpartition(":")
    path = Path(_copies.get(file, file))
    if not path.is_file():
        raise UserError(
            f"{path} does not exist", "give the path of a Python file, then a colon and the class"
        )
    module_name = _module_name(path.resolve())
    if _stamps.get(module_name) != _stamp(path):
        _forget(module_name, str(path.resolve().parent))
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise UserError(f"{path} cannot be imported: {in_one_line(error)}") from error
    if not hasattr(module, name):
        raise UserError(f"{path} has no {name!r}", "name a class defined in that file")
    return getattr(module, name)


def _module_name(path: Path) -> str:
    told = re.sub(rb"[^A-Za-z0-9]", lambda byte: b"_%02x" % byte[0][0], os.fsencode(path))
    return PREFIX + told.decode("ascii")


def _path_of(module_name: str) -> str:
    told = module_name.removeprefix(PREFIX).encode("ascii")
    return os.fsdecode(re.sub(rb"_([0-9a-f]{2})", lambda byte: bytes.fromhex(byte[1].decode()), told))


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _forget(module_name: str, folder: str) -> None:
    """Import a file and what it imported from its folder anew the next time."""
    sys.modules.pop(module_name, None)
    for name in [name for name, place in _beside.items() if place == folder]:
        _drop(name)


def _drop(beside: str) -> None:
    del _beside[beside]
    sys.modules.pop(beside, None)


class _FileLoader(SourceFileLoader):
    """Loads the source itself, never a compiled copy, which is told from a quick edit only by the second."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)

    def exec_module(self, module: ModuleType) -> None:
        _stamps[module.__name__] = _stamp(Path(self.path))
        with _folder_first(os.path.dirname(self.path)):
            super().exec_module(module)


class _FileFinder(MetaPathFinder):
    """Finds a file by the name of its module."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(f"{PREFIX}_"):
            return None
        named = _path_of(fullname)
        file = _copies.get(named, named)
        return spec_from_file_location(fullname, file, loader=_FileLoader(fullname, file))


sys.meta_path.append(_FileFinder())


@contextmanager
def _folder_first(folder: str) -> Iterator[None]:
    """Let a folder's modules be found before others, as a script's are; afterwards after all others."""
    for name in [name for name, place in _beside.items() if place != folder and _has(folder, name)]:
        _drop(name)  # another file's module of the same name
    importlib.invalidate_caches()
    before = set(sys.modules)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)  # for imports within functions
        for name in set(sys.modules) - before:
            if _is_beside(name, folder):
                _beside[name] = folder


def _has(folder: str, module_name: str) -> bool:
    place = Path(folder, module_name.partition(".")[0])
    return place.is_dir() or place.with_suffix(".py").is_file()


def _is_beside(module_name: str, folder: str) -> bool:
    if module_name.partition(".")[0].startswith("tml_bench"):  # a checkout may lie there
        return False
    file = getattr(sys.modules.get(module_name), "__file__", None) or ""
    return file.startswith(folder + os.sep) and "site-packages" not in file
