"""What waits to be sent to a live service, in the order in which it enters the emulated network."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from tml_bench.turns import MicroTurn


@dataclass(frozen=True, slots=True)
class HeardReport:
    """How much of the replies that a flush cut was heard: (item, ms), in the order of hearing."""

    items: tuple[tuple[str, float], ...]


Outgoing = MicroTurn | HeardReport


class Outbox:
    """Gives everything at the session time at which it enters the network, the earliest first.

    Args:
        now_ns: session time.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._waiting: list[tuple[int, int, Outgoing]] = []
        self._number = count()
        self._changed = asyncio.Event()

    def put(self, enters_ns: int, message: Outgoing) -> None:
        """Add something, also what enters only later."""
        heapq.heappush(self._waiting, (enters_ns, next(self._number), message))
        self._changed.set()

    async def get(self) -> tuple[int, Outgoing]:
        """The next that enters, and when; waits until then."""
        while True:
            self._changed.clear()
            wait_s = (self._waiting[0][0] - self._now_ns()) / 1e9 if self._waiting else None
            if wait_s is not None and wait_s <= 0:
                enters_ns, _, message = heapq.heappop(self._waiting)
                return enters_ns, message
            if wait_s is None:
                await self._changed.wait()
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
