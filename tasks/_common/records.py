"""Annotation files as typed records, decoded by msgspec: JSON, JSON lines and CSV.

What does not fit a record's type, or what its ``__post_init__`` refuses, is named with its file, row and
field and with what to do about it: as a `BadSampleError` where it costs one sample, as a `UserError` where
the whole file cannot be used.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Collection, Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from tml_bench.bounded_files import UNREADABLE, check_length, lines_of, read_whole
from tml_bench.data_folder import check_layout
from tml_bench.errors import BadSampleError, UserError

T = TypeVar("T")
AGAIN = "download the annotation again"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; that of UTF-32 begins like that of UTF-16."""
_SEPARATORS = ",;\t"
_MOST_OF_A_SAMPLE = 1 << 23
"""Most bytes of a sample's own file, whose values have no declared types and take the more memory."""
_MOST_WRONG = 100
"""So many wrong lines are told."""
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
"""A time; beyond a day it is a slip, such as milliseconds."""
Text = Annotated[str, msgspec.Meta(pattern=r"^\s*[^\s\ud800-\udfff][^\ud800-\udfff]*\Z")]
"""A text that says something, without half characters (lone surrogates).

There is one way to match it: with several, a long text with half a character at its end takes hours.
"""


class StrictRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A record whose fields are all declared: an unknown one is an error."""


class TimeSpan(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """``[start, end]`` in seconds, the end after the start."""

    start_s: Seconds
    end_s: Seconds

    def __post_init__(self) -> None:
        """Refuse a span without length."""
        if self.end_s <= self.start_s:
            raise ValueError(f"ends at {self.end_s:g} s, not after its start at {self.start_s:g} s")

    @property
    def interval(self) -> tuple[float, float]:
        """Start and end."""
        return self.start_s, self.end_s


class WrongLine(NamedTuple):
    """A line that is no record: its number, its id if that can be told, and what is wrong with the remedy."""

    number: int
    id: str
    text: str

    @property
    def name(self) -> str:
        """What its sample is called."""
        return self.id or f"line-{self.number}"


class RecordPlace(NamedTuple):
    """Where a record stands, and what to do about a flaw in it.

    Attributes:
        file: as messages name it.
        row: the key of the row; empty where the file is one record.
        remedy: unless a flaw has its own.
    """

    file: str
    row: str = ""
    remedy: str = "correct it"

    def bad(self, field: str, what: str, remedy: str = "") -> BadSampleError:
        """The error ``<file>: <row>, <field>: <what>; <remedy>``; an empty row or field is left out."""
        place = ", ".join(filter(None, (self.row, field)))
        return BadSampleError(
            ": ".join(filter(None, (self.file, place, what))) + f"; {remedy or self.remedy}"
        )

    def record(self, value: object, kind: type[T], field: str = "", strict: bool = True) -> T:
        """A value as a record.

        Args:
            value: of the plain types of JSON.
            kind: the record's type.
            field: what the value is of its row; empty for the row itself.
            strict: False also takes numbers written as texts, as in CSV.

        Raises:
            BadSampleError: it does not fit.
        """
        try:
            return msgspec.convert(value, kind, strict=strict)
        except msgspec.ValidationError as error:
            below, what = _flaw(error, value)
            raise self.bad((field + below).removeprefix("."), what) from None
        except UnicodeEncodeError:
            raise self.bad(field, "holds half a character (a lone surrogate)") from None


def _flaw(error: msgspec.ValidationError, value: Any) -> tuple[str, str]:
    """The path of the field that does not fit, and what is wrong with it and what stands there."""
    what, _, path = str(error).partition(" - at `$")
    path = path.rstrip("`")
    if missing := re.fullmatch("Object missing required field `(.*)`", what):
        return f"{path}.{missing[1]}", "is missing"
    if "matching regex" in what:
        return path, "is empty, or holds half a character (a lone surrogate)"
    if not what.startswith("Expected") or "..." in path:
        return path, what
    for index, name in re.findall(r"\[(\d+)\]|\.([^.\[]+)", path):
        value = value[int(index) if index else name]
    return path, f"{what} ({brief(value)})"


def brief(value: object) -> str:
    """A value as messages show it, in 40 characters at most."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def short(path: Path) -> str:
    """The last three parts of a path, for messages."""
    return "/".join(path.parts[-3:])


def sample_json(path: Path, remedy: str) -> object:
    """The content of a sample's own JSON file. Raises `BadSampleError`: it is missing, empty or not JSON."""
    place = RecordPlace(short(path), remedy=remedy)
    check_layout(path)
    try:
        text = utf8(read_whole(path, _MOST_OF_A_SAMPLE)).decode()
    except FileNotFoundError:
        raise place.bad("", "the file is missing") from None
    except (OSError, ValueError) as error:
        raise place.bad("", f"cannot be read ({error})") from None
    if not text.strip():
        raise place.bad("", "the file is empty")
    try:
        return json.loads(text)
    except UNREADABLE as error:
        raise place.bad("", f"not JSON ({error})") from None


