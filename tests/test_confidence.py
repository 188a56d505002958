"""Intervals against known numbers; how often they hold the truth is in test_interval_coverage.py."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import optimize, stats

from tml_bench.metrics.comparison import compare
from tml_bench.metrics.confidence import TrialGroups, degrees_of_freedom, t_quantile, trials, wilson
from tml_bench.metrics.statistics import Observation, estimate
from tml_bench.task import Kind


def observed(values: list[float], units: list[int] | None = None) -> list[Observation]:
    return [
        Observation(f"s{k:04}", f"u{units[k]:04}" if units else "", float(value))
        for k, value in enumerate(values)
    ]


@given(st.floats(1, 1e6), st.sampled_from([0.5, 0.8, 0.975, 0.999]))
def test_quantiles_of_students_t_are_those_of_scipy(degrees: float, p: float) -> None:
    exact = 1e-6 if degrees >= 2 else 1e-5  # the integrand is steep at its end below
    assert t_quantile(p, degrees) == pytest.approx(stats.t.ppf(p, degrees), rel=exact, abs=1e-12)


@given(st.lists(st.integers(1, 50), min_size=2, max_size=12))
def test_degrees_of_freedom_are_those_of_the_quadratic_form(sizes: list[int]) -> None:
    w = np.array(sizes) / sum(sizes)
    moments = np.eye(len(w)) - w[:, None] - w[None, :] + w @ w
    scale = w * w / (1 - w)
    expected = (scale @ np.diag(moments)) ** 2 / (scale @ moments**2 @ scale)
    assert degrees_of_freedom(w) == pytest.approx(expected)
    equal = np.full(len(w), 1 / len(w))
    assert degrees_of_freedom(equal) == pytest.approx(len(w) - 1)


def test_symmetric_values_get_students_t() -> None:
    half = np.random.default_rng(5).normal(0.0, 2.0, 50)
    e = estimate(observed([*(3 + half), *(3 - half)]), Kind.MEAN)
    reach = stats.t.ppf(0.975, 99) * math.sqrt(2 * (half @ half) / 99) / 10
    assert (e.low, e.high) == pytest.approx((3 - reach, 3 + reach))


def test_skewed_values_get_halls_transformation() -> None:
    """The ends solve g(T) = -t and t with Hall's cubic g; here by searching for them."""
    values = np.random.default_rng(4).exponential(1.0, 40)
    e = estimate(observed(list(values)), Kind.MEAN)
    deviations = values - values.mean()
    g1, g2 = stats.skew(values), stats.kurtosis(values)
    assert g2 + 2 - g1**2 > 1 / 0.85  # no pile-up
    a = stats.skew(values, bias=False) / math.sqrt(40) * (1 + 5 / 40)
    error, t = math.sqrt(deviations @ deviations / 39 / 40), stats.t.ppf(0.975, 39)

    def solved(x: float) -> float:
        return float(
            optimize.brentq(lambda T: T + a * T**2 / 3 + a**2 * T**3 / 27 + a / 6 - x, -30, 30)  # noqa: N803
        )

    assert (e.low, e.high) == pytest.approx(
        (values.mean() - error * solved(t), values.mean() - error * solved(-t))
    )
    assert e.high - values.mean() > 1.5 * (values.mean() - e.low)  # type: ignore[operator]


def test_a_pile_up_at_two_levels_gets_students_t() -> None:
    values = [0.0] * 14 + [1.0] * 6
    e = estimate(observed(values), Kind.MEAN)
    reach = stats.t.ppf(0.975, 19) * math.sqrt(0.3 * 0.7 / 19)
    assert (e.low, e.high) == pytest.approx((0.3 - reach, 0.3 + reach))


def test_samples_of_units_are_worth_what_they_tell() -> None:
    units = np.repeat(np.arange(20), 5)
    agree = np.repeat(np.arange(20) % 2, 5).astype(float)
    assert trials(agree, TrialGroups(units)).number == pytest.approx(20)
    mixed = np.tile([0.0, 1.0, 0.0, 1.0, 1.0], 20)  # no unit differs from another
    assert trials(mixed, TrialGroups(units)).number == 100
    half = np.where(np.arange(100) % 5 == 0, 1 - agree, agree)
    between, within = 5 * 20 * 0.3**2 / 19, 0.16 * 100 / 80
    r = (between - within) / (between + 4 * within)
    expected = 100 / (1 + 4 * r * (stats.t.ppf(0.975, 19) / 1.959964) ** 2)
    assert trials(half, TrialGroups(units)).number == pytest.approx(expected, rel=1e-6)
    e = estimate(observed(list(half), list(units)), Kind.RATE)
    assert (e.low, e.high) == pytest.approx(wilson(0.5, expected), rel=1e-6)


def test_one_unit_with_half_of_all_samples_is_not_believed() -> None:
    units = [0] * 60 + [k for k in range(1, 21) for _ in range(3)]
    values = [float(k % 2) for k in range(len(units))]
    for kind in (Kind.RATE, Kind.MEAN):
        e = estimate(observed(values, units), kind)
        assert (e.low, e.no_interval) == (None, "a few units outweigh the others")


def strata(values: list[list[float]], shared: bool = False) -> list[Observation]:
    return [
        Observation(f"{s}-{k}", f"u{k}" if shared else "", v / len(part), 1 / len(part), f"part {s}")
        for s, part in enumerate(values)
        for k, v in enumerate(part)
    ]


def test_subsets_of_equal_weight_are_strata() -> None:
    """Their difference in level is no error of their mean: the interval was five times as wide."""
    half = list(np.random.default_rng(1).normal(0, 1, 5))
    low, high = [v for h in half for v in (h, -h)], [100 + v for h in half for v in (h, -h)]
    e = estimate(strata([low, high]), Kind.RATIO)
    error = math.sqrt(2 * np.var(low, ddof=1) / 10) / 2
    reach = stats.t.ppf(0.975, 18) * error
    assert (e.low, e.high) == pytest.approx((50 - reach, 50 + reach))
    assert estimate(strata([low, high[:1]]), Kind.RATIO).no_interval == "too few units (11, 16 needed)"
    assert estimate(strata([low + high, high[:1]]), Kind.RATIO).no_interval == "a subset has one unit only"


def test_a_unit_in_several_subsets_is_one_unit() -> None:
    values = list(np.random.default_rng(1).normal(0, 1, 20))
    together = estimate(strata([values, values], shared=True), Kind.RATIO)
    alone = estimate(observed(values), Kind.MEAN)
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high))
    apart = estimate(strata([values, values]), Kind.RATIO)
    assert apart.high - apart.low < 0.85 * (together.high - together.low)  # type: ignore[operator]
    against = estimate(strata([values, [-v for v in values]], shared=True), Kind.RATIO)
    assert against.no_interval == "all units agree"


def test_a_difference_of_strata_is_paired() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.normal(0, 1, (2, 2, 12)).tolist()
    c = compare(strata(first), strata(second), Kind.RATIO)
    differences = np.array(first) - np.array(second)
    spread = differences.var(axis=1, ddof=1) / 12 / 4
    degrees = spread.sum() ** 2 / float((spread**2 / 11).sum())  # Welch
    reach = stats.t.ppf(0.975, degrees) * math.sqrt(spread.sum())
    assert c.difference == pytest.approx(differences.mean())
    assert (c.low, c.high) == pytest.approx((differences.mean() - reach, differences.mean() + reach))
