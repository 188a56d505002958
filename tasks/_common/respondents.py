"""Timelines of respondents with known behaviour, from which floors and ceilings are computed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tml_bench.timeline import Segment, Timeline, Word, WordSource


class Speech(NamedTuple):
    """Something a respondent says.

    Attributes:
        start_s: its onset.
        end_s: its end.
        words: laid evenly over it.
    """

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
