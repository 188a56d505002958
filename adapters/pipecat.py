"""A Pipecat bot behind its websocket transport: protobuf frames, in which a bot gives audio as it is heard.

Source: pipecat-ai 1.14, ``SingleClientWebsocketServerTransport`` with ``ProtobufFrameSerializer``, and the
messages of RTVI (docs.pipecat.ai, the RTVI standard) for texts, transcripts and tools. The frames of its
``frames.proto``, each one of several messages, are described here without generated code.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tml_bench import adapter
from tml_bench.adapters._inbound import kind_of, parse_object
from tml_bench.adapters._media import WholeSamples, given_back, to_pcm16, tool_call
from tml_bench.adapters._refusals import read_error
from tml_bench.adapters._session import SocketAdapter
from tml_bench.adapters._socket import open_socket
from tml_bench.errors import UserError
from tml_bench.redact import kept

RTVI = "rtvi-ai"
RTVI_VERSION = "2.0.0"

Value = int | str | bytes

FRAMES: Mapping[str, tuple[str, ...]] = {
    "text": ("id", "name", "text"),
    "audio": ("id", "name", "audio", "sample_rate", "num_channels", "pts"),
    "transcription": ("id", "name", "text", "user_id", "timestamp"),
    "message": ("data",),
    "interruption": ("id", "name"),
}
"""The fields of each frame; both are numbered from 1 in this order."""
TYPES = {"id": "uint64", "pts": "uint64", "audio": "bytes", "sample_rate": "uint32", "num_channels": "uint32"}
"""The types of fields that are no strings."""
WAV_HEADER = 44
"""Bytes before the samples of a plain WAV file."""
PAUSE_NS = 500_000_000
"""A bot that has given no audio for so long has ended its utterance."""


class Pipecat(SocketAdapter):
    """A bot of Pipecat; needs the extra ``[pipecat]``. Its prompt is its own: it takes no instructions.

    Args:
        url: of the bot's websocket.
        rate_in: of the audio that it is sent, in Hz.
        rate_out: of the audio that it gives, in Hz; another is an error.
        rtvi: the bot has an RTVI processor: it is told that the client is ready, takes texts and the results
            of tools, and gives transcripts of its speech.
    """

    def __init__(
        self,
        url: str = "ws://localhost:8765",
        rate_in: int = 16000,
        rate_out: int = 24000,
        rtvi: bool = False,
    ) -> None:
        super().__init__()
        frame_class()  # read in now, which takes a while; a session must not be held up
        self.audio_in = rate_in
        self.audio_out = rate_out
        self._url = url
        self._rtvi = rtvi
        self._messages_sent = 0
        self._arguments: dict[str, object] = {}
        self._samples = WholeSamples()
        self._now_ns = self._gave_ns = 0

    async def connect(self, session: adapter.SessionStart) -> None:
        """As ``LiveAdapter.connect``."""
        tools = [] if self._rtvi else [tool.name for tool in session.tools]
        await self._unsupported(instructions=session.instructions, tools=tools)
        self._begin(await open_socket(self._url))
        if self._rtvi:
            about = {"library": "tml-bench"}
            await self._tell("client-ready", {"version": RTVI_VERSION, "about": about})

    async def send(self, turn: adapter.MicroTurn) -> None:
        """As ``LiveAdapter.send``."""
        self._now_ns = turn.end_ns
        audio = to_pcm16(turn.audio)
        fields = {"sample_rate": self.audio_in, "num_channels": 1}
        await self._say(encode("audio", audio=audio, **fields), "audio", {"audio": audio, **fields})
        if not self._rtvi:
            await self._unsupported(texts=turn.texts, tool_results=[r.name for r in turn.tool_results])
            return
        for result in turn.tool_results:
            await self._tell("llm-function-call-result", self._result(result))
        for text in turn.texts:
            await self._tell("send-text", {"content": text})

    def _result(self, result: adapter.ToolResult) -> dict[str, object]:
        return {
            "function_name": result.name,
            "tool_call_id": result.call_id,
            "arguments": self._arguments.pop(result.call_id, {}),
            "result": given_back(result),
        }

    async def _tell(self, kind: str, data: Mapping[str, object]) -> None:
        self._messages_sent += 1
        message = {"label": RTVI, "type": kind, "id": str(self._messages_sent), "data": data}
        await self._say(encode("message", data=json.dumps(message)), kind, message)

    def understand(self, message: str | bytes) -> Iterable[adapter.ModelEvent]:
        """As ``SocketAdapter.understand``."""
        if isinstance(message, str):
            raise adapter.ProtocolError(
                "the bot sent text instead of protobuf; give it a ProtobufFrameSerializer"
            )
        kind, fields = decode(message)
        if kind == "message":
            body = parse_object(str(fields["data"]))
            yield adapter.ProviderEvent(kind_of(body) if "type" in body else "message", kept(body))
            yield from self._rtvi_events(body)
            return
        yield adapter.ProviderEvent(kind or "unknown", kept(fields or {"frame": message}))
        if kind == "audio":
            yield adapter.Output(audio=self._audio(fields))
        elif kind == "text" and fields["text"]:
            yield adapter.Output(text=str(fields["text"]))
        elif kind == "interruption":
            self._samples.end()
            yield adapter.Output(flush=True)

    def _audio(self, fields: Mapping[str, Any]) -> NDArray[np.generic]:
        rate, channels = fields["sample_rate"], fields["num_channels"]
        if rate != self.audio_out or channels != 1:
            raise adapter.ProtocolError(
                f"the bot sends {channels} channels at {rate} Hz; give the adapter rate_out={rate} "
                "and the bot one channel"
            )
        if self._now_ns - self._gave_ns > PAUSE_NS:
            self._samples.end()
        self._gave_ns = self._now_ns
        return self._samples.join(_without_header(fields["audio"]))

    def _rtvi_events(self, message: Mapping[str, Any]) -> Iterable[adapter.ModelEvent]:
        data = message.get("data") or {}
        match message.get("type"):
            case "bot-ready":
                about = data.get("about")
                names = about if isinstance(about, Mapping) else {}
                library = f"{names.get('library', '')} {names.get('library_version', '')}".strip()
                self.reported = {"rtvi_version": str(data.get("version", "")), "server_version": library}
            case "bot-tts-text":
                yield adapter.Output(transcript=(adapter.Transcript(str(data["text"])),))
            case "llm-function-call":
                call = tool_call(data["tool_call_id"], data["function_name"], data["args"])
                self._arguments[call.call_id] = dict(call.arguments)
                yield adapter.Output(tool_calls=(call,))
            case "error":
                reported = read_error(data)
                self.complaint = str(reported)
                if data.get("fatal"):
                    raise self.refusals.error("the bot reports:", reported)


def _without_header(data: bytes) -> bytes:
    """The samples of a frame; a bot with ``add_wav_header`` makes each frame a file of its own."""
    return data[WAV_HEADER:] if data[:4] == b"RIFF" and data[8:16] == b"WAVEfmt " else data


@cache
def frame_class() -> Any:
    """Protobuf's class of ``Frame``; without the extra it is a ``UserError``."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise UserError("protobuf is not installed", "run: pip install 'tml-bench[pipecat]'") from error
    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="frames.proto", package="pipecat", syntax="proto3")
    frame = file.message_type.add(name="Frame")
    frame.oneof_decl.add(name="frame")
    for number, (kind, fields) in enumerate(FRAMES.items(), start=1):
        message_type = {"type": field_type.TYPE_MESSAGE, "type_name": f".pipecat.{kind}"}
        frame.field.add(name=kind, number=number, oneof_index=0, **message_type)
        message = file.message_type.add(name=kind)
        for at, name in enumerate(fields, start=1):
            kind_of = getattr(field_type, f"TYPE_{TYPES.get(name, 'string').upper()}")
            message.field.add(name=name, number=at, type=kind_of)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("pipecat.Frame"))


def encode(kind: str, **fields: Value) -> bytes:
    """The bytes of a ``Frame`` of a kind in ``FRAMES``; fields left out are their type's zero."""
    data: bytes = frame_class()(**{kind: fields}).SerializeToString()
    return data


def decode(data: bytes) -> tuple[str, dict[str, Value]]:
    """The kind of a ``Frame``, empty for an unknown one, and its fields; garbage is a ``ProtocolError``."""
    from google.protobuf.message import DecodeError

    try:
        frame = frame_class().FromString(data)
    except DecodeError as error:
        raise adapter.ProtocolError(f"no protobuf message of Pipecat: {error}") from error
    kind = frame.WhichOneof("frame") or ""
    return kind, {name: getattr(getattr(frame, kind), name) for name in FRAMES.get(kind, ())}
