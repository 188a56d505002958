"""OpenAI Realtime with a bill: every response says what it took, counted from what was heard and said.

By OpenAI's guide to the costs of the Realtime API and its reference of events: 100 ms of the user's audio are
a token and 50 ms of the model's; a turn is what lies between ``prefix_padding_ms`` before its onset and the
silence that ended it, and other audio counts for nothing; every response reads the instructions and all turns
and answers so far, their text too, and what was truncated no more; a response is charged when it is created,
also if it is cancelled. Written and spoken text of an answer is as much as in the guide's example of
``response.done``, 30 tokens beside 91 of audio. Nothing is cached.
"""

from __future__ import annotations

import base64
import math
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection

from fake_servers.openai_realtime import PROFILES, Answer, FakeRealtime, Message, Session, _until
from fake_servers.vad import NeuralVad

PREFIX_MS, SILENCE_MS = 300, 500
"""Of server VAD, where the client asks for nothing else."""
USER_MS, MODEL_MS = 100, 50
"""Milliseconds of audio that are one token."""
TEXT_SHARE = 30 / 91
CHARACTERS = 4
PROFILE = replace(PROFILES["ga"], silence_ms=SILENCE_MS)


class MeteredRealtime(FakeRealtime):
    """Answers every turn that its VAD finds, and says what each response took."""

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__("ga", answers)

    async def _serve(self, connection: ServerConnection) -> None:
        session = MeteredSession(connection, self.answers)
        self.sessions.append(session)
        await session.run()


class MeteredSession(Session):
    """One connection; ``billed`` holds the usage of each response that ended."""

    def __init__(self, connection: ServerConnection, answers: list[Answer]) -> None:
        super().__init__(PROFILE, connection, answers)
        self.billed: list[Message] = []
        self._text = 0.0
        self._users = 0
        self._turn_ms = self._taken_ms = 0
        self._kept_ms: dict[str, int] = {}
        self._reads = (0, 0)

    def _opening(self, kind: str) -> Message:
        (model,) = parse_qs(urlsplit(self.path).query)["model"]
        return {"type": kind, "session": {"type": "realtime", "model": model}}

    def _configure(self, message: Message) -> None:
        super()._configure(message)
        session = message["session"]
        self._text += len(session.get("instructions", "")) / CHARACTERS
        detection = session.get("audio", {}).get("input", {}).get("turn_detection") or {}
        silence_ms = detection.get("silence_duration_ms", SILENCE_MS)
        self._vad = NeuralVad(self.profile.rate_in, silence_ms)

    async def _item_created(self, item: Message) -> None:
        for part in item.get("content", ()):
            self._text += len(part.get("text", "")) / CHARACTERS
            samples = len(base64.b64decode(part.get("audio", ""))) / 2
            self._users += math.ceil(1000 * samples / self.profile.rate_in / USER_MS)
        await super()._item_created(item)

    async def _heard(self, change: str, at_ms: int, now: int) -> None:
        if change == "started":
            self._turn_ms = max(self._taken_ms, at_ms - PREFIX_MS)
        elif change == "stopped":
            self._taken_ms = at_ms
            self._users += math.ceil((at_ms - self._turn_ms) / USER_MS)
            self._last_loud_ns = now  # answers begin so long after the turn was found to have ended
        await super()._heard(change, at_ms, now)

    async def _truncate(self, message: Message) -> None:
        await super()._truncate(message)
        self._kept_ms[message["item_id"]] = message["audio_end_ms"]

    async def _answer(self, answer: Answer, due_ns: int) -> None:
        said = [self._kept_ms.get(item, ms) for item, ms in self._durations.items()]
        audio = [math.ceil(ms / MODEL_MS) for ms in said]
        text = self._text + TEXT_SHARE * sum(audio)
        self._reads = (round(text), self._users + sum(audio))
        self._response, self._item = self._new("resp"), self._new("item")
        await self._shaped({"type": "response.created", "response": self._response_object("in_progress")})
        await _until(due_ns)
        await self._speak(answer)
        done, self._response = self._response_object("completed"), ""
        await self._shaped({"type": "response.done", "response": done})

    def _response_object(self, status: str) -> Message:
        told = super()._response_object(status)
        if status == "in_progress":
            return told
        audio = math.ceil(self._durations.get(self._item, 0) / MODEL_MS)
        text, (read_text, read_audio) = round(TEXT_SHARE * audio), self._reads
        split = {"text_tokens": read_text, "audio_tokens": read_audio, "image_tokens": 0, "cached_tokens": 0}
        usage: dict[str, Any] = {
            "input_tokens": read_text + read_audio,
            "output_tokens": text + audio,
            "total_tokens": read_text + read_audio + text + audio,
            "input_token_details": split,
            "output_token_details": {"text_tokens": text, "audio_tokens": audio},
        }
        self.billed.append(usage)
        return {**told, "usage": usage}


def answering(seconds: float) -> partial[MeteredRealtime]:
    """Makes servers that answer every turn for so long, 0.3 s after they have found its end."""
    return partial(MeteredRealtime, [Answer(delay_ms=300, ms=round(1000 * seconds), text="I see.")])
