"""Writes the viewer as files that a browser opens from a disk, without a server."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from tml_bench.errors import UserError
from tml_bench.files import read_json, remove_left_aside, write_atomically
from tml_bench.own_folder import own_place
from tml_bench.viewer.run_files import SAFE_PART
from tml_bench.viewer.site import SiteContent, ViewerSite

MARKER = "tml-bench-export.json"
"""In a folder that holds an export: what it is made of."""
EXPORT_SCHEMA = "tml-bench/viewer-export/1.0"


class ExportedFiles(msgspec.Struct, frozen=True):
    """Contents of the marker: every file that the export wrote, by its address."""

    files: tuple[str, ...]
    schema: str = EXPORT_SCHEMA


def export_site(site: ViewerSite, out: Path) -> Iterator[str]:
    """Write everything of a viewer to a folder; yields each address when its file is there.

    A folder that holds an export is replaced: what that wrote is removed, and nothing else. Every document
    and every track stands there twice, for a web server and as a script for pages opened from a disk. The
    marker names at any time all that is there, so that one that was killed can be given again.

    Raises:
        UserError: the folder holds something that is no export.
    """
    before = _exported(out)
    written = [*_both(site.addresses())]
    _mark(out, dict.fromkeys([*before, *written]))
    _clear(out, before)
    for address in written:
        found = site.content(address)
        if found is not None:
            _write(own_place(out, *address.split("/")), found)
            yield address
    _mark(out, written)


def _mark(out: Path, files: Iterable[str]) -> None:
    write_atomically(out / MARKER, msgspec.json.encode(ExportedFiles(tuple(files))) + b"\n")


def _both(addresses: Iterator[str]) -> Iterator[str]:
    for address in addresses:
        yield address
        if address.startswith("data/") and address.endswith(".json"):
            yield f"{address.removesuffix('.json')}.js"


def _write(path: Path, found: SiteContent) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(found.body, Path):
        shutil.copyfile(found.body, path)
    else:
        path.write_bytes(found.body)


def _exported(out: Path) -> tuple[str, ...]:
    """What an earlier export wrote; nothing for a folder that is not there or is empty."""
    if out.is_dir():
        remove_left_aside(out, MARKER)
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return ()
    marker = out / MARKER
    if not marker.is_file() or marker.is_symlink():
        raise UserError(f"{out} is there and holds no export", "give another --export, or remove it")
    return read_json(marker, ExportedFiles, "remove the folder").files


def _clear(out: Path, files: Iterable[str]) -> None:
    """Remove files of an earlier export, and folders that are empty then."""
    for address in files:
        path = out.joinpath(*address.split("/"))
        own = all(map(SAFE_PART.fullmatch, address.split("/")))
        if own and path.parent.resolve().is_relative_to(out.resolve()):
            path.unlink(missing_ok=True)
            for folder in path.relative_to(out).parents:
                if folder.name and (out / folder).is_dir() and not any((out / folder).iterdir()):
                    (out / folder).rmdir()
