"""The two pictures of the board: the frontier and the profile, as PNG, SVG and PDF."""

from pathlib import Path

from tml_bench.report.board import Board
from tml_bench.report.frontier_picture import frontier_picture
from tml_bench.report.picture_parts import drawing, save
from tml_bench.report.profile_picture import profile


def write_pictures(board: Board, folder: Path) -> tuple[Path, ...]:
    """Write ``frontier`` and ``profile`` as ``.png``, ``.svg`` and ``.pdf``; returns the paths.

    The folder is created if missing. The same board gives the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with drawing():
        return (
            *save(frontier_picture(board), folder / "frontier"),
            *save(profile(board), folder / "profile"),
        )
