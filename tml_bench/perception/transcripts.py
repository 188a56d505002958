"""What a model's transcript says beside what is recognised in its audio.

Only what was heard counts: words that begin after the flush that dropped them are left out. That takes word
times, so a transcript without them is compared only where nothing was flushed; it is then taken whole, also
where the session ended in the midst of a reply.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tml_bench import events as ev
from tml_bench.perception import asr
from tml_bench.perception.perceive import cache_key, cached
from tml_bench.recording import Recording
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


def transcript_pair(recording: Recording, cache: Path, timeline: Timeline) -> TranscriptPair:
    """Compare a recording's transcript, its adapter's or the one imported with it, to its audio.

    Args:
        recording: the recording.
        cache: where its timeline is kept; recognised words are cached beside, as ``*-recognised.json``.
        timeline: what was perceived in it; words that were recognised for it are not recognised again.

    Raises:
        BadSampleError: the audio cannot be read.
        UserError: the extra ``[speech]`` is not installed.
    """
    claimed = _claimed(recording)
    if not claimed:
        return TranscriptPair(claimed)
    if timeline.word_source is WordSource.ASR:
        words = timeline.words
    else:
        beside = cache.with_name(f"{cache.stem}-recognised.json")
        audio = recording.model_path
        words = cached(beside, cache_key(audio, words="asr"), lambda: _recognised(audio, timeline)).words
    return TranscriptPair(claimed, " ".join(word.text.strip() for word in words))


def _recognised(audio: Path, timeline: Timeline) -> Timeline:
    words = asr.recognise(audio, timeline.segments)
    return Timeline(
        timeline.duration_s, timeline.segments, words, WordSource.ASR, perceiver=asr.recogniser_id()
    )


def _claimed(recording: Recording) -> str | None:
    words = recording.imported_words()
    if words is None:
        events = [e for e in recording.events() if isinstance(e, ev.ModelTranscript | ev.Flush)]
        if any(isinstance(e, ev.ModelTranscript) and e.text.strip() and not e.words for e in events):
            cut = any(isinstance(e, ev.Flush) for e in events)
            return None if cut else recording.transcript()
        words = recording.timed_words() or ()
    return " ".join(word.text.strip() for word in words)
