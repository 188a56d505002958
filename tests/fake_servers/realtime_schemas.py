"""What each dialect lets a client say; strict, so that one wrong or unknown field is an error.

GA messages are checked with the types that OpenAI publishes; the others have been written down here from the
services' own documentation and packages (see the adapter's ``messages``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Check = Callable[[dict[str, Any]], None]


def unknown_fields(value: object, path: str = "") -> list[str]:
    """Fields that the published types do not have, found in a parsed message."""
    if isinstance(value, BaseModel):
        extra = [f"{path}.{name}" for name in value.model_extra or {}]
        inner = [(name, getattr(value, name)) for name in type(value).model_fields]
    elif isinstance(value, list):
        extra, inner = [], list(enumerate(value))
    else:
        return []
    return extra + [problem for name, item in inner for problem in unknown_fields(item, f"{path}.{name}")]


def published(kind: Any) -> Check:
    """A check by a published union of types: it must parse as the type it names, without unknown fields."""
    adapter = TypeAdapter(kind)

    def check(message: dict[str, Any]) -> None:
        parsed = adapter.validate_python(message)
        assert parsed.type == message["type"], f"{message['type']} is not a known type"
        assert not unknown_fields(parsed), f"{message['type']} has unknown {unknown_fields(parsed)}"

    return check


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Numbered(Strict):
    event_id: str


def union(*kinds: type[BaseModel]) -> Check:
    """A check by types of our own, told apart by ``type``."""
    members = kinds[0]
    for kind in kinds[1:]:
        members = members | kind  # type: ignore[assignment]
    adapter = TypeAdapter(Annotated[members, Field(discriminator="type")])
    return lambda message: void(adapter.validate_python(message))


def void(_: object) -> None:
    """Nothing."""


class Plain(Numbered):
    type: Literal[
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "response.create",
        "response.cancel",
        "session.finish",
        "session.close",
    ]


class InputText(Strict):
    type: Literal["input_text"]
    text: str


class UserMessage(Strict):
    type: Literal["message"]
    role: Literal["user"]
    content: list[InputText]


class FunctionOutput(Strict):
    type: Literal["function_call_output"]
    call_id: str
    output: str


class CreateItem(Numbered):
    type: Literal["conversation.item.create"]
    item: Annotated[UserMessage | FunctionOutput, Field(discriminator="type")]


class Truncate(Numbered):
    type: Literal["conversation.item.truncate"]
    item_id: str
    content_index: int
    audio_end_ms: int = Field(ge=0)


class QwenFunction(Strict):
    name: str
    description: str
    parameters: dict[str, Any]


class QwenTool(Strict):
    type: Literal["function"]
    function: QwenFunction


class QwenDetection(Strict):
    type: Literal["server_vad", "semantic_vad"]
    threshold: float | None = Field(default=None, ge=-1, le=1)
    silence_duration_ms: int | None = Field(default=None, ge=200, le=6000)


class QwenTranscription(Strict):
    model: str


class QwenSession(Strict):
    modalities: list[Literal["text", "audio"]]
    voice: str | None = None
    instructions: str | None = None
    input_audio_format: Literal["pcm"]
    output_audio_format: Literal["pcm"]
    input_audio_transcription: QwenTranscription | None = None
    turn_detection: QwenDetection | None
    tools: list[QwenTool] | None = None


class QwenUpdate(Numbered):
    type: Literal["session.update"]
    session: QwenSession


class Append(Numbered):
    type: Literal["input_audio_buffer.append"]
    audio: str


class QwenImage(Numbered):
    type: Literal["input_image_buffer.append"]
    image: str


class DuplexAppend(Append):
    format: Literal["pcm16"]
    sample_rate_hz: int
    duration_ms: int
    audio_end_ms: int
    video_frames: list[str] | None = None


class DuplexText(Numbered):
    type: Literal["input.text.append"]
    text: str


class PcmFormat(Strict):
    type: Literal["audio/pcm"]
    rate: int


class DuplexDetection(Strict):
    type: Literal["server_vad"]
    threshold: float | None = None
    silence_duration_ms: int | None = None
    create_response: bool
    interrupt_response: bool


class DuplexInput(Strict):
    format: PcmFormat
    turn_detection: DuplexDetection | None = None


class DuplexOutput(Strict):
    format: PcmFormat
    voice: str | None = None


class DuplexAudio(Strict):
    input: DuplexInput
    output: DuplexOutput


class FlatTool(Strict):
    type: Literal["function"]
    name: str
    description: str
    parameters: dict[str, Any]


class DuplexSession(Strict):
    model: str | None = None
    output_modalities: list[str]
    instructions: str | None = None
    tools: list[FlatTool] | None = None
    tool_choice: Literal["auto"] | None = None
    audio: DuplexAudio


class DuplexUpdate(Numbered):
    type: Literal["session.update"]
    session: DuplexSession


class Place(Strict):
    seq: int
    t_start_ms: float | None = None


class Instant(Strict):
    t_ms: float


class SglangAppend(Append):
    sglang: Place


class SglangImage(Numbered):
    type: Literal["sglang.input_image.append"]
    image: str
    sglang: Instant


class SglangDetection(Strict):
    type: Literal["server_vad", "semantic_vad"]
    threshold: float | None = None
    silence_duration_ms: int | None = None
    eagerness: str | None = None
    interrupt_response: bool


class SglangInput(Strict):
    turn_detection: SglangDetection


class SglangAudio(Strict):
    input: SglangInput


class SglangSession(Strict):
    type: Literal["realtime"]
    instructions: str | None = None
    output_modalities: list[str]
    audio: SglangAudio | None = None


class SglangUpdate(Numbered):
    type: Literal["session.update"]
    session: SglangSession


class MiniSession(Strict):
    instructions: str


class MiniUpdate(Strict):
    type: Literal["session.update"]
    session: MiniSession


class MiniAppend(Strict):
    type: Literal["input_audio_buffer.append"]
    audio: str
    video_frames: list[str] | None = None


class MiniClose(Strict):
    type: Literal["session.close"]


class MiniPayload(Strict):
    system_prompt: str | None = None


class MiniInit(Strict):
    type: Literal["session.init"]
    payload: MiniPayload


class MiniMedia(Strict):
    audio: str
    video_frames: list[str] | None = None


class MiniInput(Strict):
    type: Literal["input.append"]
    input: MiniMedia


ga_client = published(RealtimeClientEvent)
ga_server = published(RealtimeServerEvent)
qwen_client = union(QwenUpdate, Append, QwenImage, CreateItem, Plain)
duplex_client = union(DuplexUpdate, DuplexAppend, DuplexText, CreateItem, Truncate, Plain)
sglang_client = union(SglangUpdate, SglangAppend, SglangImage, Truncate, Plain)
minicpmo_client = union(MiniUpdate, MiniAppend, MiniClose)
minicpmo_v2_client = union(MiniInit, MiniInput, MiniClose)
