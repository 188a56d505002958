"""From a model's audio to a timeline, and a cache of timelines on disk.

The cache key of a timeline is a SHA-256 over everything that decides it: the perceiver (names and versions
of the resampler, the network, the rules and the recogniser), the audio file's bytes, and the transcripts
that were given. Change any of them and the timeline is perceived again.

Words and their times come from the best source there is (``timeline.WordSource``): a transcript that came
with the recording, exactly as it stands; the adapter's words whose times are believed
(``declared_times``), moved into speech where they are far from it (``laying``); its other texts fitted to
their audio (``fitting``); local speech recognition; those texts laid over the speech of their replies
(``laying``); none. A track without speech has no words, whatever an adapter claims; only an imported
transcript is believed there too, because the measures that use it are defined on that file.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal, TypedDict, Unpack

import msgspec

from tml_bench.bounded_files import UNREADABLE, read_whole
from tml_bench.errors import UserError
from tml_bench.files import write_atomically
from tml_bench.heard_text import HeardText
from tml_bench.media.audio import ClipSource
from tml_bench.perception import asr, fitting, silero, vad
from tml_bench.perception.laying import RULE, in_speech, lay_over, places
from tml_bench.perception.silero_network import NETWORK
from tml_bench.seals import seal_holds, sealed
from tml_bench.timeline import Segment, Timeline, Word, WordSource

WordMode = Literal["auto", "transcript", "asr"]
"""``auto``: the best source there is; ``transcript``: never recognise, only what was given; ``asr``: always
recognise, whatever was given."""

MODES: tuple[WordMode, ...] = ("auto", "transcript", "asr")


ENGLISH = ("en",)


class Given(TypedDict, total=False):
    """What is known of a recording's words before its audio is heard, and which sources may be used.

    Attributes:
        imported: a transcript that came with the recording; None when there is none.
        timed: the adapter's words with times.
        untimed: the adapter's texts without word times.
        words: which sources of words may be used; see ``WordMode``.
        whisper: the Whisper model to recognise with; see ``asr.chosen_model``.
        languages: in which the model may speak; English unless given.
    """

    imported: tuple[Word, ...] | None
    timed: tuple[Word, ...]
    untimed: tuple[HeardText, ...]
    words: WordMode
    whisper: str | None
    languages: tuple[str, ...]


def perceive(model_audio: Path, sound: ClipSource | None = None, **given: Unpack[Given]) -> Timeline:
    """Perceive the model's audio as heard, at any rate; without speech there are no segments and no words.

    ``sound`` is what is in the file, where that is in memory.

    Raises:
        BadSampleError: the audio cannot be used.
        UserError: ``words`` is unknown, or is ``asr`` and the extra ``[speech]`` is not installed.
    """
    perceiver = _perceiver_of(**given)
    activity = vad.listen(model_audio if sound is None else sound)
    segments = vad.speech_segments(activity)
    heard = activity.probabilities, activity.samples
    found, source = find_words(model_audio, segments, **given)
    return Timeline(
        duration_s=activity.duration_s,
        segments=segments,
        words=found,
        word_source=source,
        silero_segments=silero.silero_segments(*heard),
        silero_unrounded=silero.silero_segments(*heard, rounded=False),
        perceiver=perceiver,
    )


def perceiver_id(
    words: WordMode = "auto", whisper: str | None = None, languages: tuple[str, ...] = ENGLISH
) -> str:
    """Names and versions of all that decides what is perceived; raises UserError as ``perceive``."""
    _check_mode(words)
    recogniser = asr.recogniser_id(whisper) if recognises(words, whisper) else "not recognised"
    unknown = "" if asr.knows(languages, whisper) else ", where it knows the language"
    return f"{_speech_id()}; words {words}: {recogniser}{unknown}"


def _perceiver_of(**given: Unpack[Given]) -> str:
    return perceiver_id(given.get("words", "auto"), given.get("whisper"), given.get("languages", ENGLISH))


@cache
def _speech_id() -> str:
    return f"soxr {version('soxr')} + {NETWORK} + {silero.RULE} + {vad.RULE} + {RULE}"


def cache_key(audio_sha256: str, **given: Unpack[Given]) -> str:
    """The cache key, 64 hexadecimal digits, of what ``perceive`` gives, or raises, for such audio."""
    texts = given.get("timed", ()), given.get("untimed", ())
    parts = (
        _perceiver_of(**given),
        audio_sha256,
        given.get("imported"),
        *texts,
        given.get("languages", ENGLISH),
    )
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


class _Entry(msgspec.Struct, frozen=True):
    key: str
    timeline: Timeline


_DECODER = msgspec.json.Decoder(_Entry)


def stored(path: Path, key: str) -> Timeline | None:
    """The timeline stored at ``path`` under ``key``.

    None where it is not, or the file is torn, foreign, or not as it was sealed; earlier versions sealed none.
    """
    try:
        content = read_whole(path)
        entry = _DECODER.decode(content)
    except (FileNotFoundError, *UNREADABLE):
        return None
    return entry.timeline if entry.key == key and seal_holds(content) else None


def cached(path: Path, key: str, compute: Callable[[], Timeline]) -> Timeline:
    """The timeline stored at ``path`` under ``key``, else computed and stored. Raises OSError."""
    known = stored(path, key)
    if known is not None:
        return known
    timeline = compute()
    content = sealed(msgspec.json.format(msgspec.json.encode(_Entry(key, timeline)), indent=1))
    write_atomically(path, content, durable=False)
    return timeline


def find_words(
    audio: Path, segments: Sequence[Segment], **given: Unpack[Given]
) -> tuple[tuple[Word, ...], WordSource]:
    """Choose the source and get the words in the model's speech, in the order spoken.

    Raises:
        UserError: ``words`` is unknown, or is ``asr`` and the extra is not installed.
        BadSampleError: the track cannot be read.
    """
    words, whisper, imported = given.get("words", "auto"), given.get("whisper"), given.get("imported")
    languages = given.get("languages", ENGLISH)
    _check_mode(words)
    if imported is not None and words != "asr":
        return imported, WordSource.IMPORTED
    if not segments:
        return (), WordSource.SILENT
    if words != "asr":
        timed, moved = in_speech(given.get("timed", ()), segments)
        untimed = places(given.get("untimed", ()), segments)
        if untimed and recognises(words, whisper):
            fitted, source = fitting.fit(audio, segments, untimed, timed, whisper, languages)
            return fitted, WordSource.PROPORTIONAL if moved else source
        if timed or untimed:
            laid = [word for text, speech in untimed for word in lay_over(text.split(), speech)]
            spread = moved or bool(laid)
            every = tuple(sorted((*timed, *laid), key=lambda word: word.start_s or 0.0)) if laid else timed
            return every, WordSource.PROPORTIONAL if spread else WordSource.ADAPTER
    if recognises(words, whisper) and asr.knows(languages, whisper):
        return asr.recognise(audio, segments, whisper, languages), WordSource.ASR
    return (), WordSource.NONE


def why_no_words(words: WordMode, whisper: str | None = None, languages: tuple[str, ...] = ENGLISH) -> str:
    """Why nobody can tell what was said (``WordSource.NONE``), with the remedy."""
    given = "speech without words: the adapter gives no transcript of what was heard, and"
    if words == "transcript":
        return f"{given} recognition is switched off; score with --words auto or asr"
    if lacking := asr.missing(whisper):
        return f"{given} {lacking}; install tml-bench[speech]"
    if unknown := asr.lacking(languages, whisper):
        return f"{given} {unknown}"
    return f"{given} nothing was recognised"


def hearing_id(words: WordMode, languages: Iterable[tuple[str, ...]]) -> list[tuple[str, str]]:
    """What decides the words of recordings, and why none can be had, for each set of languages of a sample.

    It changes with what is installed; empty for no set. Raises UserError as ``perceive``.
    """
    return [(perceiver_id(words, None, spoken), why_no_words(words, None, spoken)) for spoken in languages]


def recognises(words: WordMode, whisper: str | None = None) -> bool:
    """Whether this mode may use local speech recognition on this machine."""
    return words == "asr" or (words == "auto" and not asr.missing(whisper))


def _check_mode(words: str) -> None:
    if words not in MODES:
        raise UserError(f"words={words!r} is not a source of words", f"use one of {', '.join(MODES)}")
