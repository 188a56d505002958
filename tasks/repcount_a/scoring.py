"""Scoring one recording of RepCount-A."""

from __future__ import annotations

from collections.abc import Sequence

from tml_bench.metrics import counting
from tml_bench.perception.numbers import spoken_numbers
from tml_bench.questions import Verdicts
from tml_bench.samples import Sample
from tml_bench.task import Mark, Value
from tml_bench.tasks._common.scores import ScoreSheet, annotation_of, without_words
from tml_bench.tasks.repcount_a.annotation import RepetitionAnnotation
from tml_bench.tasks.repcount_a.measures import FRACTIONS, METRICS, error_name
from tml_bench.timeline import Timeline, WordSource


def marks(sample: Sample) -> tuple[Mark, ...]:
    """Start and end of the video, and the end of every repetition with its number."""
    item = annotation_of(sample, RepetitionAnnotation)
    return (
        Mark(item.start_s, item.end_s, "video"),
        *(Mark(end, None, str(k)) for k, end in enumerate(item.ends, start=1)),
    )


def score(sample: Sample, timeline: Timeline, verdicts: Verdicts) -> ScoreSheet:
    """Score one recording."""
    item = annotation_of(sample, RepetitionAnnotation)
    if timeline.word_source is WordSource.NONE:
        return without_words(METRICS)
    said = [
        (n.start_s, n.value)
        for n in spoken_numbers(timeline.words)
        if n.start_s is not None and n.start_s >= item.start_s
    ]
    sheet = ScoreSheet()
    _results(sheet, item, said)
    _along(sheet, item, said)
    return sheet


def _results(sheet: ScoreSheet, item: RepetitionAnnotation, said: Sequence[counting.Said]) -> None:
    """How right the last number is."""
    since = counting.penultimate_end(item.ends, item.start_s) if item.count > 1 else item.start_s
    for prefix, from_s in (("", since), ("final_", item.start_s)):
        number = counting.last_number(said, from_s)
        sheet.put(**{f"{prefix}obo": counting.off_by_one(number, item.count)})
        if item.count:
            sheet.put(**{f"{prefix}mae": counting.absolute_error(number, item.count)})


def _along(sheet: ScoreSheet, item: RepetitionAnnotation, said: Sequence[counting.Said]) -> None:
    """The running count: a row per number and per repetition's end, with the error from then on."""
    steps = counting.running_count(said, item.ends, item.start_s, item.end_s)
    if steps:
        sheet.put(running_error=counting.mean_error(steps))
        sheet.put(**{error_name(f): counting.error_at(steps, f) for f in FRACTIONS})
    found = counting.latencies(said, item.ends, item.start_s)
    late = [x for x in found if x is not None]
    sheet.values["counted"] = Value(len(late), len(found))
    sheet.values["count_latency"] = Value(sum(abs(x) for x in late), len(late))
    sheet.values["signed_count_latency"] = Value(sum(late), len(late))
    for s in steps:
        sheet.event(
            "running", s.start_s, s.end_s, said=float(s.said), true=float(s.true), error=float(s.error)
        )
    for k, (end, by) in enumerate(zip(item.ends, found, strict=True), start=1):
        sheet.event(f"repetition {k}", end, latency_s=by)
    for at, value in said:
        sheet.event("number", at, said=float(value))
