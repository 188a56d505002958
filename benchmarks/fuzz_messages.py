"""What services and their servers may say, to `fuzz.py`: whole conversations, a message a line.

Seeds are the logs of `tests/golden`. Each input is played as a session is: connected, through the adapter
into a recording, which is read back; or asked as judges, users and background models are. What ends a session
must be an error that its contract names, and what it says, and what would be stored, fit to be.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from fuzz import Target
from fuzz_answers import HTTP_TARGETS
from fuzz_services import (
    Message,
    RawService,
    ScriptedService,
    ServiceLoop,
    line_of,
    messages_of,
    run_virtual,
)
from fuzz_sessions import REFUSED, check_told, play_live, play_steps

from tml_bench.adapter import InfrastructureError, LiveAdapter, ProtocolError
from tml_bench.adapters._socket import open_socket
from tml_bench.adapters.gemini_live import GeminiLive
from tml_bench.adapters.moshi import Moshi
from tml_bench.adapters.openai_live import OpenAILive
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.adapters.openai_realtime.dialects import DIALECTS
from tml_bench.adapters.pipecat import Pipecat, decode, encode
from tml_bench.adapters.twilio import Twilio
from tml_bench.adapters.wire import Wire, WireLockstep
from tml_bench.conformance import wire_cases, wire_client, wire_play
from tml_bench.conformance.slots import FullError
from tml_bench.conformance.wire_cases import CASES, WireChecks

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"
NOWHERE = "ws://127.0.0.1:1"
LONGEST_TEXT = 400
"""Longer texts of the logs, which are audio, are cut to so many characters."""
ERROR = {"type": "error", "error": {"type": "server_error", "code": "c", "message": "try again in 1m2.5s"}}
EXTRA: Mapping[str, list[Any]] = {
    "openai-realtime-ga": [
        ERROR,
        {"type": "response.done", "response": {"id": "r", "status": "failed", "status_details": ERROR}},
        {"type": "response.output_text.delta", "delta": "a", "item_id": "i"},
        {"type": "conversation.item.truncated", "item_id": "i"},
        {"type": "output_audio_buffer.cleared", "response_id": "r"},
        {"type": "session.expired", "message": "over"},
    ],
    "openai-live": [ERROR, {"type": "session.usage.updated", "usage": {"seconds": 1.5}}],
    "gemini-live": [
        {"goAway": {"timeLeft": "1s"}},
        {"toolCallCancellation": {"ids": ["a"]}},
        {"serverContent": {"interrupted": True, "outputTranscription": {"text": "a"}}},
    ],
    "pipecat": [{"type": "error", "data": {"error": "out", "fatal": True}}],
    "wire": [
        {"type": "error", "code": "busy", "message": "later", "retry_after_s": 3},
        {"type": "tool_cancel", "call_ids": ["a"]},
        {"type": "usage", "counted": {"input_tokens": 5}},
    ],
}
"""What the logs do not hold, by log; each is said after its beginning."""


def golden(name: str) -> list[Message]:
    """What the service said in a log, audio cut short."""
    said: list[Message] = []
    for text in (GOLDEN / f"{name}.jsonl").read_text().splitlines():
        line = json.loads(text)
        if line["from"] == "client":
            continue
        if "base64" in line:
            said.append(base64.b64decode(line["base64"]))
        else:
            found = next(line[key] for key in ("message", "json", "binary_json") if key in line)
            said.append(json.dumps(_shortened(found)))
    return said


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shortened(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner) for inner in value]
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


def wire_log(name: str) -> list[Message]:
    """What a model said in the session of a log, and not to the question for its formats."""
    return [m[: 16 + 800] if isinstance(m, bytes) else m for m in golden(name)[1:]]


def unpacked(messages: list[Message]) -> list[Message]:
    """Pipecat's messages of JSON as text, others as they are, audio cut short."""
    told: list[Message] = []
    for message in messages:
        assert isinstance(message, bytes)
        kind, fields = decode(message)
        if isinstance(audio := fields.get("audio"), bytes):
            told.append(encode("audio", audio=audio[:600], sample_rate=24000, num_channels=1))
        else:
            told.append(str(fields["data"]) if kind == "message" else message)
    call = {"tool_call_id": "a", "function_name": "weather", "args": {"city": "Lima"}}
    return [*told, json.dumps({"label": "rtvi-ai", "type": "llm-function-call", "data": call})]


def packed(messages: list[Message]) -> list[Message]:
    """The inverse of `unpacked`."""
    return [encode("message", data=m) if isinstance(m, str) and m[:1] == "{" else m for m in messages]


