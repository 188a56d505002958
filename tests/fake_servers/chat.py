"""Chat completions with audio over HTTP; requests and answers are checked by openai's types."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave
from typing import Any

import numpy as np
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from fake_servers.scripted import tone

USAGE = {
    "prompt_tokens": 90,
    "completion_tokens": 40,
    "total_tokens": 130,
    "prompt_tokens_details": {"audio_tokens": 70, "cached_tokens": 0},
    "completion_tokens_details": {"audio_tokens": 30},
}
"""Of each request that is answered."""
_REQUEST = TypeAdapter(CompletionCreateParamsNonStreaming)


class FakeChat:
    """Answers each request by a plan: ``speak``, ``call``, ``write``, or a way of failing.

    Args:
        plan: one step per request; after its end every request is answered by speech.
        think_ms: before an answer.

    Attributes:
        log: pairs of request and answer.
        audio: the user's audio of each request's last message, when it is audio.
        received: when each request had come in, on the loop's clock.
        answered: when each answer had been sent.
        cut: how many requests the client dropped.
    """

    def __init__(self, plan: tuple[str, ...] = (), think_ms: float = 30) -> None:
        self.plan = list(plan)
        self.think_s = think_ms / 1000
        self.log: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.audio: list[np.ndarray[Any, Any]] = []
        self.headers: list[str] = []
        self.received: list[float] = []
        self.answered: list[float] = []
        self.cut = 0

    async def __aenter__(self) -> FakeChat:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**22)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.headers.append(head)
        size = next(
            int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:")
        )
        request = json.loads(await reader.readexactly(size))
        self.received.append(asyncio.get_running_loop().time())
        status, body = await self._answer(head, request, reader)
        if status:
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
            self.answered.append(asyncio.get_running_loop().time())
        writer.close()

    async def _answer(
        self, head: str, request: dict[str, Any], reader: asyncio.StreamReader
    ) -> tuple[str, bytes]:
        if not head.startswith("POST /v1/chat/completions HTTP/1.1\r\n"):
            return "404 Not Found", b"{}"
        # Sequences are validated lazily by pydantic; the dump makes it look at every message.
        _REQUEST.dump_json(_REQUEST.validate_python(request))
        self._hear(request)
        await asyncio.sleep(self.think_s)
        step = self.plan.pop(0) if self.plan else "speak"
        match step:
            case "quota":
                return "429 Too Many Requests\r\nRetry-After: 7", b'{"error": {"message": "slow down"}}'
            case "denied":
                return "401 Unauthorized", b'{"error": {"message": "bad key sk-planted-planted-planted"}}'
            case "broken":
                return "500 Internal Server Error", b'{"error": {"message": "out of memory"}}'
            case "moved":
                return "307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/", b""
            case "garbage":
                return "200 OK", b"\xff{"
            case "shape":
                return "200 OK", b'{"choices": []}'
            case "hang":
                return "", b""
            case "never":
                await reader.read()
                self.cut += 1
                return "", b""
            case _:
                answer = _completion(step, len(self.log))
                ChatCompletion.model_validate(answer)
                self.log.append((request, answer))
                return "200 OK", json.dumps(answer).encode()

    def _hear(self, request: dict[str, Any]) -> None:
        content = request["messages"][-1]["content"]
        if isinstance(content, list) and content[0]["type"] == "input_audio":
            data = base64.b64decode(content[0]["input_audio"]["data"], validate=True)
            with wave.open(io.BytesIO(data)) as file:
                assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
                self.audio.append(np.frombuffer(file.readframes(file.getnframes()), "<i2"))


def _completion(step: str, n: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    if step == "call":
        function = {"name": "add", "arguments": '{"a": 1}'}
        message["tool_calls"] = [{"id": f"c{n}", "type": "function", "function": function}]
    elif step in ("write", "nothing"):
        message["content"] = "written" if step == "write" else ""
    else:
        rate = 12000 if step == "half rate" else 24000
        data = b"not audio" if step == "no audio" else _wav(rate)
        audio = {"id": f"audio-{n}", "data": base64.b64encode(data).decode()}
        message["audio"] = audio | {"expires_at": 0, "transcript": "A tone."}
    reason = "tool_calls" if step == "call" else "stop"
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    about = {"id": f"r{n}", "object": "chat.completion", "created": 0, "model": "fake"}
    return {**about, "choices": [choice], "usage": USAGE}


def _wav(rate: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((tone(50, rate) * 32767).astype("<i2").tobytes())
    return out.getvalue()
