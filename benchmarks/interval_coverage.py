"""How often the 95 % intervals hold the truth: the shipped ones, and those of version 0.1.0 beside them.

Every cell is a distribution whose mean, rate, ratio or difference is known. As many data sets are drawn as
``--repetitions`` says, each goes through `tml_bench.metrics` as in a summary or a comparison, and what is
printed is counted. Coverage is that of the intervals printed; ``shown`` is the share of data sets with one.
The same seed gives the same table.
"""

from __future__ import annotations

import argparse
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tml_bench
from tml_bench.metrics.comparison import paired_spread
from tml_bench.metrics.confidence import METHOD, wilson
from tml_bench.metrics.statistics import RATE, RATIO, Observation, estimate

MEAN = "mean"
Array = NDArray[Any]
Ends = tuple[float, float] | None
LOGNORMAL = float(np.exp(0.5))
RESAMPLES, BLOCK = 2000, 250


class Data(NamedTuple):
    """Samples of one run: numerators, denominators, units and strata, shape (samples,)."""

    numerators: Array
    denominators: Array
    units: Array
    strata: Array


@dataclass(frozen=True)
class Cell:
    """One row of the table: what is drawn, and the truth; two runs are compared, one is summarised."""

    family: str
    name: str
    kind: str
    truth: float
    draw: Callable[[np.random.Generator], tuple[Data, ...]]


class Coverage(NamedTuple):
    """Intervals printed out of all data sets, how many hold the truth, and their mean width."""

    printed: int
    held: int
    of: int
    width: float

    @property
    def rate(self) -> float:
        """Share of the printed intervals that hold the truth; NaN where none is printed."""
        return self.held / self.printed if self.printed else float("nan")


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


def measure(cell: Cell, repetitions: int, seed: int) -> tuple[Coverage, Coverage]:
    """Coverage of the shipped and of the former intervals in one cell."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{cell.family}: {cell.name}".encode())])
    now, before = [], []
    for _ in range(repetitions):
        data = cell.draw(rng)
        now.append(_shipped(data, cell.kind))
        before.append(_former(data, cell.kind))
    return _coverage(now, cell.truth), _coverage(before, cell.truth)


def _coverage(found: Sequence[Ends], truth: float) -> Coverage:
    printed = [ends for ends in found if ends is not None]
    held = sum(low <= truth <= high for low, high in printed)
    width = float(np.mean([high - low for low, high in printed])) if printed else float("nan")
    return Coverage(len(printed), held, len(found), width)


def _observations(d: Data) -> list[Observation]:
    numerators, denominators = d.numerators.tolist(), d.denominators.tolist()
    several = d.strata.max() > 0
    return [
        Observation(f"s{k:04}", f"u{u}", n, m, f"p{s}" if several else "")
        for k, (u, n, m, s) in enumerate(
            zip(d.units.tolist(), numerators, denominators, d.strata.tolist(), strict=True)
        )
    ]


def _shipped(data: Sequence[Data], kind: str) -> Ends:
    runs = [_observations(d) for d in data]
    if len(runs) == 1:
        found = estimate(runs[0], kind)
        low, high = found.low, found.high
    else:
        first, second = (float(d.numerators.sum() / d.denominators.sum()) for d in data)
        low, high, _, _ = paired_spread(*runs, kind, first - second)
    return None if low is None or high is None else (low, high)


def _former(data: Sequence[Data], kind: str) -> Ends:
    """Wilson's with n = units, else the percentile bootstrap over units, as 0.1.0 computed them."""
    groups = len(np.unique(data[0].units))
    sums = [
        (np.bincount(d.units, d.numerators, groups), np.bincount(d.units, d.denominators, groups))
        for d in data
    ]
    ratios = [n.sum() / d.sum() for n, d in sums]
    if kind == RATE and len(data) == 1:
        return wilson(float(ratios[0]), groups)
    residuals = [(n - r * d) / d.sum() for (n, d), r in zip(sums, ratios, strict=True)]
    if np.ptp(residuals[0] - (residuals[1] if len(data) > 1 else 0.0)) < 1e-12:
        return None
    counts = _draws(groups)
    drawn = [(counts @ n) / (counts @ d) for n, d in sums]
    low, high = np.percentile(drawn[0] - (drawn[1] if len(data) > 1 else 0.0), (2.5, 97.5))
    return float(low), float(high)


