"""The official parquet, unpacked column by column into the form of ``conversations``.

Columns are found by what they hold, because their names are not promised: user audio is binary (alone or as
``{"bytes": ..., "path": ...}``) and its name holds the number of the turn; transcripts are text whose name
holds ``user`` or ``assistant`` and a number; ``axis`` holds only the four axes; ``rubric`` is the column of
that name. Audio is streamed: never more than one cell, and the page it lies on, is in memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tml_bench.errors import UserError
from tml_bench.tasks.audio_multichallenge.conversations import AXES, FILE, Conversation, Exchange, Item

if TYPE_CHECKING:
    import pyarrow as pa

_SUFFIXES = ((b"RIFF", ".wav"), (b"fLaC", ".flac"), (b"OggS", ".ogg"), (b"ID3", ".mp3"))
_TEXT_FIELDS = ("criterion", "criteria", "rubric", "text", "item", "description", "question", "title")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what.

    Attributes:
        id: the conversation's id; empty when there is none.
        axis: the axis.
        rubric: the items.
        speaker: who speaks; empty when unknown.
        user_audio, user_text, assistant_text: by number of the turn.
    """

    id: str
    axis: str
    rubric: str
    speaker: str
    user_audio: Mapping[int, str]
    user_text: Mapping[int, str]
    assistant_text: Mapping[int, str]


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
        repr([(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files]).encode()
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
) -> Iterator[Conversation]:
    """Read parquet files; audio goes into ``folder``.

    Raises:
        UserError: as ``unpacked``.
    """
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
    """One file: its texts in memory, its audio on disk.

    Args:
        path: the file.
        before: rows of the files before it.
        folder: where audio goes.
    """

    def __init__(self, path: Path, before: int, folder: Path) -> None:
        from pyarrow import parquet

        self._path, self._before, self._folder = path, before, folder
        with parquet.ParquetFile(path) as file:
            self._columns = find_columns(file.schema_arrow, _samples(path))
        self.cells = list(_values(path, _texts(self._columns)))
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
        return re.sub(r"[^A-Za-z0-9._-]+", "-", given).strip("-.") or number

    def conversations(self) -> Iterator[Conversation]:
        """The file's conversations, in order."""
        for row, cells in enumerate(self.cells):
            name, axis = self._name(row), _axis(str(cells[self._columns.axis]))
            speaker = str(cells.get(self._columns.speaker) or "")
            try:
                turns = tuple(self._turns(row, cells))
                items = rubric_items(cells[self._columns.rubric])
            except ValueError as error:
                yield Conversation(name, axis, (), (), speaker, problem=f"{name}: {error}")
            else:
                yield Conversation(name, axis, turns, items, speaker)

    def _turns(self, row: int, cells: Mapping[str, Any]) -> Iterator[Exchange]:
        said = {n: str(cells[c] or "").strip() for n, c in self._columns.user_text.items()}
        spoken = sorted(number for number, text in said.items() if text)
        for number in spoken:
            if (row, number) not in self._audio:
                raise ValueError(f"user turn {number} has a transcript and no audio")
            reply = str(cells.get(self._columns.assistant_text.get(number, "")) or "").strip()
            yield Exchange(said[number], self._audio[row, number], "" if number == spoken[-1] else reply)


