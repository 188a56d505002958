"""What the model said, in stretches of speech."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from tml_bench.metrics.vocalisations import Vocalisation, classify
from tml_bench.timeline import Timeline, Word, WordSource


class SpeechStretch(NamedTuple):
    """Speech without a long silence inside.

    Attributes:
        start_s: its onset, seconds.
        end_s: its end.
        words: those nearest to it, in order; empty for a cough, or where no words are known.
        text: the words as one text.
    """

    start_s: float
    end_s: float
    words: Sequence[Word]
    text: str


def text_of(words: Sequence[Word]) -> str:
    """Words as one text."""
    return " ".join(word.text.strip() for word in words)


def stretches(timeline: Timeline, silence_s: float) -> tuple[SpeechStretch, ...]:
    """The model's speech, joined where silences are shorter than ``silence_s``; empty for silence.

    Every word with a text and a time belongs to the stretch nearest to its middle.
    """
    spans: list[tuple[float, float]] = []
    for segment in timeline.segments:
        if spans and segment.start_s - spans[-1][1] < silence_s:
            spans[-1] = spans[-1][0], max(spans[-1][1], segment.end_s)
        else:
            spans.append((segment.start_s, segment.end_s))
    ends = [end for _, end in spans]
    last = len(ends) - 1
    placed: list[list[Word]] = [[] for _ in spans]
    for word in timeline.words if spans else ():
        if word.start_s is not None and word.text.strip():
            middle = (word.start_s + (word.start_s if word.end_s is None else word.end_s)) / 2
            after = bisect_left(ends, middle, 0, last)
            nearer = after and middle - ends[after - 1] <= spans[after][0] - middle
            placed[after - 1 if nearer else after].append(word)
    return tuple(
        SpeechStretch(*span, words, text_of(words)) for span, words in zip(spans, placed, strict=True)
    )


def vocalisations_of(timeline: Timeline) -> tuple[Vocalisation, ...]:
    """The model's speech, told into backchannels and takeovers; where no words are known, by duration alone.

    Returns:
        In order; empty for a track without speech.
    """
    words = None
    if timeline.word_source is not WordSource.NONE:
        words = [
            (w.start_s, w.start_s if w.end_s is None else w.end_s)
            for w in timeline.words
            if w.start_s is not None and w.text.strip()
        ]
    return classify([(s.start_s, s.end_s) for s in timeline.segments], words)
