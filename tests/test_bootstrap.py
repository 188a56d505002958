"""The bootstrap interval: every unit is drawn as often, and the ends are the 2.5 % points."""

from __future__ import annotations

import numpy as np
import pytest

from tml_bench.metrics.comparison import compare
from tml_bench.metrics.statistics import Observation, estimate
from tml_bench.task import Kind


def observed(values: list[float]) -> list[Observation]:
    return [Observation(f"s{k:04}", "", value) for k, value in enumerate(values)]


@pytest.mark.parametrize("which", [0, 4, 9])
def test_no_unit_is_drawn_more_often_than_another(which: int) -> None:
    """One of ten is 10: the mean is a binomial count, 10 draws of a tenth; 97.5 % of these are 0 to 3."""
    values = [0.0] * 10
    values[which] = 10.0
    e = estimate(observed(values), Kind.MEAN)
    assert (e.low, e.high) == (0.0, 3.0)
    c = compare(observed(values), observed([0.0] * 10), Kind.MEAN)
    assert (c.low, c.high) == (0.0, 3.0)


def test_the_ends_are_the_two_and_a_half_per_cent_points() -> None:
    """Of many units the mean is normal; sixteen seeds together know its ends to a hundredth."""
    values = np.random.default_rng(5).normal(3.0, 2.0, 400)
    found = [estimate(observed(list(values)), Kind.MEAN, seed=seed) for seed in range(16)]
    error = values.std() / 20
    low, high = np.mean([e.low for e in found]), np.mean([e.high for e in found])
    assert (values.mean() - low) / error == pytest.approx(1.96, rel=0.03)
    assert (high - values.mean()) / error == pytest.approx(1.96, rel=0.03)
