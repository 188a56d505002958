"""One tool-using model, in process and behind local servers of each protocol that has functions.

The model is the oracle: it makes the calls of a reference at their times, takes parts of results for
arguments, gives calls up, and speaks once the results that it needs are back. What it does is told in a
protocol's words; what a client does wrong is a problem of the server.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_servers import openai_live, openai_realtime
from fake_servers.gemini import FakeGemini
from fake_servers.openai_live import FakeLive, LiveSessionFake
from fake_servers.openai_realtime import Call, FakeRealtime, Message, Session
from google.genai import types
from virtual_time import VirtualTimeLoop, run_virtual
from websockets.asyncio.server import ServerConnection
from wire_servers import Handler, greet

from tml_bench.adapter import LiveAdapter, MicroTurn, Output, SessionStart, ToolCall, ToolResult
from tml_bench.adapters._media import to_pcm16
from tml_bench.adapters.reference import Oracle
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import Reference, Sample
from tml_bench.session import exchange
from tml_bench.session.live import LiveSession
from tml_bench.session.settings import Settings, opened_event
from tml_bench.wire.messages import AUDIO, BinaryFrame

PATIENCE_S = 0.002
TICK_NS = 200_000_000
RATE_OUT = 24000


Playing = Callable[[VirtualTimeLoop, Path, Sample], Coroutine[Any, Any, list[str]]]
"""Plays a session against a local server, as ``live`` does; gives what the client did wrong."""


async def live(loop: VirtualTimeLoop, folder: Path, given: Sample, adapter: LiveAdapter) -> None:
    """One session on the wall clock, which is virtual, into a recording."""
    await adapter.prepare()
    opened = opened_event("t", given, "service", adapter, Settings())
    with RecordingWriter(folder, opened, clock="wall", compute="live") as writer:
        try:
            await LiveSession("t", given, adapter, Settings(), writer, clock_ns=loop.clock_ns).run()
        finally:
            writer.close()


def in_virtual_time(playing: Playing, folder: Path, given: Sample, patience_s: float = 5.0) -> Recording:
    """Play it on a clock that jumps; a session waits for functions so long, for that clock does not."""
    loop = VirtualTimeLoop(PATIENCE_S)
    with pytest.MonkeyPatch.context() as patch:
        for server in (openai_live, openai_realtime):
            patch.setattr(server, "time", SimpleNamespace(monotonic_ns=loop.clock_ns))
        patch.setattr(exchange, "LIVE_PATIENCE_S", patience_s)
        assert run_virtual(playing(loop, folder, given), loop) == []
    return Recording(folder)


class ToolAgent:
    """The model, asked once for each stretch of the user's audio that has come."""

    def __init__(self, reference: Reference, rate: int) -> None:
        self._oracle = Oracle(rate, RATE_OUT)
        self._oracle.start(SessionStart("0" * 16, TICK_NS, reference=reference))
        self._index = 0
        self.results: list[ToolResult] = []

    def hear(self) -> Output:
        """What it does at the end of the next micro-turn, with the results that have come."""
        start_ns, results = self._index * TICK_NS, tuple(self.results)
        turn = MicroTurn(
            self._index, start_ns, start_ns + TICK_NS, np.zeros(0, np.float32), tool_results=results
        )
        self._index += 1
        self.results.clear()
        return self._oracle.step(turn) or Output()


def text_of(output: Output) -> str:
    return "".join(piece.text for piece in output.transcript)


def pcm_of(output: Output) -> bytes:
    return b"" if output.audio is None else to_pcm16(np.asarray(output.audio, np.float32))


class RealtimeTools(FakeRealtime):
    """OpenAI Realtime: the model sees results when a response is asked for."""

    def __init__(self, reference: Reference) -> None:
        super().__init__("ga")
        self.reference = reference

    @property
    def refused(self) -> int:
        """How often a response was asked for while one was under way."""
        return sum(session.refused for session in self.sessions if isinstance(session, RealtimeToolSession))

    async def _serve(self, connection: ServerConnection) -> None:
        session = RealtimeToolSession(self.profile, connection, self.reference)
        self.sessions.append(session)
        await session.run()


class RealtimeToolSession(Session):
    def __init__(self, profile: Any, connection: ServerConnection, reference: Reference) -> None:
        super().__init__(profile, connection, [])
        self._agent = ToolAgent(reference, profile.rate_in)
        self._given: list[ToolResult] = []
        self._batches: list[set[str]] = []
        self.refused = 0

    async def _append(self, media: Message, now: int) -> None:
        await self._act(self._agent.hear())

    async def _item_created(self, item: Message) -> None:
        await super()._item_created(item)
        if item["type"] == "function_call_output":
            self._given.append(ToolResult(item["call_id"], "", _value(item["output"])))

    async def _create(self, now: int) -> None:
        if self._response:  # it had just begun
            await self._fail("conversation_already_has_active_response", "")
            self.refused += 1
            return
        answered = {result.call_id for result in self._given}
        if answered and not any(batch <= answered for batch in self._batches if batch & answered):
            self.problems.append(f"a response was asked for when only {answered} of a batch were answered")
        self._batches = [batch - answered for batch in self._batches if batch - answered]
        self._agent.results += self._given
        self._given = []
        await self._begin()

    async def _begin(self) -> None:
        self._response = self._new("resp")
        await self._send({"type": "response.created", "response": self._response_object("in_progress")})

    async def _act(self, output: Output) -> None:
        if not self._response:
            if output.audio is None and not output.tool_calls:
                return
            await self._begin()
        if output.tool_calls:
            self._batches.append({call.call_id for call in output.tool_calls})
        for call in output.tool_calls:
            await self._call(Call(call.call_id, call.name, json.dumps(call.arguments)))
        if output.audio is not None:
            self._item = self._new("item")
            await self._piece(pcm_of(output), text_of(output), True)
        done, self._response = self._response_object("completed"), ""
        await self._send({"type": "response.done", "response": done})


