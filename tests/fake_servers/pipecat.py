"""A Pipecat bot's websocket transport, its frames read and written by google.protobuf."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from numpy.typing import NDArray

from fake_servers.scripted import ScriptedServer, ViolationError

_UINT64, _UINT32, _STRING, _BYTES = 4, 13, 9, 12
_MESSAGES = {
    "TextFrame": [("id", _UINT64), ("name", _STRING), ("text", _STRING)],
    "AudioRawFrame": [
        ("id", _UINT64),
        ("name", _STRING),
        ("audio", _BYTES),
        ("sample_rate", _UINT32),
        ("num_channels", _UINT32),
        ("pts", _UINT64),
    ],
    "TranscriptionFrame": [
        ("id", _UINT64),
        ("name", _STRING),
        ("text", _STRING),
        ("user_id", _STRING),
        ("timestamp", _STRING),
    ],
    "MessageFrame": [("data", _STRING)],
    "InterruptionFrame": [("id", _UINT64), ("name", _STRING)],
}
_ONE_OF = ["text", "audio", "transcription", "message", "interruption"]


def _frame_class() -> Any:
    """The class of ``pipecat.Frame``, from its definition in Pipecat's frames.proto."""
    file = descriptor_pb2.FileDescriptorProto(name="frames.proto", package="pipecat", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields, start=1):
            message.field.add(name=field, number=number, type=kind, label=1)  # type: ignore[arg-type]
    frame = file.message_type.add(name="Frame")
    frame.oneof_decl.add(name="frame")
    for number, (field, kind_name) in enumerate(zip(_ONE_OF, _MESSAGES, strict=True), start=1):
        frame.field.add(
            name=field, number=number, type=11, label=1, type_name=f".pipecat.{kind_name}", oneof_index=0
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("pipecat.Frame"))


Frame = _frame_class()


class FakePipecat(ScriptedServer):
    """Extra steps: ``rate`` (audio at a rate nobody asked for), ``stop`` and ``error`` (RTVI's, fatal or
    not) and ``json``.

    Attributes:
        rtvi: the RTVI messages that came in.
    """

    def __init__(self, *args: Any, rate_in: int = 16000, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rate_in = rate_in
        self.rtvi: list[dict[str, Any]] = []

    async def reply(self, kind: str, **fields: Any) -> None:
        frame = Frame()
        getattr(frame, kind).SetInParent()
        for name, value in fields.items():
            setattr(getattr(frame, kind), name, value)
        await self.tell(frame.SerializeToString())

    async def rtvi_reply(self, kind: str, **data: Any) -> None:
        await self.reply("message", data=json.dumps({"label": "rtvi-ai", "type": kind, "data": data}))

    async def greet(self) -> None:
        """Nothing: a bot says nothing until it hears something."""

    async def take(self, message: str | bytes) -> None:
        if isinstance(message, str):
            raise ViolationError("text instead of protobuf")
        frame = Frame.FromString(message)
        match frame.WhichOneof("frame"):
            case "audio":
                if (frame.audio.sample_rate, frame.audio.num_channels) != (self.rate_in, 1):
                    raise ViolationError(f"{frame.audio.sample_rate} Hz, {frame.audio.num_channels} channels")
                await self.turns.hear(np.frombuffer(frame.audio.audio, "<i2") / 32768)
            case "message":
                await self._rtvi(json.loads(frame.message.data))
            case other:
                raise ViolationError(f"a {other} frame")

    async def _rtvi(self, message: dict[str, Any]) -> None:
        if message.get("label") != "rtvi-ai" or not message.get("id"):
            raise ViolationError("no RTVI message")
        self.rtvi.append(message)
        if message["type"] == "client-ready":
            await self.rtvi_reply("bot-ready", version="2.2.0")
        elif message["type"] == "llm-function-call-result":
            self.turns.say(self.speak())

    async def before_speech(self) -> None:
        await self.reply("transcription", text="hello", user_id="u", timestamp="0")
        await self.rtvi_reply("bot-tts-text", text="A tone.")

    async def audio(self, samples: NDArray[np.floating]) -> None:
        data = (samples * 32767).astype("<i2").tobytes()
        await self.reply("audio", id=7, name="a", audio=data, sample_rate=24000, num_channels=1)

    async def interrupted(self) -> None:
        await self.reply("interruption")

    async def call(self) -> None:
        await self.rtvi_reply("llm-function-call", function_name="add", tool_call_id="c1", args={"a": 1})

    async def step(self, step: str) -> None:
        match step:
            case "rate":
                await self.reply("audio", audio=b"\0\0", sample_rate=8000, num_channels=1)
            case "stop":
                await self.rtvi_reply("error", error="pipeline is gone", fatal=True)
            case "error":
                await self.rtvi_reply("error", error="no voice", fatal=False)
            case "json":
                await self.tell('{"type": "hello"}')
            case "text":
                await self.reply("text", text="written")
            case _:
                await super().step(step)
