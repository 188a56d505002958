"""The official parquet, unpacked column by column into the form of ``conversations``.

Which column holds what is found out in ``columns``. Audio is streamed: never more than one cell, and the page
it lies on, is in memory.
"""

import ast
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from tml_bench.errors import UserError
from tml_bench.tasks.audio_multichallenge.columns import axis_of, find_columns, is_text
from tml_bench.tasks.audio_multichallenge.conversations import (
    FILE,
    ConversationTurn,
    RubricConversation,
    RubricItem,
)

_FORM = 2
"""Raised whenever the same file is unpacked into something else: what was unpacked before is not used."""
_SUFFIXES = ((b"RIFF", ".wav"), (b"fLaC", ".flac"), (b"OggS", ".ogg"), (b"ID3", ".mp3"))
_TEXT_FIELDS = ("criterion", "criteria", "rubric", "text", "item", "description", "question", "title")


def unpacked(files: Sequence[Path], cache: Path, tell: Callable[[str], None] = lambda line: None) -> Path:
    """The folder with the conversations of parquet files; unpacks them once.

    Args:
        files: the parquet files, in order.
        cache: where unpacked data is kept.
        tell: told how far it is.

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
        with (aside / FILE).open("wb") as out:
            for found in conversations(files, aside, tell):
                out.write(msgspec.json.encode(found) + b"\n")
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
            self._columns = find_columns(file.schema_arrow, _samples(path), str(path))
        self.cells = list(_values(path, self._columns.texts()))
        self._audio: dict[tuple[int, int], str] = {}

    def write_audio(self, tell: Callable[[str], None]) -> None:
        """Write every user turn's audio: a column at a time, for a page holds a column of a hundred rows."""
        audio = self._columns.user_audio
        for done, (turn, column) in enumerate(sorted(audio.items())):
            tell(f"unpacking {self._path.name}: turn {turn}, {done} of {len(audio)} columns done")
            for row, cells in enumerate(_values(self._path, [column])):
                if data := _bytes(cells[column]):
                    self._audio[row, turn] = self._write(row, turn, data)

    def _write(self, row: int, turn: int, data: bytes) -> str:
        suffix = next((s for magic, s in _SUFFIXES if data.startswith(magic)), ".mp3")
        place = f"audio/{self._name(row)}/{turn}{suffix}"
        (self._folder / place).parent.mkdir(parents=True, exist_ok=True)
        (self._folder / place).write_bytes(data)
        return place

    def _name(self, row: int) -> str:
        number = f"row-{self._before + row + 1:04d}"
        given = str(self.cells[row].get(self._columns.id) or "")
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", given).strip("-.")
        # Two ids that differ in other characters alone must not share a folder.
        return plain if plain and plain == given else "-".join(filter(None, (plain, number)))

    def conversations(self) -> Iterator[RubricConversation]:
        """The file's conversations, in order."""
        for row, cells in enumerate(self.cells):
            name, axis = self._name(row), axis_of(str(cells[self._columns.axis]))
            speaker = str(cells.get(self._columns.speaker) or "")
            try:
                turns = tuple(self._turns(row, cells))
                items = rubric_items(cells[self._columns.rubric])
            except ValueError as error:
                yield RubricConversation(name, axis, (), (), speaker, problem=f"{name}: {error}")
            else:
                yield RubricConversation(name, axis, turns, items, speaker)

    def _turns(self, row: int, cells: Mapping[str, Any]) -> Iterator[ConversationTurn]:
        said = {n: str(cells[c] or "").strip() for n, c in self._columns.user_text.items()}
        spoken = sorted(number for number, text in said.items() if text)
        unsaid = [n for n in sorted(self._columns.user_audio) if (row, n) in self._audio and not said.get(n)]
        if unsaid:
            raise ValueError(f"user turn {unsaid[0]} has audio and no transcript")
        if spoken and spoken[-1] - spoken[0] >= len(spoken):
            raise ValueError(f"a user turn between {spoken[0]} and {spoken[-1]} is missing")
        for number in spoken:
            if (row, number) not in self._audio:
                raise ValueError(f"user turn {number} has a transcript and no audio")
            reply = str(cells.get(self._columns.assistant_text.get(number, "")) or "").strip()
            yield ConversationTurn(
                said[number], self._audio[row, number], "" if number == spoken[-1] else reply
            )


def rubric_items(value: object) -> tuple[RubricItem, ...]:
    """The items of a rubric: a list of texts or of objects with one, as such, as JSON, or line by line.

    A list as Python writes it, and an object of lists as tables are written by columns, will do too.

    Raises:
        ValueError: there are none.
    """
    if isinstance(value, str):
        value = _written(value)
    if isinstance(value, Mapping):
        lists = {name: v for name, v in value.items() if isinstance(v, list)}
        value = next((lists[name] for name in (*_TEXT_FIELDS, *lists) if name in lists), [value])
    if not isinstance(value, Sequence):
        raise ValueError(f"a rubric of type {type(value).__name__}")
    if not value:
        raise ValueError("the rubric is empty")
    return tuple(RubricItem(_text_of(item)) for item in value)


def _written(text: str) -> object:
    """What a rubric written as text says: JSON, a list as Python writes it, or one item a line."""
    with suppress(json.JSONDecodeError):
        found = json.loads(text)
        return _written(found) if isinstance(found, str) else found
    if text.strip().startswith("["):
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            return ast.literal_eval(text.strip())
    lines = (re.sub(r"^\s*(?:[-*•]|\(?\d+[.)])\s*", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


def _text_of(value: object) -> str:
    texts = [value] if isinstance(value, str) else []
    if isinstance(value, Mapping):
        texts = [value[name] for name in _TEXT_FIELDS if isinstance(value.get(name), str)]
    for text in texts:
        if text.strip():
            return text.strip()
    raise ValueError(f"an item of the rubric is {value!r}")


def _bytes(cell: object) -> bytes:
    if isinstance(cell, Mapping):
        cell = cell.get("bytes")
    if isinstance(cell, list):
        cell = _bytes(cell[0]) if cell else b""
    return cell if isinstance(cell, bytes) else b""


def _samples(path: Path) -> dict[str, list[str]]:
    """The first values of every text column of a file."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        names = [f.name for f in file.schema_arrow if is_text(f.type)]
    rows = list(islice(_values(path, names), 16))
    return {name: [str(row[name]) for row in rows if row[name]] for name in names}


def _values(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of some columns, one in memory at a time beside the page it lies on."""
    from pyarrow import parquet

    with parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        for batch in file.iter_batches(batch_size=1, columns=list(columns), use_threads=False):
            yield from batch.to_pylist()
