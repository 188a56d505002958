"""What the intervals are measured on: data with a known mean, rate, ratio, difference or kappa."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tml_bench.metrics.statistics import RATE, RATIO

MEAN, KAPPA = "mean", "kappa"
LOGNORMAL = float(np.exp(0.5))
Array = NDArray[Any]
Rng = np.random.Generator


class Data(NamedTuple):
    """Samples of one run: numerators, denominators, units and strata, shape (samples,)."""

    numerators: Array
    denominators: Array
    units: Array
    strata: Array


Draw = Callable[[Rng], tuple[Data, ...]]
Drawn = Callable[[Rng, int], Array]
Pairs = Callable[[Rng, int], tuple[Array, Array]]


@dataclass(frozen=True)
class Cell:
    """One row of the table: what is drawn, and the truth; two runs are compared, one is summarised."""

    family: str
    name: str
    kind: str
    truth: float
    draw: Draw


def one(numerators: Array, denominators: Array | None = None, units: Array | None = None) -> Data:
    """Data of one stratum; each sample its own unit unless they are given."""
    n = len(numerators)
    ones, own = np.ones(n), np.arange(n)
    return Data(
        numerators,
        ones if denominators is None else denominators,
        own if units is None else units,
        np.zeros(n, int),
    )


SIZES: dict[str, Callable[[int], Array]] = {
    "10 each": lambda units: np.full(units, 10),
    "1 to 19": lambda units: np.round(np.linspace(1, 19, units)).astype(int),
    "lognormal": lambda units: np.maximum(
        1, np.round(10 * np.exp(np.random.default_rng(4).normal(0, 0.7, units)))
    ).astype(int),
    "one has half": lambda units: np.array([5 * (units - 1)] + [5] * (units - 1)),
}
"""Samples per unit."""


def _levels(mean: float, spread: float) -> tuple[Drawn, float]:
    """Scores from 0 to 100 that pile up at the ends."""

    def draw(rng: Rng, n: int) -> Array:
        return np.clip(rng.normal(mean, spread, n), 0, 100)

    return draw, float(draw(np.random.default_rng(9), 4_000_000).mean())


SHAPES: dict[str, tuple[Drawn, float]] = {
    "normal": (lambda rng, n: rng.normal(0, 1, n), 0.0),
    "lognormal, sigma 1": (lambda rng, n: np.exp(rng.normal(0, 1, n)), LOGNORMAL),
    "lognormal, sigma 0.5": (lambda rng, n: np.exp(rng.normal(0, 0.5, n)), float(np.exp(0.125))),
    "exponential": (lambda rng, n: rng.exponential(1, n), 1.0),
    "Student's t, 5 df": (lambda rng, n: rng.standard_t(5, n), 0.0),
    "uniform": (lambda rng, n: rng.random(n), 0.5),
    "scores, half of them at an end": _levels(50, 80),
    "scores, half of them 100": _levels(95, 40),
    "two levels, 3 to 7": (lambda rng, n: (rng.random(n) < 0.3) + 0.05 * rng.random(n), 0.325),
    "all equal": (lambda rng, n: np.full(n, 0.1), 0.1),
}


def _single(draw: Drawn, n: int) -> Draw:
    """One sample a unit."""
    return lambda rng: (one(draw(rng, n)),)


def _share(n: int, p: float) -> Draw:
    return lambda rng: (one((rng.random(n) < p) * 1.0),)


def _both(first: Draw, second: Draw) -> Draw:
    """Two runs; on the same units, whose levels are drawn for each."""
    return lambda rng: (*first(rng), *second(rng))


def _grouped_rate(sizes: Array, p: float, icc: float) -> Draw:
    """Shares that differ between units (beta), with this intraclass correlation."""
    units = np.repeat(np.arange(len(sizes)), sizes)

    def draw(rng: Rng) -> tuple[Data, ...]:
        a = 1 / icc - 1
        own = (rng.random(len(sizes)) < p) * 1.0 if icc == 1 else rng.beta(p * a, (1 - p) * a, len(sizes))
        return (one((rng.random(len(units)) < own[units]) * 1.0, units=units),)

    return draw


def _grouped_mean(sizes: Array, icc: float, lognormal: bool) -> Draw:
    units = np.repeat(np.arange(len(sizes)), sizes)

    def draw(rng: Rng) -> tuple[Data, ...]:
        own, rest = rng.normal(0, icc**0.5, len(sizes)), rng.normal(0, (1 - icc) ** 0.5, len(units))
        values = own[units] + rest
        return (one(np.exp(values) if lognormal else values, units=units),)

    return draw


def _rates(units: Sequence[int]) -> Iterator[Cell]:
    for n in units:
        for p in (0.05, 0.5, 0.9):
            yield Cell("rate, one sample a unit", f"{n} units, p {p}", RATE, p, _share(n, p))


def _grouped(units: Sequence[int]) -> Iterator[Cell]:
    for n in units:
        for size, sizes in SIZES.items():
            for icc in (0.1, 0.3, 1):
                for p in (0.1, 0.5):
                    name = f"{n} units, {size}, correlation {icc}, p {p}"
                    yield Cell("rate, several a unit", name, RATE, p, _grouped_rate(sizes(n), p, icc))


def _means(units: Sequence[int]) -> Iterator[Cell]:
    for shape, (draw, truth) in SHAPES.items():
        for n in units:
            yield Cell("mean, one sample a unit", f"{n} units, {shape}", MEAN, truth, _single(draw, n))


def _grouped_means(units: Sequence[int]) -> Iterator[Cell]:
    for n in units:
        for size, sizes in SIZES.items():
            for icc, lognormal in ((0.1, False), (0.5, False), (0.5, True)):
                name = f"{n} units, {size}, {'lognormal' if lognormal else 'normal'}, correlation {icc}"
                truth = LOGNORMAL if lognormal else 0.0
                yield Cell("mean, several a unit", name, MEAN, truth, _grouped_mean(sizes(n), icc, lognormal))


def _counts(rng: Rng, n: int) -> tuple[Array, Array]:
    of = 1.0 + rng.poisson(3, n)
    return rng.binomial(of.astype(int), 0.7) * 1.0, of


def _correlated(rng: Rng, n: int) -> tuple[Array, Array]:
    z = rng.normal(0, 0.7, n)
    return np.exp(0.8 * z + 0.6 * rng.normal(0, 0.7, n)), np.exp(z)


def _latencies(rng: Rng, n: int) -> tuple[Array, Array]:
    of = 1 + rng.poisson(4, n)
    ends = np.cumsum(of)
    sums = np.add.reduceat(np.exp(rng.normal(0, 1, ends[-1])), ends - of)
    return sums, of * 1.0


RATIOS: dict[str, tuple[Pairs, float]] = {
    "hits of 1 + Poisson(3)": (_counts, 0.7),
    "independent, exponential over lognormal 0.5": (
        lambda rng, n: (rng.exponential(1, n), np.exp(rng.normal(0, 0.5, n))),
        float(np.exp(-0.125)),
    ),
    "correlated 0.8, lognormal 0.7": (_correlated, 1.0),
    "sums of 1 + Poisson(4) lognormal 1": (_latencies, LOGNORMAL),
}


def _fractions(draw: Pairs, n: int) -> Draw:
    return lambda rng: (one(*draw(rng, n)),)


def _ratios(units: Sequence[int]) -> Iterator[Cell]:
    for name, (draw, truth) in RATIOS.items():
        for n in units:
            yield Cell("ratio of sums", f"{n} units, {name}", RATIO, truth, _fractions(draw, n))


def _averages(sizes: Sequence[tuple[int, ...]]) -> Iterator[Cell]:
    """Averages over subsets of equal weight: each subset is divided by its size, as summaries do it."""
    shares = (0.2, 0.4, 0.6, 0.8, 0.95)
    drawn: dict[str, tuple[Callable[[Rng, int, int], Array], float]] = {
        "shares .2 to .95": (lambda rng, k, n: (rng.random(n) < shares[k]) * 1.0, float(np.mean(shares))),
        "normal about 0 to 8, spread 1 to 3": (
            lambda rng, k, n: rng.normal(2 * k, 1 + k / 2, n), 4.0,
        ),
        "lognormal, sigma 1": (lambda rng, k, n: np.exp(rng.normal(0, 1, n)), LOGNORMAL),
    }  # fmt: skip
    for name, (values, truth) in drawn.items():
        for each in sizes:
            for shared in (False, True):
                if shared and len(set(each)) > 1:
                    continue
                units = np.tile(np.arange(each[0]), 5) if shared else np.arange(sum(each))
                size = f"{each[0]} each" if len(set(each)) == 1 else " ".join(map(str, each))
                across = ", a unit has one in each" if shared else ""
                yield Cell(
                    "average of 5 subsets",
                    f"{size}{across}, {name}",
                    RATIO,
                    truth,
                    _parts(values, each, units),
                )


def _parts(values: Callable[[Rng, int, int], Array], each: Sequence[int], units: Array) -> Draw:
    weights = np.concatenate([np.full(n, 1 / n) for n in each])
    strata = np.repeat(np.arange(len(each)), each)

    def draw(rng: Rng) -> tuple[Data, ...]:
        found = np.concatenate([values(rng, k, n) for k, n in enumerate(each)])
        return (Data(found * weights, weights, units, strata),)

    return draw


def _shifted(values: Drawn, n: int) -> Draw:
    """Two runs whose samples share a level."""

    def draw(rng: Rng) -> tuple[Data, ...]:
        level = rng.normal(0, 1, n)
        return one(level + values(rng, n)), one(level + values(rng, n))

    return draw


def _slower(n: int) -> Draw:
    """Lognormal latencies, sigma 1, a quarter of it the sample's; the first run is 1.65 times as slow."""

    def draw(rng: Rng) -> tuple[Data, ...]:
        own = rng.normal(0, 0.5, n)
        first, second = (np.exp(own + rng.normal(m, 0.75**0.5, n)) for m in (0.5, 0.0))
        return one(first), one(second)

    return draw


