"""Blind strategies of Charades: both words at fixed times of the video, searched over all pairs of times.

A strategy that looks at nothing has a clock, and sees at most that the video has ended: it can say "start" a
seconds into the video and "stop" b seconds into it, or "stop" at its end. How long a video is it does not
know beforehand, so times as fractions of the length are no blind strategy.

The search, per part of the task: all pairs a < b on a grid from 0 to the length that 98 % of the videos do
not exceed, besides b at the end; its step is the finest of `STEPS_S` that takes no more than `MOST` overlaps
to compute. Around the best pair for mIoU, and for R@1 at every threshold, again all pairs within one step, at
a tenth of it. For the two onset errors the best single times, on the finest grid.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tml_bench.metrics.intervals import THRESHOLDS, Interval
from tml_bench.samples import Sample
from tml_bench.tasks._common import annotation_of
from tml_bench.tasks._common.speech import one_by_one, speaking
from tml_bench.tasks._visual import TAIL_S
from tml_bench.tasks.charades.loader import MomentAnnotation
from tml_bench.timeline import Timeline

STEPS_S = (0.1, 0.25, 0.5, 1.0, 2.0)
MOST = 15_000_000
WORD_S = 0.4
_AT_ONCE = 2_000_000
_TINY = 1e-9

Array = NDArray[np.float64]


def spoken(item: MomentAnnotation, start_s: float | None, stop_s: float | None) -> Timeline:
    """The two words at times of the video; the first is cut off by the second."""
    times = [("start", start_s), ("stop", stop_s)]
    onsets = [(item.video_at_s + at, text) for text, at in times if at is not None]
    end_s = max([item.video_at_s + item.length_s, *(at + WORD_S for at, _ in onsets)]) + TAIL_S
    return speaking(end_s, one_by_one(onsets, WORD_S))


def constant(start_s: float, stop_s: float) -> Callable[[Sample], Timeline]:
    """Says both words at fixed times of the video, at its end at the latest; ``stop_s`` may be infinite."""
    return partial(_constant, start_s, stop_s)


def _constant(start_s: float, stop_s: float, sample: Sample) -> Timeline:
    item = annotation_of(sample, MomentAnnotation)
    return spoken(item, min(start_s, item.length_s), min(stop_s, item.length_s))


def name_of(start_s: float, stop_s: float) -> str:
    """The name of a constant, such as ``constant@6-22`` or ``constant@2.5-end``."""
    return f"constant@{start_s:g}-{'end' if stop_s == np.inf else f'{stop_s:g}'}"


def best_constants(items: Sequence[MomentAnnotation]) -> list[Interval]:
    """The pairs of times with the best mIoU, R@1 at every threshold, and errors of both onsets."""
    known = _Moments(items)
    grid = known.grid(next((s for s in STEPS_S if known.cost(s) <= MOST), STEPS_S[-1]))
    coarse = known.values(grid)
    best = [known.refined(grid[int(column.argmax())], measure) for measure, column in enumerate(coarse)]
    start, stop = known.nearest(known.start), known.nearest(known.end)
    apart = [(start, stop)] if start < stop else [(start, np.inf), (0.0, stop)]
    return [(round(float(a), 3), round(float(b), 3)) for a, b in (*best, *apart)]


def values_of(items: Sequence[MomentAnnotation], pairs: Sequence[Interval]) -> Array:
    """Mean IoU, and R@1 at every threshold, of pairs of times; shape (1 + thresholds, pairs)."""
    return _Moments(items).values(np.array(pairs, float))


class _Moments:
    """Annotated moments as arrays, times on the video's clock."""

    def __init__(self, items: Sequence[MomentAnnotation]) -> None:
        self.start = np.array([i.start_s - i.video_at_s for i in items])
        self.end = np.array([i.end_s - i.video_at_s for i in items])
        self.length = np.array([i.length_s for i in items])
        self.horizon = float(np.quantile(self.length, 0.98))

    def cost(self, step: float) -> float:
        """How many overlaps the grid of a step takes."""
        return float((self.horizon / step) ** 2 / 2 * len(self.start))

    def grid(self, step: float) -> Array:
        """All pairs of times, shape (pairs, 2), the second infinite for the video's end."""
        times = np.arange(0.0, self.horizon + step, step)
        first, second = np.triu_indices(len(times), 1)
        pairs = np.column_stack([times[first], times[second]])
        return np.vstack([np.column_stack([times, np.full(len(times), np.inf)]), pairs])

    def values(self, pairs: Array) -> Array:
        """Mean IoU and R@1 at every threshold, shape (1 + thresholds, pairs)."""
        chunk = max(1, _AT_ONCE // len(self.start))
        parts = [self._values(pairs[k : k + chunk]) for k in range(0, len(pairs), chunk)]
        return np.concatenate(parts, axis=1)

    def _values(self, pairs: Array) -> Array:
        first = np.minimum(pairs[:, :1], self.length)
        second = np.minimum(pairs[:, 1:], self.length)
        shared = np.minimum(second, self.end) - np.maximum(first, self.start)
        np.maximum(shared, 0.0, out=shared)
        overlap = shared / (second - first + (self.end - self.start) - shared)
        reached = [(overlap >= m - _TINY).mean(axis=1) for m in THRESHOLDS]
        return np.stack([overlap.mean(axis=1), *reached])

    def refined(self, pair: Array, measure: int) -> Interval:
        """The best pair within a step of one, at a tenth of it."""
        step = next((s for s in STEPS_S if self.cost(s) <= MOST), STEPS_S[-1])
        near = np.arange(-10, 11) * step / 10
        first = np.unique(np.maximum(0.0, pair[0] + near))
        second = pair[1] + near if np.isfinite(pair[1]) else np.array([np.inf])
        a, b = (side.ravel() for side in np.meshgrid(first, second, indexing="ij"))
        pairs = np.vstack([pair, np.column_stack([a, b])[a < b]])
        found = pairs[int(self.values(pairs)[measure].argmax())]
        return float(found[0]), float(found[1])

    def nearest(self, at: Array) -> float:
        """The time with the least mean distance; said at the video's end where that comes before."""
        times = np.arange(0.0, self.horizon, STEPS_S[0])
        errors = [np.abs(np.minimum(t, self.length) - at).mean() for t in times]
        return float(times[int(np.argmin(errors))])


def best_of_parts(parts: Iterable[Sequence[Sample]]) -> dict[str, Callable[[Sample], Timeline]]:
    """The best constants of every part of the task that has samples, by name."""
    found: dict[str, Callable[[Sample], Timeline]] = {}
    for samples in parts:
        if samples:
            best = best_constants([annotation_of(sample, MomentAnnotation) for sample in samples])
            found |= {name_of(*pair): constant(*pair) for pair in best}
    return found
