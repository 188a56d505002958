"""What the model said, utterance by utterance.

An utterance is speech with no silence of the item's `TimedAnnotation.silence_s` or more inside; where words
have times of their own, a silence that long between two words separates too. Its onset is that of its first
speech. Every word belongs to the speech nearest to its middle. Speech without any word is an utterance all
the same: something was said, and nothing that was expected.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from tml_bench.tasks._common.speech import SpeechStretch, stretches, text_of
from tml_bench.timeline import Timeline, Word, WordSource

TIMED = (WordSource.ADAPTER, WordSource.ASR, WordSource.IMPORTED)
"""Sources whose words have times of their own."""


def utterances(timeline: Timeline, silence_s: float) -> tuple[SpeechStretch, ...]:
    """The utterances of a recording, in order, between silences of ``silence_s``."""
    between_s = silence_s if timeline.word_source in TIMED else math.inf
    return tuple(part for speech in stretches(timeline, silence_s) for part in _parts(speech, between_s))


def _parts(speech: SpeechStretch, silence_s: float) -> Iterator[SpeechStretch]:
    """Speech taken apart where its words are; a word's time outside it is moved into it."""
    groups: list[list[Word]] = [[]]
    for word in sorted(speech.words, key=lambda w: w.start_s or 0.0):
        before = groups[-1][-1].end_s if groups[-1] else None
        if before is not None and (word.start_s or 0.0) - before >= silence_s:
            groups.append([])
        groups[-1].append(word)
    if groups == [speech.words]:
        yield speech
        return
    for k, group in enumerate(groups):
        first, last = speech.start_s, speech.end_s
        if k > 0:
            first = min(max(group[0].start_s or 0.0, first), last)
        if k < len(groups) - 1:
            last = min(max(group[-1].end_s or 0.0, first), last)
        yield SpeechStretch(first, last, group, text_of(group))