def _shares(n: int, p: float, q: float) -> Draw:
    """Rates of two runs, which half of the samples decide alike."""

    def draw(rng: Rng) -> tuple[Data, ...]:
        both, a, b = rng.random((3, n))
        same = rng.random(n) < 0.5
        return one((np.where(same, both, a) < p) * 1.0), one((np.where(same, both, b) < q) * 1.0)

    return draw


def _differences(units: Sequence[int]) -> Iterator[Cell]:
    family, sizes = "paired difference of means", ("10 each", "1 to 19")
    for shape in ("normal", "lognormal, sigma 1", "scores, half of them 100"):
        values, _ = SHAPES[shape]
        for n in units:
            yield Cell(family, f"{n} units, {shape}", MEAN, 0.0, _shifted(values, n))
    slower = LOGNORMAL * (float(np.exp(0.5)) - 1)
    for n in units:
        yield Cell(family, f"{n} units, latencies, 1.65 times as slow", MEAN, slower, _slower(n))
    for n in units:
        for size in sizes:
            grouped = _grouped_mean(SIZES[size](n), 0.3, False)
            yield Cell(family, f"{n} units, {size}", MEAN, 0.0, _both(grouped, grouped))
    family = "paired difference of rates"
    for n in units:
        for p, q in ((0.5, 0.5), (0.9, 0.7), (0.05, 0.05)):
            yield Cell(family, f"{n} units, {p} and {q}", RATE, p - q, _shares(n, p, q))
    for n in units:
        for size in sizes:
            first, second = (_grouped_rate(SIZES[size](n), p, 0.3) for p in (0.7, 0.5))
            yield Cell(family, f"{n} units, {size}", RATE, 0.2, _both(first, second))


def _agreeing(n: int, kappa: float, yes: float) -> Draw:
    """Two judges: the second says what the first says with probability kappa, else draws an answer."""

    def draw(rng: Rng) -> tuple[Data, ...]:
        first, other = rng.random((2, n)) < yes
        second = np.where(rng.random(n) < kappa, first, other)
        return (one(first * 1.0, second * 1.0),)

    return draw


def _judges(units: Sequence[int]) -> Iterator[Cell]:
    for kappa in (0.5, 0.8):
        for yes in (0.5, 0.85):
            for n in units:
                name = f"{n} units, kappa {kappa}, yes {yes}"
                yield Cell("Cohen's kappa", name, KAPPA, kappa, _agreeing(n, kappa, yes))


def cells() -> list[Cell]:
    """The whole table."""
    return [
        *_rates((6, 20, 50, 200)),
        *_grouped((5, 10, 20)),
        *_means((6, 16, 20, 50, 200)),
        *_grouped_means((5, 10, 20, 50)),
        *_ratios((6, 20, 50, 200)),
        *_averages(((6,) * 5, (20,) * 5, (5, 10, 20, 40, 80))),
        *_judges((6, 20, 50, 200)),
        *_differences((6, 20, 50, 200)),
    ]
