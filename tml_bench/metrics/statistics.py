"""From values per sample to a mean and an interval.

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

Sources
    E. B. Wilson, "Probable inference", JASA 22 (1927). B. Efron, R. Tibshirani, "An Introduction to the
    Bootstrap" (1993), ch. 13. A. Agresti, B. Coull, Am. Stat. 52 (1998). W. Cochran, "Sampling Techniques"
    (1977), ch. 6 (standard error of a ratio).
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE, RATIO = "rate", "ratio"
"""Kinds of which a value must be within [0, 1], or has a denominator of its own; any other is a mean."""
Z95 = 1.959963984540054
"""97.5 % point of the standard normal distribution."""
Z80 = 0.8416212335729143
"""80 % point of the standard normal distribution: the power of the minimum detectable difference."""
RESAMPLES = 2000
_BLOCK = 250
TINY = 1e-12
"""Standard errors below this are rounding noise around 0."""
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Observation:
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


@dataclass(frozen=True)
class Estimate:
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


def estimate(observations: Iterable[Observation], kind: str, *, seed: int = 0) -> Estimate:
    """Aggregate one metric.

    A bootstrap of values that are all 0 or all 1 has zero width and would claim certainty after a handful
    of samples, so a rate gets Wilson's interval instead: 4 of 4 gives [0.5101, 1.0]. Its n is the number of
    units, as if all samples of a unit agreed: wide rather than narrow. A percentile bootstrap is itself too
    narrow with few units (below about 20); ``n_units`` stands beside it for that reason.

    Observations with denominator 0 count nothing and are left out; ``kind`` is ``rate``, ``mean`` or
    ``ratio``; ``seed`` is the bootstrap's.

    Returns:
        The estimate. An empty input gives None throughout and n = 0. Kinds ``mean`` and ``ratio`` get no
        interval from fewer than 2 units, nor when all units agree: resampling then knows nothing about the
        spread, and an F1 of 100 % in all of 6 samples is not known to be 100 %.

    Raises:
        ValueError: a value is not finite, a rate lies outside [0, 1], a denominator is negative, a
            denominator is not 1 for a kind other than ``ratio``, or a sample occurs twice.
    """
    kept = counted(observations, kind)
    if not kept:
        return Estimate(None, None, None, None, None, 0, 0)
    numerators, denominators = unit_sums(kept)
    units = len(numerators)
    mean = math.fsum(numerators) / math.fsum(denominators)
    low: float | None = None
    high: float | None = None
    if kind == RATE:
        low, high = wilson(mean, units)
        # Agresti-Coull: the plain error of 4 of 4 is 0, and would promise to detect any difference.
        n = units + Z95**2
        p = (mean * units + Z95**2 / 2) / n
        error = math.sqrt(p * (1 - p) / n)
    else:
        error = standard_error(numerators - mean * denominators, math.fsum(denominators))
        if error > TINY:
            low, high = bootstrap_interval(
                units, lambda d: numerators[d].sum(1) / denominators[d].sum(1), seed
            )
    std = float(np.std([o.numerator / o.denominator for o in kept]))
    detectable = (Z95 + Z80) * math.sqrt(2) * error if units > 1 and error > TINY else None
    return Estimate(mean, low, high, std, detectable, len(kept), units)


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson score interval, 95 %, of a share observed in ``n`` >= 1 independent trials.

    Returns:
        Lower and upper end, within [0, 1]: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n).
    """
    z2 = Z95**2
    centre = share + z2 / (2 * n)
    reach = Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    scale = 1 + z2 / n
    return max(0.0, min(share, (centre - reach) / scale)), min(1.0, max(share, (centre + reach) / scale))


def unit_of(o: Observation) -> tuple[str, str]:
    """What identifies an observation's independent unit."""
    return ("unit", o.unit) if o.unit else ("sample", o.sample)


def counted(observations: Iterable[Observation], kind: str) -> list[Observation]:
    """Observations with something to count, sorted by unit and sample; raises ValueError as `estimate`."""
    kept = sorted(observations, key=lambda o: (*unit_of(o), o.sample))
    seen: set[str] = set()
    for o in kept:
        if o.sample in seen:
            raise ValueError(f"sample {o.sample!r} occurs twice")
        seen.add(o.sample)
        if not (math.isfinite(o.numerator) and math.isfinite(o.denominator)) or o.denominator < 0:
            raise ValueError(f"sample {o.sample!r} has the value {o.numerator} / {o.denominator}")
        if kind != RATIO and o.denominator != 1:
            raise ValueError(f"sample {o.sample!r} has denominator {o.denominator}; kind {kind} needs 1")
        if kind == RATE and not 0 <= o.numerator <= 1:
            raise ValueError(f"sample {o.sample!r} has the rate {o.numerator}, which is not within [0, 1]")
    return [o for o in kept if o.denominator > 0]


def unit_sums(kept: Iterable[Observation]) -> tuple[FloatArray, FloatArray]:
    """Sums of numerators and denominators per unit, shape (units,) each, in the order of first sight."""
    sums: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
    for o in kept:
        numerators, denominators = sums.setdefault(unit_of(o), ([], []))
        numerators.append(o.numerator)
        denominators.append(o.denominator)
    return (
        np.array([math.fsum(n) for n, _ in sums.values()]),
        np.array([math.fsum(d) for _, d in sums.values()]),
    )


def standard_error(residuals: FloatArray, total: float) -> float:
    """Standard error of a ratio of sums from its residuals per unit (Cochran 6.4); 0 below 2 units."""
    units = len(residuals)
    if units < 2:
        return 0.0
    centred = residuals - residuals.mean()
    return math.sqrt(units / (units - 1) * float(centred @ centred)) / total


def bootstrap_interval(
    units: int, statistic: Callable[[NDArray[np.int64]], FloatArray], seed: int
) -> tuple[float, float]:
    """Percentile interval, 95 %, of a statistic over at least one unit, drawn with replacement.

    ``statistic`` gets draws, shape (b, units), the numbers of the units drawn, and gives values, shape (b,).
    """
    rng = np.random.default_rng(seed)
    # In blocks: all draws at once would take gigabytes with many units.
    values = np.concatenate(
        [statistic(rng.integers(0, units, size=(_BLOCK, units))) for _ in range(RESAMPLES // _BLOCK)]
    )
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
