"""The official parquet, unpacked column by column into the form of ``conversations``.

Which column holds what is found out in ``columns``. Audio is streamed: never more than one cell, and the page
it lies on, is in memory.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tml_bench.bounded_files import UNREADABLE
from tml_bench.errors import BadSampleError, UserError
from tml_bench.tasks._common.records import RecordPlace
from tml_bench.tasks.audio_multichallenge.columns import axis_of, find_columns, is_text
from tml_bench.tasks.audio_multichallenge.conversations import (
    FILE,
    ConversationTurn,
    RubricConversation,
    RubricItem,
)
from tml_bench.tasks.audio_multichallenge.rubrics import rubric_items

if TYPE_CHECKING:
    import pyarrow as pa

_FORM = 3
"""Raised whenever the same file is unpacked into something else: what was unpacked before is not used."""
_SUFFIXES = ((b"RIFF", ".wav"), (b"fLaC", ".flac"), (b"OggS", ".ogg"), (b"ID3", ".mp3"))
_NOTHING = ("nan", "none", "null", "<na>", "nat")
_MOST_AUDIO, _MOST_ROWS = 1 << 28, 100_000
"""Most bytes of a turn's audio, and rows of a file."""
_REWRITE = "write it in UTF-8"
_REMEDY = "write the column as a list, in Arrow or JSON, and give the file again"


def unpack(files: Sequence[Path], folder: Path, tell: Callable[[str], None]) -> None:
    """Unpack parquet files into a folder; raises as `unpacked`."""
    with (folder / FILE).open("wb") as out:
        for found in conversations(files, folder, tell):
            out.write(msgspec.json.encode(found) + b"\n")


