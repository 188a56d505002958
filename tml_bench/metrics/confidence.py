"""95 % intervals that cover: of means and ratios of sums, of shares, and of differences between shares.

Conventions
    Everything is drawn in independent *units*, each with one sample or several; a unit's *weight* w is its
    share of all samples (of all denominators, for a ratio), so the weights sum to 1. *Influences* say how
    far each unit moves a number from what it would be without it; they sum to nearly 0. What an interval
    really covers is measured by ``benchmarks/interval_coverage.py``; the tables are in ``docs/intervals.md``.

Means, ratios of sums, and their differences
    * influence of a unit: (n - R d) / D / sqrt(1 - w), with n and d its numerators and denominators, R the
      ratio of sums and D the sum of all denominators (Cochran 6.4, with the correction of Bell and
      McCaffrey for the pull of a heavy unit on R; for equal weights this is the usual standard error).
      Subsets of equal weight have an R and weights of their own each; a unit's influences are summed.
    * standard error: the root of the sum of squared influences.
    * degrees of freedom: those of Bell and McCaffrey where every unit's mean has the same variance; for equal
      weights the number of units less one. Over subsets, Welch and Satterthwaite's combination.
    * interval: Student's t, for one number corrected for skewness by Hall's cubic transformation, which
      moves it towards the long tail. The skewness is that of the influences: its bias in few units is taken
      out, and it is shrunk where the values pile up at two levels. There the sample skewness follows the
      sample mean and says nothing new, and kurtosis and squared skewness nearly meet (Pearson: their gap
      is at least 0, and 2 for normal values). Differences are nearly symmetric, and the outliers of heavy
      tails would pass for skewness: they get no correction.
    * None with fewer than 16 units or 5 degrees of freedom, where nothing covers lognormal values (of
      differences 6 and 4); where a subset has one unit only; where all units agree.

Shares
    * interval: Wilson's, of an *effective number of trials*. With one sample a unit that is the number of
      samples. Else it is n / (1 + r (k - 1) t² / z²): k the mean size of a sample's unit (Kish), r the
      intraclass correlation by analysis of variance within [0, 1], t and z the 97.5 % points of Student's t
      and the normal distribution, since r is known from few units only. It is at least 1 / sum of squared
      weights (samples of a unit all agree), and at most n.
    * difference, paired: Bonett and Price's interval, of the same effective number of trials.
    * None where units have several samples and there are fewer than 5 of them, or 1 / sum of squared
      weights, the number of equal units that would tell as much, is below 4. No interval of a difference of
      fewer than 16 samples either: it would hold nearly every difference.

Sources
    E. B. Wilson, JASA 22 (1927). P. Hall, "On the removal of skewness by transformation", JRSS B 54 (1992).
    R. M. Bell, D. F. McCaffrey, "Bias reduction in standard errors for linear regression with multi-stage
    samples", Survey Methodology 28 (2002). W. Cochran, "Sampling Techniques" (1977). B. L. Welch,
    Biometrika 34 (1947). L. Kish, "Survey Sampling" (1965). D. G. Bonett, R. M. Price, "Adjusted Wald
    confidence interval for a difference of binomial proportions based on paired data", J. Educ. Behav.
    Stat. 37 (2012). K. Pearson, Phil. Trans. A 216 (1916).
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

METHOD = "intervals 2"
"""Name and version of all intervals here; 1 were percentile bootstraps and Wilson's over whole units."""
Z95 = 1.959963984540054
"""97.5 % point of the standard normal distribution."""
Z80 = 0.8416212335729143
"""80 % point of the standard normal distribution: the power of the minimum detectable difference."""
ROUNDING = 1e-12
"""What is smaller, relative to the numbers it is the difference of, is rounding noise around 0."""
FEWEST_UNITS = 16
"""Of means and ratios with fewer units there is no interval: lognormal values would not be covered."""
FEWEST_DEGREES = 5.0
"""Nor with fewer degrees of freedom: a few units outweigh all others."""
FEWEST_PAIRS, FEWEST_PAIRED_DEGREES = 6, 4.0
"""The same for differences of means and ratios, which are less skewed."""
FEWEST_GROUPS = 5
"""Of shares with several samples a unit there is no interval with fewer units."""
FEWEST_EQUAL_GROUPS = 4.0
"""Nor with fewer units of equal weight that would tell as much."""
_SKEW_BIAS = 5.0
_PEARSON_GAP = 0.85
ALL_AGREE = "all units agree"
FEWEST_PAIRED_SHARES = 16
"""Of differences of shares on fewer samples there is no interval: it would be wider than the truth needs."""
LONE_UNIT = "a subset has one unit only"
OUTWEIGHED = "a few units outweigh the others"


