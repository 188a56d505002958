"""The official parquet, unpacked row by row into the form of ``conversations``.

Columns are found by what they hold, because their names are not promised: user audio is binary (alone or as
``{"bytes": ..., "path": ...}``) and its name holds the number of the turn; transcripts are text whose name
holds ``user`` or ``assistant`` and a number; ``axis`` holds only the four axes; ``rubric`` is the column of
that name. Audio is streamed: never more than one row, and the page it lies on, is in memory.
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
        if not done.exists():
            os.replace(aside, done)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return done


def conversations(
    files: Sequence[Path], folder: Path, tell: Callable[[str], None] = lambda line: None
) -> Iterator[Conversation]:
    """Read parquet files, one row at a time; audio goes into ``folder``.

    Raises:
        UserError: as ``unpacked``.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise UserError(
            f"{files[0].name} needs pyarrow to be read", "pip install 'tml-bench[parquet]'"
        ) from None
    row = 0
    for path in files:
        try:
            with parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
                columns = find_columns(file.schema_arrow, _samples(path))
                total = file.metadata.num_rows
                for batch in file.iter_batches(batch_size=1, columns=_needed(columns), use_threads=False):
                    for cells in batch.to_pylist():
                        row += 1
                        tell(f"unpacking {path.name}: conversation {row} of {total}")
                        yield _conversation(cells, columns, row, folder)
        except (pa.ArrowException, OSError) as error:
            raise UserError(
                f"{path}: not a parquet file that can be read ({error})", "download it again"
            ) from None


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


def _conversation(cells: Mapping[str, Any], columns: Columns, row: int, folder: Path) -> Conversation:
    name = str(cells.get(columns.id) or f"row-{row:04d}") if columns.id else f"row-{row:04d}"
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or f"row-{row:04d}"
    axis, speaker = _axis(str(cells[columns.axis])), str(cells.get(columns.speaker) or "")
    try:
        turns = tuple(_turns(cells, columns, name, folder))
        items = rubric_items(cells[columns.rubric])
    except ValueError as error:
        return Conversation(name, axis, (), (), speaker, problem=f"{name}: {error}")
    return Conversation(name, axis, turns, items, speaker)


def _turns(cells: Mapping[str, Any], columns: Columns, name: str, folder: Path) -> Iterator[Exchange]:
    said = {n: cells[c] for n, c in columns.user_text.items() if cells[c] and str(cells[c]).strip()}
    for number in sorted(said):
        data = _bytes(cells.get(columns.user_audio.get(number, "")))
        if not data:
            raise ValueError(f"user turn {number} has a transcript and no audio")
        suffix = next((s for magic, s in _SUFFIXES if data.startswith(magic)), ".mp3")
        place = f"audio/{name}/{number}{suffix}"
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(data)
        last = number == max(said)
        reply = "" if last else str(cells.get(columns.assistant_text.get(number, "")) or "")
        yield Exchange(str(said[number]).strip(), place, reply.strip())


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

    with parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        names = [
            f.name
            for f in file.schema_arrow
            if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)
        ]
        batch = next(file.iter_batches(batch_size=16, columns=names, use_threads=False), None)
        rows = batch.to_pylist() if batch is not None else []
    return {name: [str(row[name]) for row in rows if row[name]] for name in names}


def _needed(columns: Columns) -> list[str]:
    named = (columns.id, columns.axis, columns.rubric, columns.speaker)
    by_turn = (columns.user_audio, columns.user_text, columns.assistant_text)
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
