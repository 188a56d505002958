"""The swap test of two systems, for many pairs at once: they meet the same random swaps.

Conventions are those of `tml_bench.metrics.comparison`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
PairSums = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
"""Numerators and denominators per unit, of one system and of the other; shape (units,) each."""

PERMUTATIONS = 10_000
_EXACT_UNITS = 13
_ROWS = 1000
"""Swaps multiplied at once: as many as stay in a processor's cache."""
_KEPT_UNITS = 4000
"""Swaps of more units are not kept: they are drawn again, fewer at once, so that memory does not grow."""
_MOST_KNOWN = 200_000
_SYSTEMS = 64
"""As many are multiplied by swaps at once."""
_LEAST_SHARE = 1e-4
"""Where two systems are nearer to each other than this, of how far they are from the first, their own
difference is swapped: that of their products would have lost its last digits."""


def swap_tests(pairs: Sequence[PairSums], seed: int) -> list[float]:
    """Two-sided p value of each pair: its systems are swapped within units.

    Counts how often the absolute difference of the ratios of sums is at least the observed one: all 2^u
    swaps up to 13 units, else 10,000 random ones with p = (1 + count) / (1 + 10,000), drawn with ``seed``,
    the same for all pairs of as many units. No pairs give an empty list.
    """
    keys = _keys(pairs, seed)
    unknown = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in _KNOWN}
    by_units: defaultdict[int, list[bytes]] = defaultdict(list)
    for key, pair in unknown.items():
        by_units[len(pair[0])].append(key)
    found = {key: _KNOWN[key] for key in keys if key in _KNOWN}
    for group in by_units.values():
        found |= zip(group, _p_values([unknown[key] for key in group], seed), strict=True)
    if len(_KNOWN) > _MOST_KNOWN:
        _KNOWN.clear()
    _KNOWN.update(found)
    return [found[key] for key in keys]


_KNOWN: dict[bytes, float] = {}
"""Ranks, tables and boards ask for the same pairs."""


def _keys(pairs: Sequence[PairSums], seed: int) -> list[bytes]:
    """Identify pairs, whichever of the two comes first: the test is the same."""
    digests: dict[tuple[int, int], bytes] = {}

    def digest(n: FloatArray, d: FloatArray) -> bytes:
        # Each system is in many pairs, and its sums are the same arrays in all.
        known = digests.get((id(n), id(d)))
        if known is None:
            known = blake2b(n.tobytes() + d.tobytes(), digest_size=16).digest()
            digests[id(n), id(d)] = known
        return known

    salt = seed.to_bytes(16, "little", signed=True)
    return [salt + b"".join(sorted((digest(na, da), digest(nb, db)))) for na, da, nb, db in pairs]


