"""The metrics of Charades, declared. What they compute is said in ``tml_bench.metrics.intervals``."""

from __future__ import annotations

from functools import partial

from tml_bench.metrics.intervals import THRESHOLDS
from tml_bench.task import Direction, Kind, Metric, Overall


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
OVERALL = (Overall("single occurrence", ("interior", "edge")),)
