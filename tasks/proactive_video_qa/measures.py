"""The metrics of ProactiveVideoQA, declared. What PAUC computes is said in ``tml_bench.metrics.pauc``."""

from __future__ import annotations

from functools import partial

from tml_bench.metrics.pauc import OMEGAS
from tml_bench.task import Direction, Kind, Metric, Overall
from tml_bench.tasks.proactive_video_qa.loader import CATEGORIES

ONSET, END = "reply time = onset", "reply time = end"
LOWER, NEITHER = Direction.LOWER, Direction.NONE


def pauc_name(omega: float, end: bool = False) -> str:
    """The metric PAUC at an omega; ``end`` for the family where a reply's time is its end."""
    return f"pauc{'_end' if end else ''}_{round(100 * omega):03}"


_metric = partial(Metric, unit="%", kind=Kind.RATIO)
_beside = partial(_metric, family="beside PAUC")

METRICS = (
    *(
        _metric(name=pauc_name(omega, family == END), title=f"PAUC ω={omega:g}{suffix}", family=family,
                judged=True,
                describes=f"Area under the score of the replies over the expected span; {family}.")
        for family, suffix in ((ONSET, ""), (END, ", end"))
        for omega in OMEGAS
    ),
    _beside(name="duplicates", title="Duplicate replies", direction=LOWER,
            describes="Replies in an expected span that repeat an earlier one there, of those after its "
            "first."),
    _beside(name="out_of_span", title="Replies out of span", direction=LOWER,
            describes="Replies since the video's start whose onset lies in no expected span."),
    _beside(name="replies_per_minute", title="Replies per minute", unit="1/min", direction=NEITHER,
            describes="Replies since the video's start per minute of video."),
    _beside(name="answered", title="Turns answered",
            describes="Expected turns with a reply in their span."),
)  # fmt: skip
HEADLINE = ("pauc_050", "duplicates", "out_of_span", "replies_per_minute")
OVERALL = (Overall("mean of categories", CATEGORIES, equal=True), Overall("all turns", CATEGORIES))
"""Both readings of "averaged over turns and categories"; the first is the headline."""
