"""The two pictures of the board: the frontier and the profile, as PNG, SVG and PDF."""

from collections.abc import Mapping
from pathlib import Path

from tml_bench.report.board import Board
from tml_bench.report.frontier_picture import frontier_picture
from tml_bench.report.picture_parts import drawing, files_of
from tml_bench.report.profile_picture import profile


def drawn(board: Board) -> dict[str, bytes]:
    """What is in ``frontier`` and ``profile``, each as ``.png``, ``.svg`` and ``.pdf``, by the files' names.

    The same board gives the same bytes.
    """
    with drawing():
        return files_of(frontier_picture(board), "frontier") | files_of(profile(board), "profile")


def write_pictures(pictures: Mapping[str, bytes], folder: Path) -> tuple[Path, ...]:
    """Write pictures by their names into a folder, which is created if missing; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        (folder / name).write_bytes(picture)
    return tuple(folder / name for name in pictures)
