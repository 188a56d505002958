"""The model's speech as vocalisations, each a backchannel or a takeover; shared by the repaired measures.

Conventions:
    Times are seconds. ``segments`` are ``(start, end)`` with start < end, ordered, not overlapping, as
    heard. ``words`` are ``(start, end)`` of the words in them, or None where no words are known.

Rules:
    1. Segments with at most ``MERGE_GAP_S`` of silence between them are one vocalisation. A break within a
       sentence must neither make a backchannel of its beginning nor count as yielding the turn. The value is
       the one Full-Duplex-Bench v1.5 joins model speech with; a larger one would make takeovers of
       neighbouring backchannels. Price: a backchannel that ends less than this before the answer is taken
       for the answer's beginning.
    2. A vocalisation is a **backchannel** if it lasts less than ``BACKCHANNEL_MAX_S`` and holds at most
       ``BACKCHANNEL_MAX_WORDS`` words, else a **takeover**. Where words are unknown, duration alone decides.
       A word belongs to a vocalisation if its midpoint does, so that a mark some 50 ms off changes nothing.

Source: thresholds of Full-Duplex-Bench v1.0's backchannel task (arXiv 2503.04721), applied to each
vocalisation by itself; the gap of Full-Duplex-Bench v1.5 (arXiv 2507.23159).
"""

from collections.abc import Sequence
from typing import NamedTuple

Interval = tuple[float, float]
Row = dict[str, str | float | None]

MERGE_GAP_S = 0.5
"""Silence up to this long does not end a vocalisation."""
BACKCHANNEL_MAX_S = 1.0
"""A backchannel is shorter than this."""
BACKCHANNEL_MAX_WORDS = 2
"""A backchannel has at most this many words."""


class Vocalisation(NamedTuple):
    """A stretch of model speech in seconds; a takeover takes the turn, any other is a backchannel."""

    start_s: float
    end_s: float
    takeover: bool

    def row(self, event: str) -> Row:
        """The vocalisation as a row of events, named ``event``."""
        return {"event": event, "start_s": self.start_s, "end_s": self.end_s}


def merge(segments: Sequence[Interval]) -> tuple[Interval, ...]:
    """Join segments that at most ``MERGE_GAP_S`` of silence parts; empty input gives an empty result."""
    merged: list[Interval] = []
    for start, end in segments:
        if merged and start - merged[-1][1] <= MERGE_GAP_S:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return tuple(merged)


def classify(segments: Sequence[Interval], words: Sequence[Interval] | None) -> tuple[Vocalisation, ...]:
    """Merge segments and tell backchannels from takeovers; empty without segments.

    Words are ``(start, end)`` in seconds; None where unknown.
    """
    return tuple(
        Vocalisation(start, end, takeover=not _is_backchannel(start, end, words))
        for start, end in merge(segments)
    )


def _is_backchannel(start: float, end: float, words: Sequence[Interval] | None) -> bool:
    if end - start >= BACKCHANNEL_MAX_S:
        return False
    return sum(start <= (a + b) / 2 <= end for a, b in words or ()) <= BACKCHANNEL_MAX_WORDS
