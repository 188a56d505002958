"""``wire``: a model behind the wire protocol in real time."""

from __future__ import annotations

from collections.abc import Iterator

from tml_bench.adapter import MicroTurn, ModelEvent, SessionStart
from tml_bench.adapters._session import SocketAdapter
from tml_bench.adapters._socket import PING_S
from tml_bench.adapters.wire.inbox import Inbox
from tml_bench.adapters.wire.session import (
    PROBE,
    OutgoingMessage,
    Replies,
    Sender,
    checked_url,
    control,
    hello_of,
    open_session,
    reported_by,
    same_formats,
    video_of,
)
from tml_bench.wire import messages as wire


class Wire(SocketAdapter):
    """A model behind the wire protocol in real time.

    The model's rates and video come from its ``ready``, for which ``prepare`` asks.

    Args:
        url: ``ws://HOST:PORT`` or ``wss://...``.
    """

    audio_in = 16000

    takes_history = True

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = checked_url(url)
        self.capabilities: tuple[str, ...] = ()
        self._inbox = Inbox()
        self._sender = Sender()
        self._replies = Replies(self.audio_out)

    async def prepare(self) -> None:
        """Ask the model for its formats."""
        socket, _, ready, _ = await open_session(self.url, hello_of(PROBE, "realtime"), PING_S)
        await socket.close()
        self.audio_in, self.audio_out = ready.audio_in.rate, ready.audio_out.rate
        self.video_in = video_of(ready)
        self.capabilities = ready.capabilities
        self.reported = reported_by(ready)

    async def connect(self, session: SessionStart) -> None:
        """Open a socket for the session."""
        hello = hello_of(session, "realtime")
        self._socket, self._inbox, ready, events = await open_session(self.url, hello, PING_S)
        for event in events:
            await self._record(event.type, event.body, sent=event.sent)
        same_formats(ready, self.audio_in, self.audio_out)
        self.reported = reported_by(ready)
        self._replies = Replies(self.audio_out)
        self._begin(self._socket)

    async def send(self, turn: MicroTurn) -> None:
        """Send the micro-turn and its ``tick``."""
        for message in self._sender.messages(turn):
            await self._out(message)

    async def heard(self, item: str, ms: float, cut: bool) -> None:
        """Tell the model where its reply was cut."""
        if cut and item.isdecimal():
            await self._out(control(wire.Truncate(int(item), ms)))

    async def _out(self, message: OutgoingMessage) -> None:
        await self._say(message.data, message.event.type, message.event.body)

    def understand(self, message: str | bytes) -> Iterator[ModelEvent]:
        """The message for the record, then what it makes the listener hear or see."""
        received = self._inbox.read(message)
        yield received.event
        yield from self._replies.outputs(received.message)