def unpacked(
    files: Sequence[Path],
    cache: Path,
    tell: Callable[[str], None] = lambda line: None,
    by: Callable[[Sequence[Path], Path, Callable[[str], None]], None] = unpack,
) -> Path:
    """The folder with the conversations of parquet files; unpacks them once.

    Args:
        files: the parquet files, in order.
        cache: where unpacked data is kept.
        tell: told how far it is.
        by: what unpacks them, as `unpack` does.

    Returns:
        A folder under ``cache`` named by the files' names, sizes and times of change.

    Raises:
        UserError: pyarrow is missing, a file is broken, or its columns are not those of the benchmark.
    """
    key = hashlib.sha256(
        repr([_FORM, *((f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files)]).encode()
    ).hexdigest()
    done = cache / key[:16]
    if (done / FILE).is_file():
        return done
    cache.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{key[:16]}-", dir=cache))
    try:
        by(files, aside, tell)
        try:
            os.replace(aside, done)
        except OSError:
            # Another process may have been first.
            if not (done / FILE).is_file():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return done


def conversations(
    files: Sequence[Path], folder: Path, tell: Callable[[str], None] = lambda line: None
) -> Iterator[RubricConversation]:
    """Read parquet files; audio goes into ``folder``. Raises `UserError`: as ``unpacked``."""
    try:
        import pyarrow as pa
    except ImportError:
        raise UserError(
            f"{files[0].name} needs pyarrow to be read", "pip install 'tml-bench[parquet]'"
        ) from None
    before = 0
    for path in files:
        try:
            rows = _Rows(path, before, folder)
            rows.write_audio(tell)
        except (pa.ArrowException, OSError) as error:
            problem = f"{path}: not a parquet file that can be read ({error})"
            raise UserError(problem, "download it again") from None
        before += len(rows.cells)
        yield from rows.conversations()


class _Rows:
    """One file, after ``before`` rows of others: its texts in memory, its audio on disk in ``folder``."""

    def __init__(self, path: Path, before: int, folder: Path) -> None:
        from pyarrow import parquet

        self._path, self._before, self._folder = path, before, folder
        with parquet.ParquetFile(path) as file:
            if file.metadata.num_rows > _MOST_ROWS:
                what = f"{path}: it has {file.metadata.num_rows:,} rows"
                raise UserError(what, f"give the official file; at most {_MOST_ROWS:,} rows are read")
            self._columns = find_columns(file.schema_arrow, _samples(path), str(path))
        self.cells = list(islice(_values(path, self._columns.texts()), _MOST_ROWS))
        self._audio: dict[tuple[int, int], str] = {}
        self._flaws: dict[int, BadSampleError] = {}
        for row, cells in enumerate(self.cells):
            wrong = {name: cell for name, cell in cells.items() if isinstance(cell, Exception)}
            cells.update(dict.fromkeys(wrong))
            for name, error in wrong.items():
                self._flaws.setdefault(row, self._place(row).bad(name, f"cannot be read ({error})", _REWRITE))

    def write_audio(self, tell: Callable[[str], None]) -> None:
        """Write every user turn's audio: a column at a time, for a page holds a column of a hundred rows."""
        audio = self._columns.user_audio
        for done, (turn, column) in enumerate(sorted(audio.items())):
            tell(f"unpacking {self._path.name}: turn {turn}, {done} of {len(audio)} columns done")
            for row, cells in enumerate(_values(self._path, [column])):
                try:
                    if data := _bytes(cells[column]):
                        self._audio[row, turn] = self._write(row, turn, data)
                except ValueError as error:
                    self._flaws.setdefault(row, self._place(row).bad(column, str(error), "leave one"))

    def _write(self, row: int, turn: int, data: bytes) -> str:
        suffix = next((s for magic, s in _SUFFIXES if data.startswith(magic)), ".mp3")
        place = f"audio/{self._name(row)}/{turn}{suffix}"
        (self._folder / place).parent.mkdir(parents=True, exist_ok=True)
        (self._folder / place).write_bytes(data)
        return place

    def _name(self, row: int) -> str:
        number = f"row-{self._before + row + 1:04d}"
        given = _plain(self.cells[row].get(self._columns.id))
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", given).strip("-.")
        # Two ids that differ in other characters alone must not share a folder.
        return plain if plain and plain == given else "-".join(filter(None, (plain, number)))

    def conversations(self) -> Iterator[RubricConversation]:
        """The file's conversations, in order."""
        for row, cells in enumerate(self.cells):
            name, axis = self._name(row), axis_of(str(cells[self._columns.axis]))
            speaker = _plain(cells.get(self._columns.speaker))
            try:
                if row in self._flaws:
                    raise self._flaws[row]
                turns, items = tuple(self._turns(row, cells)), self._items(row, cells)
            except BadSampleError as error:
                yield RubricConversation(name, axis, (), (), speaker, problem=str(error))
            else:
                yield RubricConversation(name, axis, turns, items, speaker)

    def _place(self, row: int) -> RecordPlace:
        return RecordPlace(self._path.name, f"row {row + 1} ({self._name(row)})")

    def _items(self, row: int, cells: Mapping[str, Any]) -> tuple[RubricItem, ...]:
        column = self._columns.rubric
        try:
            return rubric_items(cells[column])
        except ValueError as error:
            raise self._place(row).bad(column, str(error), _REMEDY) from None

    def _turns(self, row: int, cells: Mapping[str, Any]) -> Iterator[ConversationTurn]:
        place, columns = self._place(row), self._columns
        said = {n: _plain(cells[c]) for n, c in columns.user_text.items()}
        spoken = sorted(number for number, text in said.items() if text)
        unsaid = [n for n in sorted(columns.user_audio) if (row, n) in self._audio and not said.get(n)]
        if unsaid:
            field = columns.user_text.get(unsaid[0], "")
            raise place.bad(field, f"user turn {unsaid[0]} has audio and no transcript", "add it")
        if spoken and spoken[-1] - spoken[0] >= len(spoken):
            raise place.bad("", f"a user turn between {spoken[0]} and {spoken[-1]} is missing", "add it")
        for number in spoken:
            if (row, number) not in self._audio:
                field = columns.user_audio.get(number, "")
                raise place.bad(field, f"user turn {number} has a transcript and no audio", "add it")
            reply = _plain(cells.get(columns.assistant_text.get(number, "")))
            yield ConversationTurn(
                said[number], self._audio[row, number], "" if number == spoken[-1] else reply
            )


def _bytes(cell: object) -> bytes:
    """The audio in a cell, empty where there is none. Raises `ValueError`: it cannot be told, or read."""
    if isinstance(cell, Exception):
        raise ValueError(f"cannot be read ({cell})")
    if isinstance(cell, Mapping):
        cell = cell.get("bytes")
    if isinstance(cell, list):
        if len(cell) > 1:
            raise ValueError(f"holds {len(cell)} recordings for one turn")
        cell = _bytes(cell[0]) if cell else b""
    data = cell if isinstance(cell, bytes) else b""
    if len(data) > _MOST_AUDIO:
        raise ValueError(f"holds {len(data):,} bytes, and at most {_MOST_AUDIO:,} are read")
    return data


def _plain(cell: object) -> str:
    """The text of a cell; what tables write for nothing is nothing."""
    text = "" if cell is None else str(cell).strip()
    return "" if text.lower() in _NOTHING else text


def _samples(path: Path) -> dict[str, list[str]]:
    """The first values of every text column of a file."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        names = [f.name for f in file.schema_arrow if is_text(f.type)]
    rows = list(islice(_values(path, names), 16))
    return {name: [str(r[name]) for r in rows if r[name] and isinstance(r[name], str)] for name in names}


def _values(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of some columns, one in memory at a time beside the page it lies on; see `_cell`."""
    from pyarrow import parquet

    with parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        for batch in file.iter_batches(batch_size=1, columns=list(columns), use_threads=False):
            yield dict(zip(batch.schema.names, map(_cell, batch.columns), strict=True))


def _cell(column: pa.Array) -> Any:
    """The only cell of a column; the error itself where it holds what Python cannot, such as no UTF-8."""
    try:
        return column[0].as_py()
    except (*UNREADABLE, OverflowError) as error:
        return error
