"""What the fake servers share: they end turns by loudness and follow a plan, one step per user turn.

A plan's steps: ``speak`` (an answer of ``answer_ms``), ``call`` (a function is called, its result answered),
``quota``, ``hang`` (the connection breaks), ``bye`` (closed in good order), ``garbage``, ``huge`` (a message
beyond all bounds) and whatever a service adds. After the plan's end every turn is answered.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from typing import Self

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from wire_log import WireLog

LOUD = 0.02


class ViolationError(Exception):
    """The client broke the protocol."""


class TurnTaker:
    """Answers ``delay_s`` after the last loud sample came in; falls silent when it hears one meanwhile.

    Attributes:
        answers: of every answer, when the last loud sample before it came in and when it began, on the
            loop's clock in seconds.
    """

    def __init__(
        self, speak: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]], delay_s: float
    ) -> None:
        self._speak = speak
        self._stop = stop
        self._delay_s = delay_s
        self._timer: asyncio.TimerHandle | None = None
        self._speaking: asyncio.Task[None] | None = None
        self._last_loud = 0.0
        self.answers: list[tuple[float, float]] = []

    async def hear(self, samples: NDArray[np.floating]) -> None:
        if not samples.size or float(np.abs(samples).max()) < LOUD:
            return
        loop = asyncio.get_running_loop()
        self._last_loud = loop.time()
        if self._speaking is not None and not self._speaking.done():
            self._speaking.cancel()
            await self._stop()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(self._delay_s, self._begin)

    def _begin(self) -> None:
        self.answers.append((self._last_loud, asyncio.get_running_loop().time()))
        self.say(self._speak())

    def say(self, answer: Awaitable[None]) -> None:
        self._speaking = asyncio.ensure_future(answer)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._speaking is not None:
            self._speaking.cancel()


class ScriptedServer(ABC):
    """A server on a free port of the loopback interface, for one session at a time.

    Attributes:
        log: every message of both sides.
        violations: what the client did wrong.
        answers: of every turn, when the last loud sample came in and when it was taken as ended, in seconds
            on the loop's clock.
        answered_ns: when the first audio of each answer left, in monotonic nanoseconds.
        sessions: how many connections have been opened.
    """

    rate_out = 24000

    def __init__(
        self,
        plan: Iterable[str] = (),
        delay_ms: float = 60,
        answer_ms: float = 80,
        chunk_ms: float = 40,
        paced: bool = False,
    ) -> None:
        self.plan = list(plan)
        self.delay_s = delay_ms / 1000
        self.answer_ms = answer_ms
        self.chunk_ms = chunk_ms
        self.paced = paced
        self.log = WireLog()
        self.violations: list[str] = []
        self.answers: list[tuple[float, float]] = []
        self.answered_ns: list[int] = []
        self._told_ns = 0
        self.sessions = 0

    async def __aenter__(self) -> Self:
        self._server = await serve(self._serve, "127.0.0.1", 0, compression=None, max_size=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def problems(self) -> list[str]:
        return self.violations

    @property
    def spoke(self) -> list[float]:
        """``answered_ns`` in seconds, which is the loop's clock too."""
        return [t_ns / 1e9 for t_ns in self.answered_ns]

    @abstractmethod
    async def greet(self) -> None:
        """What comes before the user's audio."""

    @abstractmethod
    async def take(self, message: str | bytes) -> None:
        """Check one message of the client, and hear its audio."""

    @abstractmethod
    async def audio(self, samples: NDArray[np.floating]) -> None:
        """Send a piece of speech."""

    @abstractmethod
    async def interrupted(self) -> None:
        """Say that the user has barged in."""

    async def before_speech(self) -> None:  # noqa: B027
        """Send what comes before an answer's audio."""

    async def after_speech(self) -> None:  # noqa: B027
        """Send what comes after it."""

    async def after_playback(self) -> None:  # noqa: B027
        """Send what comes when it must have been heard."""

    async def call(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} calls no functions")

    def garbage(self) -> str | bytes:
        return b"\xff{garbage"

    async def _serve(self, ws: ServerConnection) -> None:
        self.ws = ws
        self.sessions += 1
        self.turns = turns = TurnTaker(self._turn, self.interrupted, self.delay_s)
        turns.answers = self.answers
        try:
            await self.greet()
            async for message in ws:
                self.log.add("client", message)
                await self.take(message)
        except ViolationError as violation:
            self.violations.append(str(violation))
            await ws.close(1007, str(violation)[:100])
        except ConnectionClosed:
            pass
        finally:
            turns.end()

    async def receive(self) -> str | bytes:
        message = await self.ws.recv()
        self.log.add("client", message)
        return message

    async def tell(self, message: str | bytes) -> None:
        self.log.add("server", message)
        self._told_ns = time.monotonic_ns()
        await self.ws.send(message)

    async def _turn(self) -> None:
        step = self.plan.pop(0) if self.plan else "speak"
        match step:
            case "speak":
                await self.speak()
            case "call":
                await self.call()
            case "quota":
                await self.ws.close(1011, "RESOURCE_EXHAUSTED: quota exceeded")
            case "hang":
                self.ws.transport.abort()
            case "bye":
                await self.ws.close(1000)
            case "garbage":
                await self.tell(self.garbage())
            case "huge":
                await self.ws.send(b"x" * (5 * 2**20))
            case _:
                await self.step(step)

    async def step(self, step: str) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no step {step!r}")

    async def speak(self) -> None:
        """The audio at once, or each piece when the one before has been heard; lasts until all is heard."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self.before_speech()
        for at_ms in np.arange(0, self.answer_ms, self.chunk_ms):
            if self.paced:
                await asyncio.sleep(began + at_ms / 1000 - loop.time())
            ms = min(self.chunk_ms, self.answer_ms - at_ms)
            await self.audio(tone(ms, self.rate_out))
            if at_ms == 0:
                self.answered_ns.append(self._told_ns)
                await asyncio.sleep(0.002)  # both sides share one loop; let the other have its turn
        await self.after_speech()
        await asyncio.sleep(max(0.0, began + self.answer_ms / 1000 - loop.time()))
        await self.after_playback()


def tone(ms: float, rate: int) -> NDArray[np.float32]:
    """A tone of 400 Hz at a quarter of full scale."""
    t = np.arange(round(ms * rate / 1000)) / rate
    return (0.25 * np.sin(2 * np.pi * 400 * t)).astype(np.float32)
