"""From values per sample to a mean and an interval.

Conventions
    An *observation* is the value of one metric on one sample. Samples of one *unit* (a speaker, a video)
    are not independent of each other, so every interval and every test draws units, never samples.
    A sample without a unit is a unit of its own. Results do not depend on the order of the input.

Estimates
    * mean: sum of numerators over sum of denominators. For kinds ``rate`` and ``mean`` every denominator
      is 1, so this is the mean over samples; for ``ratio`` it is the ratio of sums.
    * interval, 95 %: that of `tml_bench.metrics.confidence`; for ``rate`` that of shares, for ``mean`` and
      ``ratio`` that of ratios of sums. Where observations have a stratum, ratios are taken within each.
    * std: population standard deviation over samples (``numpy.std``, ddof 0).
    * minimum detectable difference: the smallest true difference that a two-sided 5 % test would find in
      80 % of repetitions: the sum of the 97.5 % and the 80 % point of the interval's distribution times the
      standard error of the difference.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tml_bench.metrics.confidence import (
    Z80,
    Z95,
    FloatArray,
    TrialGroups,
    share_error,
    trials,
    wilson,
)
from tml_bench.metrics.influences import influences

RATE, RATIO = "rate", "ratio"
"""Kinds of which a value must be within [0, 1], or has a denominator of its own; any other is a mean."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The value of one metric on one sample.

    Attributes:
        sample: the sample's id.
        unit: its independent unit; empty means the sample itself.
        numerator: the value, or its numerator.
        denominator: 1 except for kind ``ratio``.
        stratum: the part it belongs to where the mean is one over parts of fixed weight; else empty.
    """

    sample: str
    unit: str
    numerator: float
    denominator: float = 1.0
    stratum: str = ""


@dataclass(frozen=True)
class Estimate:
    """An aggregated metric.

    Attributes:
        mean: None when no sample has a value.
        low: lower end of the 95 % interval; None where there is none.
        high: upper end.
        std: population standard deviation over samples; None when no sample has a value.
        detectable: minimum detectable difference between this system and another of the same spread,
            measured on units of their own (unpaired); None with fewer than 2 units or no spread.
        n: samples with a value.
        n_units: independent units among them.
        no_interval: why there is a mean and no interval; empty otherwise.
    """

    mean: float | None
    low: float | None
    high: float | None
    std: float | None
    detectable: float | None
    n: int
    n_units: int
    no_interval: str = ""


def estimate(observations: Iterable[Observation], kind: str) -> Estimate:
    """Aggregate one metric.

    Observations with denominator 0 count nothing and are left out; ``kind`` is ``rate``, ``mean`` or
    ``ratio``.

    Returns:
        The estimate. An empty input gives None throughout and n = 0.

    Raises:
        ValueError: a value is not finite, a rate lies outside [0, 1], a denominator is negative, a
            denominator is not 1 for a kind other than ``ratio``, or a sample occurs twice.
    """
    kept = counted(observations, kind)
    if not kept:
        return Estimate(None, None, None, None, None, 0, 0)
    above, below, of_unit = numerators(kept), denominators(kept), numbered(map(unit_of, kept))
    units = int(of_unit.max()) + 1
    sums = (above, below) if units == len(kept) else unit_sums(kept)
    mean = math.fsum(sums[0]) / math.fsum(sums[1])
    low: float | None = None
    high: float | None = None
    detectable: float | None = None
    if kind == RATE:
        known = trials(above, TrialGroups(of_unit))
        missing = known.missing()
        if not missing:
            low, high = wilson(mean, known.number)
        if units > 1:
            detectable = (Z95 + Z80) * math.sqrt(2) * share_error(mean, known.number)
    else:
        moved = influences(above, below, of_unit, numbered(o.stratum for o in kept))
        missing = moved.missing()
        if not missing:
            low, high = moved.interval(mean)
        if moved.detectable is not None:
            detectable = math.sqrt(2) * moved.detectable
    std = float((above / below).std())
    return Estimate(mean, low, high, std, detectable, len(kept), units, missing)


def rounded(exact: Estimate, mean: float | None) -> Estimate:
    """The estimate with a mean of rounded values, its interval widened to hold it."""
    if mean is None:
        return exact
    low, high = exact.low, exact.high
    return replace(
        exact,
        mean=mean,
        low=None if low is None else min(low, mean),
        high=None if high is None else max(high, mean),
    )


def unit_of(o: Observation) -> tuple[str, str]:
    """What identifies an observation's independent unit."""
    return ("unit", o.unit) if o.unit else ("sample", o.sample)


def counted(observations: Iterable[Observation], kind: str) -> list[Observation]:
    """Observations with something to count, sorted by unit and sample; raises ValueError as `estimate`."""
    kept = sorted(observations, key=lambda o: (*unit_of(o), o.sample))
    seen: set[str] = set()
    for o in kept:
        sample, above, below = o.sample, o.numerator, o.denominator
        if sample in seen:
            raise ValueError(f"sample {sample!r} occurs twice")
        seen.add(sample)
        if not (math.isfinite(above) and math.isfinite(below)) or below < 0:
            raise ValueError(f"sample {sample!r} has the value {above} / {below}")
        if kind != RATIO and below != 1:
            raise ValueError(f"sample {sample!r} has denominator {below}; kind {kind} needs 1")
        if kind == RATE and not 0 <= above <= 1:
            raise ValueError(f"sample {sample!r} has the rate {above}, which is not within [0, 1]")
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


def stratum_weights(observations: Iterable[Observation]) -> dict[str, float]:
    """The sum of denominators of each stratum, which is its weight in a mean over parts; "" is of none."""
    parts: dict[str, list[float]] = {}
    for o in observations:
        parts.setdefault(o.stratum, []).append(o.denominator)
    return {stratum: math.fsum(found) for stratum, found in parts.items()}


def in_proportion(observations: Sequence[Observation], weights: Mapping[str, float]) -> list[Observation]:
    """The observations, scaled so that each stratum has its weight again; those of no stratum as they are.

    What some samples of a part lack must not make the part weigh less in a mean over parts.
    """
    here = stratum_weights(observations)
    scales = {s: weights[s] / w for s, w in here.items() if s and w > 0 and weights[s] != w}
    if not scales:
        return list(observations)

    def scaled(o: Observation, by: float) -> Observation:
        return replace(o, numerator=o.numerator * by, denominator=o.denominator * by)

    return [scaled(o, scales[o.stratum]) if o.stratum in scales else o for o in observations]


def numerators(kept: Sequence[Observation]) -> FloatArray:
    """All numerators, shape (samples,)."""
    return np.array([o.numerator for o in kept], dtype=np.float64)


def denominators(kept: Sequence[Observation]) -> FloatArray:
    """All denominators, shape (samples,)."""
    return np.array([o.denominator for o in kept], dtype=np.float64)


def places(kept: Sequence[Observation]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of each observation's unit and stratum, shape (samples,) each, in the order of first sight."""
    return numbered(unit_of(o) for o in kept), numbered(o.stratum for o in kept)


def numbered(keys: Iterable[Hashable]) -> NDArray[np.intp]:
    """Equal keys get equal numbers, from 0 in the order of first sight."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.intp)
