"""Which recordings of a run have their transcript checked, and the checking, in the worker processes."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

import msgspec

from tml_bench.perception import asr
from tml_bench.perception.words import WordMode
from tml_bench.runs.pool import Pool
from tml_bench.runs.stored_run import StoredRun
from tml_bench.runs.worker import TranscriptJob
from tml_bench.scoring.transcript_check import TranscriptCheck, transcript_check

MOST_RECORDINGS = 20
"""As many recordings of a run are recognised; more would cost time and tell little more."""
_TRUE_BY_CONSTRUCTION = frozenset({"silent", "always-on", "echo"})
"""Adapters that see no answers, but say what their transcript says."""


def check_transcripts(
    runs: Sequence[StoredRun],
    lost: Sequence[Collection[str]],
    pool: Pool,
    words: WordMode,
    *,
    asked: bool = False,
) -> list[TranscriptCheck | msgspec.UnsetType]:
    """Check the transcripts of runs, in the worker processes.

    Args:
        runs: the runs; their timelines are in the cache.
        lost: per run, the samples whose recordings could not be perceived.
        pool: does the recognising.
        words: where the words of the timelines come from.
        asked: also check runs of reference adapters, whose transcripts are true by construction, and
            imported transcripts.

    Returns:
        One for each run; unset where it is not to be checked.
    """
    return [
        _check(run, gone, pool, words) if asked or _may_lie(run) else msgspec.UNSET
        for run, gone in zip(runs, lost, strict=True)
    ]


def _may_lie(run: StoredRun) -> bool:
    config = run.file.config
    return not (config.privileged or config.clock == "imported" or config.adapter in _TRUE_BY_CONSTRUCTION)


def _check(run: StoredRun, lost: Collection[str], pool: Pool, words: WordMode) -> TranscriptCheck:
    attempts = [attempt for attempt in run.valid() if attempt.sample not in lost]
    of = len(attempts)
    if not attempts:
        return TranscriptCheck(missing="there is no valid recording")
    if words == "transcript":
        return TranscriptCheck(of=of, missing="recognition is switched off")
    if why := asr.missing():
        return TranscriptCheck(of=of, missing=f"{why}: install tml-bench[speech]")
    samples = {sample.id: sample for sample in run.samples}
    for attempt in random.Random(0).sample(attempts, min(MOST_RECORDINGS, of)):
        pool.submit(
            TranscriptJob(
                (0, attempt.sample),
                run.file.config.task_source,
                samples[attempt.sample],
                run.recording_path(attempt),
                run.timeline_path(attempt.sample, str(attempt.attempt)),
                words,
            )
        )
    results = sorted(pool.results(), key=lambda done: done[0].key)
    pairs = [result.transcript for _, result in results if result.transcript is not None]
    return transcript_check(pairs, of) if pairs else TranscriptCheck(of=of, missing=results[0][1].reason)
