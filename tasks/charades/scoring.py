"""Scoring one recording of Charades; what metrics compute is said in ``tml_bench.metrics.intervals``."""

import re
from functools import partial

from tml_bench.metrics.intervals import THRESHOLDS, Interval, iou
from tml_bench.plain_text import plain
from tml_bench.questions import Verdicts
from tml_bench.samples import Sample
from tml_bench.task import Axis, BoardScore, Direction, Kind, Mark, Metric, Overall
from tml_bench.tasks._common import ScoreSheet, annotation_of, without_words
from tml_bench.tasks.charades.loader import MomentAnnotation
from tml_bench.timeline import Timeline, WordSource


def recall_name(threshold: float) -> str:
    """The metric R@1 at a threshold."""
    return f"r1_iou{round(10 * threshold):02}"


_overlap = partial(Metric, unit="%", family="overlap")
_edge = partial(Metric, family="edges", direction=Direction.LOWER)

METRICS = (
    _overlap(name="miou", title="mIoU",
             describes="Overlap in time of what was said with what is annotated; 0 where a word is missing."),
    *(
        _overlap(name=recall_name(m), title=f"R@1, IoU={m}", kind=Kind.RATE,
                 describes=f"Share of samples with an IoU of at least {m}.")
        for m in THRESHOLDS
    ),
    _edge(name="missing_start", title="No start", unit="%", kind=Kind.RATE,
          describes="The word start was not said."),
    _edge(name="missing_stop", title="No stop", unit="%", kind=Kind.RATE,
          describes="The word stop was not said after it."),
    _edge(name="start_error", title="Start error", unit="s",
          describes="|onset of start - annotated start|, where it was said."),
    _edge(name="stop_error", title="Stop error", unit="s",
          describes="|onset of stop - annotated end|, where it was said."),
    *(
        _edge(name=f"signed_{edge}_error", title=f"Signed {edge} error", unit="s", direction=Direction.NONE,
              describes="The same with its sign; positive is late.")
        for edge in ("start", "stop")
    ),
)  # fmt: skip
HEADLINE = ("miou", "r1_iou05", "missing_start", "start_error", "stop_error")
BOARD = BoardScore(
    "miou",
    "interior",
    "Actions that touch neither end of the video, so that neither saying start at once nor never saying "
    "stop is nearly right. Silence and talk without the two words overlap with nothing; the same interval "
    "in every video overlaps with some, and the floor is the best one on these videos.",
    axis=Axis.SEEING,
)
OVERALL = (Overall("single occurrence", ("interior", "edge")),)


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
        for text in re.findall("[a-z]+", plain(word.text)):
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
        return without_words(METRICS, timeline)
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
