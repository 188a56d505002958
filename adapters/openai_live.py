"""OpenAI Live: full duplex, without turns.

Wire: the event types of openai 3.54.0 under ``openai.types.live``. The client speaks first
(``session.start``). Audio flows both ways all the time, also as silence, which is left out (``SilenceGate``);
there are no turn or response events, no cancel, no truncation, no images. Functions are called by a backend
model to which the speaking model delegates; its calls come as nested Responses events. Text is given as
context to speak about. The service counts the seconds of the session, and the tokens of the backend model.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tml_bench import adapter
from tml_bench.adapters._inbound import kind_of, parse_object
from tml_bench.adapters._loudness import SilenceGate
from tml_bench.adapters._media import (
    WholeSamples,
    audio_base64,
    flat_tool,
    from_base64,
    result_item,
    tool_call,
)
from tml_bench.adapters._refusal_tables import OPENAI_LIVE
from tml_bench.adapters._refusals import read_error
from tml_bench.adapters._session import SocketAdapter
from tml_bench.adapters._socket import open_socket, without_empty
from tml_bench.adapters._usage import RunningUsage, response_tokens
from tml_bench.errors import UserError
from tml_bench.keys import key_for
from tml_bench.redact import kept

URL = "wss://api.openai.com/v1/live/sessions"
KEY = "OPENAI_API_KEY"
RATES = (16000, 24000)
PATIENCE_S = 30.0
FAREWELL_S = 0.5
"""Longest wait for the end of a session that was asked for."""

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

    refusals = OPENAI_LIVE

    def __init__(
        self, model: str = "gpt-live-1", base_url: str = "", voice: str = "", backend: str = "gpt-5.4-mini",
        effort: str = "", rate: int = 24000,
    ) -> None:  # fmt: skip
        super().__init__()
        if rate not in RATES:
            raise UserError(f"openai-live has no rate={rate}", "it has 16000 and 24000")
        self.audio_in = self.audio_out = rate
        self._model, self._voice, self._backend, self._effort = model, voice, backend, effort
        self._url = base_url or URL
        self._key = key_for(self._url, KEY, required=not base_url)
        self._calls = DelegatedCalls()
        self._gate = SilenceGate(rate)
        self._samples = WholeSamples()
        self._in_order = asyncio.Lock()
        self._usage = RunningUsage()
        self._leaving = False

    async def connect(self, session: adapter.SessionStart) -> None:
        """As ``LiveAdapter.connect``."""
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._socket = socket = await open_socket(self._url, headers=headers, refusals=self.refusals)
        await self._tell({"type": "session.start", "session": self._session(session)})
        await self._until(socket, "session.started", PATIENCE_S)
        self._begin(socket)

    def _session(self, start: adapter.SessionStart) -> Message:
        audio: Message = {"format": {"type": "audio/pcm", "rate": self.audio_in}}
        if self._voice:
            audio["output"] = {"voice": self._voice}
        session: Message = {"model": self._model, "audio": audio, "instructions": start.instructions}
        if start.tools:
            responses = {
                "model": self._backend,
                "tools": [flat_tool(tool) for tool in start.tools],
                "instructions": start.instructions,
                "reasoning": {"effort": self._effort} if self._effort else None,
            }
            session["delegation"] = {"type": "responses", "responses": without_empty(responses)}
        return without_empty(session)

    async def send(self, turn: adapter.MicroTurn) -> None:
        """As ``LiveAdapter.send``."""
        await self._tell({"type": "session.input_audio.append", "audio": audio_base64(turn.audio)})
        self._calls.time_passes()
        for result in turn.tool_results:
            self._calls.answered(result)
        await self._reply()
        for text in turn.texts:
            content = f"The user has written: {text}"
            await self._tell({"type": "session.commentary.append", "content": content, "delegation_id": None})

    def understand(self, message: str | bytes) -> Iterable[adapter.ModelEvent]:
        """As ``SocketAdapter.understand``."""
        said = parse_object(message)
        kind = kind_of(said)
        yield adapter.ProviderEvent(kind, kept(said))
        if kind in ("session.usage.updated", "session.closed"):
            for usage in self._usage.seconds(said.get("usage")):
                if self._leaving:
                    self.usage_at_close += usage
                else:
                    yield usage
        if kind == "session.output_audio.delta":
            audio = self._samples.join(from_base64(said["delta"])).astype(np.int16)
            if self._gate.lets_through(audio):
                yield adapter.Output(audio=audio)
        elif kind == "session.output_transcript.delta":
            yield adapter.Output(transcript=(adapter.Transcript(said["delta"]),))
        elif kind == "response.event":
            yield from response_tokens(said["event"].get("response"))
            yield from self._calls.take(said["event"])
        elif kind == "error":
            reported = read_error(said)
            self.complaint = str(reported)
            if self.refusals.rule(reported):
                raise self.refusals.error("the service reports:", reported)
        elif kind == "session.closed" and not self._leaving:
            raise self.refusals.error("the service closed the session:", read_error(said))

    async def _messages(self) -> AsyncIterator[str | bytes]:
        """What the service sends; what a message calls for is sent once it has been understood."""
        async for message in super()._messages():
            yield message
            await self._reply()

    async def _reply(self) -> None:
        async with self._in_order:
            while self._calls.replies:
                await self._tell(self._calls.replies.pop(0))

    async def _tell(self, message: Message) -> None:
        await self._say(json.dumps(message, separators=(",", ":")), message["type"], message)

    async def _farewell(self) -> None:
        """The service tells then what it has counted in all, which takes it a moment."""
        self._leaving = True
        await self._tell({"type": "session.close"})
        if self._worker is not None:
            await asyncio.wait([self._worker], timeout=FAREWELL_S)


class DelegatedCalls:
    """Calls of the backend model, and when it may go on: once all of a batch are answered.

    A batch may grow until the response that makes the calls is over. Where the service does not tell of its
    responses, a call that has come by the next micro-turn is of the same batch. ``replies`` are messages to
    be sent, which whoever sends them takes out.
    """

    def __init__(self) -> None:
        self.replies: list[Message] = []
        self._begun: dict[str, Mapping[str, Any]] = {}
        self._open: set[str] = set()
        self._responses: set[str] = set()
        self._tells_responses = self._owes = False

    def take(self, event: Mapping[str, Any]) -> Iterator[adapter.Output]:
        """A nested Responses event; a function call that is done and complete is a call.

        Raises:
            InfrastructureError: the backend failed, by the table of OpenAI's refusals.
        """
        item = event.get("item") or {}
        match event.get("type"):
            case "response.created" | "response.in_progress" | "response.queued":
                self._responses.add(str(event["response"].get("id")))
                self._tells_responses = True
            case "response.completed" | "response.incomplete":
                self._responses.discard(str(event["response"].get("id")))
                self._begun = self._begun if self._responses else {}
                self._settle()
            case "response.failed":
                raise OPENAI_LIVE.error("the backend's response failed:", read_error(event["response"]))
            case "error":
                raise OPENAI_LIVE.error("the backend reports:", read_error(event))
            case "response.output_item.added" if item.get("type") == "function_call":
                self._begun[str(item.get("id"))] = item
            case "response.output_item.done" if item.get("type") == "function_call":
                yield from self._done({**self._begun.pop(str(item.get("id")), {}), **item})

    def _done(self, item: Mapping[str, Any]) -> Iterator[adapter.Output]:
        if item.get("status", "completed") == "completed":
            self._open.add(item["call_id"])
            call = tool_call(item["call_id"], item["name"], item["arguments"])
            yield adapter.Output(tool_calls=(call,))

    def answered(self, result: adapter.ToolResult) -> None:
        """Give a result back."""
        self.replies.append({"type": "response.item.create", "item": result_item(result)})
        self._open.discard(result.call_id)
        self._owes = True
        if self._tells_responses:
            self._settle()

    def time_passes(self) -> None:
        """A micro-turn has passed."""
        self._settle()

    def _settle(self) -> None:
        if self._owes and not (self._open or self._begun or self._responses):
            self._owes = False
            self.replies.append({"type": "response.create"})
