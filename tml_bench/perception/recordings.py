"""The timeline of a recording, from the cache where it can, and what its transcript says beside it."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from tml_bench.media.audio import ClipSource
from tml_bench.perception import asr, prosody, user_speech
from tml_bench.perception.perceive import (
    ENGLISH,
    Given,
    WordMode,
    cache_key,
    cached,
    perceive,
    perceiver_id,
    stored,
    why_no_words,
)
from tml_bench.recording import AudioTrack, SessionFacts
from tml_bench.timeline import Segment, Timeline, Voice, WordSource

Spans = Sequence[tuple[float, float]]
Stretches = Callable[[Timeline], Spans]
Lookup = Callable[[Path, str, Callable[[], Timeline]], Timeline]
"""Gives the timeline in a file under a key; the last computes it."""
Sounds = Callable[[Path], ClipSource]
"""Gives what is in a track's file: the file itself, or samples in memory."""
_VOICES, _USER_SPEECH, _USER = _PARTS = ("-voices", "-user-speech", "-user")
"""What is kept beside a timeline, by what follows the timeline's name."""


class _LastPerceived:
    """What was perceived last, by cache key.

    With one adapter after the other users say the same, and models often nothing.
    """

    def __init__(self, most: int = 2048) -> None:
        self._most = most
        self._known: OrderedDict[str, Timeline] = OrderedDict()

    def perceived(
        self, key: str, compute: Callable[[], Timeline], lasts: Callable[[Timeline], bool] | None = None
    ) -> Timeline:
        """What has this key, else computed, and remembered where it ``lasts``; None for always."""
        if key in self._known:
            return self._known[key]
        found = compute()
        if lasts is None or lasts(found):
            self._known[key] = found
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return found


_LAST = _LastPerceived()


class NotCachedError(Exception):
    """Part of a timeline is not in the cache."""


def timeline_of(
    facts: SessionFacts,
    cache: Path,
    words: WordMode,
    user: bool = False,
    stretches: Stretches | None = None,
    look: Lookup = cached,
    languages: tuple[str, ...] = ENGLISH,
    user_words: bool = False,
    user_spans: Stretches | None = None,
    sounds: Sounds = lambda file: file,
) -> Timeline:
    """What is perceived in a recording.

    Args:
        facts: of the recording.
        cache: where its timeline is kept; written when it is missing or out of date.
        words: where words may come from.
        user: also perceive the speech of the user's track; it is cached beside, as ``*-user.json``.
        stretches: gives stretches whose voice is described, cached beside, as ``*-voices.json``.
        look: how the cache is used.
        languages: in which the model may speak, and the user where that is recognised.
        user_words: also recognise what the user says, where ``words`` allows it; implies ``user``.
        user_spans: gives the spans in which the user's speech is looked for by energy, where it is not
            perceived otherwise; cached beside, as ``*-user-speech.json``.
        sounds: gives what is in its tracks, where that is in memory.

    Raises:
        BadSampleError: the audio cannot be used.
        UserError: local recognition was demanded and is not installed.
    """
    given = Given(words=words, languages=languages)
    if words != "asr":
        given |= Given(imported=facts.imported, timed=facts.timed, untimed=facts.untimed)
    timeline = structs.replace(
        _perceived(facts.model, cache, given, look, sounds),
        turns=facts.turns,
        calls=facts.calls,
        lines=facts.lines,
        ended=facts.ended,
    )
    if timeline.word_source is WordSource.NONE:
        # Not cached: what is installed changes, the key does not.
        timeline = structs.replace(timeline, no_words=why_no_words(words, None, languages))
    if stretches is not None and (asked := tuple(stretches(timeline))):
        beside = _beside(cache, _VOICES)
        timeline = structs.replace(timeline, voices=_voices(facts.model, beside, asked, look))
    if not (user or user_words):
        if user_spans is None:
            return timeline
        beside = _beside(cache, _USER_SPEECH)
        heard = _user_speech(facts.user, beside, tuple(user_spans(timeline)), look, sounds)
        return structs.replace(timeline, user_speech=heard)
    beside = _beside(cache, _USER)
    given = Given(words=words, languages=languages) if user_words else Given(words="transcript")
    key = cache_key(facts.user.sha256, **given)

    def listen() -> Timeline:
        return _LAST.perceived(key, lambda: perceive(facts.user.path, sounds(facts.user.path), **given))

    return structs.replace(timeline, user=look(beside, key, listen))