def read_text(path: Path, remedy: str = AGAIN) -> str:
    """The text of a file. Raises `UserError`: it cannot be read, or nobody can tell how it is encoded."""
    _check_whole(path)
    try:
        text = utf8(read_whole(path)).decode()
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: cannot be read as UTF-8 ({error})", f"{remedy}, or save it as UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error})", remedy) from None
    if "\0" in text:
        what = f"{path}: cannot be read: holds zero bytes, as UTF-16 without a byte order mark does"
        raise UserError(what, "save it as UTF-8")
    return text


def _check_whole(path: Path) -> None:
    """As `check_layout`, of a file that all samples need: raises `UserError`."""
    try:
        check_layout(path)
    except BadSampleError as error:
        raise UserError(str(error)) from None


def utf8(data: bytes) -> bytes:
    """A text file's content in UTF-8, without a byte order mark; UTF-16 and UTF-32 are known by theirs.

    Raises:
        UnicodeDecodeError: it is not what its mark says.
    """
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    return data if marked is None else data.decode(marked).encode()


def json_file(path: Path, kind: type[T], remedy: str) -> T:
    """A JSON file that is one record.

    Raises:
        UserError: it cannot be read, or does not fit; names the field.
    """
    _check_whole(path)
    try:
        return msgspec.json.decode(utf8(read_whole(path)), type=kind)
    except (OSError, *UNREADABLE) as error:
        raise UserError(f"{path}: {error}", remedy) from None


def json_lines(path: Path, kind: type[T], remedy: str) -> tuple[list[tuple[int, T]], list[WrongLine]]:
    """A file of one record with an ``id`` a line; empty lines are left out.

    Returns:
        Line numbers and records; and the lines that are none or have the id of one before, each told as
        ``<file>:<line>: <id>: <what>; <remedy>``. After `_MOST_WRONG` of these the rest is not read.

    Raises:
        UserError: the file cannot be read.
    """
    _check_whole(path)
    decoder = msgspec.json.Decoder(kind)
    found: list[tuple[int, T]] = []
    wrong: list[WrongLine] = []
    places: dict[str, int] = {}
    for number, line in enumerate(_lines(path, remedy), start=1):
        if len(wrong) >= _MOST_WRONG:
            what = f"{path}:{number}: from here on nothing is read; correct what is wrong before"
            wrong.append(WrongLine(number, "", what))
            break
        if not line.strip():
            continue
        try:
            record = decoder.decode(check_length(line))
        except UNREADABLE as error:
            name = re.search(rb'"id"\s*:\s*"([^"]{0,200})"', line)
            ident = name[1].decode(errors="replace") if name else ""
            what = f"{path}:{number}: {ident or 'no id'}: {error}; correct the line"
            wrong.append(WrongLine(number, ident, what))
            continue
        ident = str(getattr(record, "id", ""))
        if (first := places.setdefault(ident, number)) == number:
            found.append((number, record))
        else:
            what = f"{path}:{number}: {ident}: id: is on line {first} too, which is taken; give each its own"
            wrong.append(WrongLine(number, ident, what))
    return found, wrong


def _lines(path: Path, remedy: str) -> Iterator[bytes]:
    """The lines of a file in UTF-8, one at a time, without marks and line feeds; raises as `json_lines`."""
    try:
        for number, line in enumerate(lines_of(path)):
            if number or not line.startswith(tuple(mark for mark, _ in _MARKS)):
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
        UserError: the file cannot be read, is cut off, has no rows, lacks a column or names it twice.
    """
    text = read_text(path)
    table = _table(path, text, max(_SEPARATORS, key=text.partition("\n")[0].count))
    head = [name.strip() for name in next(table, [])]
    if head and (lacking := {key, *columns} - set(head)):
        raise UserError(f"{path}: no column {', '.join(sorted(lacking))}", AGAIN)
    if twice := sorted(name for name in set(head) - {""} if head.count(name) > 1):
        raise UserError(f"{path}: the column {twice[0]} is there twice", "leave one")
    first = next(table, None)
    if first is None:
        raise UserError(f"{path}: no rows", AGAIN)
    whole = len(first) >= len(head)
    torn = not text.endswith(("\n", "\r"))
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
            yield name, place.bad(key, "is empty")
        elif any(cell.strip() for cell in row[len(head) :]):
            what = f"{len(row)} cells for {len(head)} columns"
            yield name, place.bad("", what, "put quotes round cells with a separator")
        elif seen.setdefault(name, number) != number:
            yield name, place.bad(key, f"is that of row {seen[name]} too, which is taken", "leave one")
        else:
            yield name, cells


def _table(path: Path, text: str, separator: str) -> Iterator[list[str]]:
    """The rows of a CSV file that are not blank, one at a time, the names of its columns first."""
    try:
        yield from filter(None, csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise UserError(f"{path}: cannot be read ({error})", AGAIN) from None
