"""Two systems compared on the samples both have a value for, and the ranks that comparisons allow.

Conventions are those of `tml_bench.metrics.statistics`. Two systems are compared by a test that
swaps them within a unit (for means: the paired sign-flip permutation test). Holm's step-down procedure
(Scand. J. Statist. 6, 1979) corrects a family of tests.
"""

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from tml_bench.metrics import statistics
from tml_bench.metrics.confidence import (
    Z80,
    Z95,
    FloatArray,
    TrialGroups,
    paired_error,
    paired_shares,
    trials,
)
from tml_bench.metrics.influences import StratifiedRatio, paired_influences
from tml_bench.metrics.statistics import (
    RATE,
    Observation,
    in_proportion,
    stratum_weights,
    unit_sums,
)
from tml_bench.metrics.swap_test import swap_tests


@dataclass(frozen=True)
class PairedComparison:
    """One system minus another, on the ``n`` samples both have a value for; None throughout without any.

    Attributes:
        difference: mean of the first minus mean of the second.
        low: lower end of the 95 % interval of the paired difference (`tml_bench.metrics.confidence`); None
            where there is none.
        high: upper end.
        p: two-sided p value of the swap test, uncorrected.
        detectable: minimum detectable difference with this pairing; None with fewer than 2 units, or when a
            difference other than of rates is the same in every unit.
        n: samples compared.
        n_units: independent units compared.
        no_interval: why there is a difference and no interval; empty otherwise.
    """

    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    detectable: float | None
    n: int
    n_units: int
    no_interval: str = ""


def compare(
    first: Iterable[Observation], second: Iterable[Observation], kind: str, *, seed: int = 0
) -> PairedComparison:
    """Compare two systems on the samples where both have a value.

    The test swaps the two systems within each unit and counts how often the absolute difference is at
    least the observed one: all 2^u swaps up to 13 units, else 10,000 random ones with
    p = (1 + count) / (1 + 10,000).

    A sample must have the same unit in both; ``kind`` says how to average, and the random swaps are drawn
    with ``seed``.

    Returns:
        The comparison; an empty intersection gives None throughout and n = 0.

    Raises:
        ValueError: as for `estimate`, or a sample has different units in the two systems.
    """
    return compare_pairs((first, second), kind, seed=seed)[0]


def compare_pairs(
    systems: Sequence[Iterable[Observation]], kind: str, *, seed: int = 0
) -> list[PairedComparison]:
    """Compare every two of several systems, as `compare` does and many times faster.

    Returns:
        The comparisons in the order of ``itertools.combinations``; fewer than two systems give an empty list.

    Raises:
        ValueError: as for `compare`.
    """
    pairs = shared_pairs(systems, kind)
    p_values = iter(swap_tests([(*a.sums, *b.sums) for a, b in pairs if a.kept], seed))
    return [
        _comparison(a, b, kind, next(p_values))
        if a.kept
        else PairedComparison(None, None, None, None, None, 0, 0)
        for a, b in pairs
    ]


def _comparison(a: "SharedValues", b: "SharedValues", kind: str, p: float) -> PairedComparison:
    difference = a.minus(b)
    low, high, detectable, missing = paired_spread(a, b, kind, difference)
    return PairedComparison(difference, low, high, p, detectable, len(a.kept), len(a.sums[0]), missing)


