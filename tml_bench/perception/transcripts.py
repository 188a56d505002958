"""What a model's transcript says beside what is recognised in its audio.

Only what was heard counts: words that begin after the flush that dropped them are left out. That takes word
times, so a transcript without them is compared only where nothing was flushed; it is then taken whole, also
where the session ended in the midst of a reply.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tml_bench.perception import asr
from tml_bench.perception.perceive import cache_key, cached
from tml_bench.recording import SessionFacts
from tml_bench.timeline import Timeline, WordSource


@dataclass(frozen=True, slots=True)
class TranscriptPair:
    """A recording's transcript, and what a recogniser makes of its audio.

    Attributes:
        claimed: the transcript; empty where there is none, None where it cannot be told what of it was heard.
        recognised: the words recognised; empty where nothing is claimed, and then not recognised at all.
    """

    claimed: str | None
    recognised: str = ""


def transcript_pair(facts: SessionFacts, cache: Path, timeline: Timeline) -> TranscriptPair:
    """Compare a recording's transcript, its adapter's or the one imported with it, to its audio.

    Args:
        facts: of the recording.
        cache: where its timeline is kept; recognised words are cached beside, as ``*-recognised.json``.
        timeline: what was perceived in it; words that were recognised for it are not recognised again.

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
        track = facts.model
        key = cache_key(track.sha256, words="asr")
        words = cached(beside, key, lambda: _recognised(track.path, timeline)).words
    return TranscriptPair(facts.claimed, " ".join(word.text.strip() for word in words))


def _recognised(audio: Path, timeline: Timeline) -> Timeline:
    words = asr.recognise(audio, timeline.segments)
    return Timeline(
        timeline.duration_s, timeline.segments, words, WordSource.ASR, perceiver=asr.recogniser_id()
    )
