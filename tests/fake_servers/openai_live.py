"""A server that speaks OpenAI Live, with known timing; checks the client with OpenAI's published types.

Once the session has started it sends audio all the time, in real time, 100 ms a message: silence, and after
a turn of the user (found by loudness) an answer that begins with the next message after ``delay_ms``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

import numpy as np
from openai.types.live import ClientEvent, ServerEvent
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from fake_servers.openai_realtime import Answer, answer_audio
from fake_servers.realtime_schemas import published
from fake_servers.vad import EnergyVad

Message = dict[str, Any]
PIECE_MS = 100
SECONDS_BILLED = 12.0


class FakeLive:
    """Serves any number of sessions; ``answers`` as in ``FakeRealtime``, but always paced.

    Attributes:
        sessions: one per connection, in order.
    """

    def __init__(self, answers: list[Answer] | None = None) -> None:
        self.answers = answers or [Answer()]
        self.sessions: list[LiveSessionFake] = []
        self._server: Server | None = None

    async def __aenter__(self) -> FakeLive:
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
        return f"ws://{host}:{port}/v1/live/sessions"

    @property
    def problems(self) -> list[str]:
        return [problem for session in self.sessions for problem in session.problems]

    @property
    def answered_ns(self) -> list[int]:
        return [t_ns for session in self.sessions for t_ns in session.answered_ns]

    async def _serve(self, connection: ServerConnection) -> None:
        session = LiveSessionFake(connection, self.answers)
        self.sessions.append(session)
        await session.run()


class LiveSessionFake:
    """One connection.

    Attributes:
        log: (sent by the server?, monotonic nanoseconds, message) of everything.
        problems: what the client did wrong.
        answered_ns: when the first audio of each answer left.
    """

    check_client = staticmethod(published(ClientEvent))
    check_server = staticmethod(published(ServerEvent))

    def __init__(self, connection: ServerConnection, answers: list[Answer]) -> None:
        self.log: list[tuple[bool, int, Message]] = []
        self.problems: list[str] = []
        self.answered_ns: list[int] = []
        self._connection = connection
        self._answers = answers
        self._given = 0
        self._number = 0
        self._speech: list[bytes] = []
        self._text = ""
        self._due_ns = 0
        self._last_loud_ns = 0
        self._open_calls: set[str] = set()
        self._stream: asyncio.Task[None] | None = None
        self._rate = 24000
        self._vad = EnergyVad(24000, 200)

    async def run(self) -> None:
        try:
            async for raw in self._connection:
                message = json.loads(raw)
                now = time.monotonic_ns()
                self.log.append((False, now, message))
                try:
                    self.check_client(message)
                except Exception as error:  # collected; the test asserts that there are none
                    self.problems.append(f"{message.get('type')}: {error}")
                await self._take(message, now)
        except ConnectionClosed:
            return
        finally:
            if self._stream is not None:
                self._stream.cancel()

    async def _take(self, message: Message, now: int) -> None:
        kind = message["type"]
        if kind == "session.start":
            await self._begin(message["session"])
        elif kind == "session.input_audio.append":
            samples = np.frombuffer(base64.b64decode(message["audio"], validate=True), "<i2") / 32768
            for change, _ in self._vad.feed(samples):
                if change == "loud":
                    self._last_loud_ns = now
                elif change == "started":
                    self._speech = []
                else:
                    await self._answer(self._last_loud_ns)
        elif kind == "response.item.create":
            call_id = message["item"]["call_id"]
            if call_id not in self._open_calls:
                self.problems.append(f"a result for the unknown call {call_id}")
            self._open_calls.discard(call_id)
        elif kind == "response.create":
            if self._open_calls:
                self.problems.append(f"response.create before {self._open_calls} were answered")
            await self._answer(now)
        elif kind == "session.close":
            usage = {"seconds": SECONDS_BILLED}
            farewell = {"reason": "close_requested", "session": self._resource, "usage": usage}
            await self._send({"type": "session.closed", **farewell})
            await self._connection.close()

    async def _begin(self, session: Message) -> None:
        self._rate = session["audio"]["format"]["rate"]
        self._vad = EnergyVad(self._rate, 200)
        resource = {"id": "live_1", "expires_at": 2_000_000_000, "status": "active", **session}
        self._resource = resource
        await self._send({"type": "session.started", "session": resource})
        self._stream = asyncio.create_task(self._run_stream())

    async def _answer(self, since_ns: int) -> None:
        answer = self._answers[min(self._given, len(self._answers) - 1)]
        self._given += 1
        if answer.error is not None:
            await self._send({"type": "error", "error": answer.error})
            if answer.hang_up:
                await self._connection.close(1011, "going down")
            return
        if answer.calls:
            await self._lifecycle("response.created", "in_progress")
        for call in answer.calls:
            self._open_calls.add(call.call_id)
            item = {"type": "function_call", "id": f"fc_{call.call_id}", "call_id": call.call_id}
            done = {**item, "name": call.name, "arguments": call.arguments, "status": "completed"}
            await self._nested({"type": "response.output_item.added", "item": {**item, "name": call.name}})
            await self._nested({"type": "response.output_item.done", "item": done})
        if answer.calls:
            await self._lifecycle("response.completed", "completed")
        else:
            self._due_ns = since_ns + answer.delay_ms * 1_000_000
            audio = np.rint(32767 * answer_audio(answer.ms, self._rate)).astype("<i2")
            step = PIECE_MS * self._rate // 1000
            self._speech = [audio[i : i + step].tobytes() for i in range(0, len(audio), step)]
            self._text = answer.text

    async def _lifecycle(self, kind: str, status: str) -> None:
        await self._nested({"type": kind, "response": {"id": f"resp_{self._given}", "status": status}})

    async def _nested(self, event: Message) -> None:
        await self._send({"type": "response.event", "delegation_id": "dlg_1", "event": event})

    async def _run_stream(self) -> None:
        silence = bytes(2 * PIECE_MS * self._rate // 1000)
        next_ns = time.monotonic_ns()
        while True:
            await asyncio.sleep(max(0.0, (next_ns - time.monotonic_ns()) / 1e9))
            speaks = bool(self._speech) and next_ns >= self._due_ns
            data = self._speech.pop(0) if speaks else silence
            audio = base64.b64encode(data).decode()
            await self._send({"type": "session.output_audio.delta", "delta": audio}, numbered=False)
            if speaks and self._text:
                self.answered_ns.append(self.log[-1][1])
                text = {"delta": self._text, "start_ms": 0, "end_ms": 100}
                await self._send({"type": "session.output_transcript.delta", **text})
                self._text = ""
            next_ns += PIECE_MS * 1_000_000

    async def _send(self, message: Message, numbered: bool = True) -> None:
        self._number += 1
        if numbered:
            message = {"event_id": f"event_{self._number}", **message}
        self.check_server(message)
        text = json.dumps(message)
        self.log.append((True, time.monotonic_ns(), message))
        await self._connection.send(text)
