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
_MOST_KNOWN = 100_000


def swap_tests(pairs: Sequence[PairSums], seed: int) -> list[float]:
    """Two-sided p value of each pair: its systems are swapped within units.

    Counts how often the absolute difference of the ratios of sums is at least the observed one: all 2^u
    swaps up to 13 units, else 10,000 random ones with p = (1 + count) / (1 + 10,000), drawn with ``seed``,
    the same for all pairs of as many units. No pairs give an empty list.
    """
    keys = [_key(pair, seed) for pair in pairs]
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


def _key(pair: PairSums, seed: int) -> bytes:
    """Identifies a pair, whichever comes first: the test is the same."""
    first, second = (b"".join(x.tobytes() for x in sums) for sums in (pair[:2], pair[2:]))
    both = min(first, second) + max(first, second)
    return blake2b(both, digest_size=16, salt=seed.to_bytes(16, "little", signed=True)).digest()


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
    """P values of pairs of as many units each."""
    na, da, nb, db = (np.stack(side, axis=1) for side in zip(*pairs, strict=True))
    half_n, half_d = (na - nb) / 2, (da - db) / 2
    middle_n, middle_d = (na + nb).sum(axis=0) / 2, (da + db).sum(axis=0) / 2

    def moved(signs: NDArray[np.int8]) -> tuple[FloatArray, FloatArray]:
        """Half the distance of the ratios (m + n) / (M + d) and (m - n) / (M - d); its terms."""
        rows = signs.astype(np.float64)
        n, d = rows @ half_n, rows @ half_d if half_d.any() else np.zeros_like(middle_d)
        room = middle_d * middle_d - d * d
        terms = np.abs(n) * middle_d + np.abs(middle_n * d)
        return np.abs(n * middle_d - middle_n * d) / room, terms / room

    observed = moved(np.ones((1, len(na)), dtype=np.int8))[0]
    blocks = [moved(signs) for signs in _signs(len(na), seed)]
    distances, terms = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    reached = np.count_nonzero(distances >= observed - 1e-9 * terms.max(axis=0), axis=0)
    if len(na) <= _EXACT_UNITS:
        return [float(r) for r in reached / len(distances)]
    return [float(r) for r in (1 + reached) / (1 + len(distances))]
