"""The wire protocol, version 1.2: control messages, JSON objects told apart by ``type``, and binary frames.

A frame is a header of 16 bytes, ``u8 kind | u8 flags | u16 item | u32 seq | u64 t_us``, little endian, then
media. The normative text is ``docs/wire-protocol.md``; its JSON Schema is made in ``schema``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from tml_bench.adapter import ProtocolError, ProviderEvent

VERSION, MINOR = "1", 2
"""Of the protocol: what every server must speak, and what it may ignore."""
AUDIO, JPEG = 1, 2
"""Kinds of binary frames."""
_HEADER = struct.Struct("<BBHIQ")

Mode = Literal["realtime", "lockstep"]
Rate = Annotated[int, Meta(ge=8000, le=192_000, description="samples per second")]
Item = Annotated[int, Meta(ge=0, le=65535, description="number of a reply")]
Name = Annotated[str, Meta(max_length=256)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Milliseconds = Annotated[float, Meta(ge=0, le=86_400_000)]


class WireMessage(msgspec.Struct, frozen=True, tag_field="type"):
    """A control message."""


class ToolOffer(msgspec.Struct, frozen=True):
    """A function the model may call.

    Attributes:
        name: the function.
        description: what it does.
        parameters: JSON Schema of its arguments, an object.
    """

    name: str
    description: str
    parameters: dict[str, object]


class HistoryEntry(msgspec.Struct, frozen=True):
    """Something that was said before the session.

    Attributes:
        role: ``user`` or ``assistant``.
        text: what was said.
    """

    role: Literal["user", "assistant"]
    text: str


class Hello(WireMessage, frozen=True, tag="hello"):
    """First message of a session, from the harness.

    Attributes:
        protocol: version of the protocol, ``1``; the minor version follows in ``minor``.
        session_id: names the session and tells nothing of it: 16 hexadecimal digits, the same for the same
            sample and seed; ``probe`` for a session that only asks for ``ready`` and is closed then.
        mode: ``realtime`` or ``lockstep``.
        tick_ms: length of a micro-turn, 20 to 1000 ms.
        seed: seed for everything random in the model; same seed, same output.
        instructions: the system prompt; empty means none.
        tools: functions the model may call.
        history: the conversation so far, oldest first; left out when there is none.
        minor: minor version, 2; a harness that sends none speaks 1.0.
    """

    protocol: str
    session_id: str
    mode: Mode
    tick_ms: float
    seed: int = 0
    instructions: str = ""
    tools: tuple[ToolOffer, ...] = ()
    history: tuple[HistoryEntry, ...] | msgspec.UnsetType = msgspec.UNSET
    minor: int = 0


class TextMessage(WireMessage, frozen=True, tag="text"):
    """A text message of the user (from the harness), or written output (from the model).

    Attributes:
        text: the message.
        t_ms: end of the micro-turn in which the user sent it; the model leaves it out.
    """

    text: str
    t_ms: Milliseconds = 0.0


class ToolReturn(WireMessage, frozen=True, tag="tool_result"):
    """What a function that the model called gave back.

    Attributes:
        call_id: of the call.
        name: the function.
        output: any JSON value.
        is_error: the function did not do what was asked; ``output`` says why.
    """

    call_id: str
    name: str
    output: object = None
    is_error: bool = False


class Truncate(WireMessage, frozen=True, tag="truncate"):
    """The rest of a reply was dropped unheard; one message for each reply that was cut.

    Attributes:
        item: the reply.
        heard_ms: how much of it the listener had heard, from its beginning; 0 for one that was not begun.
    """

    item: Item
    heard_ms: float


class Tick(WireMessage, frozen=True, tag="tick"):
    """A micro-turn is complete: everything of the user up to ``t_ms`` has been sent.

    Attributes:
        n: number of the micro-turn, 0, 1, 2, ...
        t_ms: its end on the session clock.
        heard_ms: how much of the model's audio the listener has heard by then, in all.
    """

    n: int
    t_ms: float
    heard_ms: float = 0.0


class AudioFormat(msgspec.Struct, frozen=True):
    """Mono 16-bit audio.

    Attributes:
        rate: samples per second.
    """

    rate: Rate


class VideoFormat(msgspec.Struct, frozen=True):
    """The video a model wants.

    Attributes:
        fps: frames per second.
        max_side: frames are scaled down so that neither side exceeds this many pixels.
    """

    fps: Annotated[float, Meta(gt=0, le=60)] = 2.0
    max_side: Annotated[int, Meta(ge=16, le=4096)] = 768


class Ready(WireMessage, frozen=True, tag="ready"):
    """The model's answer to ``hello``.

    Attributes:
        audio_in: the rate at which it wants the user's audio.
        audio_out: the rate of the audio it gives.
        video_in: the video it wants; absent or null when it takes none.
        modes: those it supports.
        capabilities: what it claims: ``text_in``, ``tools`` and ``interrupt`` decide which cases of
            ``tml-bench check-adapter`` apply; ``history``, that ``hello`` may hold a conversation.
        model: its name.
        version: its version, raised by whatever changes what it says; a run made with another name or version
            is not continued.
    """

    audio_in: AudioFormat
    audio_out: AudioFormat
    video_in: VideoFormat | None = None
    modes: tuple[str, ...] = ("realtime",)
    capabilities: tuple[str, ...] = ()
    model: str = ""
    version: str = ""


class WireWord(msgspec.Struct, frozen=True):
    """A word of the model's audio.

    Attributes:
        text: as written.
        start_s: its onset in seconds from the first sample of its reply.
        end_s: its end, counted the same way.
    """

    text: str
    start_s: Seconds
    end_s: Seconds


class TranscriptPiece(WireMessage, frozen=True, tag="transcript"):
    """A piece of the transcript of a reply.

    Attributes:
        item: the reply.
        text: the words added by this piece.
        words: the same words with times, when the model knows them.
    """

    item: Item
    text: str
    words: tuple[WireWord, ...] = ()


class Call(WireMessage, frozen=True, tag="tool_call"):
    """A function the model calls.

    Attributes:
        call_id: the model's own id of the call.
        name: the function.
        arguments: a JSON object.
    """

    call_id: Name
    name: Name
    arguments: dict[str, object] = {}


class CallsCancelled(WireMessage, frozen=True, tag="tool_cancel"):
    """The model gives up calls: results that have not been sent are not sent any more.

    Attributes:
        call_ids: of the calls; those that have their result, or were never made, mean nothing.
    """

    call_ids: tuple[Name, ...]


class Interruption(WireMessage, frozen=True, tag="interrupted"):
    """The model stops speaking: drop all audio that has not been heard yet; audio sent after it is heard."""


class TickDone(WireMessage, frozen=True, tag="tick_done"):
    """Lockstep: everything the model has to say by tick ``n`` has been sent.

    Attributes:
        n: of the tick.
        compute_ms: what the micro-turn cost; absent or null: the harness measures it, the network included.
    """

    n: int
    compute_ms: Annotated[float, Meta(ge=0, le=3_600_000)] | None = None


NOT_THE_MODELS_FAULT = ("busy", "quota", "account", "sample", "unavailable")
"""Codes of a refusal that say nothing against the model."""


class Refusal(WireMessage, frozen=True, tag="error"):
    """The session cannot go on; the model closes the socket after it.

    Attributes:
        code: ``busy`` or ``quota`` (try again later), ``account`` (it refuses every session), ``sample`` (it
            will never take this one), ``unavailable`` (missing data otherwise); any other is the model's own
            failure.
        message: for people.
        retry_after_s: how long to wait, for ``busy`` and ``quota``.
    """

    code: Name
    message: str = ""
    retry_after_s: Seconds | None = None


class UsageReport(WireMessage, frozen=True, tag="usage"):
    """In real time: what the model has counted since its ``usage`` before, where its use is paid for.

    Attributes:
        counted: numbers by the names of the event ``usage`` of a recording, such as ``input_tokens`` and
            ``output_audio_s``; anything else is ignored.
    """

    counted: dict[str, object] | None = None


FromHarness = Hello | TextMessage | ToolReturn | Truncate | Tick
"""What the harness sends."""

FromModel = (
    Ready
    | TranscriptPiece
    | TextMessage
    | Call
    | CallsCancelled
    | Interruption
    | TickDone
    | UsageReport
    | Refusal
)
"""What a model may send; other types are kept in the recording and otherwise ignored."""


@dataclass(frozen=True, slots=True)
class BinaryFrame:
    """A binary frame of ``AUDIO`` or ``JPEG``; other kinds are ignored.

    ``item`` is the number of the reply, 0 in frames of the harness; ``seq`` that of the frame; ``t_us`` the
    session time of its first sample in microseconds, which the model's frames leave 0.
    """

    kind: int
    item: int
    seq: int
    t_us: int
    payload: bytes

    def pack(self) -> bytes:
        """As it is sent."""
        return _HEADER.pack(self.kind, 0, self.item, self.seq & 0xFFFFFFFF, self.t_us) + self.payload

    @classmethod
    def unpack(cls, data: bytes) -> BinaryFrame:
        """Read a frame. Raises ProtocolError if it is shorter than its header."""
        if len(data) < _HEADER.size:
            raise ProtocolError(f"a binary frame has {len(data)} bytes, its header alone has {_HEADER.size}")
        kind, _, item, seq, t_us = _HEADER.unpack_from(data)
        return cls(kind, item, seq, t_us, data[_HEADER.size :])

    @property
    def event(self) -> ProviderEvent:
        """As it goes into the recording."""
        body = {"kind": self.kind, "item": self.item, "seq": self.seq, "bytes": len(self.payload)}
        return ProviderEvent("media", body)

    @property
    def samples(self) -> NDArray[np.int16]:
        """The whole samples in it, shape (n,)."""
        return np.frombuffer(self.payload[: len(self.payload) // 2 * 2], dtype="<i2")
