"""A report's files are replaced as a whole, or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tml_bench.files import aside_name, remove_left_aside, write_atomically
from tml_bench.report import swapped
from tml_bench.report.swapped import swapped_in

GONE = 2**22 + 1
"""A number that no process has: one more than Linux gives."""
OLD = {"index.html": "old", "report.csv": "old", "tasks/gone.html": "old"}
NEW = {"index.html": "new", "report.csv": "new", "tasks/other.html": "new"}


def is_page(path: Path) -> bool:
    return path.parent.name == "tasks"


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def there(folder: Path) -> dict[str, str]:
    """Every file, also hidden ones, of a folder."""
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(params=["one step", "file by file"])
def out(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param == "file by file":
        monkeypatch.setattr(swapped, "_exchanged", lambda one, other: False)
    return tmp_path / "report"


def test_new_files_take_the_place_of_old_ones(out: Path) -> None:
    for files in (OLD, NEW):
        with swapped_in(out, is_page) as new:
            write(new, files)
        assert there(out.parent) == {f"report/{name}": text for name, text in files.items()}


def test_files_of_others_stay(out: Path) -> None:
    out.mkdir()
    write(out, {**OLD, "mine.txt": "mine"})
    with swapped_in(out, is_page) as new:
        write(new, NEW)
    assert there(out.parent) == {f"report/{n}": t for n, t in {**NEW, "mine.txt": "mine"}.items()}


@pytest.mark.parametrize("written", range(3))
def test_a_full_disk_leaves_the_old_files(out: Path, written: int) -> None:
    out.mkdir()
    write(out, OLD)

    def fill() -> None:
        with swapped_in(out, is_page) as new:
            write(new, dict([*NEW.items()][:written]))
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fill()
    assert there(out.parent) == {f"report/{name}": text for name, text in OLD.items()}


def test_a_disk_that_is_full_when_files_are_put_in_place_leaves_the_old_ones(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out.mkdir()
    write(out, {**OLD, "mine.txt": "mine"})
    copies: list[object] = []

    def full(source: Path, place: Path) -> None:
        if copies:
            raise OSError(28, "No space left on device")
        copies.append(place.write_bytes(source.read_bytes()))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space"), swapped_in(out, is_page) as new:
        write(new, NEW)
    assert there(out.parent) == {f"report/{n}": t for n, t in {**OLD, "mine.txt": "mine"}.items()}


def test_what_a_killed_process_left_is_cleared(out: Path) -> None:
    out.mkdir()
    write(out, {**OLD, f".index.html.{GONE}-1": "half", f".index.html.{os.getpid()}-1": "ours"})
    write(out.parent, {f".report.{GONE}-1/index.html": "half"})
    with swapped_in(out, is_page) as new:
        write(new, NEW)
    assert there(out.parent) == {
        f"report/{n}": t for n, t in {**NEW, f".index.html.{os.getpid()}-1": "ours"}.items()
    }


def test_a_file_that_was_being_written_is_told_by_its_name(tmp_path: Path) -> None:
    write_atomically(tmp_path / "whole", b"")
    write(tmp_path, {aside_name("ours"): "", f".whole.{GONE}-7": "", ".whole.later": ""})
    remove_left_aside(tmp_path)
    assert there(tmp_path).keys() == {"whole", aside_name("ours"), ".whole.later"}


def test_what_a_first_report_that_was_killed_had_written_is_removed(out: Path) -> None:
    out.mkdir()
    left = out.with_name(f".{out.name}.{GONE}-1")
    write_there = out.with_name(f".other.{GONE}-1")
    for folder in (left, write_there):
        folder.mkdir()
        write(folder, OLD)
    with swapped_in(out) as new:
        write(new, NEW)
    assert not left.exists()
    assert write_there.is_dir(), "who knows whose it is"
