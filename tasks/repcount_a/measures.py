"""The metrics of RepCount-A, declared. What they compute is said in ``tml_bench.metrics.counting``."""

from __future__ import annotations

from functools import partial

from tml_bench.task import Direction, Kind, Metric

FRACTIONS = (0.25, 0.5, 0.75, 1.0)
MAE = "|number - count| / count of that number; 1 when none was said."


def error_name(fraction: float) -> str:
    """The metric of the running error at a fraction of the video."""
    return f"error_at_{round(100 * fraction)}"


_streamed = partial(Metric, family="after the penultimate repetition")
_final = partial(Metric, family="final number")
_along = partial(Metric, family="along the way", direction=Direction.LOWER)

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
           describes="Share of repetitions whose number was said in its place."),
    _along(name="count_latency", title="Count latency", unit="s", kind=Kind.RATIO,
           describes="Mean |onset of a repetition's number - its end|, over the repetitions counted aloud."),
    _along(name="signed_count_latency", title="Signed count latency", unit="s", direction=Direction.NONE,
           kind=Kind.RATIO,
           describes="The same with its sign; negative when the number comes before the repetition is "
           "complete."),
)  # fmt: skip
HEADLINE = ("obo", "mae", "running_error", "counted", "count_latency")
