"""The p value of more units than every swap can be tried of: drawn swaps, and the data as one more."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from tml_bench.metrics.comparison import PERMUTATIONS, compare, rank_ranges
from tml_bench.metrics.statistics import Observation
from tml_bench.task import Kind


def observed(values: list[float]) -> list[Observation]:
    return [Observation(f"s{k:04}", "", value) for k, value in enumerate(values)]


def p_of(differences: list[float], seed: int = 0) -> float:
    p = compare(observed(differences), observed([0.0] * len(differences)), Kind.MEAN, seed=seed).p
    assert p is not None
    return p


def test_no_p_value_is_nought() -> None:
    """Of 2^40 swaps only two reach the difference: none is drawn, and the observed one is counted."""
    assert p_of([1.0] * 40) == 1 / (PERMUTATIONS + 1)


def test_the_p_value_counts_the_swaps_that_reach_and_one() -> None:
    """One unit that differs: every swap reaches its difference."""
    assert p_of([1.0] + [0.0] * 19) == 1.0
    assert p_of([0.0] * 20) == 1.0


def test_thirteen_units_are_tried_in_every_way_and_fourteen_are_drawn() -> None:
    assert p_of([1.0] * 13) == 2 / 2**13
    drawn = p_of([1.0] * 14) * (PERMUTATIONS + 1)
    assert drawn == pytest.approx(round(drawn))
    # 10,000 draws reach it 1.2 times on average: (1 + 6) is beyond 99.9 % of all seeds.
    assert 1 <= round(drawn) <= 7


@pytest.mark.parametrize("seed", range(3))
def test_drawn_swaps_give_the_exact_p_value_within_chance(seed: int) -> None:
    """k of 40 differences of 1 against the others of -1: the sign test, whose p value is known."""
    for k in (20, 24, 27, 30):
        exact = stats.binomtest(k, 40).pvalue
        spread = math.sqrt(exact * (1 - exact) / PERMUTATIONS)
        assert p_of([1.0] * k + [-1.0] * (40 - k), seed) == pytest.approx(exact, abs=4 * spread + 1e-4)


def test_the_seed_decides_the_draw_and_nothing_else_does() -> None:
    differences = [1.0] * 26 + [-1.0] * 14
    assert p_of(differences, 1) == p_of(differences, 1) != p_of(differences, 2)


def test_many_comparisons_do_not_run_out_of_draws() -> None:
    """Holm multiplies the smallest p by 45 pairs: 45 / 10,001 still orders ten systems that never cross."""
    systems = [observed([float(level)] * 40) for level in range(10)]
    ranks = rank_ranges(systems, Kind.MEAN, higher_is_better=True)
    assert ranks == [(10 - level, 10 - level) for level in range(10)]
    at_the_edge = rank_ranges(systems, Kind.MEAN, higher_is_better=True, alpha=44 / (PERMUTATIONS + 1))
    assert at_the_edge == [(1, 10)] * 10
