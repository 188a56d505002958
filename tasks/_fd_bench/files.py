"""The JSON files of FD-bench data, the same in v1 and v1.5; see ``_common.records``."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from tml_bench.tasks._common.records import RecordPlace, Seconds, sample_json, short
from tml_bench.timeline import Word

T = TypeVar("T")
RESTORE = "unpack it again from the dataset"
_CORRECT = f"correct it, or {RESTORE}"
_SLACK_S = 0.1  # annotations were made on other copies of the audio; the shipped examples differ by 0.02 s


class _Chunk(msgspec.Struct):
    text: str
    timestamp: tuple[Seconds, Seconds | None]


class _Transcript(msgspec.Struct):
    chunks: list[_Chunk]
    text: object = ""


def place_of(path: Path, remedy: str = RESTORE) -> RecordPlace:
    """Where a file's one record stands, for messages."""
    return RecordPlace(short(path), remedy=remedy)


def read(path: Path, kind: type[T], remedy: str = _CORRECT) -> T:
    """Read a file as a record. Raises `BadSampleError`: it is missing or does not fit."""
    return place_of(path, remedy).record(sample_json(path, RESTORE), kind)


def check_within(path: Path, field: str, last_s: float, duration_s: float) -> None:
    """Make sure that a time lies in the clip, a little slack aside. Raises `BadSampleError`: it does not."""
    if last_s > duration_s + _SLACK_S:
        what = f"{last_s:g} s is beyond the clip's end at {duration_s:g} s"
        raise place_of(path).bad(field, what, "check both files")


def read_transcript(path: Path) -> tuple[tuple[Word, ...], tuple[str, ...]]:
    """Read a transcript as the reference's recogniser writes it.

    Returns:
        The words exactly as they stand (an end may be None), and remarks.

    Raises:
        BadSampleError: it is broken.
    """
    remedy = "transcribe the audio again, or delete the file"
    found = read(path, _Transcript, remedy)
    if not found.chunks and isinstance(found.text, str) and found.text.strip():
        raise place_of(path).bad("chunks", "empty, although there is text", remedy)
    words = tuple(Word(chunk.text, *chunk.timestamp) for chunk in found.chunks)
    remarks = (
        f"{path.name}: chunks[{k}].timestamp: ends before it starts; used as it stands"
        for k, word in enumerate(words)
        if word.start_s is not None and word.end_s is not None and word.end_s < word.start_s
    )
    return words, tuple(remarks)