def too_few(units: int, needed: int) -> str:
    """Why so many units get no interval."""
    return f"too few units ({units}, {needed} needed)"


@dataclass(frozen=True)
class UnitInfluences:
    """How units move a number; see the module.

    Attributes:
        values: one per unit, shape (units,).
        degrees: degrees of freedom of their spread.
        equal_units: how many units of equal weight would tell as much: 1 / sum of squared weights.
        lone: a subset has only one unit, so nothing is known of its spread.
    """

    values: FloatArray
    degrees: float
    equal_units: float
    lone: bool = False

    @property
    def error(self) -> float:
        """The standard error; 0 where it is not known."""
        return 0.0 if self.lone else math.sqrt(float(self.values @ self.values))

    def missing(self, *, paired: bool = False) -> str:
        """Why there is no interval of one number, or of a difference; empty where there is one."""
        fewest, degrees = FEWEST_UNITS, FEWEST_DEGREES
        if paired:
            fewest, degrees = FEWEST_PAIRS, FEWEST_PAIRED_DEGREES
        if len(self.values) < fewest:
            return too_few(len(self.values), fewest)
        if self.lone:
            return LONE_UNIT
        if not self.error:
            return ALL_AGREE
        return OUTWEIGHED if self.degrees < degrees else ""

    def interval(self, value: float, *, paired: bool = False) -> tuple[float, float]:
        """Lower and upper end around ``value``, which they hold; only where nothing is `missing`."""
        point, skew = t_quantile(0.975, self.degrees), 0.0 if paired else self._skew()

        def untransformed(x: float) -> float:
            # Hall's g(T) = T + a T² / 3 + a² T³ / 27 + a / 6, solved for T.
            return x if abs(skew) < 1e-9 else 3 / skew * (math.cbrt(1 + skew * (x - skew / 6)) - 1)

        low, high = (value - self.error * untransformed(x) for x in (point, -point))
        return min(low, value), max(high, value)

    @property
    def detectable(self) -> float | None:
        """What a two-sided 5 % test of a number with this error finds in 80 % of repetitions."""
        if not self.error:
            return None
        return (t_quantile(0.975, self.degrees) + t_quantile(0.8, self.degrees)) * self.error

    def _skew(self) -> float:
        """Skewness of the number itself, which is that of units over the root of their number."""
        n = self.equal_units
        scaled = self.values / self.error
        skew, kurtosis = float(np.sum(scaled**3)), float(np.sum(scaled**4)) * n - 3
        shrunk = min(1.0, _PEARSON_GAP * max(0.0, kurtosis + 2 - skew * skew * n))
        return skew * shrunk * math.sqrt(n * (n - 1)) / (n - 2) * (1 + _SKEW_BIAS / n) if n > 2 else 0.0


def degrees_of_freedom(weights: FloatArray) -> float:
    """Degrees of freedom of the sum of squared influences where unit means have one variance.

    The sum is e' B e with e = (I - 1 w') x, x independent with variance 1 and B = diag(w² / (1 - w)):
    2 E² / Var of it, in closed form. For n equal weights n - 1.
    """
    q = float(weights @ weights)
    own, scale = 1 - 2 * weights + q, weights**2 / (1 - weights)
    a, b, c = (float(np.sum(scale * weights**k)) for k in range(3))
    across = q * q * a * a - 4 * q * a * b + 2 * a * c + 2 * b * b
    squares = float(np.sum(scale**2 * (own**2 - (q - 2 * weights) ** 2))) + across
    return float(np.sum(scale * own)) ** 2 / squares


@dataclass(frozen=True)
class EffectiveTrials:
    """Samples in units as so many independent trials; see the module.

    Attributes:
        number: effective number of trials.
        samples: samples.
        units: independent units.
        equal_units: how many units of equal weight would tell as much.
    """

    number: float
    samples: int
    units: int
    equal_units: float

    def missing(self, *, paired: bool = False) -> str:
        """Why there is no interval of one share, or of a difference; empty where there is one."""
        if paired and self.samples < FEWEST_PAIRED_SHARES:
            return f"too few samples ({self.samples}, {FEWEST_PAIRED_SHARES} needed)"
        if self.units == self.samples:
            return ""
        if self.units < FEWEST_GROUPS:
            return too_few(self.units, FEWEST_GROUPS)
        return OUTWEIGHED if self.equal_units < FEWEST_EQUAL_GROUPS else ""


