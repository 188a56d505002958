"""The metrics of Charades, declared. What they compute is said in ``tml_bench.metrics.intervals``."""

from __future__ import annotations

from tml_bench.metrics.intervals import THRESHOLDS
from tml_bench.task import Direction, Kind, Metric, Overall
from tml_bench.tasks.charades.loader import SUBSETS

OVERLAP, EDGES = "overlap", "edges"
HIGHER, LOWER, NEITHER = Direction.HIGHER, Direction.LOWER, Direction.NONE


def recall_name(threshold: float) -> str:
    """The metric R@1 at a threshold."""
    return f"r1_iou{round(10 * threshold):02}"


def _metric(
    name: str, title: str, unit: str, direction: Direction, kind: Kind, family: str, what: str
) -> Metric:
    return Metric(name, title, unit, direction, kind, 1, SUBSETS, family, what)


METRICS = (
    _metric("miou", "mIoU", "%", HIGHER, Kind.MEAN, OVERLAP,
            "Overlap in time of what was said with what is annotated; 0 where a word is missing."),
    *(
        _metric(recall_name(m), f"R@1, IoU={m}", "%", HIGHER, Kind.RATE, OVERLAP,
                f"Share of samples with an IoU of at least {m}.")
        for m in THRESHOLDS
    ),
    _metric("missing_start", "No start", "%", LOWER, Kind.RATE, EDGES, "The word start was not said."),
    _metric("missing_stop", "No stop", "%", LOWER, Kind.RATE, EDGES, "The word stop was not said after it."),
    _metric("start_error", "Start error", "s", LOWER, Kind.MEAN, EDGES,
            "|onset of start - annotated start|, where it was said."),
    _metric("stop_error", "Stop error", "s", LOWER, Kind.MEAN, EDGES,
            "|onset of stop - annotated end|, where it was said."),
    _metric("signed_start_error", "Signed start error", "s", NEITHER, Kind.MEAN, EDGES,
            "The same with its sign; positive is late."),
    _metric("signed_stop_error", "Signed stop error", "s", NEITHER, Kind.MEAN, EDGES,
            "The same with its sign; positive is late."),
)  # fmt: skip

HEADLINE = ("miou", "r1_iou05", "missing_start", "start_error", "stop_error")
OVERALL = (Overall("single occurrence", ("interior", "edge")),)