class LiveTools(FakeLive):
    """OpenAI Live: a backend calls, and sees results once it is told to go on."""

    def __init__(self, reference: Reference) -> None:
        super().__init__()
        self.reference = reference

    async def _serve(self, connection: ServerConnection) -> None:
        session = LiveToolSession(connection, self.reference)
        self.sessions.append(session)
        await session.run()


class LiveToolSession(LiveSessionFake):
    def __init__(self, connection: ServerConnection, reference: Reference) -> None:
        super().__init__(connection, [])
        self._agent = ToolAgent(reference, RATE_OUT)
        self._results: list[ToolResult] = []

    async def _take(self, message: Message, now: int) -> None:
        if message["type"] == "session.input_audio.append":
            await self._act(self._agent.hear())
            return
        await super()._take(message, now)
        if message["type"] == "response.item.create":
            item = message["item"]
            self._results.append(ToolResult(item["call_id"], "", _value(item["output"])))

    async def _answer(self, since_ns: int) -> None:
        """The client says that the backend may go on."""
        self._agent.results += self._results
        self._results = []

    async def _run_stream(self) -> None:
        """It speaks as the agent does, and sends no silence."""

    async def _act(self, output: Output) -> None:
        self._given += 1
        if output.tool_calls:
            await self._lifecycle("response.created", "in_progress")
            for call in output.tool_calls:
                self._open_calls.add(call.call_id)
                item = {"type": "function_call", "id": f"fc_{call.call_id}", "call_id": call.call_id}
                done = {**item, "name": call.name, "arguments": json.dumps(call.arguments)}
                await self._nested(
                    {"type": "response.output_item.done", "item": {**done, "status": "completed"}}
                )
            await self._lifecycle("response.completed", "completed")
        if output.audio is not None:
            audio = base64.b64encode(pcm_of(output)).decode()
            await self._send({"type": "session.output_audio.delta", "delta": audio}, numbered=False)
            if text := text_of(output):
                said = {"delta": text, "start_ms": 0, "end_ms": 100}
                await self._send({"type": "session.output_transcript.delta", **said})


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


class GeminiTools(FakeGemini):
    """Gemini Live, whose functions do not block."""

    def __init__(self, reference: Reference) -> None:
        super().__init__()
        self._agent = ToolAgent(reference, 16000)
        self._open: set[str] = set()

    async def take(self, message: str | bytes) -> None:
        body = types.LiveClientMessage.model_validate(json.loads(message))
        if body.realtime_input is not None and body.realtime_input.audio is not None:
            await self._act(self._agent.hear())
        for result in (body.tool_response and body.tool_response.function_responses) or []:
            call_id, response = str(result.id), result.response or {}
            if call_id not in self._open:
                self.violations.append(f"a result for {call_id}, which is not open")
            self._open.discard(call_id)
            (value,) = response.values()
            self._agent.results.append(ToolResult(call_id, str(result.name), value, "error" in response))

    async def _act(self, output: Output) -> None:
        if output.tool_calls:
            self._open |= {call.call_id for call in output.tool_calls}
            calls = [{"id": c.call_id, "name": c.name, "args": c.arguments} for c in output.tool_calls]
            await self.reply(toolCall={"functionCalls": calls})
        if output.cancelled_calls:
            self._open -= set(output.cancelled_calls)
            await self.reply(toolCallCancellation={"ids": list(output.cancelled_calls)})
        if output.audio is not None:
            if text := text_of(output):
                await self.content(outputTranscription={"text": text})
            blob = {"data": base64.b64encode(pcm_of(output)).decode(), "mimeType": "audio/pcm;rate=24000"}
            await self.content(modelTurn={"parts": [{"inlineData": blob}]})
            await self.content(turnComplete=True)


def wire_tools(reference: Reference) -> Handler:
    """The wire protocol, in real time or in lockstep as the harness asks."""

    async def handle(socket: ServerConnection) -> None:
        hello = await greet(socket, capabilities=["tools"])
        agent = ToolAgent(reference, 16000)
        async for data in socket:
            message = json.loads(data) if isinstance(data, str) else {}
            if message.get("type") == "tool_result":
                given = (message[name] for name in ("call_id", "name", "output", "is_error"))
                agent.results.append(ToolResult(*given))
            if message.get("type") == "tick":
                for said in wire_messages(agent.hear(), message["n"] + 1):
                    await socket.send(said if isinstance(said, bytes) else json.dumps(said))
                if hello["mode"] == "lockstep":
                    done = {"type": "tick_done", "n": message["n"], "compute_ms": 0}
                    await socket.send(json.dumps(done))

    return handle


def wire_messages(output: Output, item: int) -> list[Mapping[str, object] | bytes]:
    """An output in the words of the wire protocol; its speech is the reply ``item``."""
    said: list[Mapping[str, object] | bytes] = [_wire_call(call) for call in output.tool_calls]
    if output.cancelled_calls:
        said.append({"type": "tool_cancel", "call_ids": list(output.cancelled_calls)})
    if output.audio is not None:
        said.append({"type": "transcript", "item": item, "text": text_of(output)})
        said.append(BinaryFrame(AUDIO, item, 0, 0, pcm_of(output)).pack())
    return said


def _wire_call(call: ToolCall) -> Mapping[str, object]:
    return {"type": "tool_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
