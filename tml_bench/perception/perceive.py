"""From a model's audio to a timeline, and a cache of timelines on disk.

The cache key of a timeline is a SHA-256 over everything that decides it: the perceiver (names and versions
of the resampler, the network, the rules and the recogniser), the audio file's bytes, and the transcripts
that were given. Change any of them and the timeline is perceived again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import msgspec

from tml_bench.errors import BadSampleError
from tml_bench.files import write_atomically
from tml_bench.perception import silero, vad
from tml_bench.perception.words import WordMode, find_words, source_id
from tml_bench.timeline import Timeline, Word


def perceive(
    model_audio: Path,
    *,
    imported: tuple[Word, ...] | None = None,
    timed: tuple[Word, ...] | None = None,
    text: str = "",
    words: WordMode = "auto",
    whisper: str | None = None,
) -> Timeline:
    """Perceive one recording.

    Args:
        model_audio: the model's audio as heard, on the session clock from its first sample; any rate.
        imported: a transcript that came with the recording; None when there is none.
        timed: the adapter's words with times; None or empty when it has none.
        text: the adapter's transcript without times.
        words: which sources of words may be used; see ``words.WordMode``.
        whisper: the Whisper model to recognise with; see ``asr.chosen_model``.

    Returns:
        The timeline; a track without speech has no segments and no words.

    Raises:
        BadSampleError: the audio cannot be used.
        UserError: ``words`` is unknown, or is ``asr`` and the extra ``[speech]`` is not installed.
    """
    perceiver = perceiver_id(words, whisper)
    activity = vad.listen(model_audio)
    segments = vad.speech_segments(activity)
    found, source = find_words(
        model_audio, segments, imported=imported, timed=timed, text=text, words=words, whisper=whisper
    )
    return Timeline(
        duration_s=activity.duration_s,
        segments=segments,
        words=found,
        word_source=source,
        silero_segments=vad.silero_segments(activity),
        silero_unrounded=vad.silero_segments(activity, rounded=False),
        perceiver=perceiver,
    )


def perceiver_id(words: WordMode = "auto", whisper: str | None = None) -> str:
    """Names and versions of everything that decides what is perceived in given audio and transcripts.

    Raises:
        UserError: as ``perceive``.
    """
    speech = f"soxr {version('soxr')} + {silero.network_id()} + {silero.RULE} + {vad.RULE}"
    return f"{speech}; {source_id(words, whisper)}"


def cache_key(
    model_audio: Path,
    *,
    imported: tuple[Word, ...] | None = None,
    timed: tuple[Word, ...] | None = None,
    text: str = "",
    words: WordMode = "auto",
    whisper: str | None = None,
) -> str:
    """The cache key of what ``perceive`` gives for the same arguments, 64 hexadecimal digits.

    Raises:
        BadSampleError: the audio file cannot be opened.
        UserError: as ``perceive``.
    """
    try:
        with model_audio.open("rb") as file:
            audio = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadSampleError(f"{model_audio} cannot be opened ({error.strerror})") from error
    parts = (perceiver_id(words, whisper), audio, imported, timed, text)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


class _Entry(msgspec.Struct, frozen=True):
    key: str
    timeline: Timeline


def cached(path: Path, key: str, compute: Callable[[], Timeline]) -> Timeline:
    """The timeline stored at ``path`` under ``key``, or else computed and stored there.

    A file that is missing, torn, of another shape or stored under another key is computed again and
    replaced in one step, so a reader never sees half of it.

    Args:
        path: a JSON file; its folder is made if need be.
        key: see ``cache_key``.
        compute: gives the timeline.

    Raises:
        OSError: the file cannot be read or written; or whatever ``compute`` raises.
    """
    try:
        entry = msgspec.json.decode(path.read_bytes(), type=_Entry)
        if entry.key == key:
            return entry.timeline
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        pass
    timeline = compute()
    write_atomically(path, msgspec.json.format(msgspec.json.encode(_Entry(key, timeline)), indent=1))
    return timeline