@lru_cache(maxsize=32)
def _draws(units: int) -> Array:
    """How often each unit is drawn in each resample, shape (resamples, units)."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, units, size=(BLOCK, units)) for _ in range(RESAMPLES // BLOCK)]
    return np.array([np.bincount(row, minlength=units) for block in drawn for row in block], float)


# ---- what is drawn

SIZES: dict[str, Callable[[int], Array]] = {
    "10 each": lambda units: np.full(units, 10),
    "1 to 19": lambda units: np.round(np.linspace(1, 19, units)).astype(int),
    "lognormal": lambda units: np.maximum(
        1, np.round(10 * np.exp(np.random.default_rng(4).normal(0, 0.7, units)))
    ).astype(int),
    "one has half": lambda units: np.array([5 * (units - 1)] + [5] * (units - 1)),
}
"""Samples per unit."""

Rng = np.random.Generator
Drawn = Callable[[Rng, int], Array]


def _levels(mean: float, spread: float) -> tuple[Drawn, float]:
    """Scores from 0 to 100 that pile up at the ends."""
    draw: Drawn = lambda rng, n: np.clip(rng.normal(mean, spread, n), 0, 100)  # noqa: E731
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


def _grouped_rate(sizes: Array, p: float, icc: float) -> Callable[[Rng], tuple[Data, ...]]:
    """Shares that differ between units (beta), with this intraclass correlation."""
    units = np.repeat(np.arange(len(sizes)), sizes)

    def draw(rng: Rng) -> tuple[Data, ...]:
        a = 1 / icc - 1
        own = (rng.random(len(sizes)) < p) * 1.0 if icc == 1 else rng.beta(p * a, (1 - p) * a, len(sizes))
        return (one((rng.random(len(units)) < own[units]) * 1.0, units=units),)

    return draw


def _grouped_mean(sizes: Array, icc: float, lognormal: bool) -> Callable[[Rng], tuple[Data, ...]]:
    units = np.repeat(np.arange(len(sizes)), sizes)

    def draw(rng: Rng) -> tuple[Data, ...]:
        own, rest = rng.normal(0, icc**0.5, len(sizes)), rng.normal(0, (1 - icc) ** 0.5, len(units))
        values = own[units] + rest
        return (one(np.exp(values) if lognormal else values, units=units),)

    return draw


def _rates(units: Sequence[int]) -> Iterator[Cell]:
    for n in units:
        for p in (0.05, 0.5, 0.9):
            draw = lambda rng, n=n, p=p: (one((rng.random(n) < p) * 1.0),)  # noqa: E731
            yield Cell("rate, one sample a unit", f"{n} units, p {p}", RATE, p, draw)


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
            yield Cell(
                "mean, one sample a unit", f"{n} units, {shape}", MEAN, truth,
                lambda rng, n=n, draw=draw: (one(draw(rng, n)),),
            )  # fmt: skip


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


RATIOS: dict[str, tuple[Callable[[Rng, int], tuple[Array, Array]], float]] = {
    "hits of 1 + Poisson(3)": (_counts, 0.7),
    "independent, exponential over lognormal 0.5": (
        lambda rng, n: (rng.exponential(1, n), np.exp(rng.normal(0, 0.5, n))),
        float(np.exp(-0.125)),
    ),
    "correlated 0.8, lognormal 0.7": (_correlated, 1.0),
    "sums of 1 + Poisson(4) lognormal 1": (_latencies, LOGNORMAL),
}


def _ratios(units: Sequence[int]) -> Iterator[Cell]:
    for name, (draw, truth) in RATIOS.items():
        for n in units:
            yield Cell(
                "ratio of sums", f"{n} units, {name}", RATIO, truth,
                lambda rng, n=n, draw=draw: (one(*draw(rng, n)),),
            )  # fmt: skip


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
                strata = np.repeat(np.arange(5), each)
                units = np.tile(np.arange(each[0]), 5) if shared else np.arange(len(strata))

                def draw(rng: Rng, each=each, values=values, units=units, strata=strata) -> tuple[Data, ...]:
                    found = np.concatenate([values(rng, k, n) / n for k, n in enumerate(each)])
                    return (Data(found, np.concatenate([np.full(n, 1 / n) for n in each]), units, strata),)

                size = f"{each[0]} each" if len(set(each)) == 1 else " ".join(map(str, each))
                across = ", a unit has one in each" if shared else ""
                yield Cell("average of 5 subsets", f"{size}{across}, {name}", RATIO, truth, draw)


def _differences(units: Sequence[int]) -> Iterator[Cell]:
    for shape in ("normal", "lognormal, sigma 1", "scores, half of them 100"):
        values, _ = SHAPES[shape]
        for n in units:

            def draw(rng: Rng, n=n, values=values) -> tuple[Data, ...]:
                level = rng.normal(0, 1, n)
                return one(level + values(rng, n)), one(level + values(rng, n))

            yield Cell("paired difference of means", f"{n} units, {shape}", MEAN, 0.0, draw)
    for n in units:

        def slower(rng: Rng, n=n) -> tuple[Data, ...]:
            own = rng.normal(0, 0.5, n)
            return tuple(one(np.exp(own + rng.normal(m, 0.87, n))) for m in (0.5, 0.0))

        truth = float(np.exp((0.25 + 0.7569) / 2) * (np.exp(0.5) - 1))
        yield Cell(
            "paired difference of means", f"{n} units, latencies, 1.65 times as slow", MEAN, truth, slower
        )
    for n in units:
        for p, q in ((0.5, 0.5), (0.9, 0.7), (0.05, 0.05)):

            def pair(rng: Rng, n=n, p=p, q=q) -> tuple[Data, ...]:
                both, a, b = rng.random((3, n))
                same = rng.random(n) < 0.5
                return one((np.where(same, both, a) < p) * 1.0), one((np.where(same, both, b) < q) * 1.0)

            yield Cell("paired difference of rates", f"{n} units, {p} and {q}", RATE, p - q, pair)
    for n in units:
        for size in ("10 each", "1 to 19"):
            grouped = _grouped_mean(SIZES[size](n), 0.3, False)
            rates = [_grouped_rate(SIZES[size](n), p, 0.3) for p in (0.7, 0.5)]
            draw_means = lambda rng, g=grouped: (*g(rng), *g(rng))  # noqa: E731
            draw_rates = lambda rng, r=rates: (*r[0](rng), *r[1](rng))  # noqa: E731
            yield Cell("paired difference of means", f"{n} units, {size}", MEAN, 0.0, draw_means)
            yield Cell("paired difference of rates", f"{n} units, {size}", RATE, 0.2, draw_rates)


def cells() -> list[Cell]:
    """The whole table."""
    return [
        *_rates((6, 20, 50, 200)),
        *_grouped((5, 10, 20)),
        *_means((6, 16, 20, 50, 200)),
        *_grouped_means((5, 10, 20, 50)),
        *_ratios((6, 20, 50, 200)),
        *_averages(((6,) * 5, (20,) * 5, (5, 10, 20, 40, 80))),
        *sorted(_differences((6, 20, 50, 200)), key=lambda cell: cell.family),
    ]


def main() -> None:
    """Print one table a family, and what it was made with."""
    parser = argparse.ArgumentParser(description="Coverage of the 95 % intervals.")
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--only", default="", help="cells whose family or name holds this")
    args = parser.parse_args()
    began, family = time.perf_counter(), ""
    for cell in cells():
        if args.only not in f"{cell.family}: {cell.name}":
            continue
        if cell.family != family:
            family = cell.family
            print(f"\n### {family[0].upper()}{family[1:]}\n")
            print("| data | covers | shown | wide | 0.1.0 covers | wide |")
            print("| --- | --- | --- | --- | --- | --- |")
        now, before = measure(cell, args.repetitions, args.seed)
        print(f"| {cell.name} | {_shown(now)} | {100 * before.rate:.1f} | {before.width:.3g} |", flush=True)
    print(
        f"\n{METHOD}, tml-bench {tml_bench.__version__}, numpy {np.__version__}; "
        f"{args.repetitions} repetitions, seed {args.seed}; {time.perf_counter() - began:.0f} s"
    )


def _shown(c: Coverage) -> str:
    share = f"{100 * c.printed / c.of:.0f} %"
    return f"{100 * c.rate:.1f} | {share} | {c.width:.3g}" if c.printed else "hidden | 0 % | "


if __name__ == "__main__":
    main()
