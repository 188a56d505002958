"""The p value of more units than every swap can be tried of: drawn swaps, and the data as one more."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from tml_bench.metrics import swap_test
from tml_bench.metrics.comparison import compare, compare_pairs, rank_ranges
from tml_bench.metrics.statistics import Observation
from tml_bench.metrics.swap_test import PERMUTATIONS
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


# ---- all swaps


def ratio_swaps(first: list[tuple[int, int]], second: list[tuple[int, int]]) -> float:
    """The test taken literally, in fractions: the share of swaps that reach the observed difference."""

    def difference(swaps: tuple[bool, ...]) -> Fraction:
        a = [y if swap else x for x, y, swap in zip(first, second, swaps, strict=True)]
        b = [x if swap else y for x, y, swap in zip(first, second, swaps, strict=True)]
        one, other = (Fraction(sum(n for n, _ in u), sum(d for _, d in u)) for u in (a, b))
        return abs(one - other)

    swaps = list(product([False, True], repeat=len(first)))
    observed = difference(swaps[0])
    return sum(difference(each) >= observed for each in swaps) / len(swaps)


value = st.tuples(st.integers(0, 9), st.integers(1, 9))


@given(st.lists(st.tuples(value, value), min_size=1, max_size=6))
def test_swaps_of_ratios_are_those_taken_literally(
    pairs: list[tuple[tuple[int, int], tuple[int, int]]],
) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    systems = [[Observation(f"s{k}", "", *v) for k, v in enumerate(each)] for each in (first, second)]
    assert compare(*systems, Kind.RATIO).p == ratio_swaps(first, second)


@pytest.mark.parametrize(
    ("tenths", "scale", "reach"),
    [
        ([2, 4, 1, -3], 1e9 / 7, 10),
        ([-4, 7, -7, 0, 3, 1], 1.0, 64),  # the observed difference is nought
    ],
)
def test_swaps_that_come_to_the_same_count_though_rounding_parts_them(
    tenths: list[int], scale: float, reach: int
) -> None:
    """In whole tenths so many swaps reach the observed sum; as computed some fall short by a hair."""
    swaps = list(product([1, -1], repeat=len(tenths)))
    sums = [abs(sum(s * d for s, d in zip(signs, tenths, strict=True))) for signs in swaps]
    assert sum(each >= sums[0] for each in sums) == reach
    assert p_of([scale * d / 10 for d in tenths]) == reach / len(swaps)


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1.0, 1e9])
def test_the_size_of_differences_does_not_matter(scale: float) -> None:
    """Below 1e-9 every swap passed for one that reaches: p was 1."""
    assert p_of([scale * k for k in (1, 2, 3, 4, 5, 6, 7)]) == 2 / 2**7


def test_a_small_difference_on_a_high_level_is_seen() -> None:
    systems = [observed([1e6 + k * 1e-3 + each for k in range(7)]) for each in (0.001, 0.0)]
    assert compare(*systems, Kind.MEAN).p == 2 / 2**7
    assert rank_ranges(
        [observed([1e-12 * level] * 20) for level in (1, 2)], Kind.MEAN, higher_is_better=True
    ) == [(2, 2), (1, 1)]


def test_swaps_of_very_many_units_are_the_same_drawn_fewer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    pair = tuple(rng.random(101) for _ in range(4))
    (p,) = swap_test.swap_tests([pair], seed=3)
    monkeypatch.setattr(swap_test, "_KEPT_UNITS", 7)
    monkeypatch.setattr(swap_test, "_KNOWN", {})
    assert [len(block) for block in swap_test._signs(101, 3)] == [68] * 147 + [4]
    assert swap_test.swap_tests([pair], seed=3) == [p]
    assert np.array_equal(np.concatenate(list(swap_test._signs(101, 3))), swap_test._kept_signs(101, 3))


def test_swaps_are_multiplied_once_a_system_and_not_once_a_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the systems are four times the pairs, and twice the products."""
    multiplied: list[int] = []
    real = swap_test._SwappedSystems._products

    def products(self: swap_test._SwappedSystems, sums: list[swap_test.FloatArray]) -> object:
        multiplied.append(sum(len(half) for half in sums if half.any()))
        return real(self, sums)

    monkeypatch.setattr(swap_test._SwappedSystems, "_products", products)
    monkeypatch.setattr(swap_test, "_KNOWN", {})
    rng = np.random.default_rng(2)
    for several in (4, 8, 16):
        systems = [observed(rng.random(20).tolist()) for _ in range(several)]
        assert len(compare_pairs(systems, Kind.MEAN)) == several * (several - 1) // 2
    assert multiplied == [4, 8, 16]


def test_a_pair_has_the_same_p_value_alone_and_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where two are nearly equal and all others are far; and with more systems than go at once."""
    monkeypatch.setattr(swap_test, "_SYSTEMS", 3)
    rng = np.random.default_rng(3)
    first = rng.random(15)
    values = [1e3 * rng.random(15), first, first + 1e-6 * rng.choice([-1, 1], 15), rng.random(15), first]
    systems = [observed(some.tolist()) for some in values]
    together = [pair.p for pair in compare_pairs(systems, Kind.MEAN)]
    monkeypatch.setattr(swap_test, "_KNOWN", {})
    assert together == [compare(a, b, Kind.MEAN).p for a, b in combinations(systems, 2)]
    assert 1.0 in together
    assert min(p for p in together if p is not None) < 0.01
