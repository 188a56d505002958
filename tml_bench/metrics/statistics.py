"""From values per sample to a mean, an interval, a comparison and a rank.

Conventions
    An *observation* is the value of one metric on one sample. Samples of one *unit* (a speaker, a video)
    are not independent of each other, so every interval and every test draws units, never samples.
    A sample without a unit is a unit of its own. Results do not depend on the order of the input.

Estimates
    * mean: sum of numerators over sum of denominators. For kinds ``rate`` and ``mean`` every denominator
      is 1, so this is the mean over samples; for ``ratio`` it is the ratio of sums.
    * interval, 95 %: for ``rate`` the Wilson score interval with n = number of units; for ``mean`` and
      ``ratio`` a percentile bootstrap over units.
    * std: population standard deviation over samples (``numpy.std``, ddof 0).
    * minimum detectable difference: the smallest true difference that a two-sided 5 % test would find in
      80 % of repetitions, (1.960 + 0.842) times the standard error of the difference.

Comparisons
    Two systems are compared on the samples where both have a value, by a test that swaps the two systems
    within a unit (for means: the paired sign-flip permutation test). Holm's step-down procedure corrects a
    family of tests.

Sources
    E. B. Wilson, "Probable inference", JASA 22 (1927). B. Efron, R. Tibshirani, "An Introduction to the
    Bootstrap" (1993), ch. 13. S. Holm, Scand. J. Statist. 6 (1979). A. Agresti, B. Coull, Am. Stat. 52
    (1998). W. Cochran, "Sampling Techniques" (1977), ch. 6 (standard error of a ratio).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from tml_bench.task import Kind

Z95 = 1.959963984540054
"""97.5 % point of the standard normal distribution."""
Z80 = 0.8416212335729143
"""80 % point of the standard normal distribution: the power of the minimum detectable difference."""
RESAMPLES = 2000
PERMUTATIONS = 10_000
_EXACT_UNITS = 13
_BLOCK = 250
_TINY = 1e-12
"""Standard errors below this are rounding noise around 0."""
_FloatArray = NDArray[np.float64]


class Observation(msgspec.Struct, frozen=True):
    """The value of one metric on one sample.

    Attributes:
        sample: the sample's id.
        unit: its independent unit; empty means the sample itself.
        numerator: the value, or its numerator.
        denominator: 1 except for kind ``ratio``.
    """

    sample: str
    unit: str
    numerator: float
    denominator: float = 1.0


class Estimate(msgspec.Struct, frozen=True):
    """An aggregated metric.

    Attributes:
        mean: None when no sample has a value.
        low: lower end of the 95 % interval; None when it cannot be given.
        high: upper end.
        std: population standard deviation over samples; None when no sample has a value.
        detectable: minimum detectable difference between this system and another of the same spread,
            measured on units of their own (unpaired); None with fewer than 2 units or no spread.
        n: samples with a value.
        n_units: independent units among them.
    """

    mean: float | None
    low: float | None
    high: float | None
    std: float | None
    detectable: float | None
    n: int
    n_units: int


class PairedComparison(msgspec.Struct, frozen=True):
    """One system minus another, on the samples both have a value for.

    Attributes:
        difference: mean of the first minus mean of the second; None when they share no sample.
        low: lower end of the 95 % paired bootstrap interval; None with fewer than 2 units, or when the
            difference is the same in every unit (resampling then knows nothing about its spread).
        high: upper end.
        p: two-sided p value of the swap test, uncorrected; None when they share no sample.
        detectable: minimum detectable difference with this pairing; None as for ``low``.
        n: samples compared.
        n_units: independent units compared.
    """

    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    detectable: float | None
    n: int
    n_units: int


def estimate(observations: Iterable[Observation], kind: Kind, *, seed: int = 0) -> Estimate:
    """Aggregate one metric.

    A bootstrap of values that are all 0 or all 1 has zero width and would claim certainty after a handful
    of samples, so a rate gets Wilson's interval instead: 4 of 4 gives [0.5101, 1.0]. Its n is the number of
    units, as if all samples of a unit agreed: wide rather than narrow. A percentile bootstrap is itself too
    narrow with few units (below about 20); ``n_units`` stands beside it for that reason.

    Args:
        observations: values; those with denominator 0 count nothing and are left out.
        kind: how to average.
        seed: of the bootstrap.

    Returns:
        The estimate. An empty input gives None throughout and n = 0. Kinds ``mean`` and ``ratio`` get no
        interval from fewer than 2 units, nor when all units agree: resampling then knows nothing about the
        spread, and an F1 of 100 % in all of 6 samples is not known to be 100 %.

    Raises:
        ValueError: a value is not finite, a rate lies outside [0, 1], a denominator is negative, a
            denominator is not 1 for a kind other than ``ratio``, or a sample occurs twice.
    """
    kept = _checked(observations, kind)
    if not kept:
        return Estimate(None, None, None, None, None, 0, 0)
    numerators, denominators = _unit_sums(kept)
    units = len(numerators)
    mean = math.fsum(numerators) / math.fsum(denominators)
    low: float | None = None
    high: float | None = None
    if kind is Kind.RATE:
        low, high = wilson(mean, units)
        # Agresti-Coull: the plain error of 4 of 4 is 0, and would promise to detect any difference.
        n = units + Z95**2
        p = (mean * units + Z95**2 / 2) / n
        error = math.sqrt(p * (1 - p) / n)
    else:
        error = _standard_error(numerators - mean * denominators, math.fsum(denominators))
        if error > _TINY:
            low, high = _bootstrap(units, lambda d: numerators[d].sum(1) / denominators[d].sum(1), seed)
    return Estimate(
        mean=mean,
        low=low,
        high=high,
        std=float(np.std([o.numerator / o.denominator for o in kept])),
        detectable=(Z95 + Z80) * math.sqrt(2) * error if units > 1 and error > _TINY else None,
        n=len(kept),
        n_units=units,
    )


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson score interval, 95 %.

    Args:
        share: observed share in [0, 1].
        n: number of independent trials, at least 1.

    Returns:
        Lower and upper end, within [0, 1]: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n).
    """
    z2 = Z95**2
    centre = share + z2 / (2 * n)
    reach = Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    scale = 1 + z2 / n
    return max(0.0, min(share, (centre - reach) / scale)), min(1.0, max(share, (centre + reach) / scale))


