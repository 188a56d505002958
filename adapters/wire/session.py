"""What both modes share: a micro-turn's messages, the opening, and a model's messages, read and as outputs.

What a model sends is bounded, and checked before anything of it goes on.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import get_args
from urllib.parse import urlsplit

import msgspec
from websockets.exceptions import ConnectionClosed

from tml_bench import adapter
from tml_bench.adapters._inbound import OpeningBound, shown
from tml_bench.adapters._media import WholeSamples, jpeg, to_pcm16
from tml_bench.adapters._refusal_tables import WIRE
from tml_bench.adapters._refusals import ReportedError
from tml_bench.adapters._socket import Socket, open_socket
from tml_bench.adapters.wire.control_json import read_object, written
from tml_bench.errors import UserError
from tml_bench.keys import key_for
from tml_bench.redact import kept, plain
from tml_bench.wire import messages as wire
from tml_bench.wire.messages import AUDIO, JPEG, BinaryFrame

TOKEN = "TML_BENCH_WIRE_TOKEN"
"""Environment variable whose value, if set, goes to the server as ``Authorization: Bearer``."""
READY_S = 20.0
"""Longest wait for ``ready``, in seconds."""
FREE_S = 5.0
"""Longest wait for the slot that the session before has just left, in seconds."""
POLICY, TRY_AGAIN = 1008, 1013
"""Codes with which servers close a session that is one too many."""
FREE_PAUSE_S = 0.2
"""Pause between tries."""
PROBE = adapter.SessionStart("probe", 200_000_000)
"""A session that only asks for the model's formats."""
MAX_MESSAGE = 2**20
"""Longest message taken, in bytes."""
MAX_CONTROL = 16 * 2**20
"""Most control messages taken in a session, in bytes."""
MAX_MEDIA = 2**30
"""Most media taken in a session, in bytes: over three hours at 48 kHz."""
_KINDS: Mapping[str, type[wire.FromModel]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(wire.FromModel)
}


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message of the harness as it is sent, and as it goes into the recording."""

    data: str | bytes
    event: adapter.ProviderEvent


def control(message: wire.FromHarness) -> OutgoingMessage:
    """A control message."""
    body = msgspec.to_builtins(message)
    return OutgoingMessage(written(message), adapter.ProviderEvent(body["type"], kept(body), True))


class Sender:
    """Turns micro-turns into messages; one per session."""

    def __init__(self) -> None:
        self._seq = 0

    def messages(self, turn: adapter.MicroTurn) -> Iterator[OutgoingMessage]:
        """The messages of a micro-turn in order, its ``tick`` last."""
        t_ms = turn.end_ns / 1e6
        yield self._media(AUDIO, turn.start_ns, to_pcm16(turn.audio))
        for frame in turn.frames:
            yield self._media(JPEG, frame.t_ns, jpeg(frame))
        for text in turn.texts:
            yield control(wire.TextMessage(text, t_ms))
        for r in turn.tool_results:
            yield control(wire.ToolReturn(r.call_id, r.name, r.output, r.is_error))
        yield control(wire.Tick(turn.index, t_ms, turn.heard_ms))

    def _media(self, kind: int, t_ns: int, payload: bytes) -> OutgoingMessage:
        chunk = BinaryFrame(kind, 0, self._seq, t_ns // 1000, payload)
        self._seq += 1
        return OutgoingMessage(chunk.pack(), replace(chunk.event, sent=True))


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message of the model as it goes into the recording, and what it says; None for unknown types."""

    event: adapter.ProviderEvent
    message: wire.FromModel | BinaryFrame | None


