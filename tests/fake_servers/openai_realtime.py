"""A server that speaks OpenAI Realtime, or a dialect of it, with known timing.

It finds the user's turns by loudness. The answer to a turn begins exactly ``delay_ms`` after the message that
held the turn's last loud window came in; how long ago the user really stopped, that window's place in the
message tells. Every message of the client is checked; what is wrong goes into ``problems``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from fake_servers import realtime_schemas as schemas
from fake_servers.vad import EnergyVad, VoiceDetector

Message = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A function call."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Answer:
    """What is said to a turn, or to ``response.create``.

    Attributes:
        delay_ms: from the message that held the turn's last loud window, or from ``response.create``.
        ms: length of the speech.
        text: its transcript.
        paced: sent in real time; else all at once.
        calls: functions called instead.
        hang_up: the connection is closed instead; by OpenAI Live after the error, if there is one.
        error: an error is sent instead.
        piece_ms: length of an audio message.
        every_ms: between two audio messages of a paced answer; their own length when 0.
    """

    delay_ms: int = 300
    ms: int = 1000
    text: str = "Hello there."
    paced: bool = False
    calls: tuple[Call, ...] = ()
    hang_up: bool = False
    error: Message | None = None
    piece_ms: int = 200
    every_ms: int = 0


@dataclass(frozen=True)
class Profile:
    """How a dialect is served."""

    check: schemas.Check
    check_server: schemas.Check = schemas.void
    greeting: str = "session.created"
    ready: str = "session.updated"
    rate_in: int = 24000
    rate_out: int = 24000
    encoding: str = "pcm16"
    names: Mapping[str, str] = field(default_factory=dict)
    vad_events: bool = True
    cancelled_first: bool = False
    silence_ms: int = 200
    speaks: Callable[[str, bytes, str, bool], Iterator[Message]] | None = None
    listens: Message | None = None


BETA = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
}


def _unit(item: str, data: bytes, text: str, last: bool) -> Iterator[Message]:
    audio = base64.b64encode(data).decode()
    yield {
        "type": "response.output_audio.delta",
        "text": text,
        "audio": audio,
        "end_of_turn": last,
        "kv_cache_length": 1024,
    }


def _pieces(item: str, data: bytes, text: str, last: bool) -> Iterator[Message]:
    if text:
        yield {"type": "response.output.delta", "kind": "text", "text": text, "response_id": item}
    audio = base64.b64encode(data).decode()
    yield {"type": "response.output.delta", "kind": "audio", "audio": audio, "response_id": item}


PROFILES = {
    "ga": Profile(schemas.ga_client, schemas.ga_server),
    "s2s": Profile(
        schemas.ga_client,
        names={"conversation.item.added": "conversation.item.created"},
        cancelled_first=True,
    ),
    "qwen": Profile(schemas.qwen_client, rate_in=16000, names=BETA),
    "vllm-duplex": Profile(
        schemas.duplex_client, greeting="", ready="session.created", rate_in=16000, vad_events=False
    ),
    "sglang": Profile(schemas.sglang_client, rate_in=16000, vad_events=False),
    "minicpmo": Profile(
        schemas.minicpmo_client,
        greeting="",
        ready="session.created",
        rate_in=16000,
        encoding="float32",
        vad_events=False,
        speaks=_unit,
        listens={"type": "response.listen", "kv_cache_length": 1024},
    ),
    "minicpmo-v2": Profile(
        schemas.minicpmo_v2_client,
        greeting="session.queue_done",
        ready="session.created",
        rate_in=16000,
        encoding="float32",
        vad_events=False,
        speaks=_pieces,
        listens={"type": "response.output.delta", "kind": "listen"},
    ),
}


def answer_audio(ms: int, rate: int) -> np.ndarray:
    """What every answer sounds like: a tone, loud from its first sample."""
    return 0.4 * np.cos(2 * np.pi * 400 * np.arange(ms * rate // 1000) / rate)


class FakeRealtime:
    """Serves any number of sessions; ``answers`` are given in order, the last one again and again.

    Attributes:
        sessions: one per connection, in order.
    """

    def __init__(self, dialect: str = "ga", answers: list[Answer] | None = None) -> None:
        self.profile = PROFILES[dialect]
        self.answers = answers or [Answer()]
        self.sessions: list[Session] = []
        self._server: Server | None = None

    async def __aenter__(self) -> FakeRealtime:
        self._server = await serve(self._serve, "127.0.0.1", 0, max_size=2**24, compression=None)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        host, port = next(iter(self._server.sockets)).getsockname()[:2]
        return f"ws://{host}:{port}/v1"

    @property
    def problems(self) -> list[str]:
        return [problem for session in self.sessions for problem in session.problems]

    @property
    def answered_ns(self) -> list[int]:
        return [t_ns for session in self.sessions for t_ns in session.answered_ns]

    async def _serve(self, connection: ServerConnection) -> None:
        session = Session(self.profile, connection, self.answers)
        self.sessions.append(session)
        await session.run()


class Session:
    """One connection.

    Attributes:
        log: (sent by the server?, monotonic nanoseconds, message) of everything.
        problems: what the client did wrong.
        answered_ns: when the first audio of each answer left.
        path: what was asked for in the address.
    """

    def __init__(self, profile: Profile, connection: ServerConnection, answers: list[Answer]) -> None:
        self.profile = profile
        self.log: list[tuple[bool, int, Message]] = []
        self.problems: list[str] = []
        self.answered_ns: list[int] = []
        request = connection.request
        self.path = request.path if request is not None else ""
        self._connection = connection
        self._answers = answers
        self._vad: VoiceDetector = EnergyVad(profile.rate_in, profile.silence_ms)
        self._last_loud_ns = 0
        self._manual = False
        self._number = 0
        self._given = 0
        self._active: asyncio.Task[None] | None = None
        self._response = ""
        self._item = ""
        self._durations: dict[str, int] = {}
        self._calls: set[str] = set()
        self._seq = 0
        self._samples = 0
        self._answers_now = False

    async def run(self) -> None:
        try:
            if self.profile.greeting:
                await self._send(self._opening(self.profile.greeting))
            async for raw in self._connection:
                message = json.loads(raw)
                now = time.monotonic_ns()
                self.log.append((False, now, message))
                try:
                    self.profile.check(message)
                except Exception as error:  # collected; the test asserts that there are none
                    self.problems.append(f"{message.get('type')}: {error}")
                await self._take(message, now)
        except ConnectionClosed:
            return
        finally:
            if self._active is not None:
                self._active.cancel()

    def _opening(self, kind: str) -> Message:
        if self.profile.speaks is not None:
            return {"type": kind, "session_id": "rt_1"}
        return {"type": kind, "session": {"type": "realtime", "model": "fake"}}

    async def _take(self, message: Message, now: int) -> None:
        kind = message["type"]
        if kind in ("session.update", "session.init"):
            self._configure(message)
            await self._send(self._opening(self.profile.ready))
        elif kind in ("input_audio_buffer.append", "input.append"):
            await self._append(message.get("input", message), now)
        elif kind == "input_audio_buffer.commit":
            await self._send({"type": "input_audio_buffer.committed", "item_id": self._new("user")})
        elif kind == "response.create":
            await self._create(now)
        elif kind == "response.cancel":
            await self._cancel("client_cancelled")
        elif kind == "conversation.item.create":
            await self._item_created(message["item"])
        elif kind == "conversation.item.truncate":
            await self._truncate(message)
        elif kind in ("session.close", "session.finish"):
            await self._connection.close()

    def _configure(self, message: Message) -> None:
        session = message.get("session", {})
        audio_in = (session.get("audio") or {}).get("input", session)
        self._manual = "turn_detection" in audio_in and audio_in["turn_detection"] is None

    async def _append(self, media: Message, now: int) -> None:
        data = base64.b64decode(media["audio"], validate=True)
        samples = (
            np.frombuffer(data, "<i2") / 32768
            if self.profile.encoding == "pcm16"
            else np.frombuffer(data, "<f4")
        )
        place = media.get("sglang")
        if place is not None:
            if place["seq"] != self._seq or abs(place["t_start_ms"] - 1000 * self._samples / 16000) > 1:
                self.problems.append(f"audio is not contiguous: {place}")
            self._seq += 1
        self._samples += len(samples)
        if not self._manual:
            for change, at_ms in self._vad.feed(samples):
                await self._heard(change, at_ms, now)

    async def _heard(self, change: str, at_ms: int, now: int) -> None:
        if change == "loud":
            self._last_loud_ns = now
        elif change == "started":
            started = {"audio_start_ms": at_ms, "item_id": self._new("user")}
            if self.profile.cancelled_first:
                await self._cancel("turn_detected")
            if self.profile.vad_events:
                await self._send({"type": "input_audio_buffer.speech_started", **started})
            await self._cancel("turn_detected")
        else:
            stopped = {"audio_end_ms": at_ms, "item_id": "user"}
            if self.profile.vad_events:
                await self._send({"type": "input_audio_buffer.speech_stopped", **stopped})
                await self._send({"type": "input_audio_buffer.committed", "item_id": "user"})
            self._start(self._last_loud_ns)

    async def _create(self, now: int) -> None:
        if self._active is not None and not self._active.done():
            code = "conversation_already_has_active_response"
            await self._fail(code, "Conversation already has an active response")
        else:
            self._start(now)

    async def _item_created(self, item: Message) -> None:
        if item["type"] == "function_call_output" and item["call_id"] not in self._calls:
            self.problems.append(f"a result for the unknown call {item['call_id']}")
        await self._send({"type": "conversation.item.added", "item": {"id": self._new("item"), **item}})

    async def _truncate(self, message: Message) -> None:
        item, ms = message["item_id"], message["audio_end_ms"]
        if ms > self._durations.get(item, -1):
            self.problems.append(f"{item} is truncated at {ms} ms, it has {self._durations.get(item)}")
        await self._send(
            {
                "type": "conversation.item.truncated",
                "item_id": item,
                "content_index": 0,
                "audio_end_ms": ms,
            }
        )

    def _start(self, since_ns: int) -> None:
        answer = self._answers[min(self._given, len(self._answers) - 1)]
        self._given += 1
        self._active = asyncio.create_task(self._answer(answer, since_ns + answer.delay_ms * 1_000_000))

    async def _answer(self, answer: Answer, due_ns: int) -> None:
        await _until(due_ns)
        if answer.hang_up:
            await self._connection.close(1011, "going down")
            return
        if answer.error is not None:
            await self._send({"type": "error", "error": answer.error})
            return
        self._response, self._item = self._new("resp"), self._new("item")
        await self._shaped({"type": "response.created", "response": self._response_object("in_progress")})
        for call in answer.calls:
            await self._call(call)
        if not answer.calls:
            await self._speak(answer)
        done, self._response = self._response_object("completed"), ""
        await self._shaped({"type": "response.done", "response": done})

    async def _speak(self, answer: Answer) -> None:
        audio = answer_audio(answer.ms, self.profile.rate_out)
        data = (
            np.rint(32767 * audio).astype("<i2") if self.profile.encoding == "pcm16" else audio.astype("<f4")
        )
        step = answer.piece_ms * self.profile.rate_out // 1000
        pieces = [data[i : i + step].tobytes() for i in range(0, len(data), step)]
        item = {
            "id": self._item,
            "type": "message",
            "role": "assistant",
            "content": [],
            "status": "in_progress",
        }
        where = self._where()
        await self._shaped(
            {
                "type": "response.output_item.added",
                "item": item,
                **_only(where, "response_id", "output_index"),
            }
        )
        self._answers_now = True
        began_ns = time.monotonic_ns()
        for i, piece in enumerate(pieces):
            if answer.paced:
                await _until(began_ns + i * (answer.every_ms or answer.piece_ms) * 1_000_000)
            self._durations[self._item] = (i + 1) * answer.piece_ms
            await self._piece(piece, answer.text if i == 0 else "", i == len(pieces) - 1)
        await self._shaped({"type": "response.output_audio.done", **where})
        done = {**item, "status": "completed"}
        await self._shaped(
            {"type": "response.output_item.done", "item": done, **_only(where, "response_id", "output_index")}
        )

    async def _piece(self, data: bytes, text: str, last: bool) -> None:
        if self.profile.speaks is not None:
            for message in self.profile.speaks(self._item, data, text, last):
                await self._send(message)
            return
        where = self._where()
        delta = base64.b64encode(data).decode()
        await self._send({"type": "response.output_audio.delta", "delta": delta, **where})
        if text:
            await self._send({"type": "response.output_audio_transcript.delta", "delta": text, **where})

    async def _call(self, call: Call) -> None:
        self._calls.add(call.call_id)
        item = {
            "id": self._new("item"),
            "type": "function_call",
            "call_id": call.call_id,
            "name": call.name,
            "arguments": "",
            "status": "in_progress",
        }
        where = {"response_id": self._response, "output_index": 0}
        await self._send({"type": "response.output_item.added", "item": item, **where})
        arguments = {"call_id": call.call_id, "name": call.name, "arguments": call.arguments}
        await self._send(
            {
                "type": "response.function_call_arguments.done",
                "item_id": item["id"],
                **where,
                **arguments,
            }
        )
        done = {**item, "arguments": call.arguments, "status": "completed"}
        await self._send({"type": "response.output_item.done", "item": done, **where})

    async def _cancel(self, reason: str) -> None:
        if self._active is None or self._active.done():
            return
        self._active.cancel()
        await asyncio.wait([self._active])
        if not self._response:
            return
        done = self._response_object("cancelled")
        done["status_details"] = {"type": "cancelled", "reason": reason}
        self._response = ""
        await self._shaped({"type": "response.done", "response": done})
        if self.profile.listens is not None:
            await self._send(self.profile.listens)

    async def _fail(self, code: str, message: str) -> None:
        error = {"type": "invalid_request_error", "code": code, "message": message}
        await self._send({"type": "error", "error": error})

    def _response_object(self, status: str) -> Message:
        return {"id": self._response, "object": "realtime.response", "status": status, "output": []}

    def _where(self) -> Message:
        return {
            "response_id": self._response,
            "item_id": self._item,
            "output_index": 0,
            "content_index": 0,
        }

    def _new(self, what: str) -> str:
        self._number += 1
        return f"{what}_{self._number}"

    async def _shaped(self, message: Message) -> None:
        """Send what only servers with responses and items have."""
        if self.profile.speaks is None:
            await self._send(message)

    async def _send(self, message: Message) -> None:
        message = {"event_id": self._new("event"), **message}
        self.profile.check_server(message)
        message["type"] = self.profile.names.get(message["type"], message["type"])
        text, now = json.dumps(message), time.monotonic_ns()
        self.log.append((True, now, message))
        if self._answers_now:
            self.answered_ns.append(now)
            self._answers_now = False
        await self._connection.send(text)
        await asyncio.sleep(0)  # it shares its loop with the client, which a real service does not hold up


def _only(message: Message, *names: str) -> Message:
    return {name: message[name] for name in names}


async def _until(due_ns: int) -> None:
    await asyncio.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
