"""The metrics of RepCount-A, declared. What they compute is said in ``tml_bench.metrics.counting``."""

from __future__ import annotations

from tml_bench.task import Direction, Kind, Metric
from tml_bench.tasks.repcount_a.loader import SPLITS

STREAMED, FINAL, ALONG = "after the penultimate repetition", "final number", "along the way"
FRACTIONS = (0.25, 0.5, 0.75, 1.0)
HIGHER, LOWER, NEITHER = Direction.HIGHER, Direction.LOWER, Direction.NONE


def error_name(fraction: float) -> str:
    """The metric of the running error at a fraction of the video."""
    return f"error_at_{round(100 * fraction)}"


def _metric(
    name: str, title: str, unit: str, direction: Direction, kind: Kind, family: str, what: str
) -> Metric:
    return Metric(name, title, unit, direction, kind, 1, SPLITS, family, what)


METRICS = (
    _metric("obo", "OBO", "%", HIGHER, Kind.RATE, STREAMED,
            "The last number said after the end of the repetition before the last is within one."),
    _metric("mae", "MAE", "", LOWER, Kind.MEAN, STREAMED,
            "|number - count| / count of that number; 1 when none was said."),
    _metric("final_obo", "OBO, final number", "%", HIGHER, Kind.RATE, FINAL,
            "The last number said at all since the video's start is within one."),
    _metric("final_mae", "MAE, final number", "", LOWER, Kind.MEAN, FINAL,
            "|number - count| / count of that number; 1 when none was said."),
    _metric("running_error", "Running error", "", LOWER, Kind.MEAN, ALONG,
            "|last number said - repetitions ended| on average over the video's time, in repetitions."),
    *(
        _metric(error_name(f), f"Error at {f:.0%}", "", LOWER, Kind.MEAN, ALONG,
                f"The running error {f:.0%} into the video, in repetitions.")
        for f in FRACTIONS
    ),
    _metric("counted", "Counted aloud", "%", HIGHER, Kind.RATIO, ALONG,
            "Share of repetitions whose number was said in its place."),
    _metric("count_latency", "Count latency", "s", LOWER, Kind.RATIO, ALONG,
            "Mean |onset of a repetition's number - its end|, over the repetitions counted aloud."),
    _metric("signed_count_latency", "Signed count latency", "s", NEITHER, Kind.RATIO, ALONG,
            "The same with its sign; negative when the number comes before the repetition is complete."),
)  # fmt: skip

HEADLINE = ("obo", "mae", "running_error", "counted", "count_latency")
