"""Annotations of FD-bench v1.5: their type, and reading them with every flaw named.

Errors are ``BadSampleError`` with the text ``<file>: <field>: <what>; <remedy>``, as in FD-bench v1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tml_bench.metrics.vocalisations import Interval
from tml_bench.tasks.fd_bench_v1.annotation import RESTORE, bad, load_json, number, pair
from tml_bench.timeline import Word

Words = tuple[Word, ...]
_SLACK_S = 0.1


@dataclass(frozen=True, slots=True)
class OverlapAnnotation:
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


@dataclass(frozen=True, slots=True)
class CleanAnnotation:
    """The same clip without the overlap.

    Attributes:
        duration_s: its length.
        item: the clip with the overlap.
    """

    duration_s: float
    item: OverlapAnnotation


def read_metadata(folder: Path, duration_s: float, context_s: float | None) -> OverlapAnnotation:
    """Read ``metadata.json``, and the user's transcripts if there are any.

    Args:
        folder: the sample's.
        duration_s: length of the clip.
        context_s: length of the user's question, where a file of its own tells it.

    Raises:
        BadSampleError: a file is missing or broken.
    """
    path = folder / "metadata.json"
    content = load_json(path)
    if not isinstance(content, dict):
        raise bad(path, "", "not an object", 'give {"context_text", "current_turn_text", "timestamps"}')
    overlap = _interval(path, "timestamps", content, duration_s)
    context = None if context_s is None else (0.0, context_s)
    if "context_timestamps" in content:
        context = _interval(path, "context_timestamps", content, duration_s)
    if context is not None and context[1] > overlap[0]:
        context = None
    return OverlapAnnotation(
        duration_s,
        _text(path, "context_text", content),
        _text(path, "current_turn_text", content),
        overlap,
        context,
        _text(path, "reply_text", content) if "reply_text" in content else "",
        read_words(folder / "input.json"),
        read_words(folder / "clean_input.json"),
    )


def read_words(path: Path) -> Words | None:
    """Words of a transcript; None where there is no such file.

    Raises:
        BadSampleError: it is broken.
    """
    from tml_bench.tasks.fd_bench_v1.recordings import read_transcript

    return read_transcript(path)[0] if path.exists() else None


def _interval(path: Path, field: str, content: dict[str, object], duration_s: float) -> Interval:
    if field not in content:
        raise bad(path, field, "missing", "give [start, end] in seconds")
    first, second = pair(path, field, content[field])
    start, end = number(path, f"{field}[0]", first), number(path, f"{field}[1]", second)
    if end <= start:
        raise bad(path, field, f"ends at {end:g} s, not after its start at {start:g} s", "correct it")
    if end > duration_s + _SLACK_S:
        raise bad(path, field, f"{end:g} s is beyond the clip's end at {duration_s:g} s", "check both files")
    return start, end


def _text(path: Path, field: str, content: dict[str, object]) -> str:
    text = content.get(field)
    if not isinstance(text, str):
        raise bad(path, field, "missing or not a string", RESTORE)
    if not text.strip():
        raise bad(path, field, "empty", RESTORE)
    return text.strip()
