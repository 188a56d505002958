"""The messages of a conversation by chat completions, and what each answer means."""

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from tml_bench.adapter import Output, ProtocolError, SessionStart, ToolResult, Transcript
from tml_bench.adapters._inbound import of_known_shape
from tml_bench.adapters._media import from_base64, given_back, nested_tool, to_int16, tool_call
from tml_bench.errors import BadSampleError
from tml_bench.media.audio import clip_samples, probe, read_mono
from tml_bench.samples import Message as Said

Message = dict[str, Any]
MAX_ANSWER_S = 600.0
"""Longest speech of an answer, in seconds: a session takes no more to be heard."""
MAX_SAMPLES = 600 * 48_000
"""Most samples of it in its file: compressed, a few bytes may be any number of them."""
HISTORY_RATE = 16000
"""Of the user's audio from before the session, in Hz."""


class ChatDialogue:
    """What has been said, in the form the service wants it; ``options`` (model, voice) go with every request.

    ``rate`` is that of the audio given back, in Hz.
    """

    def __init__(self, session: SessionStart, options: Mapping[str, Any], rate: int) -> None:
        self._options = dict(options)
        self._rate = rate
        self._messages: list[Message] = []
        if session.instructions:
            self._messages.append({"role": "system", "content": session.instructions})
        self._messages += [_before(said) for said in session.history]
        if session.tools:
            self._options["tools"] = [nested_tool(tool) for tool in session.tools]
        self._new: list[Message] = []
        self._awaited: set[str] = set()
        self._results: list[Message] = []

    def say(self, part: Message) -> None:
        """Add one content part of the user."""
        self._new.append({"role": "user", "content": [part]})

    def answer(self, result: ToolResult) -> None:
        """Add the result of a call; results of calls that nobody waits for are left out."""
        if result.call_id in self._awaited:
            self._awaited.remove(result.call_id)
            content = json.dumps(given_back(result))
            self._results.append({"role": "tool", "tool_call_id": result.call_id, "content": content})

    @property
    def ready(self) -> bool:
        """Whether there is something to ask: nothing is asked while results of calls are missing."""
        return bool(self._new or self._results) and not self._awaited

    def request(self) -> Message:
        """The body of the next request; all that is new becomes part of the conversation."""
        self._messages += self._results + self._new
        self._results, self._new = [], []
        return self._options | {"messages": list(self._messages)}

    def take(self, reply: Mapping[str, Any]) -> Output:
        """What a reply means; it becomes part of the conversation; another shape is a ``ProtocolError``."""
        with of_known_shape():
            return self._taken(reply["choices"][0]["message"], str(reply.get("id") or ""))

    def _taken(self, message: Mapping[str, Any], reply: str) -> Output:
        audio = message.get("audio") or {}
        spoken = str(audio.get("transcript") or "")
        written = str(message.get("content") or "")
        asked = [(call["id"], call["function"]) for call in message.get("tool_calls") or []]
        calls = tuple(tool_call(call_id, f["name"], f["arguments"]) for call_id, f in asked)
        kept: Message = {"role": "assistant", "content": spoken or written}
        if calls:
            kept["tool_calls"] = list(message["tool_calls"])
            self._awaited = {call.call_id for call in calls}
        self._messages.append(kept)
        return Output(
            audio=samples(from_base64(audio["data"]), self._rate) if audio.get("data") else None,
            transcript=(Transcript(spoken),) if spoken else (),
            text="" if spoken else written,
            tool_calls=calls,
            item=str(audio.get("id") or reply),
        )


def wav(audio: NDArray[np.float32], rate: int) -> bytes:
    """Samples of shape (n,) as a WAV file of 16 bits."""
    out = io.BytesIO()
    soundfile.write(out, to_int16(audio), rate, "PCM_16", format="WAV")
    return out.getvalue()


def samples(data: bytes, rate: int) -> NDArray[np.float32]:
    """The whole audio of a file, whatever its header says of its length, mono at ``rate``, shape (n,).

    Raises:
        ProtocolError: it cannot be read, is cut off, or beyond all bounds.
    """
    with TemporaryDirectory(prefix="tml-bench-") as folder:
        path = Path(folder) / "reply"
        path.write_bytes(data)
        try:
            info = probe(path)
            if info.frames > MAX_SAMPLES or info.frames / info.rate > MAX_ANSWER_S:
                raise ProtocolError(f"the service sent audio of {info.frames} samples at {info.rate} Hz")
            audio, own_rate = read_mono(path)
        except BadSampleError as error:
            told = str(error).replace(str(path), "the reply")
            raise ProtocolError(f"the service sent audio that cannot be read: {told}") from error
    at_rate: NDArray[np.float32] = soxr.resample(audio, own_rate, rate) if own_rate != rate else audio
    return at_rate


def audio_part(audio: NDArray[np.float32], rate: int) -> Message:
    """The content part that holds the user's audio, shape (n,), as one WAV file."""
    data = base64.b64encode(wav(audio, rate)).decode("ascii")
    return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}


def _before(said: Said) -> Message:
    """Something that was said before the session: the user's audio where there is any, else text."""
    if said.audio is None:
        return {"role": said.role, "content": said.text}
    return {"role": said.role, "content": [audio_part(clip_samples(said.audio, HISTORY_RATE), HISTORY_RATE)]}
