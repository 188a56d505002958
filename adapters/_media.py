"""What travels: audio as 16-bit PCM, mu-law of ITU-T G.711 or base64, images as JPEG, functions as JSON.

Full scale is [-1, 1]; one step of 16 bits is 1 / 32768. Empty input gives empty output.
"""

import base64
import binascii
import io
import json
from typing import Any, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from tml_bench.adapter import Frame, ProtocolError, ToolCall, ToolResult, ToolSpec
from tml_bench.adapters._inbound import MAX_DEPTH, is_deeper, name_in

Encoding = Literal["pcm16", "float32"]
"""Samples as 16-bit integers, or as floats of full scale [-1, 1]."""
JPEG_QUALITY = 85

MULAW_RATE = 8000
"""Telephony's rate in Hz."""


def to_int16(audio: NDArray[np.float32]) -> NDArray[np.int16]:
    """Samples of shape (n,) as int16, rounded and clipped."""
    samples: NDArray[np.int16] = np.clip(np.rint(audio * np.float32(32768)), -32768, 32767).astype(np.int16)
    return samples


def to_pcm16(audio: NDArray[np.float32]) -> bytes:
    """Samples of shape (n,) as little-endian 16-bit PCM, 2 n bytes."""
    return to_int16(audio).astype("<i2").tobytes()


class WholeSamples:
    """Joins the bytes of messages into whole samples: a sample may be split between two messages.

    Each stream is one continuous run of bytes, such as a reply by its id; what is over waits for the next
    message of the same stream, however many of others come between.
    """

    def __init__(self, encoding: Encoding = "pcm16") -> None:
        self._type = np.dtype("<i2" if encoding == "pcm16" else "<f4")
        self._over: dict[str, bytes] = {}

    def join(self, data: bytes, stream: str = "") -> NDArray[np.generic]:
        """The samples that are now whole, shape (n,), int16 or float32; none where not one is complete."""
        data = self._over.pop(stream, b"") + data
        whole = len(data) - len(data) % self._type.itemsize
        if whole < len(data):
            self._over[stream] = data[whole:]
        return np.frombuffer(data[:whole], self._type)

    def end(self, *streams: str) -> None:
        """These streams have ended, all where none is named: what is over of them is no sample."""
        for stream in streams or tuple(self._over):
            self._over.pop(stream, None)


def to_mulaw(audio: NDArray[np.float32]) -> bytes:
    """Samples of shape (n,) as mu-law, n bytes."""
    data = io.BytesIO()
    soundfile.write(data, to_int16(audio), MULAW_RATE, "ULAW", format="RAW")
    return data.getvalue()


def from_mulaw(data: bytes) -> NDArray[np.int16]:
    """Mu-law as int16 of shape (len,), in [-32124, 32124]."""
    form = {"samplerate": MULAW_RATE, "channels": 1, "format": "RAW", "subtype": "ULAW"}
    samples: NDArray[np.int16] = soundfile.read(io.BytesIO(data), dtype="int16", **form)[0]
    return samples


class Frames:
    """Cuts a stream of samples into frames of ``size``; what does not fill one waits."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rest: NDArray[np.float32] = np.zeros(0, np.float32)

    def push(self, audio: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Take samples of shape (n,); returns the frames that are now full, each of shape (size,)."""
        audio = np.concatenate([self._rest, audio])
        full = len(audio) - len(audio) % self._size
        self._rest = audio[full:]
        return [audio[at : at + self._size] for at in range(0, full, self._size)]


def audio_base64(audio: NDArray[np.float32], encoding: Encoding = "pcm16") -> str:
    """Samples of shape (n,), full scale [-1, 1], as text; integers are rounded and clipped."""
    data = to_pcm16(audio) if encoding == "pcm16" else audio.astype("<f4").tobytes()
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """The bytes of a message's audio; what is not base64 is a ``ProtocolError``."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError(f"the service sent audio that is not base64: {error}") from error


def jpeg(frame: Frame) -> bytes:
    """The frame's image as JPEG."""
    import cv2

    image = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError(f"a frame of shape {frame.image.shape} cannot be made a JPEG")
    return data.tobytes()


def jpeg_base64(frame: Frame) -> str:
    """The frame's image as JPEG in base64."""
    return base64.b64encode(jpeg(frame)).decode("ascii")


def _described(tool: ToolSpec) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}


def flat_tool(tool: ToolSpec) -> dict[str, Any]:
    """A function as OpenAI's Realtime and Responses interfaces list it."""
    return {"type": "function", **_described(tool)}


def nested_tool(tool: ToolSpec) -> dict[str, Any]:
    """A function as chat completions list it."""
    return {"type": "function", "function": _described(tool)}


def tool_call(call_id: object, name: object, given: object) -> ToolCall:
    """A call whose arguments are JSON text that the model wrote, or the object itself.

    What is no JSON object, or one nested beyond reason, is the model's mistake and not its service's: the
    call is refused, no more. A name that is none is a ``ProtocolError``.
    """
    try:
        value = json.loads(given) if isinstance(given, str) and given else given or {}
    except (ValueError, RecursionError):
        value = None
    names = name_in(call_id), name_in(name)
    if isinstance(value, dict) and not is_deeper(value, MAX_DEPTH):
        return ToolCall(*names, value)
    return ToolCall(*names, unreadable=str(given))


def given_back(result: ToolResult) -> object:
    """What a function gave back; an error is told as ``{"error": ...}``."""
    return {"error": result.output} if result.is_error else result.output


def result_item(result: ToolResult) -> dict[str, Any]:
    """The item of a conversation that holds what a function gave back."""
    value = given_back(result)
    output = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return {"type": "function_call_output", "call_id": result.call_id, "output": output}
