"""Services that say what they are told to, in this process: no network, and a clock that jumps.

For `fuzz_messages.py`. A websocket's other end is websockets' own server, without input or output; HTTP is
answered where httpx would open a connection.
"""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import re
import selectors
import ssl
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from types import ModuleType
from typing import Any, TypeVar
from unittest.mock import patch

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

T = TypeVar("T")
Message = str | bytes
PAUSE_S = 0.02
"""Between two messages of a service."""
HTTP_LIBRARIES = ("httpx", "httpx2")
"""What clients of HTTP are made of; versions of openai differ."""
_IN_QUOTES = re.compile(rb'"([A-Za-z0-9+/=_\- ]*)"?')
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


def messages_of(data: bytes) -> list[Message]:
    """The messages of an input, one a line: text as it is, a binary one as base64 in quotes.

    What is no UTF-8 is binary too.
    """
    return [_message(line) for line in data.split(b"\n") if line]


def _message(line: bytes) -> Message:
    if found := _IN_QUOTES.fullmatch(line):
        text = _NO_BASE64.sub(b"", found[1])
        text = text[:-1] if len(text) % 4 == 1 else text
        return base64.b64decode(text + b"=" * (-len(text) % 4))
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line


def line_of(message: Message) -> bytes:
    """A message as a line of an input."""
    return message.encode() if isinstance(message, str) else b'"%b"' % base64.b64encode(message)


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for nothing: where nothing is ready the clock jumps over the time-out."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # Where no timer runs, a thread must be at work: it says so by the loop's own pipe.
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout:
            self.now += timeout
        return ready


class ServiceLoop(asyncio.SelectorEventLoop):
    """A loop in virtual time, all whose connections lead to one service.

    Args:
        service: makes the service's side of a new connection.
    """

    def __init__(self, service: Callable[[], ScriptedService]) -> None:
        self._jumping = _JumpingSelector()
        self._service = service
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds since it began."""
        return self._jumping.now

    def clock_ns(self) -> int:
        """The same in nanoseconds."""
        return round(self._jumping.now * 1e9)

    async def create_connection(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        """Connect to the service, whatever the address is."""
        protocol, service = protocol_factory(), self._service()
        service.begin(self, protocol)
        return service, protocol


def run_virtual(work: Coroutine[Any, Any, T], loop: ServiceLoop) -> T:
    """Run a coroutine to its end, and whatever it left behind."""
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(_cancel_all())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _cancel_all() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


class ScriptedService(asyncio.Transport):
    """One connection: a service that opens it and says its messages, then nothing; it answers pings."""

    def __init__(self, messages: Sequence[Message]) -> None:
        super().__init__()
        self._messages = list(messages)
        self._server = ServerProtocol(max_size=None)
        self._paused = self._closing = False

    def begin(self, loop: asyncio.AbstractEventLoop, protocol: Any) -> None:
        """The connection is there."""
        self._loop, self._protocol = loop, protocol
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        """Take what the client sends."""
        if self._closing:
            return
        self._server.receive_data(bytes(data))
        for event in self._server.events_received():
            if isinstance(event, Request):
                self._server.send_response(self._server.accept(event))
                self._loop.call_later(PAUSE_S, self._say)
        self._give()

    def _say(self) -> None:
        if self._closing or not self._messages:
            return
        if not self._paused:
            message = self._messages.pop(0)
            data, kind = (
                (message.encode("utf-8", "surrogatepass"), Opcode.TEXT)
                if isinstance(message, str)
                else (message, Opcode.BINARY)
            )
            self._receive(Frame(kind, data).serialize(mask=False))
        self._loop.call_later(PAUSE_S, self._say)

    def _give(self) -> None:
        for data in self._server.data_to_send():
            if data:
                self._loop.call_soon(self._receive, data)
            else:
                self._loop.call_soon(self._end)

    def _receive(self, data: bytes) -> None:
        if not self._closing:
            self._protocol.data_received(data)

    def _end(self) -> None:
        if not self._closing:
            self._closing = True
            self._protocol.eof_received()
            self._loop.call_soon(self._protocol.connection_lost, None)

    def close(self) -> None:
        """The client closes."""
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """The client breaks it."""
        self.close()

    def is_closing(self) -> bool:
        """Whether it is over."""
        return self._closing

    def pause_reading(self) -> None:
        """The client reads no more for now."""
        self._paused = True

    def resume_reading(self) -> None:
        """It goes on."""
        self._paused = False

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There are none."""

    def can_write_eof(self) -> bool:
        """No half is closed by itself."""
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Nothing is told."""
        return default


class RawService(ScriptedService):
    """One connection on which bytes come as they are, once the client has asked; then it ends.

    ``{accept}`` in them is what the handshake wants.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(())
        self._data = data

    def write(self, data: Any) -> None:
        """Take what the client sends; only its first request is answered."""
        if self._closing or not self._data:
            return
        self._server.receive_data(bytes(data))
        for event in self._server.events_received():
            if isinstance(event, Request):
                accept = self._server.accept(event).headers.get("Sec-WebSocket-Accept", "")
                answer, self._data = self._data.replace(b"{accept}", accept.encode()), b""
                for at in range(0, len(answer), 4096):
                    self._loop.call_later(PAUSE_S, self._receive, answer[at : at + 4096])
                self._loop.call_later(2 * PAUSE_S, self._end)


_certificates = cache(ssl.create_default_context)
"""Every client reads them anew, which takes longer than all it is asked for here."""
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers and body of an answer over HTTP."""


@contextmanager
def answering(answers: Callable[[], Answer]) -> Iterator[None]:
    """Within it, whatever is asked over HTTP is answered so."""

    def made_by(library: ModuleType) -> Any:
        async def answer(self: object, request: object) -> Any:
            await asyncio.sleep(0)
            status, headers, body = answers()
            return library.Response(status, headers=headers, stream=library.ByteStream(body))

        return answer

    with ExitStack() as patches:
        patches.enter_context(patch("ssl.create_default_context", _certificates))
        for name in filter(importlib.util.find_spec, HTTP_LIBRARIES):
            library = importlib.import_module(name)
            place = f"{name}.AsyncHTTPTransport.handle_async_request"
            patches.enter_context(patch(place, made_by(library)))
        yield
