"""How long a service that fails for a while is waited for."""

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
"""The pause after the first failure, which doubles with each, and its bound."""
JITTER = 0.25
"""A pause is up to this part of itself longer or shorter."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an adapter is waited for.

    Attributes:
        max_wait_s: in all, since a session with it went through last.
        first_wait_s: until it has held a session, where it does not say that it is busy: it may not be there
            at all.
    """

    max_wait_s: float = 300.0
    first_wait_s: float = 2.5


class BackOff:
    """When the next session with a service may start that has failed, and whether it is waited for at all.

    Args:
        seed: of the chance in the pauses.
    """

    def __init__(self, patience: Patience, seed: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._random = random.Random(seed)
        self._clock = clock
        self._was_there = False
        self._failures = 0
        self._failed_s = -math.inf
        self._until_s = -math.inf
        self._waited_s = 0.0
        self._limit_s = patience.max_wait_s

    @property
    def wait_s(self) -> float:
        """How long until then, in seconds."""
        return max(0.0, self._until_s - self._clock())

    def why(self, asked_s: float) -> str:
        """Why the service is given up that asks to wait so long, 0 where it does not ask."""
        limit = f"{self._limit_s:g} s" + " (--max-wait)" * (self._limit_s == self._patience.max_wait_s)
        if asked_s > 0:
            return f"it asks to wait {asked_s:.0f} s, and the limit is {limit} in all"
        return f"it was waited for {limit}"

    @property
    def is_brief(self) -> bool:
        """Whether a service that may not be there at all is given a moment only."""
        return self._limit_s < self._patience.max_wait_s

    @property
    def exhausted(self) -> bool:
        """Whether the pause would end after the service has been waited for as long as allowed."""
        return self._waited_s > self._limit_s

    def succeeded(self) -> None:
        """A session went through."""
        if self.exhausted:
            self._until_s = -math.inf
        self._was_there, self._failures, self._waited_s = True, 0, 0.0

    def failed(self, began_s: float, asked_s: float | None, *, opening: bool) -> bool:
        """A session failed.

        Args:
            began_s: when it had begun.
            asked_s: how long the service asks to wait; None where it does not refuse for its limits.
            opening: it was no session yet that says that the service is there; its time is waiting too.

        Returns:
            Whether a new pause begins: not where the failure belongs to one that is known.
        """
        now_s = self._clock()
        self._was_there |= not opening
        most_s = self._patience.max_wait_s
        known = self._was_there or asked_s is not None
        self._limit_s = most_s if known else min(most_s, self._patience.first_wait_s)
        pause_s, new = 0.0, began_s > self._failed_s
        if new:
            self._waited_s += now_s - began_s if opening else 0.0
            pause_s = self._pause_s()
            self._failures, self._failed_s = self._failures + 1, now_s
        before_s = max(self._until_s, now_s)
        self._until_s = max(before_s, now_s + max(pause_s, asked_s or 0.0))
        self._waited_s += self._until_s - before_s
        return new

    def _pause_s(self) -> float:
        """The next pause; the last one ends when the patience does."""
        usual_s = min(LONGEST_PAUSE_S, PAUSE_S * 2.0 ** min(self._failures, 10))
        left_s = self._limit_s - self._waited_s
        pause_s = usual_s * self._random.uniform(1 - JITTER, 1 + JITTER)
        return min(pause_s, left_s) if left_s > 1e-3 else pause_s
