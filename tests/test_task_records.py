"""Annotation files as typed records: what fits is read, and a flaw is named with its file, row and field."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import msgspec
import pytest

from tml_bench.errors import BadSampleError, UserError
from tml_bench.tasks._common import tables
from tml_bench.tasks._common.records import (
    RecordPlace,
    Seconds,
    StrictRecord,
    Text,
    TimeSpan,
    json_file,
    sample_json,
)
from tml_bench.tasks._common.tables import csv_rows, json_lines, read_lines

PLACE = RecordPlace("a/b.json", "q1", "mend it")


class Part(msgspec.Struct):
    text: Text
    span: TimeSpan


class Whole(msgspec.Struct):
    parts: list[Part]
    length: Seconds = 0.0


class Line(StrictRecord, frozen=True):
    id: str
    size: int = 0


def test_what_fits_is_read() -> None:
    found = PLACE.record({"parts": [{"text": "x", "span": [1, 2.5]}], "more": 1}, Whole)
    assert found.parts[0].span.interval == (1.0, 2.5)
    assert PLACE.record(["3", "4.5"], tuple[Seconds, Seconds], strict=False) == (3.0, 4.5)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "q1: Expected `object`, got `array` ([])"),
        ({}, "q1, parts: is missing"),
        ({"parts": [{"text": "x"}]}, "q1, parts[0].span: is missing"),
        ({"parts": [], "length": -1}, "q1, length: Expected `float` >= 0.0 (-1)"),
        ({"parts": [], "length": 1e9}, "q1, length: Expected `float` <= 86400.0 (1000000000.0)"),
        ({"parts": [{"text": " ", "span": [1, 2]}]}, "q1, parts[0].text: is empty"),
        ({"parts": [{"text": "a\ud83d", "span": [1, 2]}]}, "parts[0].text: is empty, or holds half"),
        (
            {"parts": [{"text": "x", "span": [2, 1]}]},
            "parts[0].span: ends at 1 s, not after",
        ),
        (
            {"parts": [{"text": "x", "span": [1, None]}]},
            "parts[0].span[1]: Expected `float`, got",
        ),
        ({"parts": [], "\ud83d": 1}, "q1: holds half a character"),
    ],
)
def test_a_flaw_is_named_with_its_place(value: object, says: str) -> None:
    with pytest.raises(BadSampleError) as caught:
        PLACE.record(value, Whole)
    assert str(caught.value).startswith("a/b.json: q1")
    assert says in str(caught.value)
    assert str(caught.value).endswith("; mend it")


def test_a_value_has_the_field_it_belongs_to() -> None:
    with pytest.raises(BadSampleError, match=r"q1, time\[0\]: Expected `float`, got `str` \('x'\)"):
        PLACE.record(["x", 1], tuple[Seconds, Seconds], "time")
    assert str(RecordPlace("f").bad("", "is lost", "find it")) == "f: is lost; find it"


def test_a_sample_s_own_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for content, says in (
        (None, "the file is missing"),
        (b" ", "the file is empty"),
        (b"{", "not JSON"),
        (b"[" * 9999, "not JSON"),
        (b"\xff", "cannot be read"),
    ):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(BadSampleError, match=rf"/x.json: {says}.*; get it again$"):
            sample_json(path, "get it again")
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert sample_json(path, "") == [1]


def test_lines_that_are_wrong_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"id": "a"}\n\n{"id": "b", "size": "x"}\n{"id": "a"}\n[]\n')
    found, wrong = json_lines(path, Line, "")
    assert [(number, line.id) for number, line in found] == [(1, "a")]
    assert [(line.number, line.name) for line in wrong] == [(3, "b"), (4, "a"), (5, "line-5")]
    assert [line.text.removeprefix(str(path)) for line in wrong] == [
        ":3: b: Expected `int`, got `str` - at `$.size`; correct the line",
        ":4: a: id: is on line 1 too, which is taken; give each its own",
        ":5: no id: Expected `object`, got `array`; correct the line",
    ]
    with pytest.raises(UserError, match=r"(?s):3: .*:4: .*:5: .*look again"):
        read_lines(path, Line, "look again")
    found, wrong = json_lines(path, Line, "", {"b"})
    assert (found, [line.number for line in wrong]) == ([], [3, 5]), "others are looked at for their id alone"
    found, wrong = json_lines(path, Line, "", {"a", "c"})
    assert ([line for _, line in found], [line.number for line in wrong]) == ([Line("a")], [4, 5])
    path.write_text('{"id": "a"}\n')
    assert read_lines(path, Line, "") == [Line("a")]
    with pytest.raises(UserError, match=r"x\.jsonl: Expected `array`, got `object`"):
        json_file(path, list[Line], "")


def test_rows_by_key(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('\ufeffid,size,text\n a ,1,"x,\ny"\nb,, \n', encoding="utf-8")
    assert list(csv_rows(path, "id", ("size",))) == [
        ("a", {"id": "a", "size": "1", "text": "x,\ny"}),
        ("b", {"id": "b"}),
    ]
    for content, says in (
        ("id,size\n", "no rows"),
        ("id\na\n", "no column size"),
    ):
        path.write_text(content)
        with pytest.raises(UserError, match=says):
            list(csv_rows(path, "id", ("size",)))
    with pytest.raises(UserError, match="cannot be read"):
        list(csv_rows(tmp_path / "none.csv", "id", ()))
    # The third row's first cell has a separator, so that what stands in the others is shifted.
    path.write_text("id,text,size\na,,1\na,,2\nb,x, y,3\n,,4\nc,,5")
    assert [
        (name, cells if isinstance(cells, dict) else str(cells)) for name, cells in csv_rows(path, "id", ())
    ] == [
        ("a", {"id": "a", "size": "1"}),
        ("a", "x.csv: row 3 (a), id: is that of row 2 too, which is taken; leave one"),
        ("b", "x.csv: row 4 (b): 4 cells for 3 columns; put quotes round cells with a separator"),
        ("row-5", "x.csv: row 5 (row-5), id: is empty; correct it"),
        ("c", {"id": "c", "size": "5"}),
    ]


def rows(path: Path, content: str | bytes) -> list[tuple[str, dict[str, str] | BadSampleError]]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(csv_rows(path, "id", ("size",)))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_tables_as_other_programs_save_them(tmp_path: Path, separator: str, end: str, encoding: str) -> None:
    lines = (["id", "size", " text "], ["a", "1.5", '"x, y; z"'], ["ü", "2", ""])
    text = "".join(separator.join(cells) + end for cells in lines)
    assert rows(tmp_path / "x.csv", text.encode(encoding)) == [
        ("a", {"id": "a", "size": "1.5", "text": "x, y; z"}),
        ("ü", {"id": "ü", "size": "2"}),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("id,size,size\na,1,2\n", "the column size is there twice"),
        ("id,size" + ",x" * 5000 + "\na,1\n", "it has 5,002 columns"),
        # The open quote swallowed the rows after it.
        ('id,size\na,"1\nb,2\n', "unexpected end of data"),
        ('id,size\na,"1"2\n', "cannot be read"),
        ("id,size,last\na,1,2\nb,1", "is cut off: its last row has 2 of 3 cells"),
        ("id,size\nä,1\n".encode("latin-1"), "cannot be read as UTF-8 .*save it as UTF-8"),
        ("id,size\na,1\n".encode("utf-16-le"), "without a byte order mark"),
        (b"\xff\xfei", "cannot be read as UTF-8"),
    ],
)
def test_tables_that_cannot_be_read_for_sure(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(UserError, match=rf"(?s)x\.csv.*{says}"):
        rows(tmp_path / "x.csv", content)


def test_a_long_text_with_half_a_character_is_refused_at_once() -> None:
    place = RecordPlace("x.json")
    assert place.record(" \n a b", Text) == " \n a b"
    for text in ("", " \n", "a" * 1_000_000 + "\ud800", " " * 1_000_000):
        with pytest.raises(BadSampleError, match="is empty, or holds half a character"):
            place.record(text, Text)


def test_a_file_of_very_many_wrong_records_or_very_many_in_all_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MOST_WRONG", 3)
    monkeypatch.setattr(tables, "MOST_RECORDS", 4)
    path = tmp_path / "x"
    for count, says in (
        (3, ""),
        (4, "more than 3 records are wrong, the first: .*1: no id: Expected `object`"),
    ):
        path.write_text("[]\n" * count)
        with pytest.raises(UserError, match=says) if says else nullcontext():
            assert len(json_lines(path, Line, "")[1]) == count
        path.write_text("id,size\n" + ",1\n" * count)
        with pytest.raises(UserError, match="the first: x: row 2 ") if says else nullcontext():
            assert len(rows(path, path.read_bytes())) == count
    for count, says in ((4, ""), (5, "x: it has more than 4 records")):
        path.write_text("".join(f'{{"id": "{n}"}}\n' for n in range(count)))
        with pytest.raises(UserError, match=says) if says else nullcontext():
            assert len(json_lines(path, Line, "")[0]) == count


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_other_text_files_in_any_unicode(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes('{"id": "ü"}'.encode(encoding))
    assert sample_json(path, "") == {"id": "ü"}
    assert json_file(path, Line, "") == Line("ü")
    assert read_lines(path, Line, "") == [Line("ü")]


@pytest.mark.parametrize(
    "text",
    [
        "1,000",
        "1 000",
        "1_000",
        "3,5",
        "nan",
        "NaN",
        "inf",
        "TRUE",
        "12.",
        ".5",
        "+5",
        "0x10",
        "1e400",
        "٣",
        "None",
    ],
)
def test_numbers_that_are_none_for_sure_are_refused(text: str) -> None:
    for kind in (Seconds, int):
        with pytest.raises(BadSampleError, match="q1, L1: "):
            PLACE.record(text, kind, "L1", strict=False)


def test_numbers_as_programs_write_them() -> None:
    assert [PLACE.record(text, int, strict=False) for text in ("1", "1.0", "10.000", "1e2")] == [
        1,
        1,
        10,
        100,
    ]
    assert [PLACE.record(text, Seconds, strict=False) for text in ("1", "1.50", "1e-3")] == [1.0, 1.5, 0.001]
    with pytest.raises(BadSampleError, match=r"got `str` \('2\.5'\)"):
        PLACE.record("2.5", int, strict=False)
