"""How far raters agree who each put units into the same closed set of categories.

Conventions
    Categories are coded 0, 1, ..., k - 1, in their order where they are steps of a scale. A *table* counts
    units by the category of a first rater (rows) and of a second (columns). A *coincidence matrix* counts
    the ordered pairs of ratings of the same unit by different raters; a unit with m >= 2 ratings adds
    m (m - 1) pairs, each with the weight 1 / (m - 1). Both are sums over units, so both are resampled by
    drawing units. Functions take arrays of shape (..., k, k) and give one value per matrix; NaN where a
    coefficient is not defined.

Measures
    * accuracy: share of units in the same category; 1 - sum over cells off the diagonal.
    * Cohen's kappa: 1 - D_o / D_e, where D_o is the observed and D_e the expected weighted disagreement under
      independent margins; weights 0 on the diagonal and 1 elsewhere (nominal), or the squared difference
      of codes (quadratic). Not defined where D_e = 0: both raters use one and the same category only.
    * Krippendorff's alpha: 1 - D_o / D_e over the coincidence matrix, with n_c the margin of category c and
      n their sum, D_o = sum o_ck d_ck / n, D_e = sum n_c n_k d_ck / (n (n - 1)). Nominal: d = 1 off the
      diagonal. Ordinal: d_ck = (sum of n_g from c to k - (n_c + n_k) / 2)^2. Any number of raters, ratings
      may be missing; units with fewer than two ratings count nothing.
    * interval, 95 %, of accuracy: that of shares (`tml_bench.metrics.confidence`). Of a coefficient c:
      Student's t on -log(1 - c), since a coefficient is bounded by 1 and skewed near it, with the jackknife's
      standard error over units, or over groups of units that are not independent.

Sources
    J. Cohen, Educ. Psychol. Meas. 20 (1960), Psychol. Bull. 70 (1968). K. Krippendorff, "Computing
    Krippendorff's Alpha-Reliability" (2011). B. Efron, "The Jackknife, the Bootstrap and Other Resampling
    Plans" (1982).
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from tml_bench.metrics.confidence import (
    ALL_AGREE,
    FloatArray,
    TrialGroups,
    degrees_of_freedom,
    t_quantile,
    too_few,
    trials,
    wilson,
)

Coefficient = Callable[[FloatArray], FloatArray]
"""From matrices of shape (..., k, k) to one value each."""
FEWEST_RATED = 50
"""Of coefficients of fewer units there is no interval: with a rare category it would say nothing."""


def tables(first: Sequence[int], second: Sequence[int], categories: int) -> FloatArray:
    """One table per unit, from each unit's category by the first and by the second rater, in one order.

    Returns:
        Shape (n, k, k), a single 1 in each; sum over the first axis for the table of all.

    Raises:
        ValueError: the raters did not rate the same number of units, or a code is not in [0, k).
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} ratings")
    found = np.zeros((len(first), categories, categories))
    for k, (a, b) in enumerate(zip(first, second, strict=True)):
        if not (0 <= a < categories and 0 <= b < categories):
            raise ValueError(f"the rating {a} or {b} is not one of {categories} categories")
        found[k, a, b] = 1.0
    return found


def coincidences(units: Sequence[Sequence[int]], categories: int) -> FloatArray:
    """One coincidence matrix per unit, from its ratings, whoever gave them; fewer than two count nothing.

    Returns:
        Shape (n, k, k); a unit with m >= 2 ratings sums to m, others to 0.

    Raises:
        ValueError: a code is not in [0, k).
    """
    found = np.zeros((len(units), categories, categories))
    for place, ratings in enumerate(units):
        if any(not 0 <= rating < categories for rating in ratings):
            raise ValueError(f"a rating of {list(ratings)} is not one of {categories} categories")
        if len(ratings) < 2:
            continue
        counts = np.bincount(ratings, minlength=categories).astype(np.float64)
        found[place] = (np.outer(counts, counts) - np.diag(counts)) / (len(ratings) - 1)
    return found


def accuracy(table: FloatArray) -> FloatArray:
    """Share of units in the same category, in [0, 1]; NaN for an empty table."""
    return _ratio(np.trace(table, axis1=-2, axis2=-1), table.sum((-2, -1)))


def cohen_kappa(table: FloatArray) -> FloatArray:
    """Cohen's kappa, nominal; at most 1, 0 for agreement as by chance."""
    return _kappa(table, _nominal(table.shape[-1]))