class TrialGroups:
    """The samples of at least one unit in their units, whose numbers have shape (samples,)."""

    def __init__(self, units: NDArray[np.intp]) -> None:
        self.units = units
        self.sizes = np.bincount(units).astype(np.float64)
        self.weights = self.sizes / len(units)
        self.equal_units = 1 / float(self.weights @ self.weights)

    @cached_property
    def degrees(self) -> float:
        """Degrees of freedom of what units of this weight differ by."""
        return degrees_of_freedom(self.weights)


def trials(values: FloatArray, found: TrialGroups) -> EffectiveTrials:
    """How many independent trials the values of samples are worth, shape (samples,)."""
    n, sizes, sums = len(values), found.sizes, np.bincount(found.units, values)
    groups, weights, equal_units = len(sizes), found.weights, found.equal_units
    if groups in (1, n):
        return EffectiveTrials(equal_units, n, groups, equal_units)
    between = max(0.0, float(np.sum(sums**2 / sizes)) - float(values.sum()) ** 2 / n) / (groups - 1)
    within = max(0.0, float(values @ values) - float(np.sum(sums**2 / sizes))) / (n - groups)
    mean_size = float(sizes @ weights)
    spread = between + ((n - mean_size) / (groups - 1) - 1) * within
    correlation = min(1.0, max(0.0, (between - within) / spread)) if spread > ROUNDING else 1.0
    unsure = (t_quantile(0.975, found.degrees) / Z95) ** 2
    number = n / (1 + correlation * (mean_size - 1) * unsure)
    return EffectiveTrials(min(float(n), max(equal_units, number)), n, groups, equal_units)


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson score interval, 95 %, of a share observed in ``n`` > 0 independent trials.

    Returns:
        Lower and upper end, within [0, 1]: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n).
    """
    z2 = Z95**2
    centre = share + z2 / (2 * n)
    reach = Z95 * math.sqrt(max(0.0, share * (1 - share)) / n + z2 / (4 * n * n))
    scale = 1 + z2 / n
    return max(0.0, min(share, (centre - reach) / scale)), min(1.0, max(share, (centre + reach) / scale))


def share_error(share: float, n: float) -> float:
    """Standard error of a share by Agresti and Coull: the plain one of 4 of 4 is 0, which promises all."""
    more = n + Z95**2
    p = (share * n + Z95**2 / 2) / more
    return math.sqrt(p * (1 - p) / more)


def paired_error(up: float, down: float, n: float) -> float:
    """Bonett and Price's standard error of a difference of shares; see `paired_shares`."""
    up, down = (up * n + 1) / (n + 2), (down * n + 1) / (n + 2)
    return math.sqrt(max(0.0, up + down - (up - down) ** 2) / (n + 2))


def paired_shares(up: float, down: float, n: float) -> tuple[float, float]:
    """Interval, 95 %, of a difference of shares on the same ``n`` > 0 trials, within [-1, 1].

    ``up`` is the mean of the positive differences of trials, ``down`` that of the negative ones without sign;
    the difference is ``up - down``, and the interval holds it.
    """
    centre, reach = (up - down) * n / (n + 2), Z95 * paired_error(up, down, n)
    return max(-1.0, min(up - down, centre - reach)), min(1.0, max(up - down, centre + reach))


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)


@lru_cache(maxsize=4096)
def t_quantile(p: float, degrees: float) -> float:
    """Quantile of Student's t, ``p`` in [0.5, 1), at least 1 degree of freedom, not necessarily whole.

    With T = sqrt(v) tan(u) the density is cos(u)^(v - 1) up to its constant: integrated by 48 Gauss-Legendre
    nodes and solved by Newton's method, which from 0 approaches the root from one side only. Exact to 1e-6 of
    its value from 2 degrees of freedom on, to 1e-5 below (``p`` up to 0.999).
    """
    half = math.exp(math.lgamma(degrees / 2) - math.lgamma((degrees + 1) / 2)) * math.sqrt(math.pi)
    wanted, u = (p - 0.5) * half, 0.0
    for _ in range(100):
        area = float(np.sum(_WEIGHTS * np.cos(u / 2 * (_NODES + 1)) ** (degrees - 1))) * u / 2
        step = (wanted - area) / math.cos(u) ** (degrees - 1)
        u += step
        if abs(step) < 1e-13 * u:
            break
    return math.sqrt(degrees) * math.tan(u)
