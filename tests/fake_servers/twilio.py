"""A telephony bot that takes Twilio Media Streams."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fake_servers.scripted import ScriptedServer, ViolationError
from tml_bench.adapters._media import from_mulaw, to_mulaw


class FakeBot(ScriptedServer):
    """Sends a mark after each answer, and clears when it is interrupted.

    Attributes:
        start: the message that began the stream.
        marks: names of marks that came back, in order.
        stopped: whether the stream was ended in good order.
    """

    rate_out = 8000

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.start: dict[str, Any] = {}
        self.marks: list[str] = []
        self.stopped = False
        self._sequence = 0
        self._chunk = 0
        self._answer = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    async def reply(self, event: str, **fields: Any) -> None:
        message = {"event": event, "streamSid": self.start["streamSid"], **fields}
        await self.tell(json.dumps(message))

    async def greet(self) -> None:
        self._sequence = self._chunk = 0
        hello = json.loads(await self.receive())
        if hello != {"event": "connected", "protocol": "Call", "version": "1.0.0"}:
            raise ViolationError("no connected")

    async def take(self, message: str | bytes) -> None:
        body = json.loads(message)
        self._sequence += 1
        if body["sequenceNumber"] != str(self._sequence):
            raise ViolationError(f"sequenceNumber {body['sequenceNumber']}, not {self._sequence}")
        if (self._sequence == 1) != (body["event"] == "start"):
            raise ViolationError(f"{body['event']} is out of order")
        match body["event"]:
            case "start":
                self._check_start(body)
            case "media":
                await self._hear(body["media"])
            case "mark":
                self.marks.append(body["mark"]["name"])
            case "stop":
                self.stopped = True
            case other:
                raise ViolationError(f"unknown event {other}")

    def _check_start(self, body: dict[str, Any]) -> None:
        self.start = body["start"]
        format_ = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        if self.start["mediaFormat"] != format_ or body["streamSid"] != self.start["streamSid"]:
            raise ViolationError("start is wrong")

    async def _hear(self, media: dict[str, str]) -> None:
        data = base64.b64decode(media["payload"], validate=True)
        if len(data) != 160 or media["chunk"] != str(self._chunk + 1):
            raise ViolationError("no frame of 20 ms in order")
        if media["timestamp"] != str(20 * self._chunk):
            raise ViolationError(f"timestamp {media['timestamp']}")
        self._chunk += 1
        await self.turns.hear(from_mulaw(data) / 32768)

    async def audio(self, samples: NDArray[np.floating]) -> None:
        payload = base64.b64encode(to_mulaw(samples.astype(np.float32))).decode()
        await self.reply("media", media={"payload": payload})

    async def after_speech(self) -> None:
        self._answer += 1
        await self.reply("mark", mark={"name": f"answer-{self._answer}"})

    async def interrupted(self) -> None:
        await self.reply("clear")

    async def step(self, step: str) -> None:
        if step == "shape":
            await self.reply("media", media=5)
        elif step == "not base64":
            await self.reply("media", media={"payload": "%%%"})
        elif step == "new":
            await self.reply("somethingNew")
        else:
            await super().step(step)
