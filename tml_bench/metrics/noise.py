"""A against A: how far a system is from itself when the same samples are played again.

Conventions
    An *epoch* is one run of all samples with seeds of its own; conventions on observations are those of
    `tml_bench.metrics.statistics`. Two epochs are compared as two systems are
    (`tml_bench.metrics.comparison`), on the samples that both have a value for.

Measures
    * typical: the root mean square, over all pairs of epochs, of the difference of their means. With k epochs
      that share all samples it is the square root of 2 times their sample standard deviation.
    * largest: the largest of these differences, without sign.
    * error: the standard error that such a difference has by how the units' own values differ between the
      epochs (`tml_bench.metrics.confidence`), the root mean square over the pairs. Two epochs whose means
      agree by luck, while half of their samples do not, have a small *typical* and a large *error*.

Beside a difference of two systems
    Each mean there is over as many epochs as its system has, and varies less than that of one epoch. Half the
    mean square over the pairs of both sides is the variance v of the mean of one epoch; two means of the same
    system over k and l epochs differ by sqrt(v / k + v / l), root mean square. The reach is that of the
    errors times the 97.5 % point of Student's t: 95 % of differences of a system from itself are within it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tml_bench.metrics.comparison import shared_pairs
from tml_bench.metrics.confidence import t_quantile
from tml_bench.metrics.influences import paired_influences
from tml_bench.metrics.statistics import Observation

ONE_EPOCH = "no A-against-A: run with --epochs 2"
"""Why nothing is known where every sample was played once."""
NOTHING_SHARED = "no A-against-A: no two epochs have a sample in common that has a value"


@dataclass(frozen=True, slots=True)
class EpochSpread:
    """How far a system is from itself, one epoch's mean against another's, in the metric's own scale.

    Attributes:
        epochs: how many there are, at least 2.
        pairs: pairs of them that have a sample in common.
        typical: root mean square of their differences; None without such a pair.
        largest: the largest of these, without sign.
        error: standard error of such a difference, from units; None where no pair has two units.
        degrees: degrees of freedom of the error, the fewest of the pairs; 0 without one.
    """

    epochs: int
    pairs: int
    typical: float | None
    largest: float | None
    error: float | None
    degrees: float


@dataclass(frozen=True, slots=True)
class AgainstItself:
    """What a difference of two systems would be if they were the same one; None where it is not known.

    Attributes:
        typical: root mean square of differences of two means over as many epochs as were compared.
        reach: 95 % of such differences are at most so large.
        largest: the largest difference between two single epochs of either system.
        missing: why it is not known; empty otherwise.
    """

    typical: float | None
    reach: float | None
    largest: float | None
    missing: str = ""

    def scaled(self, scale: float) -> "AgainstItself":
        """The same in another unit, such as times 100 for shares in %."""
        typical, reach, largest = (
            None if x is None else x * scale for x in (self.typical, self.reach, self.largest)
        )
        return AgainstItself(typical, reach, largest, self.missing)


def epoch_spread(epochs: Sequence[Sequence[Observation]], kind: str) -> EpochSpread:
    """How far the epochs of a system are from each other, from the observations of each.

    ``kind`` says how to average. Epochs without a common sample are no pair.

    Raises:
        ValueError: as for `tml_bench.metrics.comparison.compare`, or there are fewer than two epochs.
    """
    if len(epochs) < 2:
        raise ValueError("one epoch is not compared with itself")
    squares: list[float] = []
    errors: list[float] = []
    degrees: list[float] = []
    for a, b in shared_pairs(epochs, kind):
        if not a.kept:
            continue
        squares.append(a.minus(b) ** 2)
        moved = paired_influences(a.ratio, b.ratio)
        if len(moved.values) > 1 and not moved.lone:
            errors.append(moved.error**2)
            degrees.append(moved.degrees)
    return EpochSpread(
        epochs=len(epochs),
        pairs=len(squares),
        typical=math.sqrt(math.fsum(squares) / len(squares)) if squares else None,
        largest=math.sqrt(max(squares)) if squares else None,
        error=math.sqrt(math.fsum(errors) / len(errors)) if errors else None,
        degrees=min(degrees, default=0.0),
    )


def against_itself(first: EpochSpread | None, second: EpochSpread | None) -> AgainstItself:
    """A against A beside the difference of two systems' means, from the spread of either or both.

    A system with None has one epoch. Where only one has several, the other is taken to differ from itself
    as much.
    """
    known = [side for side in (first, second) if side is not None]
    if not known:
        return AgainstItself(None, None, None, ONE_EPOCH)
    found = [(side.pairs, side.typical) for side in known if side.typical is not None]
    if not found:
        return AgainstItself(None, None, None, NOTHING_SHARED)
    # Half the square of a difference of two means is the variance of one.
    scale = math.sqrt(sum(0.5 / (1 if side is None else side.epochs) for side in (first, second)))
    errors = [(side.pairs, side.error) for side in known if side.error is not None]
    reach = None
    if errors:
        degrees = min(side.degrees for side in known if side.error is not None)
        reach = t_quantile(0.975, max(1.0, degrees)) * _pooled(errors) * scale
    largest = max(side.largest for side in known if side.largest is not None)
    return AgainstItself(_pooled(found) * scale, reach, largest)


def _pooled(found: Sequence[tuple[int, float]]) -> float:
    """The root mean square over the pairs of all sides."""
    return math.sqrt(math.fsum(n * x * x for n, x in found) / sum(n for n, _ in found))
