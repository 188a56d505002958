"""Which recordings of a run have their transcript checked, and the checking, in the worker processes."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from tml_bench.perception import asr
from tml_bench.perception.words import WordMode
from tml_bench.runs.jobs import TranscriptJob
from tml_bench.runs.pool import Pool
from tml_bench.scoring.timelines import RunTimelines
from tml_bench.scoring.transcript_check import TranscriptCheck, transcript_check

MOST_RECORDINGS = 20
"""As many recordings of a run are recognised; more would cost time and tell little more."""
_TRUE_BY_CONSTRUCTION = frozenset({"silent", "always-on", "echo"})


def check_transcripts(
    runs: Sequence[RunTimelines], pool: Pool, words: WordMode, *, asked: bool = False
) -> list[TranscriptCheck | msgspec.UnsetType]:
    """Check the transcripts of runs, in the worker processes.

    Args:
        runs: the runs with what was perceived.
        pool: does the recognising.
        words: where words may come from; recognition may be switched off.
        asked: also check runs of reference adapters, whose transcripts are true by construction, and
            imported transcripts.

    Returns:
        One for each run; unset where it is not to be checked.
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
        return TranscriptCheck(of=len(mine), missing="recognition is switched off")
    if why := asr.missing():
        return TranscriptCheck(of=len(mine), missing=f"{why}: install tml-bench[speech]")
    for sample in random.Random(0).sample(mine, min(MOST_RECORDINGS, len(mine))):
        cache = heard.run.timeline_path(sample, str(heard.run.attempts[sample].attempt))
        pool.submit(TranscriptJob((number, sample), heard.facts[sample], cache, heard.timelines[sample]))
    # As they come they have no order, and the interval depends on it.
    results = [result for _, result in sorted(pool.results(), key=lambda done: done[0].key)]
    pairs = [result.transcript for result in results if result.transcript is not None]
    if not pairs:
        return TranscriptCheck(of=len(mine), missing=results[0].reason)
    return transcript_check(pairs, len(mine))
