"""A websocket with the project's bounds, whose failures are the contract's errors.

TLS certificates are always verified, redirects are never followed (they would carry the key elsewhere),
compression is off, and messages, queues and waiting times are bounded.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)

from tml_bench.adapter import InfrastructureError
from tml_bench.adapters._refusal_tables import OWN_SERVER
from tml_bench.adapters._refusals import ServiceRefusals, closed_error, http_refusal, in_good_order
from tml_bench.addresses import check_private, proxy_of, shown, unusable_proxy
from tml_bench.errors import UserError
from tml_bench.redact import holds_secret, plain, redacted, remember_named

MAX_MESSAGE = 4 * 2**20
"""Longest message taken, in bytes: a minute of 24 kHz audio in base64."""
MAX_QUEUE = 16
"""Most frames waiting to be read."""
OPEN_S = 20.0
"""Longest wait for the handshake, in seconds."""
SEND_S = 5.0
"""Longest wait for a service that does not take what is sent, in seconds."""
ROOM = 2**14
"""A message of so many bytes never waits by itself: the library's own limit is 2**15."""
CLOSE_S = 4.0
"""Longest wait for the closing handshake, in seconds; less than a session gives it."""


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Socket:
    """An open websocket; see ``open_socket``."""

    def __init__(self, connection: ClientConnection, url: str, refusals: ServiceRefusals) -> None:
        self._connection = connection
        self._url = url
        self._refusals = refusals
        self._closing = False

    async def send(self, message: str | bytes) -> None:
        """Send one message.

        Raises:
            InfrastructureError: the connection is gone, or the service takes nothing any more.
            QuotaError, AccountError, SampleRefusedError: the service closed the connection and said so.
            ProtocolError: the connection ended because the service broke the websocket protocol.
        """
        try:
            if self._takes_at_once(message):
                await self._connection.send(message)
            else:
                async with asyncio.timeout(SEND_S):
                    await self._connection.send(message)
        except TimeoutError as error:
            raise InfrastructureError(f"{self._url} takes no messages for {SEND_S:g} s") from error
        except ConnectionClosed as error:
            raise closed_error(error, self._url, self._refusals) from error

    def _takes_at_once(self, message: str | bytes) -> bool:
        """Whether nothing waits to be sent and the message has room: most have, and need no timer."""
        wide = isinstance(message, str) and not message.isascii()
        size = len(message) * (4 if wide else 1)
        return size <= ROOM and not self._connection.transport.get_write_buffer_size()

    async def receive(self, timeout_s: float = OPEN_S) -> str | bytes:
        """The next message, for the opening of a session; errors as ``send``, also where none comes."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._connection.recv()
        except TimeoutError as error:
            raise InfrastructureError(f"{self._url} says nothing for {timeout_s:g} s") from error
        except ConnectionClosed as error:
            raise closed_error(error, self._url, self._refusals) from error

    async def messages(self) -> AsyncIterator[str | bytes]:
        """All further messages; ends when either side closes in good order; errors as ``send``."""
        while True:
            try:
                message = await self._connection.recv()
            except ConnectionClosed as error:
                if self._closing or in_good_order(error, self._refusals):
                    return
                raise closed_error(error, self._url, self._refusals) from error
            yield message

    async def ping(self) -> None:
        """Ask for a sign of life and wait for it, however long; errors as ``send``.

        The answer comes behind all that the service sent before: who reads no messages may not see it.
        """
        try:
            await (await self._connection.ping())
        except ConnectionClosed as error:
            raise closed_error(error, self._url, self._refusals) from error

    async def close(self) -> None:
        """Say goodbye and close; does nothing when it is closed. That the connection ends is an answer too.

        Raises:
            InfrastructureError: the service gives none within ``CLOSE_S``; it is closed all the same.
        """
        if self._closing:
            return
        self._closing = True
        unsent = self._connection.transport.get_write_buffer_size()
        ended = asyncio.create_task(self._end())
        try:
            async with asyncio.timeout(CLOSE_S + 0.5):  # the library's own limit begins once all is sent
                await self._connection.close()
        except TimeoutError:
            unanswered = True
        else:
            unanswered = False
        finally:
            self._connection.transport.abort()
            end = await ended
        if end.rcvd is None and (unanswered or isinstance(end.__cause__, TimeoutError)):
            unread = f", of what it was sent {unsent} bytes wait" if unsent else ""
            raise InfrastructureError(f"{self._url} does not answer the goodbye{unread}")

    async def drop(self) -> None:
        """Close, whatever the service says to it."""
        with contextlib.suppress(InfrastructureError):
            await self.close()

    async def _end(self) -> ConnectionClosed:
        """Read on to the end: the answer to a goodbye comes behind what else is still to come."""
        while True:
            try:
                await self._connection.recv()
            except ConnectionClosed as end:
                return end


async def open_socket(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    max_message: int = MAX_MESSAGE,
    refusals: ServiceRefusals = OWN_SERVER,
) -> Socket:
    """Connect to ``wss://`` or, for servers without TLS, ``ws://``.

    A message of more than ``max_message`` bytes is a ``ProtocolError``. ``refusals`` says what the service
    means when it refuses. The library does not ping of itself: the session does, and knows how long it may
    wait. Proxies are those of ``addresses.proxy_of``.

    Raises:
        InfrastructureError: the service cannot be reached or refuses.
        QuotaError, AccountError, SampleRefusedError: it refuses and says why.
        UserError: the address is not one of a websocket, a key would go to another machine in clear, or the
            proxy is none.
    """
    remember_named("url", url)
    bare = url.partition("?")[0]  # a query may hold a whole prompt
    none = UserError(f"{redacted(bare)!r} is not the address of a websocket", "give ws://... or wss://...")
    try:
        _ = urlsplit(url).port
    except ValueError:  # half a bracket, or a port that cannot be; InvalidURI does not cover them
        raise none from None
    if headers or holds_secret(url):
        check_private(url)
    place = shown(bare)
    try:
        connection = await _Connect(
            url, additional_headers=dict(headers or {}), compression=None, open_timeout=OPEN_S,
            close_timeout=CLOSE_S, ping_interval=None, max_size=max_message, max_queue=MAX_QUEUE,
            proxy=proxy_of(url),
        )  # fmt: skip
    except InvalidURI as error:
        raise none from error
    except InvalidStatus as error:
        raise http_refusal(error, place, refusals) from error
    except (InvalidProxy, ImportError) as error:
        raise unusable_proxy(url, error) from None
    except (OSError, WebSocketException, EOFError) as error:
        what = plain(str(error)) or type(error).__name__
        raise InfrastructureError(f"{place} cannot be reached: {what}") from error
    return Socket(connection, place, refusals)


def without_empty(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message without entries that are None, empty text, or empty objects and lists."""
    return {key: value for key, value in message.items() if value is not None and value not in ("", {}, [])}