def _signs(units: int, seed: int) -> Iterator[NDArray[np.int8]]:
    """Rows of +1 and -1, shape (rows, units) a block: every combination if few, else random ones."""
    if units <= _KEPT_UNITS:
        kept = _kept_signs(units, seed)
        yield from (kept[k : k + _ROWS] for k in range(0, len(kept), _ROWS))
        return
    # Blocks of a multiple of four rows are what is drawn at once: the generator gives four bytes a time.
    rows = max(4, _ROWS * _KEPT_UNITS // units // 4 * 4)
    rng = np.random.default_rng(seed)
    for k in range(0, PERMUTATIONS, rows):
        yield _drawn(rng, min(rows, PERMUTATIONS - k), units)


@lru_cache(maxsize=4)
def _kept_signs(units: int, seed: int) -> NDArray[np.int8]:
    if units <= _EXACT_UNITS:
        return (1 - 2 * (np.arange(2**units)[:, None] >> np.arange(units) & 1)).astype(np.int8)
    return _drawn(np.random.default_rng(seed), PERMUTATIONS, units)


def _drawn(rng: np.random.Generator, rows: int, units: int) -> NDArray[np.int8]:
    return 1 - 2 * rng.integers(0, 2, size=(rows, units), dtype=np.int8)


def _p_values(pairs: Sequence[PairSums], seed: int) -> list[float]:
    """P values of pairs of as many units each, some systems at a time."""
    found: list[float] = []
    batch: list[PairSums] = []
    systems: set[tuple[int, int]] = set()
    for pair in pairs:
        systems |= {*_sides(pair)}
        if len(systems) > _SYSTEMS and batch:
            found += _SwappedSystems(batch, seed).p_values()
            batch, systems = [], {*_sides(pair)}
        batch.append(pair)
    return found + _SwappedSystems(batch, seed).p_values()


def _sides(pair: PairSums) -> tuple[tuple[int, int], tuple[int, int]]:
    return (id(pair[0]), id(pair[1])), (id(pair[2]), id(pair[3]))


class _SwappedSystems:
    """What swaps make of each system by itself: of a pair it is the difference of the two.

    So the swaps are multiplied once a system and not once a pair, which are many more.
    """

    def __init__(self, pairs: Sequence[PairSums], seed: int) -> None:
        self._pairs, self._seed = pairs, seed
        sides = {key: sums for p in pairs for key, sums in zip(_sides(p), (p[:2], p[2:]), strict=True)}
        self._place = {key: k for k, key in enumerate(sides)}
        # Less those of one system, or a difference that is small beside what it is of would be lost.
        self._n, self._d = (_less_the_first([sums[k] for sums in sides.values()]) for k in (0, 1))
        self._moved_n, self._moved_d = self._products((self._n, self._d))

    def p_values(self) -> list[float]:
        """One a pair, in order."""
        units, swaps = self._n.shape[1], self._moved_n.shape[1] - 1
        drawn = units > _EXACT_UNITS
        return [(self._reached(pair) + drawn) / (swaps + drawn) for pair in self._pairs]

    def _products(self, sums: Sequence[FloatArray]) -> list[FloatArray]:
        """Shape (systems, 1 + swaps) each; of the first swap nothing is swapped, so it gives the observed."""
        used = [half for half in sums if half.any()]
        units = sums[0].shape[1]
        blocks = [[half.sum(axis=1, keepdims=True)] for half in used]
        swaps = 0
        for signs in _signs(units, self._seed):
            rows, swaps = signs.astype(np.float64).T, swaps + len(signs)
            for half, parts in zip(used, blocks, strict=True):
                parts.append(half @ rows)
        found = iter([np.concatenate(parts, axis=1) for parts in blocks])
        return [next(found) if half.any() else np.zeros((len(half), 1 + swaps)) for half in sums]

    def _reached(self, pair: PairSums) -> int:
        """How many swaps part the two by as much as they are."""
        na, da, nb, db = pair
        a, b = (self._place[key] for key in _sides(pair))
        n = self._difference(self._moved_n[a], self._moved_n[b], na - nb)
        if np.array_equal(da, db):
            # Of equal denominators the distance goes with the numerators alone.
            distances = np.abs(n)
            return _at_least_the_first(distances, float(distances[1:].max()))
        d = self._difference(self._moved_d[a], self._moved_d[b], da - db)
        middle_n, middle_d = float((na + nb).sum()) / 2, float((da + db).sum()) / 2
        # Half the distance of the ratios (m + n) / (M + d) and (m - n) / (M - d).
        room = middle_d * middle_d - d * d
        terms = (np.abs(n) * middle_d + np.abs(middle_n * d)) / room
        return _at_least_the_first(np.abs(n * middle_d - middle_n * d) / room, float(terms[1:].max()))

    def _difference(self, a: FloatArray, b: FloatArray, sums: FloatArray) -> FloatArray:
        """What swaps make of half the difference of two systems' sums, from what they make of each."""
        found: FloatArray = a - b
        size = max(float(np.abs(each).max()) for each in (a, b))
        if float(np.abs(found).max()) < _LEAST_SHARE * size and sums.any():
            found = self._products([sums[None] / 2])[0][0]
        return found


def _less_the_first(sums: Sequence[FloatArray]) -> FloatArray:
    """Halves of sums less those of the first system, shape (systems, units)."""
    found: FloatArray = (np.stack(sums) - sums[0]) / 2
    return found


def _at_least_the_first(distances: FloatArray, terms: float) -> int:
    """How many of the others are no smaller, but for rounding of numbers as large as ``terms``."""
    return int(np.count_nonzero(distances[1:] >= distances[0] - 1e-9 * terms))
