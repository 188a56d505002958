"""What tasks share: here how their data is named and what others published."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path

import msgspec

from tml_bench.task import PublishedNumber


class _Manifest(msgspec.Struct, frozen=True):
    version: str


@cache
def manifest_version(folder: Path) -> str:
    """The version that the ``manifest.json`` of a shipped set states."""
    return msgspec.json.decode((folder / "manifest.json").read_bytes(), type=_Manifest).version


def dataset_name(data: Path | None, mini: Path, is_official: Callable[[Path], bool]) -> str:
    """``official`` or ``custom-FOLDER``; the shipped set's version when ``data`` is None or that set."""
    if data is not None and data.resolve() != mini.resolve():
        return "official" if is_official(data) else f"custom-{data.resolve().name}"
    return manifest_version(mini)


def published_rows(task: str) -> tuple[PublishedNumber, ...]:
    """The numbers that others reported on a task's official data, as collected in ``results/published``."""
    file = resources.files("tml_bench.published") / f"{task}.json"
    return msgspec.json.decode(file.read_bytes(), type=tuple[PublishedNumber, ...])
