"""Overlaps at exactly a threshold, which times make inexact; and the moments from which words count."""

from __future__ import annotations

import pytest

from tml_bench.metrics.intervals import iou
from tml_bench.samples import Reference, Sample
from tml_bench.tasks.charades.loader import MomentAnnotation
from tml_bench.tasks.charades.task import Charades
from tml_bench.timeline import Segment, Timeline, Word, WordSource

TASK = Charades()
RECALLS = {0.3: "r1_iou03", 0.5: "r1_iou05", 0.7: "r1_iou07"}


def scored(item: MomentAnnotation, *said: tuple[str, float]) -> dict[str, float]:
    words = tuple(Word(text, at, at + 0.3) for text, at in said)
    timeline = Timeline(60.0, tuple(Segment(at, at + 0.3) for _, at in said), words, WordSource.ADAPTER)
    score = TASK.score(Sample("s", "sta", reference=Reference(annotation=item)), timeline)
    return {name: value.numerator / value.denominator for name, value in score.values.items()}


@pytest.mark.parametrize(
    ("start_s", "end_s", "stop_s", "threshold"),
    [
        (0.2, 7.2, 2.3, 0.3),
        (0.1, 8.1, 4.1, 0.5),
        (0.4, 11.4, 8.1, 0.7),
    ],
)
def test_an_overlap_of_exactly_a_threshold_reaches_it(
    start_s: float, end_s: float, stop_s: float, threshold: float
) -> None:
    """In tenths of a second the overlap is the threshold; as computed it is a little less."""
    tenths = [round(10 * t) for t in (start_s, end_s, stop_s)]
    assert (tenths[2] - tenths[0]) / (tenths[1] - tenths[0]) == threshold
    assert iou((start_s, stop_s), (start_s, end_s)) < threshold
    item = MomentAnnotation(start_s, end_s, 0.0, 20.0)
    reached = scored(item, ("start", start_s), ("stop", stop_s))
    assert [m for m, name in RECALLS.items() if reached[name]] == [m for m in RECALLS if m <= threshold]
    short = scored(item, ("start", start_s), ("stop", stop_s - 1e-4))
    assert [m for m, name in RECALLS.items() if short[name]] == [m for m in RECALLS if m < threshold]


ITEM = MomentAnnotation(7.0, 12.0, 2.0, 15.0)
"""The video lasts from 2 to 17 s."""


def test_a_word_at_the_video_s_first_instant_counts() -> None:
    assert scored(ITEM, ("start", 2.0), ("stop", 12.0))["signed_start_error"] == -5.0
    assert scored(ITEM, ("start", 1.999), ("stop", 12.0))["missing_start"] == 1.0
    assert scored(ITEM, ("start", 1.0), ("start", 7.0), ("stop", 12.0))["miou"] == pytest.approx(1.0)


def test_start_and_stop_may_come_in_one_word() -> None:
    found = scored(ITEM, ("Start-stop.", 8.0))
    assert (found["missing_start"], found["missing_stop"], found["miou"]) == (0.0, 0.0, 0.0)
    assert (found["signed_start_error"], found["signed_stop_error"]) == (1.0, -4.0)
    assert scored(ITEM, ("stop-start", 8.0))["missing_stop"] == 1.0


def test_errors_have_a_size_and_a_sign() -> None:
    found = scored(ITEM, ("start", 6.5), ("stop", 13.0))
    assert (found["start_error"], found["signed_start_error"]) == (0.5, -0.5)
    assert (found["stop_error"], found["signed_stop_error"]) == (1.0, 1.0)


def test_what_is_said_after_the_video_s_end_covers_nothing() -> None:
    whole = MomentAnnotation(7.0, 17.0, 2.0, 15.0)
    assert scored(whole, ("start", 18.0), ("stop", 19.0))["miou"] == 0.0
    assert scored(whole, ("start", 16.0), ("stop", 30.0))["miou"] == pytest.approx(0.1)
