"""Scoring one recording of RepCount-A; what metrics compute is said in ``tml_bench.metrics.counting``."""

from collections.abc import Sequence
from functools import partial

from tml_bench.metrics import counting
from tml_bench.perception.counts import spoken_counts
from tml_bench.questions import Verdicts
from tml_bench.samples import Sample
from tml_bench.task import Axis, BoardScore, Direction, Kind, Mark, Metric, Value
from tml_bench.tasks._common import ScoreSheet, annotation_of, without_words
from tml_bench.tasks.repcount_a.loader import RepetitionAnnotation
from tml_bench.timeline import Timeline, WordSource

FRACTIONS = (0.25, 0.5, 0.75, 1.0)
MAE = "|number - count| / count of that number; 1 when none was said."


def error_name(fraction: float) -> str:
    """The metric of the running error at a fraction of the video."""
    return f"error_at_{round(100 * fraction)}"


_streamed = partial(Metric, version=2, family="after the penultimate repetition")
_final = partial(Metric, version=2, family="final number")
_along = partial(Metric, version=2, family="along the way", direction=Direction.LOWER)

METRICS = (
    _streamed(name="obo", title="OBO", unit="%", kind=Kind.RATE,
              describes="The last number said after the end of the repetition before the last is within "
              "one."),
    _streamed(name="mae", title="MAE", direction=Direction.LOWER, describes=MAE),
    _final(name="final_obo", title="OBO, final number", unit="%", kind=Kind.RATE,
           describes="The last number said at all since the video's start is within one."),
    _final(name="final_mae", title="MAE, final number", direction=Direction.LOWER, describes=MAE),
    _along(name="running_error", title="Running error",
           describes="|last number said - repetitions ended| on average over the video's time, in "
           "repetitions."),
    *(
        _along(name=error_name(f), title=f"Error at {f:.0%}",
               describes=f"The running error {f:.0%} into the video, in repetitions.")
        for f in FRACTIONS
    ),
    _along(name="counted", title="Counted aloud", unit="%", direction=Direction.HIGHER, kind=Kind.RATIO,
           describes="Repetitions whose number was said in its place, of the repetitions or, if more, of the "
           "numbers said."),
    _along(name="count_latency", title="Count latency", unit="s", kind=Kind.RATIO,
           describes="Mean |onset of a repetition's number - its end|, over the repetitions counted aloud."),
    _along(name="signed_count_latency", title="Signed count latency", unit="s", direction=Direction.NONE,
           kind=Kind.RATIO,
           describes="The same with its sign; negative when the number comes before the repetition is "
           "complete."),
)  # fmt: skip
BOARD = BoardScore(
    "obo",
    "test",
    "A final count that is right to within one cannot be had by silence, by an echo or by talk without "
    "numbers. A constant number, or counting at a constant rate, hits some videos by luck: the floor is the "
    "best of thousands of those on these videos.",
    axis=Axis.SEEING,
)
HEADLINE = ("obo", "mae", "running_error", "counted", "count_latency")


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
        return without_words(METRICS, timeline)
    said = [
        (n.start_s, n.value)
        for n in spoken_counts(timeline.words)
        if n.start_s is not None and n.start_s >= item.start_s
    ]
    sheet = ScoreSheet()
    _results(sheet, item, said)
    _running(sheet, item, said)
    return sheet


def _results(sheet: ScoreSheet, item: RepetitionAnnotation, said: Sequence[counting.Said]) -> None:
    """How right the last number is."""
    since = counting.penultimate_end(item.ends, item.start_s) if item.count > 1 else item.start_s
    for prefix, from_s in (("", since), ("final_", item.start_s)):
        number = counting.last_number(said, from_s)
        sheet.put(**{f"{prefix}obo": counting.off_by_one(number, item.count)})
        if item.count:
            sheet.put(**{f"{prefix}mae": counting.absolute_error(number, item.count)})


def _running(sheet: ScoreSheet, item: RepetitionAnnotation, said: Sequence[counting.Said]) -> None:
    """The running count: a row per number and per repetition's end, with the error from then on."""
    steps = counting.running_count(said, item.ends, item.start_s, item.end_s)
    if steps:
        sheet.put(running_error=counting.mean_error(steps))
        sheet.put(**{error_name(f): counting.error_at(steps, f) for f in FRACTIONS})
    found = counting.latencies(said, item.ends, item.start_s)
    late = [x for x in found if x is not None]
    spoken = counting.numbers_in_turn(said, item.start_s, item.end_s)
    sheet.values["counted"] = Value(len(late), max(len(found), spoken))
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
