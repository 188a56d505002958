"""What is said to the service: the configuration of a session in its various shapes, and media.

Sources: OpenAI Realtime (GA) client events as in openai 3.54.0; Qwen-Omni realtime as in dashscope 2.0.2;
vllm-omni 0.30.0 ``protocol/realtime``; sglang-omni 0.1.9 ``serve/realtime/schema.py``; MiniCPM-o-Demo
``docs/audio-duplex-protocol.md`` and ``docs/video-duplex-protocol.md``, and its later "session.init" form.
"""

from dataclasses import dataclass
from typing import Any

from tml_bench.adapter import SessionStart
from tml_bench.adapters._media import audio_base64, flat_tool, nested_tool
from tml_bench.adapters._socket import without_empty
from tml_bench.media.audio import clip_samples
from tml_bench.samples import Message as Said

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SessionWishes:
    """What the person at the keyboard asked for: the adapter's options, and whether frames are sent.

    Empty text and None leave it to the service.
    """

    model: str = ""
    voice: str = ""
    vad: str = ""
    silence_ms: int | None = None
    threshold: float | None = None
    eagerness: str = ""
    interrupts: bool = True
    effort: str = ""
    transcribe: str = ""
    spoken: bool = True
    rate_in: int = 24000
    rate_out: int = 24000
    video: bool = False


@dataclass(frozen=True, slots=True)
class UserStretch:
    """A stretch of the user's side, ready to send: ``ms`` of audio of ``rate`` Hz in base64.

    ``images`` are JPEG in base64, each with its instant in milliseconds of the session; ``number`` counts
    from 0, and ``start_ms`` is counted by samples.
    """

    audio: str
    images: tuple[tuple[str, float], ...]
    number: int
    start_ms: float
    ms: float
    rate: int


def turn_detection(wishes: SessionWishes) -> Message | None:
    """The object for the service's own turn detection; None for manual turns."""
    if wishes.vad == "manual":
        return None
    return without_empty(
        {
            "type": f"{wishes.vad}_vad",
            "threshold": wishes.threshold,
            "silence_duration_ms": wishes.silence_ms,
            "eagerness": wishes.eagerness,
            "create_response": True,
            "interrupt_response": wishes.interrupts,
        }
    )


def ga_session(wishes: SessionWishes, start: SessionStart) -> Message:
    """``session.update`` of OpenAI's GA form."""
    detection = {"turn_detection": turn_detection(wishes)} if wishes.vad else {}
    audio_in = {
        "format": {"type": "audio/pcm", "rate": wishes.rate_in},
        "transcription": {"model": wishes.transcribe} if wishes.transcribe else None,
    }
    audio_out = {"format": {"type": "audio/pcm", "rate": wishes.rate_out}, "voice": wishes.voice}
    session = {
        "output_modalities": ["audio" if wishes.spoken else "text"],
        "instructions": start.instructions,
        "tools": [flat_tool(tool) for tool in start.tools],
        "tool_choice": "auto" if start.tools else None,
        "reasoning": {"effort": wishes.effort} if wishes.effort else None,
        "audio": {"input": without_empty(audio_in) | detection, "output": without_empty(audio_out)},
    }
    return {"type": "session.update", "session": {"type": "realtime"} | without_empty(session)}


def qwen_session(wishes: SessionWishes, start: SessionStart) -> Message:
    """``session.update`` of DashScope: flat, as OpenAI's beta was, but with nested functions."""
    detection = turn_detection(wishes)
    if detection is not None:
        detection = {k: detection[k] for k in ("type", "threshold", "silence_duration_ms") if k in detection}
    session = {
        "modalities": ["text", "audio"] if wishes.spoken else ["text"],
        "voice": wishes.voice,
        "instructions": start.instructions,
        "input_audio_format": "pcm",
        "output_audio_format": "pcm",
        "input_audio_transcription": {"model": wishes.transcribe} if wishes.transcribe else None,
        "tools": [nested_tool(tool) for tool in start.tools],
    }
    return {"type": "session.update", "session": without_empty(session) | {"turn_detection": detection}}


def vllm_session(wishes: SessionWishes, start: SessionStart) -> Message:
    """``session.update`` of vLLM-Omni's duplex route, which opens the session with it."""
    message = ga_session(wishes, start)
    message["session"].pop("type")
    message["session"] |= without_empty({"model": wishes.model})
    return message


