"""The timeline of a recording, from the cache where it can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict

from msgspec import structs

from tml_bench.perception import prosody
from tml_bench.perception.perceive import cache_key, cached, perceive, stored
from tml_bench.perception.words import WordMode
from tml_bench.recording import AudioTrack, SessionFacts
from tml_bench.timeline import Timeline, Voice, Word

Stretches = Callable[[Timeline], Sequence[tuple[float, float]]]
Lookup = Callable[[Path, str, Callable[[], Timeline]], Timeline]
"""Gives the timeline in a file under a key; the last computes it."""


class _Given(TypedDict):
    imported: tuple[Word, ...] | None
    timed: tuple[Word, ...] | None
    text: str
    words: WordMode


class NotCachedError(Exception):
    """Part of a timeline is not in the cache."""


def timeline_of(
    facts: SessionFacts,
    cache: Path,
    words: WordMode,
    user: bool = False,
    stretches: Stretches | None = None,
) -> Timeline:
    """What is perceived in a recording.

    Args:
        facts: of the recording.
        cache: where its timeline is kept; written when it is missing or out of date.
        words: where words may come from.
        user: also perceive the speech of the user's track; it is cached beside, as ``*-user.json``.
        stretches: gives stretches whose voice is described, cached beside, as ``*-voices.json``.

    Raises:
        BadSampleError: the audio cannot be used.
        UserError: local recognition was demanded and is not installed.
    """
    return _timeline(facts, cache, words, user, stretches, cached)


def cached_timeline(
    facts: SessionFacts,
    cache: Path,
    words: WordMode,
    user: bool = False,
    stretches: Stretches | None = None,
) -> Timeline | None:
    """What `timeline_of` gives for the same arguments, where all of it is in the cache; else None.

    No audio is read.

    Raises:
        UserError: as `timeline_of`.
    """
    try:
        return _timeline(facts, cache, words, user, stretches, _stored)
    except NotCachedError:
        return None


def _stored(path: Path, key: str, _: Callable[[], Timeline]) -> Timeline:
    known = stored(path, key)
    if known is None:
        raise NotCachedError(path)
    return known


def _timeline(
    facts: SessionFacts,
    cache: Path,
    words: WordMode,
    user: bool,
    stretches: Stretches | None,
    look: Lookup,
) -> Timeline:
    given = _Given(imported=facts.imported, timed=facts.timed, text=facts.text, words=words)
    timeline = _perceived(facts.model, cache, given, look)
    timeline = structs.replace(timeline, turns=facts.turns)
    if stretches is not None and (asked := tuple(stretches(timeline))):
        beside = cache.with_name(f"{cache.stem}-voices.json")
        timeline = structs.replace(timeline, voices=_voices(facts.model, beside, asked, look))
    if not user:
        return timeline
    beside = cache.with_name(f"{cache.stem}-user.json")
    unheard = _Given(imported=None, timed=None, text="", words="transcript")
    return structs.replace(timeline, user=_perceived(facts.user, beside, unheard, look))


def _perceived(track: AudioTrack, cache: Path, given: _Given, look: Lookup) -> Timeline:
    return look(cache, cache_key(track.sha256, **given), lambda: perceive(track.path, **given))


def _voices(
    track: AudioTrack, cache: Path, asked: tuple[tuple[float, float], ...], look: Lookup
) -> tuple[Voice, ...]:
    def describe() -> Timeline:
        return Timeline(asked[-1][1], voices=prosody.voices(track.path, asked))

    return look(cache, prosody.voices_key(track.sha256, asked), describe).voices
