"""A client of the wire protocol that says what a case wants said, and sees what really came.

It is not the harness's own adapter: it must be able to break rules, and to look at what that passes over.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import numpy as np
from msgspec import ValidationError, convert
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tml_bench.adapter import InfrastructureError, ProtocolError
from tml_bench.adapters._inbound import parse_object, shown as shown_message
from tml_bench.adapters._media import to_pcm16
from tml_bench.adapters.wire.session import MAX_MESSAGE, READY_S, TOKEN
from tml_bench.addresses import proxy_of, shown
from tml_bench.conformance.slots import FULL, FullError
from tml_bench.keys import key_for
from tml_bench.redact import plain
from tml_bench.wire.messages import AUDIO, MINOR, VERSION, BinaryFrame, Ready

OPEN_S = 10.0
"""Longest wait for the handshake of the websocket, in seconds."""
LONGEST_WAIT_S = 86_400.0
"""Longest wait that a server can ask for, in seconds."""
GOODBYE_S = 2.0
"""Longest wait for the answer to a goodbye, in seconds; the harness waits no longer."""
Received = dict[str, Any] | BinaryFrame


class WireClient:
    """An open websocket to a server of the wire protocol; see ``connected``."""

    def __init__(self, socket: ClientConnection, mode: str) -> None:
        self.mode = mode
        self.rates = 0, 0
        """Of the user's and of the model's audio, in Hz; 0 until `begin`."""
        self._socket = socket
        self._seq = 0

    async def greet(self, **changes: object) -> dict[str, Any]:
        """Say hello, with changes, and take the answer, which is not ``ready`` alone.

        Raises:
            InfrastructureError: none comes.
            ProtocolError: it is malformed.
        """
        hello = {
            "type": "hello", "protocol": VERSION, "minor": MINOR, "session_id": "check/wire",
            "mode": self.mode, "tick_ms": 200.0, "seed": 0, "instructions": "", "tools": [],
        }  # fmt: skip
        await self.send(hello | changes)
        answer = await self.receive(READY_S)
        if not isinstance(answer, dict):
            raise ProtocolError("the model sends media before 'ready'")
        return answer

    async def begin(self, **changes: object) -> None:
        """Say hello and take ``ready``.

        Raises:
            FullError: the server has no place for a session.
            InfrastructureError, ProtocolError: it answers with something else.
        """
        try:
            answer = await self.greet(**changes)
        except InfrastructureError as error:
            raise FullError.of(error) or error from error
        if answer.get("type") == "error":
            said = plain(f"the model answers {answer.get('code')}: {answer.get('message', '')}")
            if str(answer.get("code")) in ("busy", "quota") or FULL.search(said):
                raise FullError(said, _wait_in(answer))
            raise ProtocolError(said)
        if answer.get("type") != "ready":
            raise ProtocolError(f"the model sends {plain(str(answer.get('type')))!r} before 'ready'")
        try:
            ready = convert(answer, Ready)
        except (ValidationError, UnicodeError) as error:
            raise ProtocolError(f"'ready' is malformed: {plain(str(error))}") from error
        self.rates = ready.audio_in.rate, ready.audio_out.rate

    async def send(self, message: Mapping[str, object] | str | bytes) -> None:
        """Send a control message, or anything as it stands. Raises InfrastructureError where it is gone."""
        try:
            await self._socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
        except ConnectionClosed as error:
            raise InfrastructureError(f"the server closed the connection: {plain(str(error))}") from error

    async def say(self, audio: NDArray[np.float32], t_ns: int) -> None:
        """Send the user's audio of one micro-turn, shape (n,), that begins at ``t_ns``."""
        frame = BinaryFrame(AUDIO, 0, self._seq, t_ns // 1000, to_pcm16(audio))
        self._seq += 1
        await self.send(frame.pack())

    async def raw(self, timeout_s: float) -> str | bytes:
        """The next message as it came.

        Raises:
            TimeoutError: none comes in time.
            InfrastructureError: the server is gone.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._socket.recv()
        except ConnectionClosed as error:
            raise InfrastructureError(f"the server closed the connection: {plain(str(error))}") from error

    async def receive(self, timeout_s: float) -> Received:
        """The next message, read but not checked.

        Raises:
            InfrastructureError: none comes in time, or the server is gone.
            ProtocolError: it is no message.
        """
        try:
            return read(await self.raw(timeout_s))
        except TimeoutError:
            raise InfrastructureError(f"the server says nothing for {timeout_s:g} s") from None

    async def ping(self, timeout_s: float) -> float:
        """How long the answer to a ping takes, in seconds.

        Raises:
            TimeoutError: longer than that.
            InfrastructureError: the server is gone.
        """
        began = time.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                await (await self._socket.ping())
        except ConnectionClosed as error:
            raise InfrastructureError(f"the server closed the connection: {plain(str(error))}") from error
        return time.monotonic() - began

    async def goodbye(self) -> float:
        """Close in good order; gives how long the answer took, in s. Raises TimeoutError if none comes."""
        began = time.monotonic()
        await self._socket.close()
        if self._socket.protocol.close_rcvd is None:
            raise TimeoutError
        return time.monotonic() - began

    def vanish(self) -> None:
        """Be gone without a word, as a process that was killed."""
        self._socket.transport.abort()

    async def drain(self, seconds: float) -> None:
        """Take what comes for a while, or until the server closes."""
        with suppress(TimeoutError, InfrastructureError):
            async with asyncio.timeout(seconds):
                while True:
                    await self.raw(seconds)

    async def closed_within(self, seconds: float) -> bool:
        """Whether the server closes the connection in that time."""
        try:
            async with asyncio.timeout(seconds):
                await self._socket.wait_closed()
        except TimeoutError:
            return False
        return True


def _wait_in(refusal: Mapping[str, object]) -> float:
    """How long it asks to wait, in seconds; 0 where it says no such time."""
    asked = refusal.get("retry_after_s")
    return float(asked) if isinstance(asked, int | float) and 0 <= asked <= LONGEST_WAIT_S else 0.0


def read(data: str | bytes) -> Received:
    """A message as an object or a frame; what is neither is a ``ProtocolError``."""
    if isinstance(data, bytes):
        return BinaryFrame.unpack(data)
    message = parse_object(data)
    if not isinstance(message.get("type"), str):
        raise ProtocolError(f"a message is no object with a type: {shown_message(data)}")
    return message


@asynccontextmanager
async def connected(url: str, mode: str) -> AsyncIterator[WireClient]:
    """A client that has not said hello; its connection is closed at the end.

    Raises:
        FullError: the server refuses the connection for want of a place.
        InfrastructureError: it cannot be reached.
    """
    token = key_for(url, TOKEN)
    try:
        socket = await connect(
            url, additional_headers={"Authorization": f"Bearer {token}"} if token else {}, compression=None,
            open_timeout=OPEN_S, close_timeout=GOODBYE_S, ping_interval=None, max_size=MAX_MESSAGE,
            proxy=proxy_of(url),
        )  # fmt: skip
    except (OSError, WebSocketException, EOFError) as error:
        gone = InfrastructureError(f"{shown(url)} cannot be reached: {plain(str(error))}")
        raise FullError.of(gone) or gone from error
    try:
        yield WireClient(socket, mode)
    finally:
        await socket.close()
