"""What intervals cover, in the cells where those of 0.1.0 failed; benchmarks/interval_coverage.py has all."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest

REPETITIONS = 400
LEAST, MOST = 0.92, 0.975
SCRIPT = Path(__file__).parents[1] / "benchmarks" / "interval_coverage.py"


@pytest.fixture(scope="module")
def coverage() -> ModuleType:
    spec = importlib.util.spec_from_file_location("interval_coverage", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["interval_coverage"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def covers(rate: float) -> bool:
    """Whether a coverage within the limits could have shown this rate: 3 binomial errors."""
    below, above = (3 * math.sqrt(p * (1 - p) / REPETITIONS) for p in (LEAST, MOST))
    return LEAST - below <= rate <= min(MOST + above, 0.9999)


@pytest.mark.parametrize(
    ("family", "name", "hidden"),
    [
        ("mean, one sample a unit", "6 units, normal", True),
        ("mean, one sample a unit", "6 units, lognormal, sigma 1", True),
        ("mean, one sample a unit", "20 units, lognormal, sigma 1", False),
        ("mean, several a unit", "5 units, 10 each, normal, correlation 0.5", True),
        ("mean, several a unit", "20 units, 10 each, lognormal, correlation 0.5", False),
        ("rate, several a unit", "10 units, 10 each, correlation 0.1, p 0.5", False),
        ("rate, several a unit", "20 units, lognormal, correlation 1, p 0.5", False),
        ("rate, several a unit", "20 units, one has half, correlation 1, p 0.5", True),
        ("ratio of sums", "20 units, sums of 1 + Poisson(4) lognormal 1", False),
        ("average of 5 subsets", "20 each, normal about 0 to 8, spread 1 to 3", False),
        ("paired difference of means", "6 units, normal", False),
        ("paired difference of rates", "6 units, 1 to 19", False),
    ],
)
def test_intervals_cover_or_are_hidden_where_those_of_the_first_version_did_not(
    coverage: ModuleType, family: str, name: str, hidden: bool
) -> None:
    (cell,) = (c for c in coverage.cells() if (c.family, c.name) == (family, name))
    now, before = coverage.measure(cell, REPETITIONS, seed=1)
    assert before.printed == REPETITIONS
    assert not LEAST <= before.rate <= MOST
    assert now.printed == (0 if hidden else REPETITIONS)
    assert hidden or covers(now.rate)


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("rate, one sample a unit", "6 units, p 0.5"),
        ("rate, one sample a unit", "20 units, p 0.5"),
        ("mean, one sample a unit", "20 units, normal"),
        ("mean, one sample a unit", "20 units, scores, half of them 100"),
        ("paired difference of rates", "50 units, 0.9 and 0.7"),
    ],
)
def test_the_others_cover_too(coverage: ModuleType, family: str, name: str) -> None:
    (cell,) = (c for c in coverage.cells() if (c.family, c.name) == (family, name))
    now, _ = coverage.measure(cell, REPETITIONS, seed=1)
    assert now.printed == REPETITIONS
    assert covers(now.rate)
