"""What a live adapter has to tell, in the order in which it came and went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from tml_bench.adapter import ModelEvent

MAX_UNREAD = 32
"""Most received messages that wait to be read; beyond it the service is read no further."""


class EventQueue:
    """Joins what was received and what was sent into one stream.

    What was received waits when the reader lags, so that a service that floods is slowed down by its own
    socket. What was sent never waits: micro-turns must leave on time.
    """

    def __init__(self, limit: int = MAX_UNREAD) -> None:
        self._queue: asyncio.Queue[tuple[tuple[ModelEvent, ...], bool] | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(limit)
        self._error: Exception | None = None

    async def received(self, events: Iterable[ModelEvent]) -> None:
        """Add what one received message means; waits while too many are unread."""
        await self._room.acquire()
        self._queue.put_nowait((tuple(events), True))

    def sent(self, *events: ModelEvent) -> None:
        """Add what was sent, or what this side decided."""
        self._queue.put_nowait((events, False))

    def end(self, error: Exception | None = None) -> None:
        """Nothing follows; ``error`` is raised to the reader once all before it has been read."""
        self._error = self._error or error
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[ModelEvent]:
        while (entry := await self._queue.get()) is not None:
            events, counted = entry
            if counted:
                self._room.release()
            for event in events:
                yield event
        if self._error is not None:
            raise self._error
