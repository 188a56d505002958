"""How far each unit moves a ratio of sums, and the difference of two: see `tml_bench.metrics.confidence`.

What hangs on a system alone is found once, however many others it is compared with.
"""

import math
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from tml_bench.metrics.confidence import ROUNDING, FloatArray, UnitInfluences, degrees_of_freedom

_SHARED = 1000
"""Samples of so many or fewer are held by content, see `_parts_of`: of more it takes too much memory."""


def influences(
    numerators: FloatArray, denominators: FloatArray, units: NDArray[np.intp], strata: NDArray[np.intp]
) -> UnitInfluences:
    """Influences of units on a ratio of sums, from its samples.

    All shapes are (samples,); units and strata are numbered from 0. The ratio is taken within each stratum;
    that of all is their mean, weighted by the sums of denominators.
    """
    found = StratifiedRatio(numerators, denominators, units, strata)
    return found.parts.influences(*found.residuals)


def paired_influences(first: "StratifiedRatio", second: "StratifiedRatio") -> UnitInfluences:
    """Influences of units on the difference of two ratios of sums over the same samples; see `influences`."""
    da, db = (one.denominators / one.denominators.sum() for one in (first, second))
    # What is the same for both is so for many pairs, and is found once.
    both = first.own_twice if np.array_equal(da, db) else _Parts(da + db, first.units, first.strata)
    (ra, level_a), (rb, level_b) = first.residuals, second.residuals
    return both.influences(ra - rb, level_a + level_b)


class StratifiedRatio:
    """A ratio of sums of samples, all of shape (samples,); units and strata are numbered from 0."""

    def __init__(
        self, numerators: FloatArray, denominators: FloatArray, units: NDArray[np.intp],
        strata: NDArray[np.intp],
    ) -> None:  # fmt: skip
        self.numerators, self.denominators, self.units, self.strata = numerators, denominators, units, strata

    @cached_property
    def parts(self) -> "_Parts":
        """Its samples by unit and stratum."""
        return _parts_of(self.denominators, self.units, self.strata)

    @cached_property
    def own_twice(self) -> "_Parts":
        """Those of a pair of ratios with the same denominators."""
        share = self.denominators / self.denominators.sum()
        return _Parts(share + share, self.units, self.strata)

    @cached_property
    def residuals(self) -> tuple[FloatArray, FloatArray]:
        """What `influences` are made of; see `_Parts.residuals`."""
        return self.parts.residuals(self.numerators, self.denominators)


def _parts_of(denominators: FloatArray, units: NDArray[np.intp], strata: NDArray[np.intp]) -> "_Parts":
    """The parts of samples; many metrics of a run, and of the runs beside it, are over the same."""
    if len(denominators) > _SHARED:
        return _Parts(denominators, units, strata)
    weights = np.asarray(denominators, np.float64)
    return _same_parts(weights.tobytes(), *(np.asarray(of, np.intp).tobytes() for of in (units, strata)))


@lru_cache(maxsize=256)
def _same_parts(denominators: bytes, units: bytes, strata: bytes) -> "_Parts":
    return _Parts(
        np.frombuffer(denominators, np.float64), np.frombuffer(units, np.intp), np.frombuffer(strata, np.intp)
    )


class _Parts:
    """Samples by unit and stratum: a cell is a unit in a stratum, with its weight there."""

    def __init__(self, denominators: FloatArray, units: NDArray[np.intp], strata: NDArray[np.intp]) -> None:
        width = int(strata.max()) + 1
        cells, self._cell = np.unique(units * width + strata, return_inverse=True)
        self._unit, self._stratum = cells // width, cells % width
        sums = np.bincount(self._cell, denominators)
        totals = np.bincount(self._stratum, sums, minlength=width)
        self._total = float(sums.sum())
        self._weights = sums / totals[self._stratum]
        self._of_unit = np.bincount(self._unit, sums) / self._total

    def residuals(self, numerators: FloatArray, denominators: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(n - R d) / D / sqrt(1 - w) by cell, R of its stratum and D of all; and how large its terms are."""
        n, d = np.bincount(self._cell, numerators), np.bincount(self._cell, denominators)
        ratios = (np.bincount(self._stratum, n) / np.bincount(self._stratum, d))[self._stratum]
        scale = self._total * np.sqrt(np.maximum(1 - self._weights, ROUNDING))
        level = np.bincount(self._cell, np.abs(numerators)) + np.abs(ratios) * d
        return (n - ratios * d) / scale, level / scale

    @cached_property
    def _strata(self) -> list[tuple[NDArray[np.bool_], int, float]]:
        """Cells of each stratum, how many they are, and the degrees of freedom of two or more."""
        by_stratum = [self._stratum == s for s in range(int(self._stratum.max()) + 1)]
        return [
            (mine, n, degrees_of_freedom(self._weights[mine]) if n > 1 else 0.0)
            for mine in by_stratum
            for n in (int(mine.sum()),)
        ]

    @cached_property
    def _degrees_of_units(self) -> float:
        return degrees_of_freedom(self._of_unit)

    def influences(self, residuals: FloatArray, level: FloatArray) -> UnitInfluences:
        residuals = np.where(np.abs(residuals) > ROUNDING * level, residuals, 0.0)
        values = np.bincount(self._unit, residuals).astype(np.float64)
        lone = any(n == 1 for _, n, _ in self._strata)
        degrees = 0.0
        if not lone:
            spread = [(float(residuals[m] @ residuals[m]), df) for m, _, df in self._strata]
            total = math.fsum(v for v, _ in spread)
            small = math.fsum(v * v / df for v, df in spread)
            degrees = total * total / small if small > 0 else math.fsum(df for _, df in spread)
            if len(residuals) > len(values):
                # Units are in several strata, which are not independent then.
                degrees = min(degrees, self._degrees_of_units)
        return UnitInfluences(values, degrees, 1 / float(self._of_unit @ self._of_unit), lone)
