"""Annotations of FD-bench v1.5: their types, and reading them; see ``_common.records``."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tml_bench.metrics.vocalisations import Interval
from tml_bench.tasks._common.records import Text, TimeSpan
from tml_bench.tasks._fd_bench import check_within, read, read_transcript
from tml_bench.timeline import Word

Words = tuple[Word, ...]


class OverlapAnnotation(msgspec.Struct, frozen=True):
    """Somebody speaks while the model answers.

    Attributes:
        duration_s: length of the clip with the overlap.
        context_text: what the user asked before.
        overlap_text: what is said in the overlap.
        overlap: its start and end.
        context: start and end of the user's question; None where the data does not tell.
        reply_text: an answer to the overlap that is right; empty where the data has none.
        user: the user's words as transcribed in the data; None where there is no transcript.
        user_clean: the same for the clip without overlap.
    """

    duration_s: float
    context_text: str
    overlap_text: str
    overlap: Interval
    context: Interval | None = None
    reply_text: str = ""
    user: Words | None = None
    user_clean: Words | None = None


class CleanAnnotation(msgspec.Struct, frozen=True):
    """The same clip without the overlap.

    Attributes:
        duration_s: its length.
        item: the clip with the overlap.
    """

    duration_s: float
    item: OverlapAnnotation


class _Metadata(msgspec.Struct):
    context_text: Text
    current_turn_text: Text
    timestamps: TimeSpan
    context_timestamps: TimeSpan | None = None
    reply_text: Text = ""


def read_metadata(folder: Path, duration_s: float, context_s: float | None) -> OverlapAnnotation:
    """Read ``metadata.json``, and the user's transcripts if there are any.

    ``duration_s`` is the clip's, ``context_s`` the user's question's, where a file of its own tells it.

    Raises:
        BadSampleError: a file is missing or broken.
    """
    path = folder / "metadata.json"
    found = read(path, _Metadata)
    check_within(path, "timestamps", found.timestamps.end_s, duration_s)
    context = None if context_s is None else (0.0, context_s)
    if found.context_timestamps is not None:
        check_within(path, "context_timestamps", found.context_timestamps.end_s, duration_s)
        context = found.context_timestamps.interval
    if context is not None and context[1] > found.timestamps.start_s:
        context = None
    return OverlapAnnotation(
        duration_s,
        found.context_text.strip(),
        found.current_turn_text.strip(),
        found.timestamps.interval,
        context,
        found.reply_text.strip(),
        read_words(folder / "input.json"),
        read_words(folder / "clean_input.json"),
    )


def read_words(path: Path) -> Words | None:
    """Words of a transcript; None where there is no such file. Raises `BadSampleError`: it is broken."""
    return read_transcript(path)[0] if path.exists() else None