def sglang_session(wishes: SessionWishes, start: SessionStart) -> Message:
    """``session.update`` of SGLang-Omni: strict, and its deployment fixes formats, voice and tools."""
    detection = turn_detection(wishes) or {}
    detection.pop("create_response", None)
    session = {
        "instructions": start.instructions,
        "output_modalities": ["audio" if wishes.spoken else "text"],
        "audio": {"input": {"turn_detection": detection}} if wishes.vad else None,
    }
    return {"type": "session.update", "session": {"type": "realtime"} | without_empty(session)}


def minicpmo_session(wishes: SessionWishes, start: SessionStart) -> Message:
    """``session.update`` of MiniCPM-o-Demo; instructions are required there."""
    return {"type": "session.update", "session": {"instructions": start.instructions}}


def minicpmo_init(wishes: SessionWishes, start: SessionStart) -> Message:
    """``session.init`` of later versions of MiniCPM-o-Demo."""
    return {"type": "session.init", "payload": without_empty({"system_prompt": start.instructions})}


def append_with_image_items(chunk: UserStretch) -> list[Message]:
    """Audio; every frame is a user message with an image, which asks for no response."""
    urls = (f"data:image/jpeg;base64,{image}" for image, _ in chunk.images)
    images = [_item("user", {"type": "input_image", "image_url": url}) for url in urls]
    return [{"type": "input_audio_buffer.append", "audio": chunk.audio}, *images]


def append_then_image_buffer(chunk: UserStretch) -> list[Message]:
    """Audio, then every frame into the image buffer (which refuses images before any audio)."""
    images = [{"type": "input_image_buffer.append", "image": image} for image, _ in chunk.images]
    return [{"type": "input_audio_buffer.append", "audio": chunk.audio}, *images]


def append_duplex(chunk: UserStretch) -> list[Message]:
    """Audio that says its format and place, with the frames in it (vLLM-Omni)."""
    message = {
        "type": "input_audio_buffer.append",
        "audio": chunk.audio,
        "format": "pcm16",
        "sample_rate_hz": chunk.rate,
        "duration_ms": round(chunk.ms),
        "audio_end_ms": round(chunk.start_ms + chunk.ms),
    }
    return [_with_frames(message, chunk)]


def append_with_frames(chunk: UserStretch) -> list[Message]:
    """Audio with the frames in it (MiniCPM-o-Demo)."""
    return [_with_frames({"type": "input_audio_buffer.append", "audio": chunk.audio}, chunk)]


def append_input(chunk: UserStretch) -> list[Message]:
    """Audio with the frames in it (later versions of MiniCPM-o-Demo)."""
    return [{"type": "input.append", "input": _with_frames({"audio": chunk.audio}, chunk)}]


def append_numbered(chunk: UserStretch) -> list[Message]:
    """Audio with its number and place, then every frame with its instant (SGLang-Omni)."""
    place = {"seq": chunk.number, "t_start_ms": chunk.start_ms}
    images = [
        {"type": "sglang.input_image.append", "image": image, "sglang": {"t_ms": t_ms}}
        for image, t_ms in chunk.images
    ]
    return [{"type": "input_audio_buffer.append", "audio": chunk.audio, "sglang": place}, *images]


def _with_frames(message: Message, chunk: UserStretch) -> Message:
    return message | without_empty({"video_frames": [image for image, _ in chunk.images]})


def _item(role: str, part: Message) -> Message:
    item = {"type": "message", "role": role, "content": [part]}
    return {"type": "conversation.item.create", "item": item}


def text_item(text: str) -> Message:
    """A text message of the user."""
    return _item("user", {"type": "input_text", "text": text})


def history_item(said: Said, rate: int) -> Message:
    """Something that was said before: the user's audio at ``rate`` Hz where there is any, else text."""
    if said.role == "assistant":
        part = {"type": "output_text", "text": said.text}
    elif said.audio is None:
        part = {"type": "input_text", "text": said.text}
    else:
        part = {"type": "input_audio", "audio": audio_base64(clip_samples(said.audio, rate))}
    return _item(said.role, part)


def input_text(text: str) -> Message:
    """A text message of the user as vLLM-Omni's duplex route takes it."""
    return {"type": "input.text.append", "text": text}


def truncation(item: str, ms: int) -> Message:
    """How much of a reply was heard."""
    return {"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": ms}
