"""Gemini Live: BidiGenerateContent over a websocket of JSON messages.

Source: ai.google.dev/api/live. The session's first message is ``setup``; audio goes out as 16 kHz PCM and
comes back as 24 kHz PCM, faster than real time. The service says ``interrupted`` when the user barges in, and
has no message to be told what was heard.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tml_bench import adapter
from tml_bench.adapters._inbound import OpeningBound, name_in, parse_object
from tml_bench.adapters._media import WholeSamples, audio_base64, from_base64, jpeg_base64
from tml_bench.adapters._refusal_tables import GEMINI
from tml_bench.adapters._refusals import is_broken
from tml_bench.adapters._session import SocketAdapter
from tml_bench.adapters._socket import OPEN_S, Socket, open_socket, without_empty
from tml_bench.adapters._usage import RunningUsage
from tml_bench.keys import key_for
from tml_bench.redact import kept, plain

PATH = "/ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent"

MAX_RESUMPTIONS = 24
"""Most times one session is moved to another connection; the service asks about every ten minutes."""
LATE_NS = 500_000_000
"""What comes of a reply so long after its interruption is another's, though the turn's end was never told."""
MAX_HELD = 2000
"""Most messages held back while the session moves."""


class GeminiLive(SocketAdapter):
    """A session of Gemini Live.

    The key is read from ``GOOGLE_API_KEY`` or ``GEMINI_API_KEY``.

    Args:
        model: with or without ``models/``.
        base_url: ``wss://host``; ``ws://`` for a server of your own without TLS, which needs no key.
        version: of the interface, in the address.
        voice: name of a prebuilt voice; empty leaves it to the service.
        thinking: level of thinking (``minimal`` to ``xhigh``); empty sends none, which is all that models
            without it accept.
        silence_ms: silence that ends the user's turn; 0 leaves it to the service.
        start_sensitivity: ``high`` or ``low`` for the onset of speech; empty leaves it to the service.
        end_sensitivity: the same for the end of speech.
        interruptible: False asks the service to speak on when the user barges in.
        scheduling: ``interrupt``, ``when_idle`` or ``silent``: what the result of a function that does not
            block does to speech; empty leaves it to the service.
        fps: video frames per second; 0 takes no video.
        media_resolution: ``low``, ``medium`` or ``high``; empty leaves it to the service.
        compress: let the service drop the oldest part of a long session; without it a session with video
            ends after 2 minutes.
        behavior: ``blocking`` or ``non_blocking``: whether the model waits for what it calls; empty leaves it
            to the service, whose newer models do not.
    """

    audio_in = 16000
    audio_out = 24000
    refusals = GEMINI

    def __init__(
        self, model: str = "gemini-3.8-live", base_url: str = "wss://generativelanguage.googleapis.com",
        version: str = "v1beta", voice: str = "", thinking: str = "", silence_ms: int = 0,
        start_sensitivity: str = "", end_sensitivity: str = "", interruptible: bool = True,
        scheduling: str = "", fps: float = 1.0, media_resolution: str = "", compress: bool = True,
        behavior: str = "",
    ) -> None:  # fmt: skip
        super().__init__()
        self.video_in = adapter.VideoSpec(fps=fps, max_side=768) if fps else None
        self._url = base_url.rstrip("/") + PATH.format(version=version)
        self._headers = _key_header(base_url)
        self._behavior, self._scheduling = behavior, scheduling
        self._setup: dict[str, Any] = {
            "model": model if model.startswith("models/") else f"models/{model}",
            "generationConfig": _generation(voice, thinking, media_resolution),
            "inputAudioTranscription": {},
            "outputAudioTranscription": {},
        }
        if realtime := _realtime(silence_ms, start_sensitivity, end_sensitivity, interruptible):
            self._setup["realtimeInputConfig"] = realtime
        self.reported = {"model": self._setup["model"]}
        if compress:
            self._setup["contextWindowCompression"] = {"slidingWindow": {}}
        self._handle = ""
        self._leaving = self._turn_ended = self._replying = self._cancelled = False
        self._reply = self._now_ns = self._cut_ns = 0
        self._samples = WholeSamples()
        self._usage = RunningUsage()
        self._held: deque[dict[str, Any]] | None = None
        self._left: list[asyncio.Task[None]] = []

    async def connect(self, session: adapter.SessionStart) -> None:
        """As ``LiveAdapter.connect``."""
        if session.instructions:
            self._setup["systemInstruction"] = {"parts": [{"text": session.instructions}]}
        if session.tools:
            self._setup["tools"] = [{"functionDeclarations": [self._declared(t) for t in session.tools]}]
        self._begin(await self._opened())

    def _declared(self, tool: adapter.ToolSpec) -> dict[str, Any]:
        about = {"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters}
        return about | ({"behavior": self._behavior.upper()} if self._behavior else {})

    async def _opened(self) -> Socket:
        socket = await open_socket(self._url, headers=self._headers, refusals=self.refusals)
        try:
            async with asyncio.timeout(OPEN_S):
                resumption = {"handle": self._handle} if self._handle else {}
                setup = {"setup": self._setup | {"sessionResumption": resumption}}
                await self._record("setup", setup, sent=True)
                await socket.send(_json(setup))
                message: dict[str, Any] = {}
                bound = OpeningBound()
                while "setupComplete" not in message:
                    message = parse_object(bound.take(await socket.receive()))
                    await self._record(_kind(message), message)
        except BaseException as error:
            await socket.drop()
            if isinstance(error, TimeoutError):
                raise adapter.InfrastructureError(f"no setupComplete within {OPEN_S:g} s") from error
            raise
        return socket

    async def send(self, turn: adapter.MicroTurn) -> None:
        """As ``LiveAdapter.send``."""
        self._now_ns = turn.end_ns
        if turn.tool_results:
            responses = [self._response(result) for result in turn.tool_results]
            await self._tell("toolResponse", {"functionResponses": responses})
        await self._tell("realtimeInput", {"audio": _blob(audio_base64(turn.audio), "audio/pcm;rate=16000")})
        for frame in turn.frames:
            image = await asyncio.to_thread(jpeg_base64, frame)
            await self._tell("realtimeInput", {"video": _blob(image, "image/jpeg")})
        for text in turn.texts:
            await self._tell("realtimeInput", {"text": text})

    def _response(self, result: adapter.ToolResult) -> dict[str, Any]:
        field = "error" if result.is_error else "output"
        response = {"id": result.call_id, "name": result.name, "response": {field: result.output}}
        return response | ({"scheduling": self._scheduling.upper()} if self._scheduling else {})

    async def _tell(self, kind: str, body: dict[str, Any]) -> None:
        message = {kind: body}
        if self._held is None:
            try:
                await self._say(_json(message), kind, message)
            except adapter.InfrastructureError as error:
                if not (self._handle and is_broken(error)):
                    raise
                self._held = deque([message])  # whoever reads will see it too, and move the session
            return
        if len(self._held) >= MAX_HELD:
            raise adapter.InfrastructureError("the service takes too long to move the session")
        self._held.append(message)

    async def _messages(self) -> AsyncIterator[str | bytes]:
        """All messages, over as many connections as it takes.

        Once the service wants to go away, the next turn's end is the time to move; so is a break, or a close
        for a failure of its own (1011). A connection that breaks before anything has come of it is not worth
        another.
        """
        for _ in range(MAX_RESUMPTIONS + 1):
            assert self._socket is not None
            useful = False
            try:
                async for message in self._socket.messages():
                    useful = True
                    yield message
                    if self._leaving and self._handle and self._turn_ended:
                        break
                if not (self._leaving and self._handle):
                    return
            except adapter.InfrastructureError as error:
                if not (self._handle and is_broken(error) and (useful or self._leaving)):
                    raise
                await self._record("connection lost", {"reason": str(error)})
            await self._move()
        raise adapter.InfrastructureError(f"the service moved the session {MAX_RESUMPTIONS} times")

    async def _move(self) -> None:
        """Carry the session on over a new connection; what the user sends meanwhile follows in order."""
        assert self._socket is not None
        self._held, old = self._held or deque(), self._socket
        self._socket = await self._opened()
        self._left.append(asyncio.create_task(old.drop()))
        self._leaving = False
        self._next_reply()
        while self._held:
            message = self._held.popleft()
            kind = next(iter(message))
            await self._say(_json(message), kind, message)
        self._held = None

    async def close(self) -> None:
        """As ``LiveAdapter.close``."""
        try:
            await super().close()
        finally:
            await asyncio.gather(*self._left)

    def understand(self, message: str | bytes) -> Iterable[adapter.ModelEvent]:
        """As ``SocketAdapter.understand``."""
        body = parse_object(message)
        yield adapter.ProviderEvent(_kind(body), kept(body))
        yield from self._usage.prompt(body.get("usageMetadata"))
        if "goAway" in body:
            self._leaving, self._turn_ended = True, False
        update = body.get("sessionResumptionUpdate") or {}
        if update.get("resumable") and update.get("newHandle"):
            self._handle = str(update["newHandle"])
        if "serverContent" in body:
            yield from self._content(body["serverContent"])
        calls = (body.get("toolCall") or {}).get("functionCalls") or []
        if calls:
            self._replying = True
            yield adapter.Output(tool_calls=tuple(_call(call) for call in calls))
        if cancelled := (body.get("toolCallCancellation") or {}).get("ids"):
            yield adapter.Output(cancelled_calls=tuple(map(str, cancelled)))

    def _content(self, content: Mapping[str, Any]) -> Iterable[adapter.Output]:
        interrupted, ended = bool(content.get("interrupted")), bool(content.get("turnComplete"))
        parts = (content.get("modelTurn") or {}).get("parts") or []
        spoken = str((content.get("outputTranscription") or {}).get("text", ""))
        self._replying = self._replying or bool(parts or spoken)
        # An interruption after the turn's end is of what is still playing: no other end will follow.
        late = self._now_ns - self._cut_ns >= LATE_NS
        if self._cancelled and late and not interrupted and (parts or spoken):
            self._next_reply()
            self._replying = True
        if interrupted and self._replying and not self._cancelled:
            self._cancelled, self._cut_ns = True, self._now_ns
        if interrupted:
            yield adapter.Output(flush=True)
        if not self._cancelled and (parts or spoken):
            yield from self._said(parts, spoken)
        self._turn_ended = ended
        if ended:
            self._next_reply()

    def _said(self, parts: Iterable[Mapping[str, Any]], spoken: str) -> Iterable[adapter.Output]:
        reply = f"reply-{self._reply}"
        audio = [self._audio(part["inlineData"], reply) for part in parts if "inlineData" in part]
        written = "".join(str(part["text"]) for part in parts if "text" in part and not part.get("thought"))
        if audio or spoken or written:
            yield adapter.Output(
                audio=np.concatenate(audio) if audio else None,
                transcript=(adapter.Transcript(spoken),) if spoken else (),
                text=written,
                item=reply,
            )

    def _audio(self, blob: Mapping[str, Any], reply: str) -> NDArray[np.generic]:
        kind = str(blob.get("mimeType", ""))
        if not kind.startswith("audio/pcm") or ("rate=" in kind and "rate=24000" not in kind):
            raise adapter.ProtocolError(
                f"the service sent {plain(kind, 80)!r} instead of audio/pcm;rate=24000"
            )
        data = str(blob["data"]).replace("-", "+").replace("_", "/")
        return self._samples.join(from_base64(data + "=" * (-len(data) % 4)), reply)

    def _next_reply(self) -> None:
        """The turn has ended: what comes now is another's."""
        self._samples.end()
        self._reply += self._replying
        self._replying = self._cancelled = False


