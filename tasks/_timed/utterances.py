"""What the model said, utterance by utterance.

An utterance is speech with no silence of the item's `Expected.silence_s` or more inside; where words have
times of their own, a silence that long between two words separates too. Its onset is that of its first
speech. Every word belongs to the speech nearest to its middle. Speech without any word is an utterance all
the same: something was said, and nothing that was expected.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from tml_bench.timeline import Segment, Timeline, Word, WordSource

TIMED = (WordSource.ADAPTER, WordSource.ASR, WordSource.IMPORTED)
"""Sources whose words have times of their own."""


class ModelUtterance(NamedTuple):
    """Something the model said.

    Attributes:
        start_s: its onset.
        end_s: its end.
        text: its words; empty when none are known.
    """

    start_s: float
    end_s: float
    text: str


def utterances(timeline: Timeline, silence_s: float) -> tuple[ModelUtterance, ...]:
    """The utterances of a recording, in order.

    Args:
        timeline: what was heard.
        silence_s: silence that separates utterances.
    """
    spans = _merged(timeline.segments, silence_s)
    ends = [end for _, end in spans]
    placed: list[list[Word]] = [[] for _ in spans]
    for word in timeline.words:
        if spans and word.text.strip() and word.start_s is not None:
            middle = (word.start_s + (word.end_s if word.end_s is not None else word.start_s)) / 2
            after = min(bisect_left(ends, middle), len(spans) - 1)
            nearer = after and middle - ends[after - 1] <= spans[after][0] - middle
            placed[after - 1 if nearer else after].append(word)
    timed = timeline.word_source in TIMED
    return tuple(
        utterance
        for (start, end), words in zip(spans, placed, strict=True)
        for utterance in _split(start, end, words, silence_s if timed else None)
    )


def _merged(segments: Sequence[Segment], silence_s: float) -> list[tuple[float, float]]:
    spans: list[tuple[float, float]] = []
    for segment in segments:
        if spans and segment.start_s - spans[-1][1] < silence_s:
            spans[-1] = (spans[-1][0], max(spans[-1][1], segment.end_s))
        else:
            spans.append((segment.start_s, segment.end_s))
    return spans


def _split(start: float, end: float, words: Sequence[Word], silence_s: float | None) -> list[ModelUtterance]:
    """One stretch of speech, taken apart where its words are; a word's time outside it is moved into it."""
    groups: list[list[Word]] = [[]]
    for word in sorted(words, key=lambda w: w.start_s or 0.0):
        before = groups[-1][-1].end_s if groups[-1] else None
        if silence_s is not None and before is not None and (word.start_s or 0.0) - before >= silence_s:
            groups.append([])
        groups[-1].append(word)
    found = []
    for k, group in enumerate(groups):
        first = start if k == 0 else min(max(group[0].start_s or 0.0, start), end)
        last = end if k == len(groups) - 1 else min(max(group[-1].end_s or 0.0, first), end)
        found.append(ModelUtterance(first, last, " ".join(word.text.strip() for word in group)))
    return found
