"""OpenAI Live: full duplex, without turns.

Wire: the event types of openai 3.54.0 under ``openai.types.live``. The client speaks first
(``session.start``). Audio flows both ways all the time, also as silence, which is left out (``_gate``);
there are no turn or response events, no cancel, no truncation, no images. Functions are called by a backend
model to which the speaking model delegates; its calls come as nested Responses events. Text is given as
context to speak about.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapter import (
    InfrastructureError,
    MicroTurn,
    ModelEvent,
    Output,
    ProtocolError,
    ProviderEvent,
    SessionStart,
    ToolCall,
    ToolResult,
    Transcript,
)
from tml_bench.adapters._complaint import explained
from tml_bench.adapters._gate import SilenceGate
from tml_bench.adapters._media import audio_base64, audio_from_base64
from tml_bench.adapters._session import SocketAdapter
from tml_bench.adapters._socket import Socket, open_socket, parse_object, refusal
from tml_bench.errors import UserError
from tml_bench.keys import optional_secret, secret
from tml_bench.redact import kept

URL = "wss://api.openai.com/v1/live/sessions"
KEY = "OPENAI_API_KEY"
RATES = (16000, 24000)
PATIENCE_S = 30.0

Message = dict[str, Any]


class OpenAILive(SocketAdapter):
    """OpenAI Live (gpt-live-1), full duplex; the key comes from OPENAI_API_KEY.

    Args:
        model: the speaking model.
        base_url: where it is; with one of your own no key is needed.
        voice: the voice; the service's default when empty.
        backend: the model that functions are delegated to, used when the session has functions.
        effort: reasoning effort of the backend: ``none`` to ``xhigh``.
        rate: of the audio both ways: 16000 or 24000 Hz.
    """

    def __init__(
        self,
        model: str = "gpt-live-1",
        base_url: str = "",
        voice: str = "",
        backend: str = "gpt-5.4-mini",
        effort: str = "",
        rate: int = 24000,
    ) -> None:
        super().__init__()
        if rate not in RATES:
            raise UserError(f"openai-live has no rate={rate}", "it has 16000 and 24000")
        self.audio_in = self.audio_out = rate
        self._model, self._voice, self._backend, self._effort = model, voice, backend, effort
        self._url = base_url or URL
        self._key = optional_secret(KEY) if base_url else secret(KEY)
        self._calls = DelegatedCalls()
        self._gate = SilenceGate(rate)
        self._complaint = ""

    async def connect(self, session: SessionStart) -> None:
        """As ``LiveAdapter.connect``."""
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        socket = await open_socket(self._url, headers=headers, key_variable=KEY)
        self._socket = socket
        await self._tell({"type": "session.start", "session": self._session(session)})
        await self._until_started(socket)
        self._begin(socket)

    def _session(self, start: SessionStart) -> Message:
        audio: Message = {"format": {"type": "audio/pcm", "rate": self.audio_in}}
        if self._voice:
            audio["output"] = {"voice": self._voice}
        session: Message = {"model": self._model, "audio": audio}
        if start.instructions:
            session["instructions"] = start.instructions
        if start.tools:
            session["delegation"] = {"type": "responses", "responses": self._responses(start)}
        return session

    def _responses(self, start: SessionStart) -> Message:
        responses: Message = {
            "model": self._backend,
            "tools": [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": dict(tool.parameters),
                }
                for tool in start.tools
            ],
        }
        if start.instructions:
            responses["instructions"] = start.instructions
        if self._effort:
            responses["reasoning"] = {"effort": self._effort}
        return responses

    async def _until_started(self, socket: Socket) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while True:
            message = parse_object(await socket.receive(max(0.0, deadline - loop.time())))
            kind = str(message.get("type"))
            await self._record(kind, message)
            self._learn_model(message)
            if kind == "session.started":
                return
            if kind in ("error", "session.closed"):
                raise refusal(f"the service refuses the session: {kept(message)}")

    async def send(self, turn: MicroTurn) -> None:
        """As ``LiveAdapter.send``."""
        await self._tell({"type": "session.input_audio.append", "audio": audio_base64(turn.audio)})
        for result in turn.tool_results:
            for message in self._calls.answered(result):
                await self._tell(message)
        for text in turn.texts:
            content = f"The user has written: {text}"
            await self._tell({"type": "session.commentary.append", "content": content, "delegation_id": None})

    def understand(self, message: str | bytes) -> Iterable[ModelEvent]:
        """As ``SocketAdapter.understand``."""
        said = parse_object(message)
        kind = str(said.get("type"))
        yield ProviderEvent(kind, kept(said))
        if kind == "session.output_audio.delta":
            yield from self._heard(audio_from_base64(said["delta"]))
        elif kind == "session.output_transcript.delta":
            yield Output(transcript=(Transcript(said["delta"]),))
        elif kind == "response.event":
            yield from self._calls.take(said["event"])
        elif kind == "error":
            self._complaint = f"{said['error'].get('code')}: {said['error'].get('message')}"
        elif kind == "session.closed":
            raise InfrastructureError(f"the service closed the session: {said.get('reason')}")

    def _heard(self, audio: NDArray[np.generic]) -> Iterator[Output]:
        if self._gate.lets_through(audio.astype(np.int16)):
            yield Output(audio=audio)

    async def _messages(self) -> AsyncIterator[str | bytes]:
        async for message in explained(super()._messages(), lambda: self._complaint):
            yield message

    async def _tell(self, message: Message) -> None:
        await self._say(json.dumps(message, separators=(",", ":")), message["type"], message)

    async def close(self) -> None:
        """As ``LiveAdapter.close``."""
        if self._reader is not None and not self._reader.done():
            with contextlib.suppress(InfrastructureError, ProtocolError):
                await self._tell({"type": "session.close"})
        await super().close()


class DelegatedCalls:
    """Calls of the backend model, and when it may go on: once all of a batch are answered."""

    def __init__(self) -> None:
        self._names: dict[str, Mapping[str, Any]] = {}
        self._open: set[str] = set()

    def take(self, event: Mapping[str, Any]) -> Iterator[Output]:
        """A nested Responses event; a function call that is done and complete is a call."""
        item = event.get("item") or {}
        if item.get("type") != "function_call":
            return
        if event["type"] == "response.output_item.added":
            self._names[str(item.get("id"))] = item
        elif event["type"] == "response.output_item.done" and item.get("status", "completed") == "completed":
            item = {**self._names.pop(str(item.get("id")), {}), **item}
            self._open.add(item["call_id"])
            yield Output(tool_calls=(ToolCall(item["call_id"], item["name"], _arguments(item["arguments"])),))

    def answered(self, result: ToolResult) -> Iterator[Message]:
        """Messages that give a result back."""
        value = {"error": result.output} if result.is_error else result.output
        output = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        item = {"type": "function_call_output", "call_id": result.call_id, "output": output}
        yield {"type": "response.item.create", "item": item}
        self._open.discard(result.call_id)
        if not self._open:
            yield {"type": "response.create"}


def _arguments(text: str) -> dict[str, object]:
    value = json.loads(text or "{}")
    if not isinstance(value, dict):
        raise ProtocolError(f"arguments of a call are no object: {text!r}")
    return value
