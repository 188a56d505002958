"""When does something begin and end? Temporal overlap of a said interval with the annotated one.

Conventions:
    An interval is (start, end) in seconds on one clock. A prediction is an interval, or None when a word is
    missing. An interval that ends at or before its start is empty.

Measures:
    * Temporal IoU = |intersection| / |union|, in [0, 1]; the union of two apart intervals is the sum of their
      lengths, not their hull. A missing or empty prediction has 0.
    * mIoU: mean over samples. R@1, IoU = m: share with IoU >= m (some code uses >), m = 0.3, 0.5, 0.7.
    * Signed onset errors: said start - true start, said stop - true end; positive is late.

Floors and ceilings:
    * ``best_constant``: the one interval that, said for every sample, has the highest mIoU.
    * ``delayed``: what a perfect detector that is late says.

Sources: R@1 and mIoU as in Gao et al., TALL (ICCV 2017, arXiv 1705.02101); 2D-TAN prints the mean IoU of its
top 3 proposals as "mIoU", which is not comparable.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Interval = tuple[float, float]
THRESHOLDS = (0.3, 0.5, 0.7)


def iou(prediction: Interval | None, truth: Interval) -> float:
    """Temporal IoU.

    Args:
        prediction: what was said; None when a word is missing.
        truth: what is annotated.

    Raises:
        ValueError: ``truth`` is empty.
    """
    if truth[1] <= truth[0]:
        raise ValueError(f"the annotated interval {truth} is empty")
    if prediction is None or prediction[1] <= prediction[0]:
        return 0.0
    shared = max(0.0, min(prediction[1], truth[1]) - max(prediction[0], truth[0]))
    # Rounding can leave the union of equal intervals a hair below their length.
    return min(1.0, shared / (prediction[1] - prediction[0] + truth[1] - truth[0] - shared))


def ious(starts: ArrayLike, ends: ArrayLike, truths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Temporal IoU of many samples.

    Args:
        starts: predicted starts, shape (n,) or a number.
        ends: predicted ends, shape (n,) or a number.
        truths: shape (n, 2), none empty.

    Returns:
        Shape (n,), in [0, 1].
    """
    start, end = np.asarray(starts, float), np.asarray(ends, float)
    shared = np.maximum(0, np.minimum(end, truths[:, 1]) - np.maximum(start, truths[:, 0]))
    union = np.maximum(end - start, 0) + truths[:, 1] - truths[:, 0] - shared
    return np.asarray(np.where(end > start, np.minimum(1.0, shared / union), 0.0))


def delayed(truth: Interval, delay_s: float) -> Interval:
    """What a perfect detector says that is ``delay_s`` seconds late for both edges."""
    return truth[0] + delay_s, truth[1] + delay_s


def best_constant(truths: Sequence[Interval], lengths: Sequence[float], step_s: float = 1.0) -> Interval:
    """The constant interval with the highest mIoU, on a grid.

    A video shorter than the interval cuts it off.

    Args:
        truths: annotated intervals.
        lengths: of the videos, in seconds.
        step_s: of the grid, from 0 to the longest video.

    Returns:
        Start and end; the first of equals, by start and then by end.

    Raises:
        ValueError: there are no samples.
    """
    if not truths:
        raise ValueError("no samples")
    table, limit = np.asarray(truths, float), np.asarray(lengths, float)
    grid = np.arange(0, limit.max() + step_s, step_s)
    best, found = -1.0, (0.0, 0.0)
    for i, a in enumerate(grid):
        for b in grid[i + 1 :]:
            value = float(ious(np.minimum(a, limit), np.minimum(b, limit), table).mean())
            if value > best + 1e-12:
                best, found = value, (float(a), float(b))
    return found
