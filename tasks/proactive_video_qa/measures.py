"""The metrics of ProactiveVideoQA, declared. What PAUC computes is said in ``tml_bench.metrics.pauc``."""

from __future__ import annotations

from tml_bench.metrics.pauc import OMEGAS
from tml_bench.task import Direction, Kind, Metric, Overall
from tml_bench.tasks.proactive_video_qa.loader import CATEGORIES

ONSET, END, BESIDE = "reply time = onset", "reply time = end", "beside PAUC"
HIGHER, LOWER, NEITHER = Direction.HIGHER, Direction.LOWER, Direction.NONE


def pauc_name(omega: float, end: bool = False) -> str:
    """The metric PAUC at an omega; ``end`` for the family where a reply's time is its end."""
    return f"pauc{'_end' if end else ''}_{round(100 * omega):03}"


def _pauc(omega: float, end: bool) -> Metric:
    title = f"PAUC ω={omega:g}{', end' if end else ''}"
    family = END if end else ONSET
    what = f"Area under the score of the replies over the expected span; {family}."
    return Metric(
        pauc_name(omega, end), title, "%", HIGHER, Kind.RATIO, 1, CATEGORIES, family, what, judged=True
    )


def _beside(name: str, title: str, unit: str, direction: Direction, what: str) -> Metric:
    return Metric(name, title, unit, direction, Kind.RATIO, 1, CATEGORIES, BESIDE, what)


METRICS = (
    *(_pauc(omega, False) for omega in OMEGAS),
    *(_pauc(omega, True) for omega in OMEGAS),
    _beside("duplicates", "Duplicate replies", "%", LOWER,
            "Replies in an expected span that repeat an earlier one there, of those after its first."),
    _beside("out_of_span", "Replies out of span", "%", LOWER,
            "Replies since the video's start whose onset lies in no expected span."),
    _beside("replies_per_minute", "Replies per minute", "1/min", NEITHER,
            "Replies since the video's start per minute of video."),
    _beside("answered", "Turns answered", "%", HIGHER, "Expected turns with a reply in their span."),
)  # fmt: skip

HEADLINE = ("pauc_050", "duplicates", "out_of_span", "replies_per_minute")
OVERALL = (Overall("mean of categories", CATEGORIES, equal=True), Overall("all turns", CATEGORIES))
"""Both readings of "averaged over turns and categories"; the first is the headline."""
