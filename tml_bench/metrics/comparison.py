"""Two systems compared on the samples both have a value for, and the ranks that comparisons allow.

Conventions are those of `tml_bench.metrics.statistics`. Two systems are compared by a test that
swaps them within a unit (for means: the paired sign-flip permutation test). Holm's step-down procedure
(Scand. J. Statist. 6, 1979) corrects a family of tests.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tml_bench.metrics import statistics
from tml_bench.metrics.confidence import (
    Z80,
    Z95,
    FloatArray,
    paired_error,
    paired_influences,
    paired_shares,
    trials,
)
from tml_bench.metrics.statistics import RATE, Observation, unit_sums

PERMUTATIONS = 10_000
_EXACT_UNITS = 13


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
    a, b = _shared(first, second, kind)
    if not a:
        return PairedComparison(None, None, None, None, None, 0, 0)
    (na, da), (nb, db) = unit_sums(a), unit_sums(b)
    difference = float(na.sum() / da.sum() - nb.sum() / db.sum())
    low, high, detectable, missing = paired_spread(a, b, kind, difference)
    p = _swap_test(na, da, nb, db, seed)
    return PairedComparison(difference, low, high, p, detectable, len(a), len(na), missing)


def paired_spread(
    a: Sequence[Observation], b: Sequence[Observation], kind: str, difference: float
) -> tuple[float | None, float | None, float | None, str]:
    """The interval of a difference, from at least one sample that both systems have, in one order.

    Returns:
        Lower and upper end, minimum detectable difference, and why there is no interval.
    """
    units, strata = statistics.places(a)
    (na, da), (nb, db) = ((statistics.numerators(x), statistics.denominators(x)) for x in (a, b))
    if kind == RATE:
        known = trials(na - nb, units)
        up, down = float(np.maximum(na - nb, 0).mean()), float(np.maximum(nb - na, 0).mean())
        detectable = (Z95 + Z80) * paired_error(up, down, known.number) if known.units > 1 else None
        missing = known.missing(paired=True)
        ends = (None, None) if missing else paired_shares(up, down, known.number)
        return *ends, detectable, missing
    moved = paired_influences((na, da), (nb, db), units, strata)
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
    pairs, p_values, signs = [], [], []
    for k, i in enumerate(ranked):
        for j in ranked[k + 1 :]:
            a, b = _shared(systems[i], systems[j], kind)
            if a:
                (na, da), (nb, db) = unit_sums(a), unit_sums(b)
                pairs.append((i, j))
                p_values.append(_swap_test(na, da, nb, db, seed))
                difference = na.sum() / da.sum() - nb.sum() / db.sum()
                signs.append(difference if higher_is_better else -difference)
    better, worse = Counter[int](), Counter[int]()
    for (i, j), p, sign in zip(pairs, holm(p_values), signs, strict=True):
        if p <= alpha and sign != 0:
            winner, loser = (i, j) if sign > 0 else (j, i)
            better[loser] += 1
            worse[winner] += 1
    return [(1 + better[i], len(ranked) - worse[i]) if i in ranked else None for i in range(len(systems))]


def _shared(
    first: Iterable[Observation], second: Iterable[Observation], kind: str
) -> tuple[list[Observation], list[Observation]]:
    """What both systems have a value for, in one order."""
    a = {o.sample: o for o in statistics.counted(first, kind)}
    b = {o.sample: o for o in statistics.counted(second, kind)}
    shared = [s for s in a if s in b]
    for s in shared:
        if statistics.unit_of(a[s]) != statistics.unit_of(b[s]):
            raise ValueError(f"sample {s!r} has the units {a[s].unit!r} and {b[s].unit!r}")
    return [a[s] for s in shared], [b[s] for s in shared]


@lru_cache(maxsize=8)
def _signs(units: int, seed: int) -> NDArray[np.int8]:
    """Rows of +1 and -1, shape (rows, units): every combination if few, else random ones."""
    if units <= _EXACT_UNITS:
        return (1 - 2 * (np.arange(2**units)[:, None] >> np.arange(units) & 1)).astype(np.int8)
    rng = np.random.default_rng(seed)
    return 1 - 2 * rng.integers(0, 2, size=(PERMUTATIONS, units), dtype=np.int8)


def _swap_test(na: FloatArray, da: FloatArray, nb: FloatArray, db: FloatArray, seed: int) -> float:
    """Two-sided p value of swapping the systems within units; see `compare`."""
    half_n, half_d = (na - nb) / 2, (da - db) / 2
    middle_n, middle_d = float((na + nb).sum()) / 2, float((da + db).sum()) / 2

    def moved(signs: NDArray[np.int8]) -> tuple[FloatArray, FloatArray]:
        """Half the distance of the ratios (m + n) / (M + d) and (m - n) / (M - d); its terms."""
        rows = signs.astype(np.float64)
        n, d = rows @ half_n, rows @ half_d
        room = middle_d * middle_d - d * d
        terms = np.abs(n) * middle_d + np.abs(middle_n * d)
        return np.abs(n * middle_d - middle_n * d) / room, terms / room

    observed = float(moved(np.ones((1, len(na)), dtype=np.int8))[0][0])
    signs = _signs(len(na), seed)
    distances, terms = moved(signs)
    reached = int(np.count_nonzero(distances >= observed - 1e-9 * float(terms.max())))
    if len(na) <= _EXACT_UNITS:
        return reached / len(signs)
    return (1 + reached) / (1 + len(signs))
