"""How much of a report goes on one page: grids are rendered, counted, and split where they are too many.

A page of a hundred thousand elements opens slowly and is searched by nobody. Elements and texts are counted
in what was really rendered, so that no page of a report holds more than `MOST_NODES` of them or `MOST_BYTES`,
however many runs there are. Every piece is counted once: as it begins and ends with an element, pages have as
many as their pieces together.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tml_bench.report.grids import NOTHING, Grid, Row

MOST_NODES = 4_200
"""Elements and texts in the body of a page; the frame around it has less than a hundred."""
MOST_BYTES = 250_000
"""Bytes of the body of a page; style and script are less than 30,000."""
_TEXT = re.compile(r">\s*[^<\s]")

RenderGrid = Callable[[Grid], str]


@dataclass(frozen=True)
class PageSection:
    """Grids that belong together, under a name of their own; ``key`` is the name in an address."""

    name: str
    key: str
    grids: tuple[Grid, ...]


@dataclass(frozen=True)
class PagePart:
    """As much of a section as fits on a page, rendered, and its place among the parts of the section."""

    section: PageSection
    grids: tuple[str, ...]
    place: int = 0
    of: int = 1

    @property
    def name(self) -> str:
        """The section's name, with the place where it has several parts."""
        return f"{self.section.name}, {self.place + 1} of {self.of}" if self.of > 1 else self.section.name

    @property
    def short(self) -> str:
        """The section's key, with the place where it has several parts: for a list of pages."""
        return f"{self.section.key} {self.place + 1}" if self.of > 1 else self.section.key


class _Piece(NamedTuple):
    """Rendered HTML that begins and ends with an element, its elements and texts, and its bytes."""

    html: str
    nodes: int
    size: int


def _piece(html: str) -> _Piece:
    return _Piece(html, nodes(html), len(html.encode()))


def nodes(html: str) -> int:
    """Elements and texts of rendered HTML, whose texts are escaped; white space is left out."""
    return html.count("<") - html.count("</") + len(_TEXT.findall(html))


def arrange_pages(
    sections: Sequence[PageSection], render: RenderGrid, taken: str = ""
) -> list[list[PagePart]]:
    """Put rendered sections on as few pages as keep their order; a section is only split if it fills a page.

    ``taken`` is what stands on the first page before them. Without sections there is one empty page.
    """
    pages: list[list[PagePart]] = [[]]
    full = [_piece(taken)] if taken else []
    for section in sections:
        pieces = [piece for grid in section.grids for piece in _pieces(grid, render)]
        if full and not _fit([*full, *pieces]):
            pages.append([])
            full = []
        filled = _fill(pieces)
        parts = [
            PagePart(section, tuple(piece.html for piece in some), k, len(filled))
            for k, some in enumerate(filled)
        ]
        pages[-1].append(parts[0])
        pages += [[part] for part in parts[1:]]
        full = [*(full if len(parts) == 1 else []), *filled[-1]]
    return pages


def without_empty_columns(grid: Grid) -> Grid:
    """The grid without columns in which no row says anything; its first column stays."""

    def says(k: int) -> bool:
        cells = (row.cells[k] for row in grid.rows)
        return any(cell.line not in ("", NOTHING) or cell.bar for cell in cells)

    kept = [0, *(k for k in range(1, len(grid.columns)) if says(k))]
    return _of_columns(grid, kept)


def _of_columns(grid: Grid, places: Sequence[int]) -> Grid:
    """The grid with its columns at some places alone."""
    rows = (Row(tuple([row.cells[k] for k in places]), row.kind) for row in grid.rows)
    return replace(grid, columns=tuple(grid.columns[k] for k in places), rows=tuple(rows))


def narrow(grid: Grid, fixed: int, most: int) -> list[Grid]:
    """Grids of at most so many columns beside the first ``fixed``, which all of them repeat.

    Columns of a group stay together if they are not too many for one grid.
    """
    rest: list[list[int]] = [[]]
    for _, group in itertools.groupby(range(fixed, len(grid.columns)), key=lambda k: grid.columns[k].group):
        some = list(group)
        for part in (some[k : k + most] for k in range(0, len(some), most)):
            if rest[-1] and len(rest[-1]) + len(part) > most:
                rest.append([])
            rest[-1] += part
    chunks = [(*range(fixed), *columns) for columns in rest]
    found = []
    for k, chunk in enumerate(chunks):
        place = f", {k + 1} of {len(chunks)}" if len(chunks) > 1 else ""
        heading, folded = grid.heading if k == 0 else "", grid.folded and grid.folded + place
        found.append(
            replace(_of_columns(grid, chunk), caption=grid.caption + place, heading=heading, folded=folded)
        )
    return found


def _fit(pieces: Sequence[_Piece]) -> bool:
    """Whether pieces are not too much for one page."""
    return sum(p.nodes for p in pieces) <= MOST_NODES and sum(p.size for p in pieces) <= MOST_BYTES


def _pieces(grid: Grid, render: RenderGrid) -> Iterable[_Piece]:
    """A grid, rendered; in pieces of its rows where it is too long for a page."""
    whole = _piece(render(grid))
    if _fit([whole]) or len(grid.rows) < 2:
        return [whole]
    parts = 1 + max(whole.nodes // MOST_NODES, whole.size // MOST_BYTES)
    step = -(-len(grid.rows) // (parts + 1))
    starts = range(0, len(grid.rows), step)
    return [
        piece
        for k in starts
        for piece in _pieces(
            replace(
                grid,
                rows=grid.rows[k : k + step],
                caption=f"{grid.caption}, from row {k + 1}",
                heading=grid.heading if k == 0 else "",
            ),
            render,
        )
    ]


def _fill(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """Pieces on as few pages as keep their order; one page, be it empty, at least."""
    pages: list[list[_Piece]] = [[]]
    for piece in pieces:
        if pages[-1] and not _fit([*pages[-1], piece]):
            pages.append([])
        pages[-1].append(piece)
    return pages
