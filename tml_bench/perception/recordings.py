"""The timeline of a recording, from the cache where it can, and what its transcript says beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from tml_bench.perception import asr, prosody
from tml_bench.perception.perceive import Given, WordMode, cache_key, cached, perceive, stored, why_no_words
from tml_bench.recording import AudioTrack, SessionFacts
from tml_bench.timeline import Timeline, Voice, WordSource

Stretches = Callable[[Timeline], Sequence[tuple[float, float]]]
Lookup = Callable[[Path, str, Callable[[], Timeline]], Timeline]
"""Gives the timeline in a file under a key; the last computes it."""


class NotCachedError(Exception):
    """Part of a timeline is not in the cache."""


def timeline_of(
    facts: SessionFacts,
    cache: Path,
    words: WordMode,
    user: bool = False,
    stretches: Stretches | None = None,
    look: Lookup = cached,
) -> Timeline:
    """What is perceived in a recording.

    Args:
        facts: of the recording.
        cache: where its timeline is kept; written when it is missing or out of date.
        words: where words may come from.
        user: also perceive the speech of the user's track; it is cached beside, as ``*-user.json``.
        stretches: gives stretches whose voice is described, cached beside, as ``*-voices.json``.
        look: how the cache is used.

    Raises:
        BadSampleError: the audio cannot be used.
        UserError: local recognition was demanded and is not installed.
    """
    given = Given(imported=facts.imported, timed=facts.timed, untimed=facts.untimed, words=words)
    timeline = structs.replace(_perceived(facts.model, cache, given, look), turns=facts.turns)
    if timeline.word_source is WordSource.NONE:
        # Not cached: what is installed changes, the key does not.
        timeline = structs.replace(timeline, no_words=why_no_words(words))
    if stretches is not None and (asked := tuple(stretches(timeline))):
        beside = cache.with_name(f"{cache.stem}-voices.json")
        timeline = structs.replace(timeline, voices=_voices(facts.model, beside, asked, look))
    if not user:
        return timeline
    beside = cache.with_name(f"{cache.stem}-user.json")
    unheard = Given(words="transcript")
    return structs.replace(timeline, user=_perceived(facts.user, beside, unheard, look))


def cached_timeline(
    facts: SessionFacts, cache: Path, words: WordMode, user: bool = False, stretches: Stretches | None = None
) -> Timeline | None:
    """What `timeline_of` gives or raises, where all of it is in the cache; else None. No audio is read."""
    try:
        return timeline_of(facts, cache, words, user, stretches, _stored)
    except NotCachedError:
        return None


def _stored(path: Path, key: str, _: Callable[[], Timeline]) -> Timeline:
    known = stored(path, key)
    if known is None:
        raise NotCachedError(path)
    return known


def _perceived(track: AudioTrack, cache: Path, given: Given, look: Lookup) -> Timeline:
    return look(cache, cache_key(track.sha256, **given), lambda: perceive(track.path, **given))


def _voices(
    track: AudioTrack, cache: Path, asked: tuple[tuple[float, float], ...], look: Lookup
) -> tuple[Voice, ...]:
    def describe() -> Timeline:
        return Timeline(asked[-1][1], voices=prosody.voices(track.path, asked))

    return look(cache, prosody.voices_key(track.sha256, asked), describe).voices


@dataclass(frozen=True, slots=True)
class TranscriptPair:
    """A recording's transcript, and what a recogniser makes of its audio.

    Attributes:
        claimed: what the transcript says was heard; empty where there is none.
        recognised: the words recognised; empty where nothing is claimed, and then not recognised at all.
    """

    claimed: str
    recognised: str = ""


def transcript_pair(facts: SessionFacts, cache: Path, timeline: Timeline) -> TranscriptPair:
    """What a recording's transcript, its adapter's or the one imported with it, says beside its audio.

    Only what was heard counts: words that begin after the flush that dropped them, or after the session's
    end, are left out; so is the rest of a text without word times whose reply was cut.

    Recognised words are cached beside the timeline's ``cache``, as ``*-recognised.json``; those that were
    recognised for the ``timeline`` are not recognised again.

    Raises:
        BadSampleError: the audio cannot be read.
        UserError: the extra ``[speech]`` is not installed.
    """
    if not facts.claimed:
        return TranscriptPair(facts.claimed)
    if timeline.word_source is WordSource.ASR:
        words = timeline.words
    else:
        beside = cache.with_name(f"{cache.stem}-recognised.json")
        key = cache_key(facts.model.sha256, words="asr")
        words = cached(beside, key, lambda: _recognised(facts.model.path, timeline)).words
    return TranscriptPair(facts.claimed, " ".join(word.text.strip() for word in words))


def _recognised(audio: Path, timeline: Timeline) -> Timeline:
    words = asr.recognise(audio, timeline.segments)
    return Timeline(
        timeline.duration_s, timeline.segments, words, WordSource.ASR, perceiver=asr.recogniser_id()
    )
