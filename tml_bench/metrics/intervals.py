"""When does something begin and end? Temporal overlap of a said interval with the annotated one.

Conventions:
    An interval is (start, end) in seconds on one clock. A prediction is an interval, or None when a word is
    missing. An interval that ends at or before its start is empty.

Measures:
    * Temporal IoU = |intersection| / |union|, in [0, 1]; the union of two apart intervals is the sum of their
      lengths, not their hull. A missing or empty prediction has 0.
    * mIoU: mean over samples. R@1, IoU = m: share with IoU >= m (some code uses >), m = 0.3, 0.5, 0.7.
    * Signed onset errors: said start - true start, said stop - true end; positive is late.

Sources: R@1 and mIoU as in Gao et al., TALL (ICCV 2017, arXiv 1705.02101); 2D-TAN prints the mean IoU of its
top 3 proposals as "mIoU", which is not comparable.
"""

Interval = tuple[float, float]
THRESHOLDS = (0.3, 0.5, 0.7)


def iou(prediction: Interval | None, truth: Interval) -> float:
    """Temporal IoU; 0 for None (a word is missing). Raises ValueError if ``truth`` is empty."""
    if truth[1] <= truth[0]:
        raise ValueError(f"the annotated interval {truth} is empty")
    if prediction is None or prediction[1] <= prediction[0]:
        return 0.0
    shared = max(0.0, min(prediction[1], truth[1]) - max(prediction[0], truth[0]))
    # Rounding can leave the union of equal intervals a hair below their length.
    return min(1.0, shared / (prediction[1] - prediction[0] + truth[1] - truth[0] - shared))
