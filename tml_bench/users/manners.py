"""What a user's manners come to at each of its turns, drawn by the session's seed.

A draw depends on the seed, what is drawn and the number of the turn alone: it is the same however often the
user had thought of speaking before.
"""

from __future__ import annotations

import math
import random

from tml_bench.scenario import Manners
from tml_bench.timebase import nanoseconds

LONGEST_GAP_S = 2.0


class DrawnManners:
    """The manners of one session."""

    def __init__(self, manners: Manners, seed: int) -> None:
        self.declared = manners
        self._seed = seed

    def draw(self, what: str, number: int) -> random.Random:
        """Chance for one thing at one turn."""
        return random.Random(f"{self._seed}/{what}/{number}")

    def gap_ns(self, number: int) -> int:
        """How long the user waits, beyond the silence that tells it that the model's turn is over.

        Log-normal, with the median and the mean that are declared, at most `LONGEST_GAP_S`.
        """
        median, mean = self.declared.gap_median_s, self.declared.gap_mean_s
        gap_s = median
        if mean > median > 0:
            spread = math.sqrt(2 * math.log(mean / median))
            gap_s = median * math.exp(spread * self.draw("gap", number).gauss(0.0, 1.0))
        return nanoseconds(min(gap_s, LONGEST_GAP_S) + self.declared.thinking_s)

    def has_aside(self, number: int) -> bool:
        """Whether the user talks to somebody else before a turn."""
        return self.draw("aside", number).random() < self.declared.aside
