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
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from interval_cells import KAPPA, Array, Cell, Data, cells

import tml_bench
from tml_bench.metrics.comparison import SharedValues, paired_spread
from tml_bench.metrics.confidence import METHOD, wilson
from tml_bench.metrics.rater_agreement import cohen_kappa, interval, tables
from tml_bench.metrics.statistics import RATE, Observation, estimate

Ends = tuple[float, float] | None
RESAMPLES, BLOCK = 2000, 250


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
    if kind == KAPPA:
        agreed = interval(_tables(data[0]), cohen_kappa)
        return None if isinstance(agreed, str) else agreed
    runs = [_observations(d) for d in data]
    if len(runs) == 1:
        found = estimate(runs[0], kind)
        low, high = found.low, found.high
    else:
        first, second = (float(d.numerators.sum() / d.denominators.sum()) for d in data)
        one, other = map(SharedValues, runs)
        low, high, _, _ = paired_spread(one, other, kind, first - second)
    return None if low is None or high is None else (low, high)


def _former(data: Sequence[Data], kind: str) -> Ends:
    """Wilson's with n = units, else the percentile bootstrap over units, as 0.1.0 computed them."""
    groups = len(np.unique(data[0].units))
    if kind == KAPPA:
        kappas = cohen_kappa((_draws(groups) @ _tables(data[0]).reshape(groups, -1)).reshape(-1, 2, 2))
        known = kappas[np.isfinite(kappas)]
        if len(known) <= 0.95 * RESAMPLES or np.ptp(known) == 0:
            return None
        low, high = np.percentile(known, (2.5, 97.5))
        return float(low), float(high)
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


def _tables(d: Data) -> Array:
    """One table a unit: its numerator is what the first judge says, its denominator what the second does."""
    return tables(d.numerators.astype(int).tolist(), d.denominators.astype(int).tolist(), 2)


@lru_cache(maxsize=32)
def _draws(units: int) -> Array:
    """How often each unit is drawn in each resample, shape (resamples, units)."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, units, size=(BLOCK, units)) for _ in range(RESAMPLES // BLOCK)]
    return np.array([np.bincount(row, minlength=units) for block in drawn for row in block], float)


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