def _key_header(base_url: str) -> dict[str, str]:
    names = ("GOOGLE_API_KEY", "GEMINI_API_KEY")
    key = key_for(base_url, *names, required=".googleapis.com" in base_url)
    return {"x-goog-api-key": key} if key else {}


def _generation(voice: str, thinking: str, media_resolution: str) -> dict[str, Any]:
    speech = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}
    config = {
        "responseModalities": ["AUDIO"],
        "speechConfig": speech if voice else None,
        "thinkingConfig": {"thinkingLevel": thinking.upper()} if thinking else None,
        "mediaResolution": media_resolution and f"MEDIA_RESOLUTION_{media_resolution.upper()}",
    }
    return without_empty(config)


def _realtime(silence_ms: int, start: str, end: str, interruptible: bool) -> dict[str, Any]:
    detection = {
        "silenceDurationMs": silence_ms or None,
        "startOfSpeechSensitivity": start and f"START_SENSITIVITY_{start.upper()}",
        "endOfSpeechSensitivity": end and f"END_SENSITIVITY_{end.upper()}",
    }
    config = {
        "automaticActivityDetection": without_empty(detection),
        "activityHandling": "" if interruptible else "NO_INTERRUPTION",
    }
    return without_empty(config)


def _json(message: Mapping[str, object]) -> str:
    return json.dumps(message, separators=(",", ":"))


def _kind(message: Mapping[str, object]) -> str:
    return plain("+".join(sorted(str(name) for name in message)), 200)


def _blob(data: str, mime_type: str) -> dict[str, str]:
    return {"data": data, "mimeType": mime_type}


def _call(call: Mapping[str, Any]) -> adapter.ToolCall:
    arguments, name = call.get("args") or {}, name_in(call["name"])
    if not isinstance(arguments, Mapping):
        raise adapter.ProtocolError(f"the arguments of {plain(name, 80)!r} are no object")
    return adapter.ToolCall(name_in(call["id"]), name, dict(arguments))
