"""What a model said, in stretches of speech, and timelines of respondents made of what they say."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tml_bench.metrics.vocalisations import Vocalisation, classify
from tml_bench.timeline import Segment, Timeline, Word, WordSource


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
    return " ".join([word.text.strip() for word in words])


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


class Speech(NamedTuple):
    """Something a respondent says: words laid evenly from its onset to its end."""

    start_s: float
    end_s: float
    words: Sequence[str]


def speaking(duration_s: float, said: Iterable[Speech], **more: Any) -> Timeline:
    """The timeline of a respondent.

    Args:
        duration_s: of the session; what is said is cut at its end, and what begins later left out.
        said: in order; silent where it is empty.
        more: further fields of the timeline.
    """
    segments, words = [], []
    for start, end, texts in said:
        stop = min(end, duration_s)
        if stop > start:
            segments.append(Segment(start, stop))
        step = (end - start) / max(1, len(texts))
        for k, text in enumerate(texts):
            at, until = start + k * step, start + (k + 1) * step
            if at < duration_s:
                words.append(Word(text, at, min(until, stop) if end > duration_s else until))
    source = WordSource.ADAPTER if words else WordSource.SILENT
    return Timeline(duration_s, tuple(segments), tuple(words), source, perceiver="synthetic", **more)


def one_by_one(said: Sequence[tuple[float, str]], longest_s: float) -> list[Speech]:
    """Texts said at these times, in order; each lasts ``longest_s`` unless the next one cuts it off."""
    following = [*(at for at, _ in said[1:]), math.inf]
    return [
        Speech(at, min(at + longest_s, after), text.split())
        for (at, text), after in zip(said, following, strict=False)
    ]