def paired_spread(
    a: "SharedValues", b: "SharedValues", kind: str, difference: float
) -> tuple[float | None, float | None, float | None, str]:
    """The interval of a difference, from at least one sample that both systems have, in one order.

    Returns:
        Lower and upper end, minimum detectable difference, and why there is no interval.
    """
    if kind == RATE:
        up_down = a.ratio.numerators - b.ratio.numerators
        known = trials(up_down, a.groups)
        up, down = float(np.maximum(up_down, 0).mean()), float(np.maximum(-up_down, 0).mean())
        detectable = (Z95 + Z80) * paired_error(up, down, known.number) if known.units > 1 else None
        missing = known.missing(paired=True)
        ends = (None, None) if missing else paired_shares(up, down, known.number)
        return *ends, detectable, missing
    moved = paired_influences(a.ratio, b.ratio)
    missing = moved.missing(paired=True)
    ends = (None, None) if missing else moved.interval(difference, paired=True)
    return *ends, moved.detectable, missing


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction of the p values of one family, each in [0, 1].

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
    kind: str,
    *,
    higher_is_better: bool,
    alpha: float = 0.05,
    seed: int = 0,
) -> list[tuple[int, int] | None]:
    """Ranks that the data allow.

    All pairs are compared by `compare`; Holm's correction runs over all pairs. A system's best possible
    rank is 1 + the number of systems significantly better, its worst is the number of systems minus
    those significantly worse.

    Each system gives its observations; ``kind`` says how to average, ``alpha`` is the family-wise error.

    Returns:
        (best, worst) rank per system, 1 is best; None for a system without a value, which is not ranked.
        Systems that share no sample are not ordered. No systems give an empty list.

    Raises:
        ValueError: as for `compare`.
    """
    ranked = [i for i, s in enumerate(systems) if any(o.denominator > 0 for o in s)]
    compared = zip(combinations(ranked, 2), shared_pairs([systems[i] for i in ranked], kind), strict=True)
    pairs = [(ij, a, b) for ij, (a, b) in compared if a.kept]
    p_values = swap_tests([(*a.sums, *b.sums) for _, a, b in pairs], seed)
    signs = [a.minus(b) if higher_is_better else b.minus(a) for _, a, b in pairs]
    better, worse = Counter[int](), Counter[int]()
    for ((i, j), _, _), p, sign in zip(pairs, holm(p_values), signs, strict=True):
        if p <= alpha and sign != 0:
            winner, loser = (i, j) if sign > 0 else (j, i)
            better[loser] += 1
            worse[winner] += 1
    return [(1 + better[i], len(ranked) - worse[i]) if i in ranked else None for i in range(len(systems))]


class SharedValues:
    """What of a system's observations has something to count, sorted by unit and sample."""

    def __init__(self, kept: list[Observation]) -> None:
        self.kept = kept

    @cached_property
    def units(self) -> dict[str, tuple[str, str]]:
        """Unit of each sample, in the order of ``kept``."""
        return {o.sample: statistics.unit_of(o) for o in self.kept}

    @cached_property
    def sums(self) -> tuple[FloatArray, FloatArray]:
        """Numerators and denominators per unit."""
        return unit_sums(self.kept)

    @cached_property
    def ratio(self) -> StratifiedRatio:
        """Its values as the ratio of sums that their mean is."""
        return StratifiedRatio(
            statistics.numerators(self.kept),
            statistics.denominators(self.kept),
            *statistics.places(self.kept),
        )

    @cached_property
    def groups(self) -> TrialGroups:
        """Its samples in their units."""
        return TrialGroups(self.ratio.units)

    @cached_property
    def mean(self) -> float:
        """The ratio of sums, where there are any values."""
        n, d = self.sums
        return float(n.sum() / d.sum())

    def minus(self, other: "SharedValues") -> float:
        """Its mean minus another's, where there are any values."""
        return self.mean - other.mean

    def among(self, samples: Container[str]) -> "SharedValues":
        """Its values on some samples; strata, which have fixed weights, weigh as much as before."""
        kept = [o for o in self.kept if o.sample in samples]
        return SharedValues(in_proportion(kept, stratum_weights(self.kept)))


def shared_pairs(
    systems: Sequence[Iterable[Observation]], kind: str
) -> list[tuple[SharedValues, SharedValues]]:
    """Every two of several systems, with what both have a value for, in one order.

    Returns:
        The pairs in the order of ``itertools.combinations``; fewer than two systems give an empty list.

    Raises:
        ValueError: as for `compare`.
    """
    measured = [SharedValues(statistics.counted(s, kind)) for s in systems]
    # Compared once a system and not once a pair: of systems with the same samples the dictionary is the same.
    known: dict[tuple[tuple[str, tuple[str, str]], ...], dict[str, tuple[str, str]]] = {}
    for one in measured:
        one.units = known.setdefault(tuple(one.units.items()), one.units)
    return [_shared(a, b) for a, b in combinations(measured, 2)]


def _shared(a: SharedValues, b: SharedValues) -> tuple[SharedValues, SharedValues]:
    if a.units is b.units:
        return a, b
    shared = [s for s in a.units if s in b.units]
    for s in shared:
        if a.units[s] != b.units[s]:
            raise ValueError(f"sample {s!r} has the units {a.units[s][-1]!r} and {b.units[s][-1]!r}")
    return a.among(b.units), b.among(a.units)
