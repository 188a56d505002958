"""Short heads of the board's columns, and what tells columns of one task apart."""

import re
from collections import Counter
from collections.abc import Sequence

from tml_bench.report.board import BoardColumn
from tml_bench.report.grids import plain

MOST_LINES = 3
"""A head takes no more lines than that."""

_JOINT = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[-_/])")


def short_head(title: str, width: int) -> list[str]:
    """A task's title, up to its colon, in at most `MOST_LINES` lines of at most ``width`` characters.

    Words that do not fit are broken at their joints (``Time|Speak``), parts of them with a hyphen, or cut
    with a full stop where there is no room for the rest. Of a title that is still too long, the first lines
    and the last one stand.
    """
    words = plain(title).partition(":")[0].replace(",", "").split() or ["?"]
    broken = _packed([piece for word in words for piece in _pieces(word, width, hyphens=True)], width)
    if len(broken) > MOST_LINES:
        broken = _packed([piece for word in words for piece in _pieces(word, width, hyphens=False)], width)
    return broken if len(broken) <= MOST_LINES else [*broken[: MOST_LINES - 1], broken[-1]]


def _pieces(word: str, width: int, *, hyphens: bool) -> list[str]:
    if len(word) <= width:
        return [word]
    pieces = []
    for part in _JOINT.split(word):
        if hyphens:
            rest = part
            while len(rest) > width:
                pieces.append(f"{rest[: width - 1]}-")
                rest = rest[width - 1 :]
            pieces.append(rest)
        else:
            pieces.append(part if len(part) <= width else f"{part[: width - 1]}.")
    return pieces


def _packed(pieces: Sequence[str], width: int) -> list[str]:
    """The pieces in as few lines as their order allows."""
    lines: list[str] = []
    for piece in pieces:
        if lines and len(lines[-1]) + 1 + len(piece) <= width:
            lines[-1] += f" {piece}"
        else:
            lines.append(piece)
    return lines


def letters(columns: Sequence[BoardColumn]) -> dict[int, str]:
    """A letter for each column whose task has several, by its place; columns of other tasks have none."""
    several = Counter(column.task for column in columns)
    places = [k for k, column in enumerate(columns) if several[column.task] > 1]
    return {place: _letter(k) for k, place in enumerate(places)}


def _letter(k: int) -> str:
    more, last = divmod(k, 26)
    return (_letter(more - 1) if more else "") + chr(ord("a") + last)


def differences(columns: Sequence[BoardColumn]) -> list[str]:
    """One line for each column with a letter: what it does not have in common with others of its task."""
    return [
        f"({letter}) {columns[place].task}: {_own(columns[place], columns)}"
        for place, letter in letters(columns).items()
    ]


def titles(columns: Sequence[BoardColumn]) -> list[str]:
    """Title of each column up to its colon, and what tells it from others of its task."""
    several = letters(columns)
    return [
        column.title.partition(":")[0] + (f", {_own(column, columns)}" if k in several else "")
        for k, column in enumerate(columns)
    ]


def _own(column: BoardColumn, columns: Sequence[BoardColumn]) -> str:
    shared = set.intersection(*(set(c.table.holds) for c in columns if c.task == column.task))
    own = [fact for fact in column.table.holds if fact not in shared]
    return "; ".join(own) or "other metric versions"
