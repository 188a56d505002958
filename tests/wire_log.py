"""The messages of a session as files: written by fake servers, replayed to adapters without a socket."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Message = str | bytes
GOLDEN = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Line:
    """One message: who sent it and what it was; binary messages are bytes."""

    sender: str
    message: Message

    def to_json(self) -> dict[str, Any]:
        if isinstance(self.message, str):
            return {"from": self.sender, "json": json.loads(self.message)}
        try:
            return {"from": self.sender, "binary_json": json.loads(self.message)}
        except ValueError:
            return {"from": self.sender, "base64": base64.b64encode(self.message).decode()}

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Line:
        if "json" in line:
            return cls(line["from"], json.dumps(line["json"]))
        if "binary_json" in line:
            return cls(line["from"], json.dumps(line["binary_json"]).encode())
        return cls(line["from"], base64.b64decode(line["base64"]))


class WireLog:
    """Messages in the order in which the server saw them."""

    def __init__(self, lines: list[Line] | None = None) -> None:
        self.lines = lines or []

    def add(self, sender: str, message: Message) -> None:
        self.lines.append(Line(sender, message))

    def of(self, sender: str) -> list[Message]:
        return [line.message for line in self.lines if line.sender == sender]

    def write(self, name: str) -> None:
        text = "".join(json.dumps(line.to_json(), separators=(",", ":")) + "\n" for line in self.lines)
        (GOLDEN / f"{name}.jsonl").write_text(text)

    @classmethod
    def read(cls, name: str) -> WireLog:
        lines = (GOLDEN / f"{name}.jsonl").read_text().splitlines()
        return cls([Line.from_json(json.loads(line)) for line in lines])


def same(a: Message, b: Message) -> bool:
    """Whether two messages say the same: as JSON if they are, else byte for byte."""
    try:
        return bool(json.loads(a) == json.loads(b))
    except ValueError:
        return a == b


class ReplaySocket:
    """Stands for the websocket: gives the server's messages, and takes only what the client sent then.

    A message of the server is given once all of the client's before it have been sent; sending waits until
    the server's messages before have been taken.
    """

    def __init__(self, log: WireLog, alike: Callable[[Message, Message], bool] = same) -> None:
        self._lines = log.lines
        self._alike = alike
        self._at = 0
        self._moved = asyncio.Condition()
        self._closed = False

    @property
    def left(self) -> int:
        return len(self._lines) - self._at

    async def _next(self, sender: str) -> Message | None:
        async with self._moved:
            await self._moved.wait_for(lambda: self._closed or self._whose() == sender)
            return None if self._closed else self._lines[self._at].message

    def _whose(self) -> str:
        return self._lines[self._at].sender if self.left else ""

    async def _step(self) -> None:
        async with self._moved:
            self._at += 1
            self._moved.notify_all()

    async def send(self, message: Message) -> None:
        async with asyncio.timeout(5):
            expected = await self._next("client")
        if expected is not None:
            assert self._alike(message, expected), f"message {self._at}: sent {message!r}, not {expected!r}"
            await self._step()

    async def send_json(self, message: Mapping[str, Any]) -> None:
        await self.send(json.dumps(message))

    async def receive(self, timeout_s: float = 5) -> Message:
        async with asyncio.timeout(timeout_s):
            message = await self._next("server")
        assert message is not None
        await self._step()
        return message

    async def messages(self) -> AsyncIterator[Message]:
        while (message := await self._next("server")) is not None:
            yield message
            await self._step()

    async def close(self) -> None:
        async with self._moved:
            self._closed = True
            self._moved.notify_all()
