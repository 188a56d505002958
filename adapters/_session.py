"""What adapters over one websocket share: a reader, and both directions in one stream of events."""

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

from tml_bench.adapter import (
    InfrastructureError,
    LiveAdapter,
    ModelEvent,
    Output,
    ProtocolError,
    ProviderEvent,
)
from tml_bench.adapters._inbound import OpeningBound, kind_of, of_known_shape, parse_object
from tml_bench.adapters._refusal_tables import OWN_SERVER
from tml_bench.adapters._refusals import ReportedError, ServiceRefusals, read_error
from tml_bench.adapters._socket import Socket
from tml_bench.redact import kept, plain

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
        self.error: Exception | None = None
        """What ended it; None while nothing has, or when it ended in good order."""

    async def received(self, events: Iterable[ModelEvent]) -> None:
        """Add what one received message means; waits while too many are unread."""
        await self._room.acquire()
        self._queue.put_nowait((tuple(events), True))

    def sent(self, *events: ModelEvent) -> None:
        """Add what was sent, or what this side decided."""
        self._queue.put_nowait((events, False))

    def end(self, error: Exception | None = None) -> None:
        """Nothing follows; ``error`` is raised once all before it has been taken."""
        self.error = self.error or error
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[ModelEvent]:
        while (entry := await self._queue.get()) is not None:
            events, counted = entry
            if counted:
                self._room.release()
            for event in events:
                yield event
        if self.error is not None:
            raise self.error


class QueueAdapter(LiveAdapter):
    """A service whose events a task of its own, ``_work``, puts into a queue; ``connect`` starts it."""

    def __init__(self) -> None:
        self._worker: asyncio.Task[None] | None = None
        self._queue = EventQueue()

    @abstractmethod
    async def _work(self) -> None:
        """Fills the queue; what it raises is raised to the session, which reads ``events``."""

    def _start(self) -> None:
        self._worker = asyncio.create_task(self._until_ended())

    async def _until_ended(self) -> None:
        try:
            await self._work()
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of a library in Rust is no Exception, and is waited for too
            told = f"{type(error).__name__}: {plain(str(error))}"
            self._queue.end(error if isinstance(error, Exception) else ProtocolError(told))
        else:
            self._queue.end()

    async def events(self) -> AsyncIterator[ModelEvent]:
        """As ``LiveAdapter.events``."""
        async for event in self._queue:
            yield event

    async def close(self) -> None:
        """As ``LiveAdapter.close``."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])
        self._queue.end()


class SocketAdapter(QueueAdapter):
    """A service behind one websocket; subclasses connect, send, and say what a message means.

    ``connect`` ends with ``_begin(socket)``. What is sent goes through ``_say`` so that it is recorded in its
    place between what was received. When a service reports an error and then hangs up or falls silent, the
    error says why: subclasses set ``complaint``, which is emptied here by the next message with an answer.
    ``refusals`` says what the service means by it.
    """

    refusals: ServiceRefusals = OWN_SERVER

    def __init__(self) -> None:
        super().__init__()
        self._socket: Socket | None = None

    @abstractmethod
    def understand(self, message: str | bytes) -> Iterable[ModelEvent]:
        """What one message of the service means: the message itself for the record, then its outputs.

        Raises:
            ProtocolError: the message is garbage; so is taken what ``of_known_shape`` names.
        """

    def _begin(self, socket: Socket) -> None:
        self._socket = socket
        self._start()

    async def _record(self, kind: str, body: Mapping[str, object], *, sent: bool = False) -> None:
        self._queue.sent(ProviderEvent(kind, kept(body), sent))

    async def _say(self, message: str | bytes, kind: str, body: Mapping[str, object]) -> None:
        assert self._socket is not None, "connect first"
        await self._record(kind, body, sent=True)
        await self._socket.send(message)

    async def _unsupported(self, **what: object) -> None:
        """Record what the session asks for and the service has no way to be told; empty values are none."""
        lacking = {name: value for name, value in what.items() if value}
        if lacking:
            await self._record("unsupported", lacking, sent=True)

    async def _until(self, socket: Socket, wanted: str, patience_s: float) -> Mapping[str, Any]:
        """The first JSON message of that ``type``; all are recorded, and a model that one names is reported.

        Raises:
            InfrastructureError: it does not come in time, or an ``error`` or ``session.closed`` does, by the
                table of the service's refusals.
            ProtocolError: what comes is garbage, or too much.
        """
        loop = asyncio.get_running_loop()
        deadline, bound = loop.time() + patience_s, OpeningBound()
        while True:
            message = parse_object(bound.take(await socket.receive(max(0.0, deadline - loop.time()))))
            kind = kind_of(message)
            await self._record(kind, message)
            session = message.get("session")
            if isinstance(session, Mapping) and isinstance(model := session.get("model"), str):
                self.reported = {"model": model}
            if kind == wanted:
                return message
            if kind in ("error", "session.closed", "session.expired"):
                raise self.refusals.error("the service refuses the session:", read_error(message))

    async def _messages(self) -> AsyncIterator[str | bytes]:
        """What the service sends; if it ends after a complaint, the error says what that was."""
        assert self._socket is not None
        ended = "the service hung up"
        try:
            async for message in self._socket.messages():
                yield message
        except InfrastructureError as error:
            if not self.complaint or type(error) is not InfrastructureError:
                raise
            ended = str(error)
        if self.complaint:
            raise self.refusals.error(f"{ended}, after it said:", ReportedError(self.complaint))

    async def _work(self) -> None:
        async for message in self._messages():
            meant: list[ModelEvent] = []
            try:
                meant.extend(self._meant(message))
            finally:  # what ends the session is of its record too
                await self._queue.received(meant)

    def _understood(self, message: str | bytes) -> tuple[ModelEvent, ...]:
        return tuple(self._meant(message))

    def _meant(self, message: str | bytes) -> Iterator[ModelEvent]:
        answers = False
        with of_known_shape():
            for event in self.understand(message):
                answers = answers or (isinstance(event, Output) and _answers(event))
                yield event
        if answers:
            self.complaint = ""

    async def _farewell(self) -> None:
        """Say what the service expects before the socket is closed."""

    async def ping(self) -> bool:
        """As ``LiveAdapter.ping``; the end of the connection is a sign too, and ``events`` says why it is."""
        if self._socket is None:
            return False
        with contextlib.suppress(InfrastructureError, ProtocolError):
            await self._socket.ping()
        return True

    async def close(self) -> None:
        """As ``LiveAdapter.close``."""
        try:
            if self._worker is not None and not self._worker.done():
                with contextlib.suppress(InfrastructureError, ProtocolError):
                    await self._farewell()
        finally:
            await super().close()
            if self._socket is not None:
                await self._socket.close()


def _answers(output: Output) -> bool:
    spoken = output.audio is not None and len(output.audio) > 0
    return spoken or bool(output.text or output.transcript or output.tool_calls)
