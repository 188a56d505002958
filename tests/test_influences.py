"""Parts that are shared between metrics over the same samples give what parts of their own give."""

from __future__ import annotations

import numpy as np
import pytest

from tml_bench.metrics import influences as module
from tml_bench.metrics.influences import StratifiedRatio


def ratio(dtype: type, shift: float = 0.0) -> StratifiedRatio:
    rng = np.random.default_rng(3)
    numerators = rng.integers(0, 2, 40).astype(float) + shift
    denominators = rng.integers(1, 4, 40).astype(dtype)
    units, strata = rng.integers(0, 9, 40), rng.integers(0, 2, 40)
    return StratifiedRatio(numerators, denominators, units, strata)


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_shared_parts_are_those_of_the_samples(monkeypatch: pytest.MonkeyPatch, shift: float) -> None:
    shared = ratio(float, shift)
    assert shared.parts is ratio(float, shift + 1).parts
    monkeypatch.setattr(module, "_SHARED", 0)
    own = ratio(float, shift)
    assert own.parts is not shared.parts
    np.testing.assert_array_equal(shared.residuals, own.residuals)


def test_whole_numbers_weigh_as_they_are() -> None:
    np.testing.assert_array_equal(ratio(int).residuals, ratio(float).residuals)
