"""What the model said, utterance by utterance.

An utterance is speech with no silence of the item's `Expected.silence_s` or more inside; where words have
times of their own, a silence that long between two words separates too. Its onset is that of its first
speech. Every word belongs to the speech nearest to its middle. Speech without any word is an utterance all
the same: something was said, and nothing that was expected.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from tml_bench.tasks._common.speech import SpeechStretch, stretches, text_of
from tml_bench.timeline import Timeline, Word, WordSource

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
    timed = timeline.word_source in TIMED
    return tuple(
        utterance
        for speech in stretches(timeline, silence_s)
        for utterance in _split(speech, silence_s if timed else math.inf)
    )


def _split(speech: SpeechStretch, silence_s: float) -> list[ModelUtterance]:
    """One stretch of speech, taken apart where its words are; a word's time outside it is moved into it."""
    groups: list[list[Word]] = [[]]
    for word in sorted(speech.words, key=lambda w: w.start_s or 0.0):
        before = groups[-1][-1].end_s if groups[-1] else None
        if before is not None and (word.start_s or 0.0) - before >= silence_s:
            groups.append([])
        groups[-1].append(word)
    found = []
    for k, group in enumerate(groups):
        first = speech.start_s if k == 0 else min(max(group[0].start_s or 0.0, speech.start_s), speech.end_s)
        last = speech.end_s
        if k < len(groups) - 1:
            last = min(max(group[-1].end_s or 0.0, first), speech.end_s)
        found.append(ModelUtterance(first, last, text_of(group)))
    return found
