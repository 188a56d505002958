"""Rough word times for a text without any: laid over the speech in proportion to its characters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from tml_bench.timeline import Segment, Word


def lay_over(tokens: Sequence[str], segments: Sequence[Segment]) -> list[Word]:
    """Give each token a share of the speech proportional to its number of characters.

    Silences between segments are skipped: with speech at 0-1 s and 2-3 s, ``ab cd`` gives ``ab`` 0-1 s and
    ``cd`` 2-3 s.

    Args:
        tokens: words in order, none empty.
        segments: speech in order, not overlapping, in seconds.

    Returns:
        One word per token; empty when there are no tokens or no segments.
    """
    if not tokens or not segments:
        return []
    spoken = np.array([0.0, *accumulate(s.end_s - s.start_s for s in segments)])
    characters = np.array([0, *accumulate(map(len, tokens))])
    edges = characters / characters[-1] * spoken[-1]
    last = len(segments) - 1
    starts = np.clip(np.searchsorted(spoken, edges[:-1] + 1e-9, side="right") - 1, 0, last)
    ends = np.clip(np.searchsorted(spoken, edges[1:] - 1e-9, side="left") - 1, 0, last)
    return [
        Word(
            token,
            float(segments[a].start_s + edges[k] - spoken[a]),
            float(segments[b].start_s + edges[k + 1] - spoken[b]),
        )
        for k, (token, a, b) in enumerate(zip(tokens, starts, ends, strict=True))
    ]
