"""A perfect model stays perfect whatever its manners: 40 of them, one an item in turn, on both sets."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from types import ModuleType

import pytest

from tml_bench.plugins import load_task

WHOLE, FAMILY = 97.0, 90.0
"""What is left of 100 at least, in percent: over all families, and in each."""


@pytest.fixture(scope="module")
def manners() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
        yield importlib.import_module("timed_manners")


def test_there_are_forty_manners_and_no_two_alike(manners: ModuleType) -> None:
    assert len(set(manners.MANNERS)) == 40
    instructed = {manner.instructed for manner in manners.MANNERS[:15]}
    assert len({len(text.split()) for text in instructed}) >= 8
    assert "" not in instructed


@pytest.mark.parametrize("first", [0, 20])
@pytest.mark.parametrize("name", ["timespeak", "cuespeak"])
def test_manners_cost_a_perfect_model_nothing(manners: ModuleType, name: str, first: int) -> None:
    """Every item with another manner than the one before; ``first`` turns them, so that each meets others."""
    task, samples = load_task(name), [s for n in (name, f"{name}-test") for s in load_task(n).samples()]
    turn = cycle(manners.MANNERS[first:] + manners.MANNERS[:first])
    means, scores = manners.reached(task, samples, lambda k, sample: manners.mannered(next(turn), sample))
    lost = [(s.sample, s.rows) for s in scores if s.values["on_time"].numerator < 1]
    assert means.pop(task.overall[0].name) >= WHOLE, (means, lost)
    assert min(means.values()) >= FAMILY, (means, lost)
