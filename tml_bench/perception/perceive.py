"""From a model's audio to a timeline, and a cache of timelines on disk.

The cache key of a timeline is a SHA-256 over everything that decides it: the perceiver (names and versions
of the resampler, the network, the rules and the recogniser), the audio file's bytes, and the transcripts
that were given. Change any of them and the timeline is perceived again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

import msgspec

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
    return f"{_speech_id()}; {source_id(words, whisper)}"


@cache
def _speech_id() -> str:
    return f"soxr {version('soxr')} + {silero.network_id()} + {silero.RULE} + {vad.RULE}"


def cache_key(
    audio_sha256: str,
    *,
    imported: tuple[Word, ...] | None = None,
    timed: tuple[Word, ...] | None = None,
    text: str = "",
    words: WordMode = "auto",
    whisper: str | None = None,
) -> str:
    """The cache key of what ``perceive`` gives for audio of this SHA-256 and the same other arguments.

    Returns:
        64 hexadecimal digits.

    Raises:
        UserError: as ``perceive``.
    """
    parts = (perceiver_id(words, whisper), audio_sha256, imported, timed, text)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


class _Entry(msgspec.Struct, frozen=True):
    key: str
    timeline: Timeline


_DECODER = msgspec.json.Decoder(_Entry)


def stored(path: Path, key: str) -> Timeline | None:
    """The timeline stored at ``path`` under ``key``; None where it is not, or the file is torn or foreign."""
    try:
        entry = _DECODER.decode(path.read_bytes())
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return entry.timeline if entry.key == key else None


def cached(path: Path, key: str, compute: Callable[[], Timeline]) -> Timeline:
    """The timeline stored at ``path`` under ``key``, or else computed and stored there.

    The file is replaced in one step, so a reader never sees half of it.

    Args:
        path: a JSON file; its folder is made if need be.
        key: see ``cache_key``.
        compute: gives the timeline.

    Raises:
        OSError: the file cannot be read or written; or whatever ``compute`` raises.
    """
    known = stored(path, key)
    if known is not None:
        return known
    timeline = compute()
    write_atomically(path, msgspec.json.format(msgspec.json.encode(_Entry(key, timeline)), indent=1))
    return timeline