def timeline_files(cache: Path) -> tuple[Path, ...]:
    """All that `timeline_of` may keep of a recording whose timeline is kept at ``cache``."""
    return cache, *(_beside(cache, part) for part in _PARTS)


def cached_timeline(
    facts: SessionFacts,
    cache: Path,
    words: WordMode,
    user: bool = False,
    stretches: Stretches | None = None,
    languages: tuple[str, ...] = ENGLISH,
    user_words: bool = False,
    user_spans: Stretches | None = None,
) -> Timeline | None:
    """What `timeline_of` gives or raises, where all of it is in the cache; else None. No audio is read."""
    try:
        return timeline_of(facts, cache, words, user, stretches, _stored, languages, user_words, user_spans)
    except NotCachedError:
        return None


def _beside(cache: Path, part: str) -> Path:
    return cache.with_name(f"{cache.stem}{part}.json")


def _stored(path: Path, key: str, _: Callable[[], Timeline]) -> Timeline:
    known = stored(path, key)
    if known is None:
        raise NotCachedError(path)
    return known


def _perceived(track: AudioTrack, cache: Path, given: Given, look: Lookup, sounds: Sounds) -> Timeline:
    key = cache_key(track.sha256, **given)

    def listen() -> Timeline:
        return _LAST.perceived(key, lambda: perceive(track.path, sounds(track.path), **given), _is_silent)

    return look(cache, key, listen)


def _is_silent(heard: Timeline) -> bool:
    return not heard.segments


def _voices(
    track: AudioTrack, cache: Path, asked: tuple[tuple[float, float], ...], look: Lookup
) -> tuple[Voice, ...]:
    def describe() -> Timeline:
        return Timeline(asked[-1][1], voices=prosody.voices(track.path, asked))

    return look(cache, prosody.voices_key(track.sha256, asked), describe).voices


def _user_speech(
    track: AudioTrack, cache: Path, spans: Spans, look: Lookup, sounds: Sounds
) -> tuple[Segment, ...]:
    def find() -> Timeline:
        return Timeline(0.0, user_speech.speech_in(sounds(track.path), spans))

    key = user_speech.speech_key(track.sha256, spans)
    return look(cache, key, lambda: _LAST.perceived(key, find)).segments


@dataclass(frozen=True, slots=True)
class TranscriptPair:
    """A recording's transcript, and what a recogniser makes of its audio.

    Attributes:
        claimed: what the transcript says was heard; empty where there is none.
        recognised: the words recognised; empty where nothing is claimed, and then not recognised at all.
    """

    claimed: str
    recognised: str = ""


def recognised_beside(cache: Path) -> Path:
    """Where the timeline with recognised words is kept, beside that of another source."""
    return _beside(cache, "-recognised")


def transcript_pair(
    facts: SessionFacts, cache: Path, timeline: Timeline, languages: tuple[str, ...] = ENGLISH
) -> TranscriptPair:
    """What a recording's transcript, its adapter's or the one imported with it, says beside its audio.

    Only what was heard counts: words that begin after the flush that dropped them, or after the session's
    end, are left out; so is the rest of a text without word times whose reply was cut.

    The timeline with recognised words is cached beside the other, as `recognised_beside` says; words that
    were recognised for the ``timeline`` are not recognised again.

    Raises:
        BadSampleError: the audio cannot be read.
        UserError: the extra ``[speech]`` is not installed, or its model does not know the languages.
    """
    if not facts.claimed:
        return TranscriptPair(facts.claimed)
    if timeline.word_source is WordSource.ASR:
        words = timeline.words
    else:
        key = cache_key(facts.model.sha256, words="asr", languages=languages)
        words = cached(
            recognised_beside(cache), key, lambda: _recognised(facts.model.path, timeline, languages)
        ).words
    return TranscriptPair(facts.claimed, " ".join(word.text.strip() for word in words))


def _recognised(audio: Path, timeline: Timeline, languages: tuple[str, ...]) -> Timeline:
    """What ``perceive`` gives for the same audio with recognised words, whose speech is known."""
    source = WordSource.ASR if timeline.segments else WordSource.SILENT
    return Timeline(
        timeline.duration_s,
        timeline.segments,
        asr.recognise(audio, timeline.segments, None, languages),
        source,
        silero_segments=timeline.silero_segments,
        silero_unrounded=timeline.silero_unrounded,
        perceiver=perceiver_id("asr", None, languages),
    )