class Inbox:
    """Everything a model sends in one session: at most so many bytes of control messages and of media."""

    def __init__(self, max_control: int = MAX_CONTROL, max_media: int = MAX_MEDIA) -> None:
        self._left = {"control messages": max_control, "media": max_media}

    def read(self, data: str | bytes) -> IncomingMessage:
        """Read one message.

        Raises:
            ProtocolError: it is malformed, or the session has had too much.
            QuotaError, InfrastructureError: it is an ``error`` that says so.
        """
        if isinstance(data, bytes):
            self._spend("media", len(data))
            chunk = BinaryFrame.unpack(data)
            return IncomingMessage(chunk.event, chunk if chunk.kind == AUDIO else None)
        self._spend("control messages", len(data))
        raw = read_object(data)
        kind = raw.get("type")
        if not isinstance(kind, str):
            raise adapter.ProtocolError(f"a message has no type: {shown(data)}")
        event = adapter.ProviderEvent(plain(kind, 256), kept(raw))
        known = _KINDS.get(kind)
        if known is None:
            return IncomingMessage(event, None)
        try:
            message = msgspec.convert(raw, known, strict=True)
        except (msgspec.ValidationError, UnicodeError) as error:  # half a character where a number should be
            raise adapter.ProtocolError(f"message {kind!r} is malformed: {plain(str(error))}") from error
        if isinstance(message, wire.Refusal):
            raise refused(message)
        return IncomingMessage(event, message)

    def _spend(self, what: str, size: int) -> None:
        self._left[what] -= size
        if self._left[what] < 0:
            raise adapter.ProtocolError(f"the model sent more {what} in one session than is taken")


def refused(error: wire.Refusal) -> Exception:
    """The contract's error for an ``error`` message."""
    said = ReportedError(error.message, (error.code,), error.retry_after_s)
    if error.code in wire.NOT_THE_MODELS_FAULT:
        return WIRE.error("the model answers", said)
    return adapter.ProtocolError(f"the model answers {plain(str(said))}")


async def open_session(
    url: str, hello: wire.Hello, *, any_mode: bool = False
) -> tuple[Socket, Inbox, wire.Ready, list[adapter.ProviderEvent]]:
    """Connect to a model's server, at an address that ``checked_url`` gives, and say hello.

    With ``any_mode`` it may lack the mode asked for: the session is closed at once anyway. Gives the socket,
    what reads from it, the model's answer, and the messages of both for the record.

    Raises:
        InfrastructureError, QuotaError, UserError: as ``open_socket``, or the model says so.
        ProtocolError: the model answers with something else.
    """
    token = key_for(url, TOKEN)
    head = {"Authorization": f"Bearer {token}"} if token else {}
    socket = await open_socket(url, headers=head, max_message=MAX_MESSAGE, refusals=WIRE)
    try:
        inbox, outgoing = Inbox(), control(hello)
        await socket.send(outgoing.data)
        ready, events = await _answer(socket, inbox)
        if hello.mode not in ready.modes and not any_mode:
            other = "wire" if hello.mode == "lockstep" else "wire-lockstep"
            raise UserError(
                f"the model at {url} supports {plain(', '.join(ready.modes)) or 'no mode'}, not {hello.mode}",
                f"use --adapter {other}:{url}",
            )
        if hello.history is not msgspec.UNSET and "history" not in ready.capabilities:
            raise UserError(
                f"the model at {url} does not claim 'history'",
                "run the open-loop form of the task, which plays every turn",
            )
    except BaseException:
        await socket.drop()
        raise
    return socket, inbox, ready, [outgoing.event, *events]