def weighted_kappa(table: FloatArray) -> FloatArray:
    """Cohen's kappa with quadratic weights, for categories that are steps of a scale."""
    codes = np.arange(table.shape[-1], dtype=np.float64)
    return _kappa(table, (codes[:, None] - codes[None, :]) ** 2)


def nominal_alpha(coincidence: FloatArray) -> FloatArray:
    """Krippendorff's alpha for categories without order; at most 1, 0 for agreement as by chance."""
    return _alpha(coincidence, np.broadcast_to(_nominal(coincidence.shape[-1]), coincidence.shape))


def ordinal_alpha(coincidence: FloatArray) -> FloatArray:
    """Krippendorff's alpha for categories that are steps of a scale of unknown spacing."""
    margins = coincidence.sum(-1)
    upto = np.cumsum(margins, -1) - margins / 2
    return _alpha(coincidence, (upto[..., :, None] - upto[..., None, :]) ** 2)


def interval(
    matrices: FloatArray, coefficient: Coefficient, groups: Sequence[Hashable] = ()
) -> tuple[float, float] | str:
    """The 95 % interval of a coefficient computed on the sum of matrices.

    The matrices, shape (n, k, k), are those of `tables` or `coincidences`, one per unit. ``groups`` says what
    each unit belongs to: units of one group are left out together; empty: each by itself.

    Returns:
        Lower and upper end, or why there is none: fewer than 50 groups, no disagreement, or the
        coefficient is not defined without one of them.

    Raises:
        ValueError: there are groups, and not one for each unit.
    """
    sums = _numbered_sums(matrices, _numbers(len(matrices), groups))
    n, total = len(sums), sums.sum(0)
    if n < FEWEST_RATED:
        return too_few(n, FEWEST_RATED)
    value, without = float(coefficient(total)), coefficient(total - sums)
    if not np.isfinite(without).all():
        return "it is not defined without one of the units"
    error = float(np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2)))
    if 1 - value < 1e-9 or error < 1e-9:
        return ALL_AGREE
    weights = sums.sum((1, 2)) / total.sum()
    reach = t_quantile(0.975, degrees_of_freedom(weights)) * error / (1 - value)
    return max(-1.0, 1 - (1 - value) * float(np.exp(reach))), 1 - (1 - value) * float(np.exp(-reach))


def accuracy_interval(table: FloatArray, groups: Sequence[Hashable] = ()) -> tuple[float, float] | str:
    """The 95 % interval of accuracy from `tables`, or why there is none; ``groups`` as for `interval`.

    Raises:
        ValueError: there are groups, and not one for each unit.
    """
    agree = np.trace(table, axis1=-2, axis2=-1)
    if not len(agree):
        return too_few(0, 1)
    known = trials(agree, TrialGroups(_numbers(len(agree), groups)))
    return known.missing() or wilson(float(agree.mean()), known.number)


def _numbers(units: int, groups: Sequence[Hashable]) -> NDArray[np.intp]:
    if groups and len(groups) != units:
        raise ValueError(f"{len(groups)} groups for {units} units")
    places = {group: k for k, group in enumerate(dict.fromkeys(groups or range(units)))}
    return np.array([places[group] for group in groups or range(units)], dtype=np.intp)


def _numbered_sums(matrices: FloatArray, numbers: NDArray[np.intp]) -> FloatArray:
    sums = np.zeros((int(numbers.max(initial=-1)) + 1, *matrices.shape[1:]))
    np.add.at(sums, numbers, matrices)
    return sums


def _nominal(k: int) -> FloatArray:
    return np.ones((k, k)) - np.eye(k)


def _kappa(table: FloatArray, weights: FloatArray) -> FloatArray:
    total = table.sum((-2, -1))
    expected = table.sum(-1)[..., :, None] * table.sum(-2)[..., None, :]
    observed_sum = (weights * table).sum((-2, -1)) * total
    return 1.0 - _ratio(observed_sum, (weights * expected).sum((-2, -1)))


def _alpha(coincidence: FloatArray, distances: FloatArray) -> FloatArray:
    margins = coincidence.sum(-1)
    total = margins.sum(-1)
    expected = (margins[..., :, None] * margins[..., None, :] * distances).sum((-2, -1))
    observed = (coincidence * distances).sum((-2, -1))
    return 1.0 - _ratio(observed * (total - 1), expected)


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """The ratio; NaN where the denominator is 0."""
    above = np.asarray(denominator) > 0
    return np.where(above, np.asarray(numerator) / np.where(above, denominator, 1.0), np.nan)
