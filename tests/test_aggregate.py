from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from tml_bench.metrics.comparison import compare, holm, rank_ranges
from tml_bench.metrics.confidence import t_quantile, wilson
from tml_bench.metrics.statistics import Observation, estimate
from tml_bench.task import Kind


def obs(values: list[float], units: list[str] | None = None) -> list[Observation]:
    return [Observation(f"s{i:04}", units[i] if units else "", float(v)) for i, v in enumerate(values)]


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (4, 4, 0.5101, 1.0),  # 4 / (4 + 1.96²)
        (0, 4, 0.0, 0.4899),
        (1, 1, 0.2065, 1.0),
        (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I, method 3
        (15, 148, 0.0624, 0.1605),  # the same
        (1, 29, 0.0061, 0.1718),  # the same
    ],
)
def test_wilson_known_values(k: int, n: int, low: float, high: float) -> None:
    assert wilson(k / n, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy(kn: tuple[int, int]) -> None:
    k, n = kn
    expected = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert wilson(k / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_rate_uses_units_not_samples() -> None:
    one_each = estimate(obs([1, 1, 1, 1]), Kind.RATE)
    assert (one_each.low, one_each.high) == pytest.approx((0.5101, 1.0), abs=1e-4)
    pairs = estimate(obs([1] * 16, [f"u{k // 2}" for k in range(16)]), Kind.RATE)
    assert (pairs.n, pairs.n_units) == (16, 8)
    assert (pairs.low, pairs.high) == wilson(1.0, 8)  # samples of a unit all agree
    few = estimate(obs([1, 1, 1, 1], ["a", "a", "b", "b"]), Kind.RATE)
    assert (few.low, few.high, few.no_interval) == (None, None, "too few units (2, 5 needed)")


def test_mean_by_hand() -> None:
    e = estimate(obs([1, 2, 3, 6]), Kind.MEAN)
    assert e.mean == 3.0
    assert e.std == pytest.approx(math.sqrt(14 / 4))
    assert (e.n, e.n_units) == (4, 4)
    assert (e.low, e.high, e.no_interval) == (None, None, "too few units (4, 16 needed)")
    # (t .975 + t .8) * sqrt(2) * s / sqrt(n), s² = 14 / 3 and 3 degrees of freedom
    t = stats.t.ppf(0.975, 3) + stats.t.ppf(0.8, 3)
    assert e.detectable == pytest.approx(t * math.sqrt(2) * math.sqrt(14 / 3) / 2)


def test_clustered_samples_widen_the_interval() -> None:
    values = [float(u % 5 == k) + 0.1 * k for u in range(20) for k in range(2)]
    loose = estimate(obs(values), Kind.MEAN)
    tied = estimate(obs([v for v in values for _ in range(4)], [f"u{i // 8}" for i in range(160)]), Kind.MEAN)
    as_if = estimate(obs([v for v in values for _ in range(4)]), Kind.MEAN)
    assert tied.mean == pytest.approx(loose.mean)
    assert tied.high - tied.low > 1.5 * (as_if.high - as_if.low)  # type: ignore[operator]


def test_ratio_is_a_ratio_of_sums() -> None:
    e = estimate(
        [Observation("a", "", 1, 2), Observation("b", "", 3, 10), Observation("c", "", 0, 0)], Kind.RATIO
    )
    assert e.mean == pytest.approx(4 / 12)
    assert (e.n, e.n_units) == (2, 2)
    assert e.no_interval == "too few units (2, 16 needed)"
    assert e.std == pytest.approx(0.1)  # of 0.5 and 0.3


@pytest.mark.parametrize("kind", list(Kind))
def test_nothing_in_nothing_out(kind: Kind) -> None:
    e = estimate([], kind)
    assert (e.mean, e.low, e.high, e.std, e.detectable, e.n, e.n_units) == (None,) * 5 + (0, 0)
    c = compare([], obs([1]), kind)
    assert (c.difference, c.p, c.n) == (None, None, 0)


def test_one_unit_has_no_interval() -> None:
    e = estimate(obs([0.3, 0.5], ["a", "a"]), Kind.MEAN)
    assert (e.mean, e.low, e.high, e.detectable) == (0.4, None, None, None)


@pytest.mark.parametrize("level", [0.1, 1e-15, 1e12])
def test_equal_values_have_no_interval(level: float) -> None:
    e = estimate(obs([level] * 17), Kind.MEAN)
    assert (e.mean, e.low, e.high, e.detectable) == (pytest.approx(level), None, None, None)
    assert e.no_interval == "all units agree"
    perfect = [Observation(f"s{i}", "", 2.0 * i * level, 2.0 * i) for i in range(1, 18)]
    assert estimate(perfect, Kind.RATIO).no_interval == "all units agree"


@pytest.mark.parametrize("scale", [1e-15, 1.0, 1e12])
def test_the_unit_of_measurement_does_not_matter(scale: float) -> None:
    """Spreads below 1e-12 passed for rounding noise."""
    values = np.random.default_rng(2).exponential(1, 30)
    seconds, other = estimate(obs(list(values)), Kind.MEAN), estimate(obs(list(scale * values)), Kind.MEAN)
    assert (other.low, other.high) == pytest.approx((scale * seconds.low, scale * seconds.high))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("bad", "kind", "message"),
    [
        ([Observation("x", "", math.nan)], Kind.MEAN, "x"),
        ([Observation("x", "", 1.5)], Kind.RATE, "rate"),
        ([Observation("x", "", 1, 2)], Kind.MEAN, "denominator"),
        ([Observation("x", "", 1, -1)], Kind.RATIO, "x"),
        ([Observation("x", "", 1), Observation("x", "", 0)], Kind.RATE, "twice"),
    ],
)
def test_impossible_values_are_refused(bad: list[Observation], kind: Kind, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate(bad, kind)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=2, max_size=60), st.randoms(use_true_random=False))
def test_order_does_not_matter_and_the_interval_holds_the_mean(values: list[float], random: object) -> None:
    a = obs(values, [f"u{i % 25}" for i in range(len(values))])
    shuffled = list(a)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    e = estimate(a, Kind.MEAN)
    assert e == estimate(shuffled, Kind.MEAN)
    if e.no_interval:
        assert (e.low, e.high) == (None, None)
    else:
        assert e.low <= e.mean <= e.high  # type: ignore[operator]