def compare(
    first: Iterable[Observation], second: Iterable[Observation], kind: Kind, *, seed: int = 0
) -> PairedComparison:
    """Compare two systems on the samples where both have a value.

    The test swaps the two systems within each unit and counts how often the absolute difference is at
    least the observed one: all 2^u swaps up to 13 units, else 10,000 random ones with
    p = (1 + count) / (1 + 10,000).

    Args:
        first: one system.
        second: the other; units of the samples must be the same.
        kind: how to average.
        seed: of the random swaps and of the bootstrap.

    Returns:
        The comparison; an empty intersection gives None throughout and n = 0.

    Raises:
        ValueError: as for `estimate`, or a sample has different units in the two systems.
    """
    shared, (na, da), (nb, db) = _paired(first, second, kind)
    if not shared:
        return PairedComparison(None, None, None, None, None, 0, 0)
    ratio_a, ratio_b = na.sum() / da.sum(), nb.sum() / db.sum()
    residuals = (na - ratio_a * da) / da.sum() - (nb - ratio_b * db) / db.sum()
    error = _standard_error(residuals, 1.0)
    low, high = (
        _bootstrap(len(na), lambda d: na[d].sum(1) / da[d].sum(1) - nb[d].sum(1) / db[d].sum(1), seed)
        if error > _TINY
        else (None, None)
    )
    return PairedComparison(
        difference=float(ratio_a - ratio_b),
        low=low,
        high=high,
        p=_swap_test(na, da, nb, db, seed),
        detectable=(Z95 + Z80) * error if error > _TINY else None,
        n=shared,
        n_units=len(na),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction.

    Args:
        p_values: p values of one family, each in [0, 1].

    Returns:
        Corrected p values in the order given: the i-th smallest of m times (m - i + 1), made
        non-decreasing and cut at 1. Empty input gives an empty list.
    """
    corrected = [0.0] * len(p_values)
    worst = 0.0
    for i, k in enumerate(sorted(range(len(p_values)), key=lambda k: p_values[k])):
        worst = max(worst, min(1.0, p_values[k] * (len(p_values) - i)))
        corrected[k] = worst
    return corrected


def rank_ranges(
    systems: Sequence[Sequence[Observation]],
    kind: Kind,
    *,
    higher_is_better: bool,
    alpha: float = 0.05,
    seed: int = 0,
) -> list[tuple[int, int] | None]:
    """Ranks that the data allow.

    All pairs are compared by `compare`; Holm's correction runs over all pairs. A system's best possible
    rank is 1 + the number of systems significantly better, its worst is the number of systems minus
    those significantly worse.

    Args:
        systems: one list of observations per system.
        kind: how to average.
        higher_is_better: the metric's direction.
        alpha: family-wise error.
        seed: of the tests.

    Returns:
        (best, worst) rank per system, 1 is best; None for a system without a value, which is not ranked.
        Systems that share no sample are not ordered. No systems give an empty list.

    Raises:
        ValueError: as for `compare`.
    """
    ranked = [i for i, s in enumerate(systems) if any(o.denominator > 0 for o in s)]
    pairs, p_values, signs = [], [], []
    for k, i in enumerate(ranked):
        for j in ranked[k + 1 :]:
            shared, (na, da), (nb, db) = _paired(systems[i], systems[j], kind)
            if shared:
                pairs.append((i, j))
                p_values.append(_swap_test(na, da, nb, db, seed))
                difference = na.sum() / da.sum() - nb.sum() / db.sum()
                signs.append(difference if higher_is_better else -difference)
    better: dict[int, int] = defaultdict(int)
    worse: dict[int, int] = defaultdict(int)
    for (i, j), p, sign in zip(pairs, holm(p_values), signs, strict=True):
        if p <= alpha and sign != 0:
            winner, loser = (i, j) if sign > 0 else (j, i)
            better[loser] += 1
            worse[winner] += 1
    return [(1 + better[i], len(ranked) - worse[i]) if i in ranked else None for i in range(len(systems))]


def _unit(o: Observation) -> tuple[str, str]:
    return ("unit", o.unit) if o.unit else ("sample", o.sample)


def _checked(observations: Iterable[Observation], kind: Kind) -> list[Observation]:
    """Observations with something to count, sorted by unit and sample."""
    kept = sorted(observations, key=lambda o: (*_unit(o), o.sample))
    seen: set[str] = set()
    for o in kept:
        if o.sample in seen:
            raise ValueError(f"sample {o.sample!r} occurs twice")
        seen.add(o.sample)
        if not (math.isfinite(o.numerator) and math.isfinite(o.denominator)) or o.denominator < 0:
            raise ValueError(f"sample {o.sample!r} has the value {o.numerator} / {o.denominator}")
        if kind is not Kind.RATIO and o.denominator != 1:
            raise ValueError(f"sample {o.sample!r} has denominator {o.denominator}; kind {kind} needs 1")
        if kind is Kind.RATE and not 0 <= o.numerator <= 1:
            raise ValueError(f"sample {o.sample!r} has the rate {o.numerator}, which is not within [0, 1]")
    return [o for o in kept if o.denominator > 0]


def _paired(
    first: Iterable[Observation], second: Iterable[Observation], kind: Kind
) -> tuple[int, tuple[_FloatArray, _FloatArray], tuple[_FloatArray, _FloatArray]]:
    """Number of shared samples and the sums per unit of both systems over them."""
    a = {o.sample: o for o in _checked(first, kind)}
    b = {o.sample: o for o in _checked(second, kind)}
    shared = [s for s in a if s in b]
    for s in shared:
        if _unit(a[s]) != _unit(b[s]):
            raise ValueError(f"sample {s!r} has the units {a[s].unit!r} and {b[s].unit!r}")
    return len(shared), _unit_sums([a[s] for s in shared]), _unit_sums([b[s] for s in shared])


def _unit_sums(kept: Iterable[Observation]) -> tuple[_FloatArray, _FloatArray]:
    """Sums of numerators and denominators per unit, shape (units,) each, in the order of first sight."""
    sums: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
    for o in kept:
        numerators, denominators = sums.setdefault(_unit(o), ([], []))
        numerators.append(o.numerator)
        denominators.append(o.denominator)
    return (
        np.array([math.fsum(n) for n, _ in sums.values()]),
        np.array([math.fsum(d) for _, d in sums.values()]),
    )


def _standard_error(residuals: _FloatArray, total: float) -> float:
    """Standard error of a ratio of sums from its residuals per unit (Cochran 6.4); 0 below 2 units."""
    units = len(residuals)
    if units < 2:
        return 0.0
    centred = residuals - residuals.mean()
    return math.sqrt(units / (units - 1) * float(centred @ centred)) / total


def _bootstrap(
    units: int, statistic: Callable[[NDArray[np.int64]], _FloatArray], seed: int
) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    # In blocks: all draws at once would take gigabytes with many units.
    values = np.concatenate(
        [statistic(rng.integers(0, units, size=(_BLOCK, units))) for _ in range(RESAMPLES // _BLOCK)]
    )
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


@lru_cache(maxsize=8)
def _signs(units: int, seed: int) -> NDArray[np.int8]:
    """Rows of +1 and -1, shape (rows, units): every combination if few, else random ones."""
    if units <= _EXACT_UNITS:
        return (1 - 2 * (np.arange(2**units)[:, None] >> np.arange(units) & 1)).astype(np.int8)
    rng = np.random.default_rng(seed)
    return 1 - 2 * rng.integers(0, 2, size=(PERMUTATIONS, units), dtype=np.int8)


def _swap_test(na: _FloatArray, da: _FloatArray, nb: _FloatArray, db: _FloatArray, seed: int) -> float:
    """Two-sided p value of swapping the systems within units; see `compare`."""
    half_n, half_d = (na - nb) / 2, (da - db) / 2
    middle_n, middle_d = float((na + nb).sum()) / 2, float((da + db).sum()) / 2

    def distance(signs: NDArray[np.int8]) -> _FloatArray:
        rows = signs.astype(np.float64)
        n, d = rows @ half_n, rows @ half_d if half_d.any() else 0.0
        return np.abs((middle_n + n) / (middle_d + d) - (middle_n - n) / (middle_d - d))

    observed = float(distance(np.ones((1, len(na)), dtype=np.int8))[0])
    signs = _signs(len(na), seed)
    reached = int(np.count_nonzero(distance(signs) >= observed - 1e-9 * max(1.0, observed)))
    if len(na) <= _EXACT_UNITS:
        return reached / len(signs)
    return (1 + reached) / (1 + len(signs))
