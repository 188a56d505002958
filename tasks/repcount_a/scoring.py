"""Scoring one recording of RepCount-A."""

from __future__ import annotations

from tml_bench.metrics import counting
from tml_bench.perception.numbers import spoken_numbers
from tml_bench.samples import Sample
from tml_bench.task import Mark, Score, Value
from tml_bench.tasks import _common as shared
from tml_bench.tasks.repcount_a.annotation import RepetitionAnnotation
from tml_bench.tasks.repcount_a.measures import FRACTIONS, METRICS, error_name
from tml_bench.timeline import Timeline, WordSource

Row = dict[str, str | float | None]


def annotation_of(sample: Sample) -> RepetitionAnnotation:
    """The sample's annotation.

    Raises:
        BadSampleError: the sample has none.
    """
    return shared.annotation_of(sample, RepetitionAnnotation, "RepCount-A")


def marks(sample: Sample) -> tuple[Mark, ...]:
    """Start and end of the video, and the end of every repetition with its number."""
    item = annotation_of(sample)
    return (
        Mark(item.start_s, item.end_s, "video"),
        *(Mark(end, None, str(k)) for k, end in enumerate(item.ends, start=1)),
    )


def score(task: str, sample: Sample, timeline: Timeline) -> Score:
    """Score one recording.

    Args:
        task: the task's name.
        sample: what was played.
        timeline: what was heard.

    Raises:
        BadSampleError: the sample has no annotation.
    """
    item = annotation_of(sample)
    if timeline.word_source is WordSource.NONE:
        return shared.without_words(task, sample, METRICS)
    said = [
        (n.start_s, n.value)
        for n in spoken_numbers(timeline.words)
        if n.start_s is not None and n.start_s >= item.start_s
    ]
    values = _results(item, said) | _along(item, said)
    rows = _rows(item, said)
    return Score(task, sample.subset, sample.id, sample.unit, values, {}, tuple(rows))


def _results(item: RepetitionAnnotation, said: list[counting.Said]) -> dict[str, Value]:
    since = counting.penultimate_end(item.ends, item.start_s) if item.count > 1 else item.start_s
    values = {}
    for prefix, from_s in (("", since), ("final_", item.start_s)):
        number = counting.last_number(said, from_s)
        values[f"{prefix}obo"] = Value(float(counting.off_by_one(number, item.count)))
        if item.count:
            values[f"{prefix}mae"] = Value(counting.absolute_error(number, item.count))
    return values


def _along(item: RepetitionAnnotation, said: list[counting.Said]) -> dict[str, Value]:
    steps = counting.running_count(said, item.ends, item.start_s, item.end_s)
    values = {}
    if steps:
        values["running_error"] = Value(counting.mean_error(steps))
        values |= {error_name(f): Value(float(counting.error_at(steps, f))) for f in FRACTIONS}
    found = counting.latencies(said, item.ends, item.start_s)
    late = [x for x in found if x is not None]
    values["counted"] = Value(len(late), len(found))
    values["count_latency"] = Value(sum(abs(x) for x in late), len(late))
    values["signed_count_latency"] = Value(sum(late), len(late))
    return values


def _rows(item: RepetitionAnnotation, said: list[counting.Said]) -> list[Row]:
    """The running count: one row per number and per repetition's end, with the error from then on."""
    steps = counting.running_count(said, item.ends, item.start_s, item.end_s)
    rows: list[Row] = [
        {
            "event": "running",
            "start_s": s.start_s,
            "end_s": s.end_s,
            "said": float(s.said),
            "true": float(s.true),
            "error": float(s.error),
        }
        for s in steps
    ]
    late = counting.latencies(said, item.ends, item.start_s)
    rows += [
        {"event": f"repetition {k}", "start_s": end, "end_s": None, "latency_s": by}
        for k, (end, by) in enumerate(zip(item.ends, late, strict=True), start=1)
    ]
    rows += [{"event": "number", "start_s": at, "end_s": None, "said": float(value)} for at, value in said]
    return rows
