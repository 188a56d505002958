"""The rows of a table as HTML.

A report has hundreds of thousands of cells, and most hold a text and nothing else: what a template asks and
calls for each of them would be most of the time that a report takes. Texts come from outside, so all of them
are escaped, as a template would.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from tml_bench.report.grids import Cell, Row, plain

if TYPE_CHECKING:
    from markupsafe import Markup

ShowScore = Callable[[Cell], str]
_MOST_KNOWN = 4096
"""So many texts are known as HTML: adapters, measures and most numbers stand in many cells."""
_BREAKS = re.compile(r"(?<=[/:_.])|(?<=[a-z])(?=[A-Z])")


def table_rows(rows: Iterable[Row], numeric: Sequence[bool], show_score: ShowScore) -> "Markup":
    """Rows of a table whose columns are numeric or not; ``show_score`` makes HTML of a cell with a bar."""
    from markupsafe import Markup

    def shown(cell: Cell) -> str:
        if cell.bar:
            return show_score(cell)
        text = _SHOWN[cell.form](cell.text)
        return f"{text} <small>{safe(cell.remark)}</small>" if cell.remark else text

    def data(cell: Cell, is_number: bool) -> str:
        sorted_by = f'data-v="{sort_value(cell.value)}"' if is_number else 'class="text"'
        return f"<td {sorted_by}>{shown(cell)}</td>"

    def line(row: Row) -> str:
        first, *others = row.cells
        return f'<tr><th scope="row">{shown(first)}</th>{"".join(map(data, others, numeric[1:]))}</tr>\n'

    return Markup("".join(map(line, rows)))


def sort_value(value: float | None) -> str:
    """What a cell is sorted by; empty for what stands behind all numbers."""
    return "" if value is None else f"{value:.9g}"


@lru_cache(_MOST_KNOWN)
def safe(text: str) -> str:
    """A text as HTML, without control characters."""
    from markupsafe import escape

    return str(escape(plain(text)))


@lru_cache(_MOST_KNOWN)
def safe_name(text: str) -> str:
    """A name that may be broken after its separators, and between words that are written together."""
    return "<wbr>".join(map(safe, _BREAKS.split(plain(text))))


def _badge(text: str) -> str:
    return f'<span class="badge">{safe(text)}</span>'


def _few(text: str) -> str:
    return f'<span class="few" title="fewer than 10 events">{safe(text)}</span>'


_SHOWN: dict[str, Callable[[str], str]] = {"": safe, "name": safe_name, "badge": _badge, "few": _few}
"""By the form of a cell."""
