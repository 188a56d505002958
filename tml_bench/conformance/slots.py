"""Waits until a service has a free place for a session: one that serves few at a time is not at fault."""

import re
import time
from collections.abc import Callable
from typing import TypeVar

from tml_bench.adapter import AccountError, InfrastructureError, QuotaError, SampleRefusedError
from tml_bench.conformance import CaseResult, failed

PATIENCE_S = 30.0
"""Longest wait for a free place before a case, in seconds, unless told otherwise."""
TOLD_AGAIN_S = 5.0
"""The first wait is told at once, later ones when they have lasted so long."""
PAUSES_S = (0.25, 0.5, 1.0, 2.0)
"""Pauses between tries; the last is repeated."""
FULL = re.compile(
    r"\bbusy\b|\bquota\b|rate.?limit|resource.?exhausted|too many|(limit|capacity).?(is )?(reached|exceeded)"
    r"|session.?limit|at capacity|\boccupied\b|in use|\b(1008|1013) \(|HTTP (429|503)\b",
    re.IGNORECASE,
)
"""How services say that they have no place; 1008 and 1013 are codes of websockets that were closed."""

T = TypeVar("T")


class FullError(Exception):
    """The service refused to open a session because it has no place for one.

    Attributes:
        asked_s: how long it asks to wait; 0 where it does not say.
    """

    def __init__(self, text: str, asked_s: float = 0.0) -> None:
        super().__init__(text)
        self.asked_s = asked_s

    @classmethod
    def of(cls, error: Exception) -> "FullError | None":
        """What an error raised while a session was opened means, if it is about places; else None."""
        if isinstance(error, QuotaError):
            return cls(str(error), error.retry_after_s or 0.0)
        if isinstance(error, AccountError | SampleRefusedError):
            return None
        if isinstance(error, InfrastructureError) and FULL.search(str(error)):
            return cls(str(error))
        return None


class SlotQueue:
    """Tries again while the service has no place.

    Args:
        patience_s: longest wait before one case.
        tell: takes a line that says what is waited for.
        sleep: waits so many seconds.
        clock: the time in seconds.
    """

    def __init__(
        self,
        patience_s: float = PATIENCE_S,
        tell: Callable[[str], None] = lambda line: None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.patience_s = patience_s
        self.waited_s = 0.0
        """How long was waited since it was last set to 0."""
        self._tell, self._sleep, self._clock = tell, sleep, clock
        self._quiet_s = 0.0

    def served(self, what: str, attempt: Callable[[], T]) -> T:
        """What the attempt gives, once it is not refused for want of a place.

        Raises:
            FullError: there was none in time.
        """
        began, tries, told = self._clock(), 0, False
        while True:
            try:
                return attempt()
            except FullError as full:
                waited_s = self._clock() - began
                pause_s = max(PAUSES_S[min(tries, len(PAUSES_S) - 1)], full.asked_s)
                if waited_s + pause_s > self.patience_s:
                    raise
                if not told and waited_s >= self._quiet_s:
                    told, self._quiet_s = True, TOLD_AGAIN_S
                    self._tell(f"{what} waits up to {self.patience_s:g} s for a free slot: {full}")
                self._sleep(pause_s)
                self.waited_s += pause_s
                tries += 1

    def result_of(self, what: str, attempt: Callable[[], CaseResult]) -> CaseResult:
        """As `served`, for a case; where no place became free, its failure says so."""
        try:
            return self.served(what, attempt)
        except FullError as full:
            return failed(
                f"no free slot within {self.patience_s:g} s: {full}",
                f"the server has one slot, or few, and did not free it within {self.patience_s:g} s: let it "
                "end a session when its connection closes, stop what else uses it, or give more --wait",
            )
