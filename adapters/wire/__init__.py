"""The wire protocol: plug in a model in any language, behind a WebSocket; see ``docs/wire-protocol.md``."""

import asyncio
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from tml_bench import adapter
from tml_bench.adapters._session import SocketAdapter
from tml_bench.adapters._socket import Socket
from tml_bench.adapters._usage import as_named
from tml_bench.adapters.wire import session as exchange
from tml_bench.errors import UserError
from tml_bench.wire import messages as wire

MAX_TICK_S = 300
"""Most audio a model may give in one micro-turn, in seconds."""

PONG_S = 5.0
"""Longest wait for the answer to a ping, in seconds."""


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
        self.url = exchange.checked_url(url)
        self.capabilities: tuple[str, ...] = ()
        self._inbox = exchange.Inbox()
        self._sender = exchange.Sender()
        self._replies = exchange.Replies()

    async def prepare(self) -> None:
        """Ask the model for its formats."""
        hello = exchange.hello_of(exchange.PROBE, "realtime")
        socket, _, ready, _ = await exchange.open_session(self.url, hello)
        await socket.close()
        _take_formats(self, ready)

    async def connect(self, session: adapter.SessionStart) -> None:
        """Open a socket for the session."""
        hello = exchange.hello_of(session, "realtime")
        self._socket, self._inbox, ready, events = await exchange.open_when_free(self.url, hello)
        for event in events:
            await self._record(event.type, event.body, sent=event.sent)
        exchange.same_formats(ready, self.audio_in, self.audio_out)
        self.reported = _identity(ready)
        self._replies = exchange.Replies()
        self._begin(self._socket)

    async def send(self, turn: adapter.MicroTurn) -> None:
        """Send the micro-turn and its ``tick``."""
        for message in self._sender.messages(turn):
            await self._out(message)

    async def heard(self, item: str, ms: float, cut: bool) -> None:
        """Tell the model where its reply was cut."""
        if cut:
            for message in exchange.truncations([(item, ms)]):
                await self._out(message)

    async def _out(self, message: exchange.OutgoingMessage) -> None:
        await self._say(message.data, message.event.type, message.event.body)

    def understand(self, message: str | bytes) -> Iterator[adapter.ModelEvent]:
        """The message for the record, then what it makes the listener hear or see."""
        received = self._inbox.read(message)
        yield received.event
        if isinstance(received.message, wire.UsageReport):
            yield from as_named(received.message.counted)
        yield from self._replies.outputs(received.message)


class WireLockstep(adapter.StepAdapter):
    """A model behind the wire protocol in lockstep: as slow as it likes, its compute charged.

    The model's rates and video come from its ``ready``, for which ``warm_up`` asks.

    Args:
        url: ``ws://HOST:PORT`` or ``wss://...``.
        answer_s: longest wait for the answer to a micro-turn, in seconds.

    Raises:
        UserError: no such address, or no such time.
    """

    takes_history = True

    def __init__(self, url: str, answer_s: float = 30.0) -> None:
        self.url = exchange.checked_url(url)
        if not isinstance(answer_s, int | float) or not 0 < answer_s < math.inf:
            raise UserError(f"answer_s={answer_s}: not a time", "give seconds, such as answer_s=300")
        self.capabilities: tuple[str, ...] = ()
        self._answer_s = answer_s
        self._runner: asyncio.Runner | None = None
        self._socket: Socket | None = None
        self._inbox = exchange.Inbox()
        self._sender = exchange.Sender()
        self._replies = exchange.Replies()

    def warm_up(self) -> None:
        """Ask the model for its formats."""
        ready = self._open(exchange.PROBE)
        self.stop()
        _take_formats(self, ready)

    def start(self, session: adapter.SessionStart) -> None:
        """Open a socket for the session."""
        self._open(session)
        self._sender, self._replies = exchange.Sender(), exchange.Replies()

    def _open(self, session: adapter.SessionStart) -> wire.Ready:
        self.stop()
        self._runner = asyncio.Runner()
        begin = exchange.open_session if session is exchange.PROBE else exchange.open_when_free
        opening = begin(self.url, exchange.hello_of(session, "lockstep"))
        try:
            self._socket, self._inbox, ready, _ = self._runner.run(opening)
            if session is not exchange.PROBE:
                exchange.same_formats(ready, self.audio_in, self.audio_out)
        except BaseException:
            self.stop()
            raise
        self.reported = _identity(ready)
        return ready

    def step(self, turn: adapter.MicroTurn) -> tuple[adapter.Output, ...]:
        """Send the micro-turn and take everything up to its ``tick_done``."""
        if self._runner is None or self._socket is None:
            raise adapter.InfrastructureError("the session is not open")
        return self._runner.run(self._stepped(self._socket, turn))

    async def _stepped(self, socket: Socket, turn: adapter.MicroTurn) -> tuple[adapter.Output, ...]:
        try:
            async with asyncio.timeout(self._answer_s):
                cut = turn.flushed.items if turn.flushed is not None else ()
                for message in (*exchange.truncations(cut), *self._sender.messages(turn)):
                    await socket.send(message.data)
                return await self._answer(socket, turn.index)
        except TimeoutError as error:
            late = f"no tick_done within {self._answer_s:g} s"
            if await _is_alive(socket):
                raise adapter.ProtocolError(late) from error
            raise adapter.InfrastructureError(f"{late}, and no answer to a ping: the server hangs") from error

    async def _answer(self, socket: Socket, n: int) -> tuple[adapter.Output, ...]:
        said = _Said(self.audio_out)
        while True:
            message = self._inbox.read(await socket.receive(2 * self._answer_s)).message
            if isinstance(message, wire.TickDone):
                break
            for output in self._replies.outputs(message):
                said.add(output)
        if message.n != n:
            raise adapter.ProtocolError(f"tick_done says {message.n} where {n} is due")
        return said.outputs(message.compute_ms)

    def stop(self) -> None:
        """Close the socket; does nothing when there is none."""
        runner, socket = self._runner, self._socket
        self._runner = self._socket = None
        if runner is None:
            return
        try:
            if socket is not None:
                runner.run(socket.close())
        finally:
            runner.close()


