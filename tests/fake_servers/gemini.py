"""Gemini Live, every message on both sides checked by google-genai's types."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import numpy as np
from google.genai import types
from numpy.typing import NDArray
from pydantic import ValidationError

from fake_servers.scripted import ScriptedServer, ViolationError

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


class FakeGemini(ScriptedServer):
    """Extra steps: ``move`` (goAway, then an answer), ``shape`` (a message that no type allows), ``fail`` and
    ``no credit`` (closed with 1011, as the service does for both).

    Attributes:
        setups: the set-up of each connection.
        images: sizes in bytes of the video frames.
        texts: that came in.
        results: of function calls that came in.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The types are built when first used, which would delay the first answer.
        types.LiveServerMessage.model_validate({"serverContent": {"turnComplete": True}})
        self.setups: list[types.LiveClientSetup] = []
        self.realtime: list[types.RealtimeInputConfig] = []
        self.images: list[bytes] = []
        self.texts: list[str] = []
        self.results: list[types.FunctionResponse] = []
        self.keys: list[str] = []

    async def reply(self, **message: Any) -> None:
        types.LiveServerMessage.model_validate(message)
        await self.tell(json.dumps(message).encode())

    async def content(self, **content: Any) -> None:
        await self.reply(serverContent=content)

    async def greet(self) -> None:
        if self.ws.request is None or self.ws.request.path != PATH:
            raise ViolationError(f"the path is not {PATH}")
        self.keys.append(self.ws.request.headers.get("x-goog-api-key", ""))
        body = _parsed(await self.receive())
        setup = body.get("setup") or {}
        if "realtimeInputConfig" in setup:
            self.realtime.append(types.RealtimeInputConfig.model_validate(setup.pop("realtimeInputConfig")))
        checked = _checked(body).setup
        if checked is None or not (checked.model or "").startswith("models/"):
            raise ViolationError("the first message must be setup with a model")
        self.setups.append(checked)
        await self.reply(setupComplete={"sessionId": f"s{self.sessions}"})
        handle = f"handle-{self.sessions}"
        await self.reply(sessionResumptionUpdate={"newHandle": handle, "resumable": True})

    async def take(self, message: str | bytes) -> None:
        checked = _checked(_parsed(message))
        if checked.realtime_input is not None:
            await self._realtime(checked.realtime_input)
        elif checked.tool_response is not None:
            self.results += checked.tool_response.function_responses or []
            self.turns.say(self.speak())
        else:
            raise ViolationError(f"unexpected {message[:80]!r}")

    async def _realtime(self, message: types.LiveClientRealtimeInput) -> None:
        if message.audio is not None:
            if message.audio.mime_type != "audio/pcm;rate=16000":
                raise ViolationError(f"audio is {message.audio.mime_type}")
            samples = np.frombuffer(message.audio.data or b"", "<i2") / 32768
            await self.turns.hear(samples)
        if message.video is not None:
            if message.video.mime_type != "image/jpeg" or not (message.video.data or b"").startswith(
                b"\xff\xd8"
            ):
                raise ViolationError("a video frame is no JPEG")
            self.images.append(message.video.data or b"")
        if message.text:
            self.texts.append(message.text)

    async def before_speech(self) -> None:
        await self.content(inputTranscription={"text": "hello"})
        await self.content(outputTranscription={"text": "A tone."})

    async def audio(self, samples: NDArray[np.floating]) -> None:
        data = base64.b64encode((samples * 32767).astype("<i2").tobytes()).decode()
        blob = {"data": data, "mimeType": "audio/pcm;rate=24000"}
        await self.content(modelTurn={"parts": [{"inlineData": blob}]})

    async def after_speech(self) -> None:
        await self.content(generationComplete=True)

    async def after_playback(self) -> None:
        await self.content(turnComplete=True)
        await self.reply(usageMetadata={"totalTokenCount": 7})

    async def interrupted(self) -> None:
        await self.content(interrupted=True)
        await self.content(turnComplete=True)

    async def call(self) -> None:
        await self.reply(toolCall={"functionCalls": [{"id": "c1", "name": "add", "args": {"a": 1, "b": 2}}]})

    async def step(self, step: str) -> None:
        match step:
            case "move":
                await self.reply(goAway={"timeLeft": "50s"})
                await self.speak()
            case "fail":
                await self.ws.close(1011, "Internal error occurred.")
            case "no credit":
                await self.ws.close(1011, "Your prepayment credits are depleted.")
            case "shape":
                await self.tell(json.dumps({"serverContent": 5}))
            case "rate":
                blob = {"data": "AAAA", "mimeType": "audio/pcm;rate=16000"}
                await self.content(modelTurn={"parts": [{"inlineData": blob}]})
            case "silent":
                await asyncio.sleep(0)
            case _:
                await super().step(step)


def _parsed(message: str | bytes) -> dict[str, Any]:
    try:
        body = json.loads(message)
    except ValueError as error:
        raise ViolationError("no JSON") from error
    if not isinstance(body, dict) or len(body) != 1:
        raise ViolationError("not exactly one message")
    return body


def _checked(body: dict[str, Any]) -> types.LiveClientMessage:
    try:
        return types.LiveClientMessage.model_validate(body)
    except ValidationError as error:
        raise ViolationError(str(error)) from error