def find_columns(schema: pa.Schema, texts: Mapping[str, Sequence[str]]) -> Columns:
    """Tell the columns apart.

    Args:
        schema: names and types.
        texts: the first values of every text column.

    Raises:
        UserError: one cannot be found; says which columns there are.
    """
    audio: dict[int, str] = {}
    spoken: dict[str, dict[int, str]] = {"user": {}, "assistant": {}}
    for field in schema:
        number = _number(field.name)
        name = field.name.lower()
        if number is None:
            continue
        if _holds_bytes(field.type):
            if "assistant" not in name:
                audio[number] = field.name
        elif field.name in texts:
            for role, found in spoken.items():
                if role in name and "audio" not in name:
                    found[number] = field.name
    axis = next((n for n, values in texts.items() if values and all(_axis(v) in AXES for v in values)), "")
    rubric = next((f.name for f in schema if "rubric" in f.name.lower()), "")
    missing = [
        what
        for what, found in (
            ("user audio by turn", audio),
            ("user transcripts by turn", spoken["user"]),
            ("assistant transcripts by turn", spoken["assistant"]),
            ("the axis", axis),
            ("the rubric", rubric),
        )
        if not found
    ]
    if missing:
        there = ", ".join(f"{f.name} ({f.type})" for f in schema)
        raise UserError(
            f"no column holds {' or '.join(missing)}; the columns are {there}",
            "give the parquet of ScaleAI/audiomc, or unpack it into the folder form of the card",
        )
    return Columns(
        id=_named(schema, texts, ("id", "conversation_id", "task_id", "uid")),
        axis=axis,
        rubric=rubric,
        speaker=_named(schema, texts, ("speaker", "speaker_id", "voice_id")),
        user_audio=audio,
        user_text=spoken["user"],
        assistant_text=spoken["assistant"],
    )


def rubric_items(value: object) -> tuple[Item, ...]:
    """The items of a rubric: a list of texts or of objects with one, as such, as JSON, or line by line.

    Raises:
        ValueError: there are none.
    """
    if isinstance(value, str):
        try:
            return rubric_items(json.loads(value))
        except json.JSONDecodeError:
            lines = (re.sub(r"^\s*(?:[-*•]|\(?\d+[.)])\s*", "", line).strip() for line in value.splitlines())
            texts = [line for line in lines if line]
    elif isinstance(value, Mapping):
        inner = next((v for v in value.values() if isinstance(v, list)), None)
        texts = [_text_of(value)] if inner is None else [_text_of(v) for v in inner]
    elif isinstance(value, Sequence):
        texts = [_text_of(v) for v in value]
    else:
        raise ValueError(f"a rubric of type {type(value).__name__}")
    if not texts:
        raise ValueError("the rubric is empty")
    return tuple(Item(text) for text in texts)


def _text_of(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    if isinstance(value, Mapping):
        for name in _TEXT_FIELDS:
            if isinstance(value.get(name), str) and value[name].strip():
                return str(value[name]).strip()
        raise ValueError(f"an item of the rubric has only {', '.join(map(str, value))}")
    raise ValueError(f"an item of the rubric is {value!r}")


def _bytes(cell: object) -> bytes:
    if isinstance(cell, Mapping):
        cell = cell.get("bytes")
    if isinstance(cell, list):
        cell = _bytes(cell[0]) if cell else b""
    return cell if isinstance(cell, bytes) else b""


def _samples(path: Path) -> dict[str, list[str]]:
    """The first values of every text column of a file."""
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        names = [f.name for f in file.schema_arrow if f.type in (pa.string(), pa.large_string())]
    rows = list(islice(_values(path, names), 16))
    return {name: [str(row[name]) for row in rows if row[name]] for name in names}


def _values(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of some columns, one in memory at a time beside the page it lies on."""
    from pyarrow import parquet

    with parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        for batch in file.iter_batches(batch_size=1, columns=list(columns), use_threads=False):
            yield from batch.to_pylist()


def _texts(columns: Columns) -> list[str]:
    named = (columns.id, columns.axis, columns.rubric, columns.speaker)
    by_turn = (columns.user_text, columns.assistant_text)
    return [*filter(None, named), *(name for found in by_turn for name in found.values())]


def _holds_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return any(_holds_bytes(kind.field(k).type) for k in range(kind.num_fields))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _holds_bytes(kind.value_type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _named(schema: pa.Schema, texts: Mapping[str, Sequence[str]], names: Sequence[str]) -> str:
    return next((f.name for want in names for f in schema if f.name.lower() == want and f.name in texts), "")


def _number(name: str) -> int | None:
    found = re.findall(r"\d+", name)
    return int(found[-1]) if found else None


def _axis(value: str) -> str:
    return re.sub(r"[^A-Z]+", "_", value.upper()).strip("_")
