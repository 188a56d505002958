"""Annotation files as typed records, decoded by msgspec: JSON, JSON lines and CSV.

What does not fit a record's type, or what its ``__post_init__`` refuses, is named with its file, row and
field and with what to do about it: as a `BadSampleError` where it costs one sample, as a `UserError` where
the whole file cannot be used.
"""

import csv
import io
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from tml_bench.errors import BadSampleError, UserError

T = TypeVar("T")
AGAIN = "download the annotation again"
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
"""A time; beyond a day it is a slip, such as milliseconds."""
Text = Annotated[str, msgspec.Meta(pattern=r"^[^\ud800-\udfff]*[^\s\ud800-\udfff][^\ud800-\udfff]*\Z")]
"""A text that says something, without half characters (lone surrogates)."""


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
    try:
        text = path.read_text(encoding="utf-8-sig")
        if not text.strip():
            raise place.bad("", "the file is empty")
        return json.loads(text)
    except FileNotFoundError:
        raise place.bad("", "the file is missing") from None
    except (OSError, UnicodeDecodeError) as error:
        raise place.bad("", f"cannot be read ({error})") from None
    except (ValueError, RecursionError) as error:
        raise place.bad("", f"not JSON ({error})") from None


def read_text(path: Path, remedy: str = AGAIN) -> str:
    """The text of a file in UTF-8. Raises `UserError`: it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error})", remedy) from None


def json_file(path: Path, kind: type[T], remedy: str) -> T:
    """A JSON file that is one record.

    Raises:
        UserError: it cannot be read, or does not fit; names the field.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}", remedy) from None


def json_lines(path: Path, kind: type[T], remedy: str) -> tuple[list[tuple[int, T]], list[str]]:
    """A file of one record with an ``id`` a line; empty lines are left out.

    Returns:
        Line numbers and records; and ``<file>:<line>: <id>: <what>; <remedy>`` for every line that is none or
        has the id of one before.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})", remedy) from None
    found: list[tuple[int, T]] = []
    wrong: list[str] = []
    places: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = msgspec.json.decode(line, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            name = re.search(rb'"id"\s*:\s*"([^"]*)"', line)
            ident = name[1].decode(errors="replace") if name else "no id"
            wrong.append(f"{path}:{number}: {ident}: {error}; correct the line")
            continue
        found.append((number, record))
        ident = str(getattr(record, "id", ""))
        if places.setdefault(ident, number) != number:
            wrong.append(f"{path}:{number}: {ident}: id: is on line {places[ident]} too; give each its own")
    return found, wrong


def read_lines(path: Path, kind: type[T], remedy: str) -> list[T]:
    """As `json_lines`, but raises `UserError`, which names them all, where lines are wrong."""
    found, wrong = json_lines(path, kind, remedy)
    if wrong:
        raise UserError("\n".join(wrong), remedy)
    return [record for _, record in found]


def csv_rows(path: Path, key: str, columns: Collection[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV file by the column ``key``, their cells stripped; empty cells are left out.

    Raises:
        UserError: the file cannot be read, has no rows or lacks a column, or a key is empty or there twice.
    """
    try:
        table = list(csv.DictReader(io.StringIO(read_text(path), newline="")))
    except csv.Error as error:
        raise UserError(f"{path}: cannot be read ({error})", AGAIN) from None
    lacking = {key, *columns} - set(table[0] if table else ())
    if lacking:
        what = f"no column {', '.join(sorted(lacking))}" if table else "no rows"
        raise UserError(f"{path}: {what}", AGAIN)
    seen: set[str] = set()
    for number, row in enumerate(table, start=2):
        cells = {name: cell.strip() for name, cell in row.items() if isinstance(cell, str) and cell.strip()}
        name = cells.get(key, "")
        if not name or name in seen:
            raise UserError(f"{path}: row {number}: the {key} {name!r} is empty or there twice", "correct it")
        seen.add(name)
        yield name, cells
