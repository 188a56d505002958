"""Annotation files as typed records, decoded by msgspec; those of many records are read by `tables`.

What does not fit a record's type, or what its ``__post_init__`` refuses, is named with its file, row and
field and with what to do about it: as a `BadSampleError` where it costs one sample, as a `UserError` where
the whole file cannot be used.
"""

import codecs
import json
import re
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from tml_bench.bounded_files import MOST_BYTES, UNREADABLE, read_whole
from tml_bench.data_folder import check_layout
from tml_bench.errors import BadSampleError, UserError

T = TypeVar("T")
AGAIN = "download the annotation again"
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; that of UTF-32 begins like that of UTF-16."""
MOST_UNTYPED, _MOST_OF_A_SAMPLE = 1 << 24, 1 << 23
"""Most bytes of a file whose values have no declared types, which take the more memory; and of a sample's."""
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


def read_text(path: Path, remedy: str = AGAIN, most: int = MOST_BYTES) -> str:
    """The text of a file. Raises `UserError`: it cannot be read, or nobody can tell how it is encoded."""
    check_whole(path)
    try:
        text = utf8(read_whole(path, most)).decode()
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


def check_whole(path: Path) -> None:
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
    marked = next((name for mark, name in MARKS if data.startswith(mark)), None)
    return data if marked is None else data.decode(marked).encode()


def json_file(path: Path, kind: type[T], remedy: str) -> T:
    """A JSON file that is one record.

    Raises:
        UserError: it cannot be read, or does not fit; names the field.
    """
    check_whole(path)
    try:
        return msgspec.json.decode(utf8(read_whole(path, MOST_UNTYPED)), type=kind)
    except (OSError, *UNREADABLE) as error:
        raise UserError(f"{path}: {error}", remedy) from None
