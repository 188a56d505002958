"""What adapters over one websocket share: a reader, and both directions in one stream of events."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from tml_bench.adapter import LiveAdapter, ModelEvent, ProtocolError, ProviderEvent
from tml_bench.adapters._socket import Socket, parse_object, refusal
from tml_bench.redact import kept

MAX_UNREAD = 32
"""Most received messages that wait to be taken; beyond it the service is read no further."""


class EventQueue:
    """Joins what was received and what was sent into one stream, in order.

    What was received waits when the session lags, so that a service that floods is slowed down by its own
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
        """Nothing follows; ``error`` is raised once all before it has been taken."""
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


class SocketAdapter(LiveAdapter):
    """A service behind one websocket; subclasses connect, send, and say what a message means.

    ``connect`` ends with ``_begin(socket)``. What is sent goes through ``_say`` so that it is recorded in its
    place between what was received.
    """

    def __init__(self) -> None:
        self._socket: Socket | None = None
        self._reader: asyncio.Task[None] | None = None
        self._queue = EventQueue()

    @abstractmethod
    def understand(self, message: str | bytes) -> Iterable[ModelEvent]:
        """What one message of the service means: the message itself for the record, then its outputs.

        Raises:
            ProtocolError: the message is garbage; so are ``LookupError``, ``TypeError``, ``ValueError`` and
                ``AttributeError`` taken, which a message of another shape causes.
        """

    def _begin(self, socket: Socket) -> None:
        self._socket = socket
        self._reader = asyncio.create_task(self._read())

    async def _record(self, kind: str, body: Mapping[str, object], *, sent: bool = False) -> None:
        self._queue.sent(ProviderEvent(kind, kept(body), sent))

    async def _say(self, message: str | bytes, kind: str, body: Mapping[str, object]) -> None:
        assert self._socket is not None, "connect first"
        await self._record(kind, body, sent=True)
        await self._socket.send(message)

    def _learn_model(self, message: Mapping[str, Any]) -> None:
        """Take the model that a service names in its session, as OpenAI's do."""
        session = message.get("session")
        model = session.get("model") if isinstance(session, Mapping) else None
        if isinstance(model, str):
            self.reported = {"model": model}

    async def _unsupported(self, **what: object) -> None:
        """Record what the session asks for and the service has no way to be told; empty values are none."""
        lacking = {name: value for name, value in what.items() if value}
        if lacking:
            await self._record("unsupported", lacking, sent=True)

    async def _until(self, socket: Socket, wanted: str, patience_s: float) -> Mapping[str, Any]:
        """The first JSON message of that ``type``; those before it are recorded too.

        Raises:
            InfrastructureError: it does not come in time, or an ``error`` or ``session.closed`` does.
            QuotaError: that is about the service's limits.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience_s
        while True:
            message = parse_object(await socket.receive(max(0.0, deadline - loop.time())))
            kind = str(message.get("type"))
            await self._record(kind, message)
            self._learn_model(message)
            if kind == wanted:
                return message
            if kind in ("error", "session.closed"):
                raise refusal(f"the service refuses the session: {kept(message)}")

    async def _messages(self) -> AsyncIterator[str | bytes]:
        assert self._socket is not None
        async for message in self._socket.messages():
            yield message

    async def _read(self) -> None:
        try:
            async for message in self._messages():
                await self._queue.received(self._understood(message))
        except Exception as error:  # raised to the session, which reads ``events``
            self._queue.end(error)
        else:
            self._queue.end()

    def _understood(self, message: str | bytes) -> tuple[ModelEvent, ...]:
        try:
            return tuple(self.understand(message))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise ProtocolError(f"a message of unexpected shape: {error!r}") from error

    async def events(self) -> AsyncIterator[ModelEvent]:
        """As ``LiveAdapter.events``."""
        async for event in self._queue:
            yield event

    async def close(self) -> None:
        """As ``LiveAdapter.close``."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        self._queue.end()
        if self._socket is not None:
            await self._socket.close()