def parts(messages: list[Message], extra: list[Any]) -> list[bytes]:
    """Inputs of a log: whole, and its beginning with each part of what follows and each of what is extra."""
    lines = [line_of(message) for message in messages]
    head, rest = lines[:2], lines[2:]
    pieces = [rest[at : at + 6] for at in range(0, len(rest), 6)]
    pieces += [[json.dumps(one).encode()] for one in extra]
    return [b"\n".join(lines), *(b"\n".join(head + piece) for piece in pieces)]


def live(name: str, make: Callable[[], LiveAdapter], said: Callable[[], list[Message]]) -> Target:
    """A target of a live adapter."""
    told = packed if name == "pipecat" else list

    def read(data: bytes) -> object:
        messages = told(messages_of(data))
        return play_live(make(), lambda: ScriptedService(messages))

    return Target(name, lambda: parts(said(), EXTRA.get(name, [])), read, REFUSED, text=True)


def lockstep_seeds() -> list[bytes]:
    """What a model in lockstep says."""
    return parts(wire_log("wire-lockstep"), EXTRA["wire"])


def lockstep(data: bytes) -> object:
    """A session of a model in lockstep."""
    messages = messages_of(data)
    loops = partial(asyncio.Runner, loop_factory=lambda: ServiceLoop(lambda: ScriptedService(messages)))
    with patch("asyncio.Runner", loops):
        return play_steps(WireLockstep(NOWHERE))


def conformance(data: bytes) -> object:
    """All cases of a wire server, in both modes; their verdicts are what is shown."""
    messages = messages_of(data)
    for mode in ("realtime", "lockstep"):
        checks = WireChecks(NOWHERE, mode, 0.0)
        for name in CASES:
            check_told(f"{name}: {_verdict(checks, name, ServiceLoop(lambda: ScriptedService(messages)))}")
    return None


def _verdict(checks: WireChecks, case: str, loop: ServiceLoop) -> str:
    clock = SimpleNamespace(monotonic=loop.time)
    with ExitStack() as patches:
        for module in (wire_cases, wire_client, wire_play):
            patches.enter_context(patch.object(module, "time", clock))
        try:
            return str(run_virtual(CASES[case](checks), loop))
        except (InfrastructureError, ProtocolError, FullError) as error:
            return str(error)


def handshake(data: bytes) -> object:
    """A websocket whose bytes are these, from the answer to its opening on."""

    async def session() -> None:
        socket = await open_socket(f"{NOWHERE}/x")
        try:
            async for _ in socket.messages():
                pass
        finally:
            await socket.drop()

    try:
        return run_virtual(session(), ServiceLoop(lambda: RawService(data)))
    except REFUSED as error:
        check_told(str(error))
        raise


def handshakes() -> list[bytes]:
    """Answers to an opening, good and bad."""
    opened = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    refused = (
        b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: Fri, 27 Nov 2026 12:00:00 GMT\r\nRetry-After: 5\r\n"
        b"Content-Length: 31\r\n\r\n" + b'{"error":{"message":"slow it"}}'
    )
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://other/\r\nContent-Length: 0\r\n\r\n"
    frames = b"\x81\x05hello\x82\x7e\x00\x80" + bytes(128) + b"\x89\x01p\x88\x06\x03\xf3later"
    return [opened + frames, refused, moved, opened + b"\x88\x02\x03\xe8", refused.replace(b"429", b"503")]


def _realtime(dialect: str) -> Target:
    golden_name = f"openai-realtime-{dialect}"
    return live(
        golden_name,
        lambda: OpenAIRealtime(dialect, base_url=NOWHERE),
        lambda: golden(golden_name),
    )


def warmed(target: Target) -> Target:
    """The same, which reads a seed before children read inputs: what that imports is there in all."""

    def seeds() -> list[bytes]:
        made = target.seeds()
        with suppress(*target.documented):
            target.read(made[0])
        return made

    return replace(target, seeds=seeds)


_ALL = [
    *map(_realtime, DIALECTS),
    live("openai-live", lambda: OpenAILive(base_url=NOWHERE), partial(golden, "openai-live")),
    live("gemini-live", lambda: GeminiLive(base_url=NOWHERE), partial(golden, "gemini-live")),
    live("moshi", lambda: Moshi(NOWHERE), partial(golden, "moshi")),
    live("pipecat", lambda: Pipecat(NOWHERE, rtvi=True), lambda: unpacked(golden("pipecat"))),
    live("twilio", lambda: Twilio(NOWHERE), partial(golden, "twilio")),
    live("wire", lambda: Wire(NOWHERE), partial(wire_log, "wire")),
    Target("wire-lockstep", lockstep_seeds, lockstep, REFUSED, text=True),
    Target("conformance", lockstep_seeds, conformance, (), text=True),
    Target("handshake", handshakes, handshake, REFUSED),
    *HTTP_TARGETS,
]
TARGETS: list[Target] = [warmed(target) for target in _ALL]
