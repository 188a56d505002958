"""Does a model say what its transcript says? Word error rate between its transcript and its audio.

The reference is what a local recogniser hears in the audio, the hypothesis is the transcript: words that
are only in the transcript are insertions. The rate of a run is the sum of all edits over the sum of all
recognised words, so a lying transcript shows. The recogniser's own errors are in it too: compare runs with
each other, not with 0.

A run whose rate is over ``MOST_RATE``, where there are ``LEAST_WORDS`` words at least, recognised or wrong,
is marked: its transcript does not match its audio, and it is scored by the words that are recognised in all
of its recordings. The rate by itself moves no score.

Recordings are drawn until ``SPEECH_S`` of speech are recognised, by a seed that comes from the SHA-256 of all
of the run's recordings: no adapter knows in advance which they will be. Left out are those without a
transcript, and those in which a language may be spoken that the recogniser does not know.

Both sides are normalised first: the form of `tml_bench.plain_text`, apostrophes left out (``don't`` is
``dont``), whole numbers of at most six digits spelt out in English (``21`` is ``twenty one``), everything
that is neither letter nor digit a space. Languages that set no spaces between words are not meant.
"""

import hashlib
import random
import re
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from msgspec import structs

from tml_bench.metrics.influences import influences
from tml_bench.perception import asr
from tml_bench.perception.align import spell
from tml_bench.perception.perceive import WordMode
from tml_bench.perception.recordings import TranscriptPair
from tml_bench.plain_text import plain
from tml_bench.runs.jobs import TranscriptJob
from tml_bench.runs.pool import Pool
from tml_bench.scoring.timelines import RunTimelines
from tml_bench.storage.shared_place import need_recording

SPEECH_S = 300.0
"""So much speech of a run is recognised, seconds; more would cost time and tell little more."""
MOST_RATE = 0.3
LEAST_WORDS = 30
_TRUE_BY_CONSTRUCTION = frozenset({"silent", "always-on", "echo", "stonewall", "talker"})
_NUMBER = re.compile(r"(?<!\w)(?<!\d[.,])(?:\d{1,3},\d{3}|\d{1,6})(?!\w|[.,]\d)")


class TranscriptCheck(msgspec.Struct, frozen=True):
    """Word error rate between a run's transcripts and its audio.

    Attributes:
        rate: edits over recognised words, 0 and more; None where it is not measured.
        low: lower end of the 95 % interval, that of a ratio of sums over recordings
            (`tml_bench.metrics.confidence`); None where there is none.
        high: upper end.
        n: recordings compared.
        of: valid recordings of the run; a sample of them is tried.
        edits: substitutions, insertions and deletions in all.
        words: words recognised in all.
        missing: why it is not measured; empty where it is.
        no_interval: why there is a rate and no interval; empty otherwise.
        mismatch: the transcript does not match the audio: the run was scored by the words of recognition.
    """

    rate: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    of: int = 0
    edits: int = 0
    words: int = 0
    missing: str = ""
    no_interval: str = ""
    mismatch: bool = False


def normalised(text: str) -> str:
    """Words in the form in which they are compared, set apart by single spaces."""
    spelt = _NUMBER.sub(lambda m: f" {spell(int(m[0].replace(',', '')))} ", plain(text).replace("'", ""))
    return " ".join(re.sub(r"[\W_]+", " ", spelt).split())


def word_edits(recognised: str, claimed: str) -> tuple[int, int]:
    """How far a transcript is from what was recognised, the reference.

    Returns:
        Least number of substituted, inserted and deleted words, and the number of words recognised.
    """
    import jiwer

    reference, hypothesis = normalised(recognised), normalised(claimed)
    if not reference:
        return len(hypothesis.split()), 0
    found = jiwer.process_words(reference, hypothesis)
    return found.substitutions + found.insertions + found.deletions, len(reference.split())