async def open_when_free(
    url: str, hello: wire.Hello
) -> tuple[Socket, Inbox, wire.Ready, list[adapter.ProviderEvent]]:
    """As `open_session`, soon after another: a server with one slot may need a moment to free it.

    A refusal for limits is not taken for an answer for ``FREE_S``, unless it asks for more time than that.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + FREE_S
    while True:
        try:
            return await open_session(url, hello)
        except adapter.InfrastructureError as error:
            asked_s = error.retry_after_s if isinstance(error, adapter.QuotaError) else None
            pause_s = max(asked_s or 0.0, FREE_PAUSE_S)
            if not _is_full(error) or loop.time() + pause_s > until:
                raise
            await asyncio.sleep(pause_s)


def _is_full(error: adapter.InfrastructureError) -> bool:
    """Whether a server refused for want of a place: it says so, or closes with a code that means it."""
    closed = error.__cause__
    code = closed.rcvd.code if isinstance(closed, ConnectionClosed) and closed.rcvd is not None else None
    return isinstance(error, adapter.QuotaError) or code in (POLICY, TRY_AGAIN)


async def _answer(socket: Socket, inbox: Inbox) -> tuple[wire.Ready, list[adapter.ProviderEvent]]:
    events, bound = [], OpeningBound()
    try:
        async with asyncio.timeout(READY_S):
            while True:
                received = inbox.read(bound.take(await socket.receive(2 * READY_S)))
                events.append(received.event)
                if isinstance(received.message, wire.Ready):
                    return received.message, events
                if received.message is not None:
                    raise adapter.ProtocolError(f"the model sends {received.event.type!r} before 'ready'")
    except TimeoutError as error:
        instead = f", only {', '.join(repr(e.type) for e in events[:3])}" if events else ""
        raise adapter.InfrastructureError(f"no 'ready' within {READY_S:g} s{instead}") from error


def same_formats(ready: wire.Ready, audio_in: int, audio_out: int) -> None:
    """Check that the model keeps to the rates it gave when it was asked first: else a ``ProtocolError``."""
    if (ready.audio_in.rate, ready.audio_out.rate) != (audio_in, audio_out):
        raise adapter.ProtocolError(
            f"the model wants audio at {ready.audio_in.rate} and gives it at {ready.audio_out.rate} Hz, "
            f"where it said {audio_in} and {audio_out} before"
        )


def checked_url(url: object) -> str:
    """The address of a model's server.

    Raises:
        UserError: it is none, holds a password, or a token would go there in clear.
    """
    none = UserError(f"{url!r} is not the address of a wire server", "give ws://HOST:PORT or wss://...")
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        known = parts.scheme in ("ws", "wss") and parts.hostname and parts.port != 0
    except ValueError:  # half a bracket, or a port that cannot be
        raise none from None
    if not known:
        raise none
    if parts.username or parts.password:
        raise UserError("the address holds a password, which would be recorded", f"put it in {TOKEN}")
    key_for(parts.geturl(), TOKEN)
    return parts.geturl()


def hello_of(session: adapter.SessionStart, mode: wire.Mode) -> wire.Hello:
    """The first message of a session."""
    tools = tuple(wire.ToolOffer(t.name, t.description, dict(t.parameters)) for t in session.tools)
    return wire.Hello(
        wire.VERSION,
        session.session_id,
        mode,
        session.tick_ns / 1e6,
        session.seed,
        session.instructions,
        tools,
        tuple(wire.HistoryEntry(said.role, said.text) for said in session.history) or msgspec.UNSET,
        wire.MINOR,
    )


def truncations(cut: Iterable[tuple[str, float]]) -> Iterator[OutgoingMessage]:
    """The messages for replies that were cut, in order, each with the milliseconds heard of it."""
    for item, heard_ms in cut:
        yield control(wire.Truncate(int(item), heard_ms))


class Replies:
    """Turns messages of a model into outputs, and sees that its replies are numbered as they must be."""

    def __init__(self) -> None:
        self._latest = 0
        self._samples = WholeSamples()

    def outputs(self, message: wire.FromModel | BinaryFrame | None) -> Iterator[adapter.Output]:
        """What a message makes the listener hear or see; None, an unknown one, does nothing.

        Raises:
            ProtocolError: ``ready`` comes a second time, a reply has the number 0, or audio one that is lower
                than that of audio before.
        """
        match message:
            case BinaryFrame():
                self._check(message.item)
                if message.item < self._latest:
                    raise adapter.ProtocolError(
                        f"audio of reply {message.item} comes after audio of reply {self._latest}: "
                        "the numbers of replies grow"
                    )
                self._latest = message.item
                audio = self._samples.join(message.payload, str(message.item))
                if len(audio):
                    yield adapter.Output(audio=audio, item=str(message.item))
            case wire.TranscriptPiece():
                self._check(message.item)
                words = tuple(adapter.SpokenWord(w.text, w.start_s, w.end_s) for w in message.words)
                spoken = adapter.Transcript(message.text, words, of_reply=True)
                yield adapter.Output(transcript=(spoken,), item=str(message.item))
            case wire.TextMessage():
                yield adapter.Output(text=message.text)
            case wire.Call(call_id, name, arguments):
                yield adapter.Output(tool_calls=(adapter.ToolCall(call_id, name, arguments),))
            case wire.CallsCancelled(call_ids):
                yield adapter.Output(cancelled_calls=call_ids)
            case wire.Interruption():
                self._samples.end()
                yield adapter.Output(flush=True)
            case wire.Ready():
                raise adapter.ProtocolError("the model sends 'ready' a second time")

    @staticmethod
    def _check(item: int) -> None:
        if not item:
            raise adapter.ProtocolError("a reply has the item 0: replies are numbered from 1")