def exact_sign_flip(differences: list[float]) -> float:
    observed = abs(sum(differences))
    flips = list(itertools.product([1, -1], repeat=len(differences)))
    return sum(
        abs(sum(s * d for s, d in zip(f, differences, strict=True))) >= observed - 1e-12 for f in flips
    ) / len(flips)


def test_swap_test_by_hand() -> None:
    # Differences 1, 2, 3: of the 8 sign patterns only +++ and --- reach 6.
    c = compare(obs([2, 4, 6]), obs([1, 2, 3]), Kind.MEAN)
    assert c.difference == 2.0
    assert c.p == 2 / 8


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=8))
def test_swap_test_is_the_exact_sign_flip_test(differences: list[int]) -> None:
    c = compare(obs([float(d) for d in differences]), obs([0.0] * len(differences)), Kind.MEAN)
    assert c.p == pytest.approx(exact_sign_flip([float(d) for d in differences]))


def test_random_swaps_agree_with_the_paired_t_test() -> None:
    rng = np.random.default_rng(3)
    a, noise = rng.normal(0, 1, 120), rng.normal(0.2, 1, 120)
    c = compare(obs(list(a + noise)), obs(list(a)), Kind.MEAN)
    assert c.p == pytest.approx(stats.ttest_rel(a + noise, a).pvalue, abs=0.01)
    t = stats.ttest_rel(a + noise, a)
    assert (c.low, c.high) == pytest.approx(tuple(t.confidence_interval(0.95)))
    reach = t_quantile(0.975, 119) + t_quantile(0.8, 119)
    assert c.detectable == pytest.approx(reach * noise.std(ddof=1) / math.sqrt(120))


def test_swaps_happen_within_units() -> None:
    # Two units can only be swapped 4 ways, so p is 2/4 however many samples they hold.
    units = ["a"] * 20 + ["b"] * 20
    assert compare(obs([1.0] * 40, units), obs([0.0] * 40, units), Kind.RATE).p == 0.5


def test_ratio_comparison_by_hand() -> None:
    a = [Observation("x", "", 2, 4), Observation("y", "", 6, 4)]
    b = [Observation("x", "", 1, 2), Observation("y", "", 1, 2)]
    c = compare(a, b, Kind.RATIO)
    assert c.difference == pytest.approx(8 / 8 - 2 / 4)
    # Swapping x: (1+6)/(2+4) - (2+1)/(4+2) = 7/6 - 1/2 = 0.667 >= 0.5, and so for y: every swap reaches.
    assert c.p == 1.0


def test_only_shared_samples_are_compared() -> None:
    c = compare(obs([1, 5, 9]), obs([1, 4]), Kind.MEAN)
    assert (c.n, c.difference) == (2, 0.5)


def test_equal_differences_have_no_interval_but_a_p_value() -> None:
    c = compare(obs([1.5] * 8), obs([0.1] * 8), Kind.MEAN)
    assert (c.low, c.high, c.detectable, c.no_interval) == (None, None, None, "all units agree")
    assert c.p == 2 / 2**8
    few = compare(obs([1, 1, 1, 1]), obs([0, 0, 0, 0]), Kind.RATE)
    assert (few.low, few.no_interval, few.p) == (None, "too few samples (4, 16 needed)", 2 / 16)


def test_a_difference_of_rates_by_hand() -> None:
    """Bonett and Price: one more pair of each kind that differs, 7 and 2 of 18."""
    c = compare(obs([1] * 6 + [0] * 10), obs([0] * 6 + [1] + [0] * 9), Kind.RATE)
    reach = 1.959964 * math.sqrt((9 / 18 - (5 / 18) ** 2) / 18)
    assert c.difference == 5 / 16
    assert (c.low, c.high) == pytest.approx((5 / 18 - reach, 5 / 18 + reach), abs=1e-6)
    same = compare(obs([1] * 16), obs([1] * 16), Kind.RATE)
    assert same.low == -same.high < 0  # type: ignore[operator]


def test_disagreeing_units_are_refused() -> None:
    with pytest.raises(ValueError, match="units"):
        compare([Observation("x", "a", 1)], [Observation("x", "b", 1)], Kind.MEAN)


def test_holm_by_hand() -> None:
    # Sorted .005 .01 .03 .04 times 4 3 2 1 = .02 .03 .06 .04 -> running maximum .02 .03 .06 .06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_rank_ranges() -> None:
    good = obs([1.0] * 40)
    also_good = obs([1.0] * 39 + [0.0])
    bad = obs([0.0] * 40)
    systems = [bad, good, [], also_good]
    assert rank_ranges(systems, Kind.RATE, higher_is_better=True) == [(3, 3), (1, 2), None, (1, 2)]
    assert rank_ranges(systems, Kind.RATE, higher_is_better=False) == [(1, 1), (2, 3), None, (2, 3)]


def test_too_few_samples_allow_no_order() -> None:
    assert rank_ranges([obs([1] * 4), obs([0] * 4)], Kind.RATE, higher_is_better=True) == [(1, 2), (1, 2)]
