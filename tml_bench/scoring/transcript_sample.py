"""Which recordings of a run have their transcript checked, and the checking, in the worker processes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import fields

import msgspec

from tml_bench.perception import asr
from tml_bench.runs.config import RunConfig
from tml_bench.runs.pool import Pool
from tml_bench.runs.worker import PerceiveJob, TranscriptJob
from tml_bench.scoring.transcript_check import TranscriptCheck, transcript_check

MOST_RECORDINGS = 20
"""As many recordings of a run are recognised; more would cost time and tell little more."""
_TRUE_BY_CONSTRUCTION = frozenset({"silent", "always-on", "echo"})


def check_transcripts(
    runs: Sequence[RunConfig], perceived: Sequence[PerceiveJob], pool: Pool, *, asked: bool = False
) -> list[TranscriptCheck | msgspec.UnsetType]:
    """Check the transcripts of runs, in the worker processes.

    Args:
        runs: what the runs are.
        perceived: the recordings whose timelines are in the cache, by the place of their run in ``runs``.
        pool: does the recognising.
        asked: also check runs of reference adapters, whose transcripts are true by construction, and
            imported transcripts.

    Returns:
        One for each run; unset where it is not to be checked.
    """
    found: list[TranscriptCheck | msgspec.UnsetType] = []
    for number, config in enumerate(runs):
        mine = sorted((job for job in perceived if job.key[0] == number), key=lambda job: job.key)
        true = config.privileged or config.clock == "imported" or config.adapter in _TRUE_BY_CONSTRUCTION
        if not mine or (true and not asked):
            found.append(msgspec.UNSET)
        elif mine[0].words == "transcript":
            found.append(TranscriptCheck(of=len(mine), missing="recognition is switched off"))
        elif why := asr.missing():
            found.append(TranscriptCheck(of=len(mine), missing=f"{why}: install tml-bench[speech]"))
        else:
            drawn = random.Random(0).sample(mine, min(MOST_RECORDINGS, len(mine)))
            found.append(_compared(drawn, len(mine), pool))
    return found


def _compared(jobs: Sequence[PerceiveJob], of: int, pool: Pool) -> TranscriptCheck:
    for job in jobs:
        pool.submit(TranscriptJob(**{field.name: getattr(job, field.name) for field in fields(job)}))
    results = [result for _, result in pool.results()]
    pairs = [result.transcript for result in results if result.transcript is not None]
    if not pairs:
        return TranscriptCheck(of=of, missing=results[0].reason)
    return transcript_check(pairs, of)
