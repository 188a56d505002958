"""The timeline of a recording, from the cache where it can."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from tml_bench.perception.perceive import cache_key, cached, perceive
from tml_bench.perception.timeline import Timeline, Word
from tml_bench.perception.words import WordMode
from tml_bench.recording import Recording


class _Given(TypedDict):
    imported: tuple[Word, ...] | None
    timed: tuple[Word, ...] | None
    text: str
    words: WordMode


def timeline_of(recording: Recording, cache: Path, words: WordMode) -> Timeline:
    """What was perceived in a recording.

    Args:
        recording: the recording.
        cache: where its timeline is kept; written when it is missing or out of date.
        words: where words may come from.

    Raises:
        BadSampleError: the audio cannot be used.
        UserError: local recognition was demanded and is not installed.
    """
    given = _Given(
        imported=recording.imported_words(),
        timed=recording.timed_words(),
        text=recording.transcript(),
        words=words,
    )
    key = cache_key(recording.model_path, **given)
    return cached(cache, key, lambda: perceive(recording.model_path, **given))
