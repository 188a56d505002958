"""The model's words and their times, from the best source there is.

Sources, best first (``timeline.WordSource``): a transcript that came with the recording, exactly as it
stands; the adapter's words with times; local speech recognition; the adapter's text laid over the speech;
none. A track without speech has no words, whatever an adapter claims; only an imported transcript is
believed there too, because the measures that use it are defined on that file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict, Unpack

from tml_bench.errors import UserError
from tml_bench.perception import asr
from tml_bench.timeline import Segment, Word, WordSource

WordMode = Literal["auto", "transcript", "asr"]
"""``auto``: the best source there is; ``transcript``: never recognise, only what was given; ``asr``: always
recognise, whatever was given."""

MODES: tuple[WordMode, ...] = ("auto", "transcript", "asr")


class Given(TypedDict, total=False):
    """What is known of a recording's words before its audio is heard, and which sources may be used.

    Attributes:
        imported: a transcript that came with the recording; None when there is none.
        timed: the adapter's words with times; None or empty when it has none.
        text: the adapter's transcript without times.
        words: which sources of words may be used; see ``WordMode``.
        whisper: the Whisper model to recognise with; see ``asr.chosen_model``.
    """

    imported: tuple[Word, ...] | None
    timed: tuple[Word, ...] | None
    text: str
    words: WordMode
    whisper: str | None


def find_words(
    audio: Path, segments: Sequence[Segment], **given: Unpack[Given]
) -> tuple[tuple[Word, ...], WordSource]:
    """Choose the source and get the words in the model's speech, in the order spoken.

    Raises:
        UserError: ``words`` is unknown, or is ``asr`` and the extra is not installed.
        BadSampleError: the track cannot be read.
    """
    words, whisper, text = given.get("words", "auto"), given.get("whisper"), given.get("text", "")
    imported, timed = given.get("imported"), given.get("timed")
    _check_mode(words)
    if imported is not None and words != "asr":
        return imported, WordSource.IMPORTED
    if not segments:
        return (), WordSource.SILENT
    if timed and words != "asr":
        return timed, WordSource.ADAPTER
    if recognises(words, whisper):
        heard = asr.recognise(audio, segments, whisper)
        if heard or words == "asr" or not text.strip():
            return heard, WordSource.ASR
    if text.strip():
        return tuple(asr.lay_over(text.split(), segments)), WordSource.PROPORTIONAL
    return (), WordSource.NONE


def recognises(words: WordMode, whisper: str | None = None) -> bool:
    """Whether this mode may use local speech recognition on this machine."""
    return words == "asr" or (words == "auto" and not asr.missing(whisper))


def source_id(words: WordMode, whisper: str | None = None) -> str:
    """Names and versions of all that decides the words, given the transcripts; raises as ``find_words``."""
    _check_mode(words)
    return f"words {words}: {asr.recogniser_id(whisper) if recognises(words, whisper) else 'not recognised'}"


def _check_mode(words: str) -> None:
    if words not in MODES:
        raise UserError(f"words={words!r} is not a source of words", f"use one of {', '.join(MODES)}")
