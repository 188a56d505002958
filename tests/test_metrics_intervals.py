"""Temporal IoU: golden triples and bounds."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tml_bench.metrics.intervals import iou

GOLDEN = [
    ((0.0, 10.0), (0.0, 10.0), 1.0),
    ((0.0, 5.0), (0.0, 10.0), 0.5),
    ((2.0, 6.0), (4.0, 8.0), 1 / 3),
    ((0.0, 1.0), (2.0, 3.0), 0.0),
    ((0.0, 2.0), (2.0, 3.0), 0.0),
    ((5.0, 5.0), (4.0, 8.0), 0.0),
    ((6.0, 5.0), (4.0, 8.0), 0.0),
    ((3.0, 4.0), (0.0, 10.0), 0.1),
    (None, (0.0, 1.0), 0.0),
]


@pytest.mark.parametrize(("said", "true", "value"), GOLDEN)
def test_iou(said: tuple[float, float] | None, true: tuple[float, float], value: float) -> None:
    assert iou(said, true) == pytest.approx(value)


def test_an_empty_annotation_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty"):
        iou((0.0, 1.0), (2.0, 2.0))


def delayed(true: tuple[float, float], by: float) -> tuple[float, float]:
    return true[0] + by, true[1] + by


spans = st.tuples(st.floats(0, 50), st.floats(0.1, 50)).map(lambda s: (s[0], s[0] + s[1]))


@given(spans, spans, st.floats(0, 100))
def test_iou_is_symmetric_bounded_and_independent_of_the_clocks_zero(
    a: tuple[float, float], b: tuple[float, float], shift: float
) -> None:
    value = iou(a, b)
    assert 0 <= value <= 1
    assert iou(b, a) == pytest.approx(value)
    assert iou(delayed(a, shift), delayed(b, shift)) == pytest.approx(value, abs=1e-9)


@given(spans, st.floats(0, 20), st.floats(0, 20))
def test_later_is_never_better(true: tuple[float, float], a: float, b: float) -> None:
    sooner, later = sorted((a, b))
    assert iou(delayed(true, later), true) <= iou(delayed(true, sooner), true) + 1e-12


def test_late_by_half_the_length() -> None:
    assert iou(delayed((0.0, 10.0), 5.0), (0.0, 10.0)) == pytest.approx(1 / 3)
