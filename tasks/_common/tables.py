"""Annotation files of many records: JSON lines and CSV, one record in memory at a time beside those wanted.

A line or row that is wrong costs its sample alone; a file with very many of them is another file.
"""

import codecs
import csv
import io
import re
from collections.abc import Collection, Container, Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from tml_bench.bounded_files import UNREADABLE, check_length, lines_of, read_whole
from tml_bench.errors import BadSampleError, UserError
from tml_bench.tasks._common.records import AGAIN, MARKS, RecordPlace, check_whole, read_text, utf8

T = TypeVar("T")
_SEPARATORS, _MOST_COLUMNS = ",;\t", 5000
MOST_WRONG, MOST_RECORDS = 1000, 200_000
"""A file with more wrong records, or more others, is refused."""


class WrongLine(NamedTuple):
    """A line that is no record: its number, its id if that can be told, and what is wrong with the remedy."""

    number: int
    id: str
    text: str

    @property
    def name(self) -> str:
        """What its sample is called."""
        return self.id or f"line-{self.number}"


class RecordTally:
    """Counts the records of a file; both methods give what they are given.

    Raises:
        UserError: there are more than `MOST_RECORDS`, or `MOST_WRONG` wrong ones, of which the first is told.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._right = self._wrong = 0
        self._first = ""

    def right(self, record: T) -> T:
        """Count a record."""
        self._right += 1
        if self._right > MOST_RECORDS:
            raise UserError(f"{self._path}: it has more than {MOST_RECORDS:,} records", AGAIN)
        return record

    def wrong(self, flaw: T) -> T:
        """Count one that is wrong."""
        self._wrong += 1
        self._first = self._first or str(flaw.text if isinstance(flaw, WrongLine) else flaw)
        if self._wrong > MOST_WRONG:
            what = f"{self._path}: more than {MOST_WRONG:,} records are wrong, the first: {self._first}"
            raise UserError(what, AGAIN)
        return flaw


class _Named(msgspec.Struct):
    """A record of which only the id is looked at."""

    id: str = ""


_NAMES = msgspec.json.Decoder(_Named)


def json_lines(
    path: Path, kind: type[T], remedy: str, only: Container[str] | None = None
) -> tuple[list[tuple[int, T]], list[WrongLine]]:
    """A file of one record with an ``id`` a line; empty lines are left out.

    With ``only``, records of other ids are left out too, and of them is looked at nothing else.

    Returns:
        Line numbers and records; and the lines that are none or have the id of one before, each told as
        ``<file>:<line>: <id>: <what>; <remedy>``.

    Raises:
        UserError: the file cannot be read, or has too many records or wrong ones.
    """
    check_whole(path)
    decoder = msgspec.json.Decoder(kind)
    tally = RecordTally(path)
    found: list[tuple[int, T]] = []
    wrong: list[WrongLine] = []
    places: dict[str, int] = {}
    for number, line in enumerate(_lines(path, remedy), start=1):
        if not line.strip():
            continue
        try:
            check_length(line)
            if only is not None and _NAMES.decode(line).id not in only:
                continue
            record = decoder.decode(line)
        except UNREADABLE as error:
            name = re.search(rb'"id"\s*:\s*"([^"]{0,200})"', line)
            ident = name[1].decode(errors="replace") if name else ""
            what = f"{path}:{number}: {ident or 'no id'}: {error}; correct the line"
            wrong.append(tally.wrong(WrongLine(number, ident, what)))
            continue
        ident = str(getattr(record, "id", ""))
        if (first := places.setdefault(ident, number)) == number:
            found.append(tally.right((number, record)))
        else:
            what = f"{path}:{number}: {ident}: id: is on line {first} too, which is taken; give each its own"
            wrong.append(tally.wrong(WrongLine(number, ident, what)))
    return found, wrong


def _lines(path: Path, remedy: str) -> Iterator[bytes]:
    """The lines of a file in UTF-8, one at a time, without marks and line feeds; raises as `json_lines`."""
    try:
        for number, line in enumerate(lines_of(path)):
            if number or not line.startswith(tuple(mark for mark, _ in MARKS)):
                yield from line.splitlines()
            elif line.startswith(codecs.BOM_UTF8):
                yield from line.removeprefix(codecs.BOM_UTF8).splitlines()
            else:
                yield from utf8(read_whole(path)).splitlines()
                return
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})", remedy) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} cannot be read ({error})", "save it as UTF-8") from None
    except ValueError as error:
        raise UserError(f"{path} cannot be read ({error})", remedy) from None


def read_lines(path: Path, kind: type[T], remedy: str) -> list[T]:
    """As `json_lines`, but raises `UserError`, which names them all, where lines are wrong."""
    found, wrong = json_lines(path, kind, remedy)
    if wrong:
        raise UserError("\n".join(line.text for line in wrong), remedy)
    return [record for _, record in found]


def csv_rows(
    path: Path, key: str, columns: Collection[str]
) -> Iterator[tuple[str, dict[str, str] | BadSampleError]]:
    """The rows of a CSV file by the column ``key``, their cells stripped; empty cells are left out.

    Cells are separated by commas, semicolons or tabs: by what separates the names of the columns.

    Yields:
        The key, and the cells or what is wrong with the row: it has more cells than there are columns, its
        key is empty (then it is called by its number) or that of a row before, which counts.

    Raises:
        UserError: the file cannot be read, is cut off, has no rows, too many or too many wrong ones, lacks a
            column or names it twice.
    """
    text = read_text(path)
    table = _table(path, text, max(_SEPARATORS, key=text.partition("\n")[0].count))
    head = [name.strip() for name in next(table, [])]
    if len(head) > _MOST_COLUMNS:
        raise UserError(
            f"{path}: it has {len(head):,} columns, and at most {_MOST_COLUMNS:,} are read", AGAIN
        )
    if head and (lacking := {key, *columns} - set(head)):
        raise UserError(f"{path}: no column {', '.join(sorted(lacking))}", AGAIN)
    if twice := sorted(name for name in set(head) - {""} if head.count(name) > 1):
        raise UserError(f"{path}: the column {twice[0]} is there twice", "leave one")
    first = next(table, None)
    if first is None:
        raise UserError(f"{path}: no rows", AGAIN)
    whole = len(first) >= len(head)
    torn = not text.endswith(("\n", "\r"))
    tally = RecordTally(path)
    seen: dict[str, int] = {}
    for number, (row, after) in enumerate(pairwise(chain([first], table, [None])), start=2):
        assert row is not None
        if after is None and number > 2 and whole and torn and len(row) < len(head):
            raise UserError(f"{path}: is cut off: its last row has {len(row)} of {len(head)} cells", AGAIN)
        whole = whole and len(row) >= len(head)
        cells = {name: cell.strip() for name, cell in zip(head, row, strict=False) if cell.strip()}
        name = cells.get(key) or f"row-{number}"
        place = RecordPlace(path.name, f"row {number} ({name})")
        if key not in cells:
            yield name, tally.wrong(place.bad(key, "is empty"))
        elif any(cell.strip() for cell in row[len(head) :]):
            what = f"{len(row)} cells for {len(head)} columns"
            yield name, tally.wrong(place.bad("", what, "put quotes round cells with a separator"))
        elif seen.setdefault(name, number) != number:
            what = f"is that of row {seen[name]} too, which is taken"
            yield name, tally.wrong(place.bad(key, what, "leave one"))
        else:
            yield name, tally.right(cells)


def _table(path: Path, text: str, separator: str) -> Iterator[list[str]]:
    """The rows of a CSV file that are not blank, one at a time, the names of its columns first."""
    try:
        yield from filter(None, csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise UserError(f"{path}: cannot be read ({error})", AGAIN) from None
