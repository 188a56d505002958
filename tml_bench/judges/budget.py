"""What judging may cost, and how fast it may go."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

Sleep = Callable[[float], Awaitable[None]]


class BudgetSpentError(Exception):
    """The next call would go beyond the budget."""


class CostEstimate(NamedTuple):
    """What answering questions will take.

    Only those are asked that are ``different`` in rubric or texts, and not ``known``, from the cache or from
    earlier in this command; they take about so many tokens, replies included, without retries.
    """

    questions: int
    different: int
    known: int
    tokens: int

    @property
    def calls(self) -> int:
        """How many calls it takes when each succeeds at once."""
        return self.different - self.known

    def __str__(self) -> str:
        """The estimate in words."""
        return (
            f"{self.questions:,} questions, {self.different:,} of them different, {self.known:,} answered; "
            f"about {self.calls:,} calls and {self.tokens:,} tokens"
        )


class Budget:
    """A limit in calls and in tokens, read and written, shared by all judging of a command; None sets none.

    Every request counts as a call, retries included. Tokens are counted as estimated when a call starts
    and as the service tells when it has ended, so the limit can be passed by what the calls then in flight
    take beyond their estimate.
    """

    def __init__(self, calls: int | None = None, tokens: int | None = None) -> None:
        self._calls = calls
        self._tokens = tokens
        self.calls = 0
        self.tokens = 0

    @property
    def nothing(self) -> bool:
        """Whether it allows no call at all."""
        return self._calls == 0 or self._tokens == 0

    def __str__(self) -> str:
        """The limits in words; empty without any."""
        limits = ((self._calls, "calls"), (self._tokens, "tokens"))
        return " and ".join(f"{limit:,} {what}" for limit, what in limits if limit is not None)

    def take(self, tokens: int) -> None:
        """Book a call by its estimate; beyond the limit it raises `BudgetSpentError`, and books nothing."""
        if self._calls is not None and self.calls >= self._calls:
            raise BudgetSpentError(f"the budget of {self._calls:,} calls is spent")
        if self._tokens is not None and self.tokens + tokens > self._tokens:
            raise BudgetSpentError(f"the budget of {self._tokens:,} tokens is spent")
        self.calls += 1
        self.tokens += tokens

    def settle(self, estimated: int, used: int) -> None:
        """Put what a call took in the place of its estimate."""
        self.tokens += used - estimated


class Pace:
    """Starts calls evenly, so many a minute or, with 0, at once; none while the service asks for patience."""

    def __init__(self, per_minute: float = 0.0, sleep: Sleep = asyncio.sleep) -> None:
        self._sleep = sleep
        self._gap_s = 60 / per_minute if per_minute > 0 else 0.0
        self._next_s = 0.0

    async def turn(self) -> None:
        """Wait until the next call may start."""
        now = asyncio.get_running_loop().time()
        start = max(now, self._next_s)
        self._next_s = start + self._gap_s
        if start > now:
            await self._sleep(start - now)

    def hold(self, seconds: float) -> None:
        """Start none for so long."""
        self._next_s = max(self._next_s, asyncio.get_running_loop().time() + seconds)