async def _is_alive(socket: Socket) -> bool:
    """Whether a server that is late answers a ping; one that computes where it reads does not."""
    try:
        async with asyncio.timeout(PONG_S):
            await socket.ping()
    except TimeoutError:
        return False
    return True


def _identity(ready: wire.Ready) -> dict[str, str]:
    return {"model": ready.model, "server_version": ready.version}


def _take_formats(model: Wire | WireLockstep, ready: wire.Ready) -> None:
    """Make a model's rates, video and capabilities those of its adapter."""
    model.audio_in, model.audio_out = ready.audio_in.rate, ready.audio_out.rate
    video = ready.video_in
    model.video_in = None if video is None else adapter.VideoSpec(video.fps, video.max_side)
    model.capabilities, model.reported = ready.capabilities, _identity(ready)


class _Said:
    """Everything a model with audio at ``rate`` Hz gives in one micro-turn."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._samples = 0
        self._parts: list[list[adapter.Output]] = []
        self._item = ""

    def add(self, output: adapter.Output) -> None:
        """Take the next piece; more audio than a micro-turn may give is a ``ProtocolError``."""
        self._samples += 0 if output.audio is None else len(output.audio)
        if self._samples > MAX_TICK_S * self._rate:
            raise adapter.ProtocolError(f"more than {MAX_TICK_S} s of audio in one micro-turn")
        goes_on = not output.flush and self._item in ("", output.item or self._item)
        if self._parts and goes_on:
            self._parts[-1].append(output)
            self._item = self._item or output.item
        else:
            self._parts.append([output])
            self._item = output.item

    def outputs(self, compute_ms: float | None) -> tuple[adapter.Output, ...]:
        """All of it in order: an output for every reply and after every interruption, at least one."""
        compute_s = None if compute_ms is None else compute_ms / 1000
        first, *others = [_joined(pieces) for pieces in self._parts or [[adapter.Output()]]]
        return (replace(first, compute_s=compute_s), *others)


def _joined(pieces: Sequence[adapter.Output]) -> adapter.Output:
    chunks = [piece.audio for piece in pieces if piece.audio is not None]
    return adapter.Output(
        audio=np.concatenate(chunks) if chunks else None,
        transcript=tuple(spoken for piece in pieces for spoken in piece.transcript),
        text="".join(piece.text for piece in pieces),
        tool_calls=tuple(call for piece in pieces for call in piece.tool_calls),
        cancelled_calls=tuple(call_id for piece in pieces for call_id in piece.cancelled_calls),
        flush=pieces[0].flush,
        item=next((piece.item for piece in pieces if piece.item), ""),
    )