def transcript_check(pairs: Sequence[TranscriptPair], of: int) -> TranscriptCheck:
    """The word error rate of a run of so many valid recordings; pairs without a transcript do not count."""
    counted = [word_edits(pair.recognised, pair.claimed) for pair in pairs if pair.claimed]
    if not counted:
        return TranscriptCheck(of=of, missing="the model gives no transcript")
    table = np.array(counted)
    edits, words = (int(total) for total in table.sum(axis=0))
    if not words:
        why = f"nothing is recognised in its audio, but its transcript has {edits} words"
        return TranscriptCheck(n=len(counted), of=of, edits=edits, missing=why)
    each = np.arange(len(table))
    moved = influences(table[:, 0].astype(float), table[:, 1].astype(float), each, np.zeros_like(each))
    missing, rate = moved.missing(), edits / words
    low, high = (None, None) if missing else moved.interval(rate)
    return TranscriptCheck(rate, low, high, len(counted), of, edits, words, no_interval=missing)


def _differs(check: TranscriptCheck) -> bool:
    """Whether a transcript is not what was heard; not where there are too few words to tell."""
    return max(check.words, check.edits) >= LEAST_WORDS and check.edits > MOST_RATE * check.words


def check_transcripts(
    runs: Sequence[RunTimelines], pool: Pool, words: WordMode, *, asked: bool = False
) -> list[TranscriptCheck | msgspec.UnsetType]:
    """Check the transcripts of runs, in the worker processes; unset for a run that is not to be checked.

    With ``asked`` also those of reference adapters, which are true by construction, and imported ones.
    """
    return [_checked(number, heard, pool, words, asked) for number, heard in enumerate(runs)]


def _checked(
    number: int, heard: RunTimelines, pool: Pool, words: WordMode, asked: bool
) -> TranscriptCheck | msgspec.UnsetType:
    config, mine = heard.run.file.config, sorted(heard.timelines)
    true = config.privileged or config.clock == "imported" or config.adapter in _TRUE_BY_CONSTRUCTION
    if not mine or (true and not asked):
        return msgspec.UNSET
    if words == "transcript":
        return TranscriptCheck(of=len(mine), missing="recognition is switched off; score with --words auto")
    if why := asr.missing():
        return TranscriptCheck(of=len(mine), missing=f"{why}; install tml-bench[speech]")
    told = [sample for sample in mine if heard.facts[sample].claimed]
    if not told:
        return transcript_check([], len(mine))
    samples = {sample.id: sample for sample in heard.run.samples}
    known = [sample for sample in told if asr.knows(samples[sample].languages)]
    if not known:
        return TranscriptCheck(of=len(mine), missing=asr.lacking(samples[told[0]].languages))
    for sample in _drawn(known, heard):
        cache = heard.run.timeline_path(sample, str(heard.run.attempts[sample].attempt))
        languages, timeline = samples[sample].languages, heard.timelines[sample]
        need_recording(heard.facts[sample].model.path.parent)
        pool.submit(TranscriptJob((number, sample), languages, heard.facts[sample], cache, timeline))
    # As they come they have no order.
    results = [result for _, result in sorted(pool.results(), key=lambda done: done[0].key)]
    pairs = [result.transcript for result in results if result.transcript is not None]
    if not pairs:
        return TranscriptCheck(of=len(mine), missing=results[0].reason)
    found = transcript_check(pairs, len(mine))
    return structs.replace(found, mismatch=not true and _differs(found))


def _drawn(samples: Sequence[str], heard: RunTimelines) -> Iterator[str]:
    """Recordings in an order that nobody knows before they are made, until there is enough speech."""
    digests = "\n".join(f"{sample} {heard.facts[sample].model.sha256}" for sample in samples)
    order = random.Random(hashlib.sha256(digests.encode()).digest()).sample(samples, len(samples))
    left_s = SPEECH_S
    for sample in order:
        if left_s <= 0:
            return
        left_s -= sum(segment.end_s - segment.start_s for segment in heard.timelines[sample].segments)
        yield sample
