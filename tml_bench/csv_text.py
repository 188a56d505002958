"""CSV that a spreadsheet shows and never executes.

A spreadsheet takes a cell for a formula where it begins with ``=``, ``+``, ``-`` or ``@``, also after spaces
and quotation marks, in full width, or after a tab or a line break (OWASP, *CSV Injection*). `safe_cell` puts
an apostrophe before such a text, `read_cell` takes it away: what is written is what is read. A number such as
``-0.5`` stays a number.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

_BEFORE = r"""[ \t\r\n\f\v'"`\u00a0\u2018\u2019\u201c\u201d\u3000\u200b\ufeff]*"""
FORMULA = _BEFORE + r"[\t\r\n=+\-@\uff1d\uff0b\uff0d\uff20]"
"""How a cell begins that may be executed: a pattern of Python's and of JavaScript's."""
NUMBER = r"[+\-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+\-]?[0-9]+)?"
"""What is a number, as a whole; a pattern of both languages too."""
_MOST_KNOWN = 4096
"""So many texts of a table are known as they are written."""
_FORMULA, _NUMBER, _SPECIAL = re.compile(FORMULA), re.compile(NUMBER), re.compile(r'[",\r\n]')


def safe_cell(value: object) -> str:
    """A cell that no spreadsheet executes; only texts are changed, None is empty."""
    text = "" if value is None else str(value)
    executed = isinstance(value, str) and _FORMULA.match(text) and not _NUMBER.fullmatch(text)
    return f"'{text}" if executed else text


def read_cell(cell: str) -> str:
    """The text that `safe_cell` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell


def csv_text(head: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """A table as CSV with a head, every cell a `safe_cell`; lines end in a line feed."""
    # Most texts of a large table stand in many of its rows.
    known = lru_cache(_MOST_KNOWN)(_quoted)

    def cell(value: object) -> str:
        return known(str(value)) if isinstance(value, str) else _quoted(value)

    return "".join([",".join(map(cell, row)) + "\n" for row in (head, *rows)])


def _quoted(value: object) -> str:
    # Python's writer leaves a lone carriage return unquoted, after which readers see a row of its own.
    text = safe_cell(value)
    return '"' + text.replace('"', '""') + '"' if _SPECIAL.search(text) else text
