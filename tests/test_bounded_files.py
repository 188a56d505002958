"""Files of strangers: read in pieces, up to a size, and refused with one kind of error."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from tml_bench import bounded_files
from tml_bench.bounded_files import UNREADABLE, check_length, is_there, last_line_end, lines_of, read_whole


def test_a_file_is_read_up_to_a_size(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_whole(path) == read_whole(path, 5) == b"12345"
    with pytest.raises(ValueError, match="it has more than the 4 bytes that are read"):
        read_whole(path, 4)
    with pytest.raises(FileNotFoundError):
        read_whole(tmp_path / "none")
    assert read_whole(Path("/proc/self/status")), "which says that it has no bytes"
    with pytest.raises(ValueError, match="more than the 10 bytes"):
        read_whole(Path("/proc/self/status"), 10)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ValueError, match="it is no file"):
            read_whole(path)
        with pytest.raises(ValueError, match="it is no file"):
            next(lines_of(path))
    with pytest.raises(ValueError, match="it is no file"):
        read_whole(tmp_path, piped=True)
    end = os.open(tmp_path / "pipe", os.O_RDWR | os.O_NONBLOCK)
    os.write(end, b"12345")
    with pytest.raises(ValueError, match="more than the 3 bytes"):
        read_whole(tmp_path / "pipe", 3, piped=True)
    os.close(end)


def test_lines_are_as_they_stand_and_too_long_ones_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_files, "LONGEST_LINE", 4)
    monkeypatch.setattr(bounded_files, "_PIECE", 2)
    path = tmp_path / "a"
    for content, lines in (
        (b"", []),
        (b"1\n\r\n1234\n12", [b"1\n", b"\r\n", b"1234\n", b"12"]),
        (b"12345\n1\n", [b"12345\n", b"1\n"]),
        (b"123456789\n1", [b"12345\n", b"1"]),
        (b"1\n123456789", [b"1\n", b"12345"]),
        (b"1\n12345", [b"1\n", b"12345"]),
    ):
        path.write_bytes(content)
        assert list(lines_of(path)) == lines
    assert check_length(b"1234") == b"1234"
    with pytest.raises(ValueError, match="the line has more than 4 bytes"):
        check_length(b"12345")


def test_where_the_last_whole_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_files, "_PIECE", 3)
    path = tmp_path / "a"
    for content in (b"", b"\n", b"1", b"1\n", b"1\n23456789", b"123456789", b"12345678\n", b"1\n2\n3"):
        path.write_bytes(content)
        assert last_line_end(path) == (content.rfind(b"\n") + 1, len(content))


def test_what_is_no_path_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert is_there(tmp_path / "a")
    for name in ("b", "a" * 5000, "a\0b", "\ud800"):
        assert not is_there(tmp_path / name)


@pytest.mark.parametrize(
    "content",
    [b"[" * 5000, b'"\\ud800"', b"9" * 5000, b"1e400", b"NaN", b'"\xff"', b'"\0"', b""],
)
def test_what_decoders_raise_is_unreadable(content: bytes) -> None:
    with pytest.raises(UNREADABLE):
        msgspec.json.decode(content)
