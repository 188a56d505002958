"""PAUC: every reference value, the clean-up, and the bounds."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tml_bench.metrics.pauc import OMEGAS, RatedReply, clean_up, pauc

SPAN = (10.0, 20.0)
AT_ONCE, MIDDLE, END = 10.0, 15.0, 20.0

REFERENCE = [
    ([(AT_ONCE, 2)], (1.0, 1.0, 1.0)),
    ([(MIDDLE, 2)], (0.625, 0.8125, 1.0)),
    ([(END, 2)], (0.25, 0.625, 1.0)),
    ([(AT_ONCE, 1)], (0.5, 0.5, 0.5)),
    ([(END, 1)], (0.25, 0.375, 0.5)),
    ([(AT_ONCE, 0)], (0.0, 0.0, 0.0)),
    ([(END, 0)], (0.25, 0.125, 0.0)),
    ([], (0.25, 0.25, 0.25)),
    # Outside the span on either side is as silent as silence.
    ([(9.9, 2), (20.1, 0)], (0.25, 0.25, 0.25)),
    # Partial at 2 s, right at 6 s: (0.5*2 + 1*4 + 2*4) / 20, (0.5*1 + 1*2 + 2*7) / 20, 2*10 / 20.
    ([(12.0, 1), (16.0, 2)], (0.65, 0.825, 1.0)),
]


@pytest.mark.parametrize(("replies", "values"), REFERENCE)
def test_reference_values(replies: list[tuple[float, int]], values: tuple[float, float, float]) -> None:
    found = [pauc([RatedReply(*r) for r in replies], SPAN, omega) for omega in OMEGAS]
    assert found == pytest.approx(values, abs=1e-12)


def test_area_of_the_papers_worked_example() -> None:
    # The paper's example has T = 49 s and the area 48.5 of 98; here as 0.5 * 15 + 1 * 27 + 2 * 7.
    replies = [RatedReply(15.0, 1), RatedReply(42.0, 2)]
    assert pauc(replies, (0.0, 49.0), 0.0) == pytest.approx(48.5 / 98)
    assert round(pauc(replies, (0.0, 49.0), 0.0), 2) == 0.49


def test_clean_up_deletes_what_falls_after_the_related_span() -> None:
    good, worse, better = RatedReply(12.0, 1), RatedReply(18.0, 0), RatedReply(19.0, 2)
    assert clean_up([good, worse, better], 15.0) == [good, better]
    assert clean_up([good, worse], 18.0) == [good, worse]
    assert clean_up([worse], 15.0) == [worse]
    # Nothing was said in the related span: there is no score to fall below.
    assert clean_up([worse, better], 11.0) == [worse, better]
    # The last one in the related span decides, not the best.
    assert clean_up([RatedReply(11.0, 2), RatedReply(12.0, 0), RatedReply(18.0, 1)], 15.0)[-1] == RatedReply(
        18.0, 1
    )
    assert pauc([good, worse], SPAN, 1.0, 15.0) == 0.5
    assert pauc([good, worse], SPAN, 1.0) == 0.0


@pytest.mark.parametrize(
    ("replies", "span", "omega", "says"),
    [
        ([], (5.0, 5.0), 0.5, "no length"),
        ([], (0.0, 1.0), 1.5, "omega"),
        ([RatedReply(0.5, 3)], (0.0, 1.0), 0.5, "score 3"),
    ],
)
def test_wrong_input(replies: list[RatedReply], span: tuple[float, float], omega: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        pauc(replies, span, omega)


scored = st.lists(st.builds(RatedReply, st.floats(10, 20), st.integers(0, 2)), max_size=5)


@given(scored, st.floats(0, 1))
def test_within_bounds(replies: list[RatedReply], omega: float) -> None:
    assert -1e-12 <= pauc(replies, SPAN, omega, 15.0) <= 1 + 1e-12


@given(scored)
def test_without_time_only_the_last_score_counts(replies: list[RatedReply]) -> None:
    last = clean_up(replies, 15.0)[-1:]
    assert pauc(replies, SPAN, 1.0, 15.0) == pytest.approx(last[0].score / 2 if last else 0.25)


@given(st.floats(10, 20), st.floats(10, 20), st.sampled_from([0.0, 0.5]))
def test_a_right_reply_is_better_the_sooner_it_comes(a: float, b: float, omega: float) -> None:
    sooner, later = sorted((a, b))
    assert pauc([RatedReply(sooner, 2)], SPAN, omega) >= pauc([RatedReply(later, 2)], SPAN, omega) - 1e-12
