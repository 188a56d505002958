"""Scoring one recording of Charades."""

from __future__ import annotations

import re

from tml_bench.metrics.intervals import THRESHOLDS, Interval, iou
from tml_bench.questions import Verdicts
from tml_bench.samples import Sample
from tml_bench.task import Mark
from tml_bench.tasks._common.scores import ScoreSheet, annotation_of, without_words
from tml_bench.tasks.charades.loader import MomentAnnotation
from tml_bench.tasks.charades.measures import METRICS, recall_name
from tml_bench.timeline import Timeline, WordSource

_TINY = 1e-9  # 0.3 computed from times is 0.29999...


def marks(sample: Sample) -> tuple[Mark, ...]:
    """The video and what happens in it."""
    item = annotation_of(sample, MomentAnnotation)
    return (
        Mark(item.video_at_s, item.video_at_s + item.length_s, "video"),
        Mark(item.start_s, item.end_s, "action"),
    )


def said(timeline: Timeline, since_s: float) -> tuple[float | None, float | None]:
    """Onset of the first "start" at or after ``since_s``, and of the first "stop" after it."""
    start: float | None = None
    for word in timeline.words:
        if word.start_s is None or word.start_s < since_s:
            continue
        for text in re.findall("[a-z]+", word.text.lower()):
            if text == "start" and start is None:
                start = word.start_s
            elif text == "stop" and start is not None:
                return start, word.start_s
    return start, None


def interval_of(item: MomentAnnotation, start_s: float | None, stop_s: float | None) -> Interval | None:
    """What was said, cut at the video's end: nothing can go on after it. None when a word is missing."""
    if start_s is None or stop_s is None:
        return None
    end = item.video_at_s + item.length_s
    return min(start_s, end), min(stop_s, end)


def score(sample: Sample, timeline: Timeline, verdicts: Verdicts) -> ScoreSheet:
    """Score one recording."""
    item = annotation_of(sample, MomentAnnotation)
    if timeline.word_source is WordSource.NONE:
        return without_words(METRICS)
    start, stop = said(timeline, item.video_at_s)
    overlap = iou(interval_of(item, start, stop), (item.start_s, item.end_s))
    values = {"miou": overlap, "missing_start": start is None, "missing_stop": stop is None}
    values |= {recall_name(m): overlap >= m - _TINY for m in THRESHOLDS}
    for name, at, true in (("start", start, item.start_s), ("stop", stop, item.end_s)):
        if at is not None:
            values |= {f"{name}_error": abs(at - true), f"signed_{name}_error": at - true}
    sheet = ScoreSheet()
    sheet.put(**values)
    sheet.event("action", item.start_s, item.end_s)
    sheet.event("said", start, stop)
    return sheet
