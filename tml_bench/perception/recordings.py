"""The timeline of a recording, from the cache where it can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict

from msgspec import structs

from tml_bench.perception import prosody
from tml_bench.perception.perceive import cache_key, cached, perceive
from tml_bench.perception.words import WordMode
from tml_bench.recording import Recording
from tml_bench.timeline import Timeline, Voice, Word


class _Given(TypedDict):
    imported: tuple[Word, ...] | None
    timed: tuple[Word, ...] | None
    text: str
    words: WordMode


Stretches = Callable[[Timeline], Sequence[tuple[float, float]]]


def timeline_of(
    recording: Recording,
    cache: Path,
    words: WordMode,
    user: bool = False,
    stretches: Stretches | None = None,
) -> Timeline:
    """What was perceived in a recording.

    Args:
        recording: the recording.
        cache: where its timeline is kept; written when it is missing or out of date.
        words: where words may come from.
        user: also perceive the speech of the user's track; it is cached beside, as ``*-user.json``.
        stretches: gives stretches whose voice is described, cached beside, as ``*-voices.json``.

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
    timeline = _perceived(recording.model_path, cache, given)
    timeline = structs.replace(timeline, turns=recording.turns())
    if stretches is not None and (asked := tuple(stretches(timeline))):
        timeline = structs.replace(timeline, voices=_voices(recording.model_path, cache, asked))
    if not user:
        return timeline
    beside = cache.with_name(f"{cache.stem}-user.json")
    unheard = _Given(imported=None, timed=None, text="", words="transcript")
    return structs.replace(timeline, user=_perceived(recording.user_path, beside, unheard))


def _voices(audio: Path, cache: Path, asked: tuple[tuple[float, float], ...]) -> tuple[Voice, ...]:
    beside = cache.with_name(f"{cache.stem}-voices.json")
    key = prosody.voices_key(audio, asked)
    return cached(beside, key, lambda: Timeline(asked[-1][1], voices=prosody.voices(audio, asked))).voices


def _perceived(audio: Path, cache: Path, given: _Given) -> Timeline:
    return cached(cache, cache_key(audio, **given), lambda: perceive(audio, **given))
