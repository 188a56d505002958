"""One session of the wire protocol, played by hand so that every message that came is kept as it was."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapter import InfrastructureError, ProtocolError
from tml_bench.conformance.sessions import spoken
from tml_bench.conformance.wire_client import Received, WireClient, read
from tml_bench.media.audio import clip_samples
from tml_bench.session.playback import Playback
from tml_bench.session.replies import HeardReplies
from tml_bench.timebase import first_sample_at
from tml_bench.wire.messages import AUDIO, BinaryFrame

TICK_NS = 200_000_000
TICKS = 40
"""Length of the session in micro-turns; one that is not answered ends at half of it."""
INTO_MS = 500.0
"""The user speaks into the answer when so much of it has been heard."""
DONE_S = 30.0
"""Longest wait for ``tick_done``, in seconds."""
MOST_BYTES = 2**26
"""Most that a model may say in it."""
QUIET_S = 0.02
"""So long after ``tick_done`` nothing may come, in seconds."""


@dataclass(slots=True)
class TickAnswer:
    """What ``tick_done`` said of a micro-turn: its number, the compute, and how long it took to come."""

    n: object
    compute_ms: object
    took_ms: float


@dataclass(slots=True)
class WireLog:
    """What a session brought.

    Attributes:
        raw: every message of the model after ``ready``, in order, as it came.
        done: the ``tick_done`` of each micro-turn, in lockstep.
        between: types of the messages that came after a ``tick_done`` and before the next ``tick``.
        sent: what the user did, in words.
        interrupted: the user spoke into an answer.
        spoken_s: seconds of audio that the model gave.
        undone: the first tick that got no ``tick_done`` in time; -1 where there is none.
        ended: why the session ended before its time; empty where it did not.
    """

    raw: list[str | bytes] = field(default_factory=list)
    done: list[TickAnswer] = field(default_factory=list)
    between: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    interrupted: bool = False
    spoken_s: float = 0.0
    undone: int = -1
    ended: str = ""

    @property
    def read(self) -> list[Received]:
        """The messages that can be read."""
        messages = []
        for data in self.raw:
            with suppress(ProtocolError):
                messages.append(read(data))
        return messages

    @property
    def audio(self) -> list[BinaryFrame]:
        """The frames of audio."""
        return [m for m in self.read if isinstance(m, BinaryFrame) and m.kind == AUDIO]


class _Talk:
    """A user who speaks at 0.4 s, and again into the answer."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._clip = clip_samples(spoken(), rate)
        self._starts = [first_sample_at(2 * TICK_NS, rate)]
        self.end_ns = 2 * TICK_NS + len(self._clip) * 1_000_000_000 // rate

    def again(self, t_ns: int) -> None:
        self._starts.append(first_sample_at(t_ns, self._rate))

    def audio(self, start_ns: int, end_ns: int) -> NDArray[np.float32]:
        first, end = first_sample_at(start_ns, self._rate), first_sample_at(end_ns, self._rate)
        out = np.zeros(end - first, np.float32)
        for start in self._starts:
            a, b = max(start, first), min(start + len(self._clip), end)
            if a < b:
                out[a - first : b - first] += self._clip[a - start : b - start]
        return out


class WirePlayer:
    """Plays the session: speech, and speech into the answer; with ``spice`` also what must be ignored."""

    def __init__(self, client: WireClient, *, spice: bool = False) -> None:
        rate_in, self._rate_out = client.rates
        self.log = WireLog()
        self._client = client
        self._spice = spice
        self._talk = _Talk(rate_in)
        self._playback = Playback(self._rate_out)
        self._replies = HeardReplies()
        self._cut: list[dict[str, object]] = []
        self._t0 = 0.0
        self._left = MOST_BYTES

    async def play(self) -> WireLog:
        """Play it to its end, or to where the server ends it."""
        self._t0 = time.monotonic()
        try:
            for n in range(TICKS):
                if n >= TICKS // 2 and not self.log.spoken_s:
                    break
                await self._tick(n)
        except InfrastructureError as error:
            self.log.ended = str(error)
        return self.log

    async def _tick(self, n: int) -> None:
        end_ns = (n + 1) * TICK_NS
        if self._client.mode == "realtime":
            await self._take_until(end_ns)
        self._playback.render(end_ns)
        await self._tell_cut()
        await self._client.say(self._talk.audio(n * TICK_NS, end_ns), n * TICK_NS)
        if self._spice:
            await self._add_spice(n)
        tick = {"type": "tick", "n": n, "t_ms": end_ns / 1e6, "heard_ms": self._playback.heard_ms}
        began = time.monotonic()
        await self._client.send(tick | ({"x-check": [n]} if self._spice else {}))
        if self._client.mode == "lockstep":
            await self._take_answer(end_ns, began)
        self._interrupt(end_ns)

    async def _tell_cut(self) -> None:
        """Say what was heard of replies that were cut: in real time at once, else before a micro-turn."""
        while self._cut:
            await self._client.send(self._cut.pop(0))
            self.log.sent.append("truncate")

    async def _add_spice(self, n: int) -> None:
        await self._client.send({"type": "x-check", "n": n, "deep": {"er": [None, 1.5, "…"]}})
        await self._client.send(BinaryFrame(99, 0, n, 0, b"unknown").pack())
        self.log.sent = ["unknown fields", "unknown types", "unknown kinds of frames"]

    def _interrupt(self, now_ns: int) -> None:
        waits = not self.log.interrupted and now_ns > self._talk.end_ns
        if waits and self._playback.heard_ms >= INTO_MS:
            self.log.interrupted = True
            self._talk.again(now_ns)

    async def _take_until(self, end_ns: int) -> None:
        """Take what comes until then, on the wall clock."""
        while (left_s := self._t0 + end_ns / 1e9 - time.monotonic()) > 0:
            with suppress(TimeoutError):
                self._take(await self._client.raw(left_s), round((time.monotonic() - self._t0) * 1e9))
                await self._tell_cut()

    async def _take_answer(self, now_ns: int, began: float) -> None:
        try:
            async with asyncio.timeout(DONE_S):
                message = await self._until_done(now_ns)
        except TimeoutError:
            self.log.undone = len(self.log.done)
            raise InfrastructureError(f"no tick_done within {DONE_S:g} s") from None
        took_ms = 1000 * (time.monotonic() - began)
        self.log.done.append(TickAnswer(message.get("n"), message.get("compute_ms"), took_ms))
        with suppress(TimeoutError):
            async with asyncio.timeout(QUIET_S):
                while True:
                    late = self._take(await self._client.raw(QUIET_S), now_ns)
                    self.log.between.append(_kind(late))

    async def _until_done(self, now_ns: int) -> dict[str, Any]:
        while True:
            message = self._take(await self._client.raw(2 * DONE_S), now_ns)
            if isinstance(message, dict) and message.get("type") == "tick_done":
                return message

    def _take(self, data: str | bytes, now_ns: int) -> Received | None:
        self.log.raw.append(data)
        self._left -= len(data) + 64
        if self._left < 0:
            raise ProtocolError(f"more than {MOST_BYTES // 2**20} MiB in a session of {TICKS} micro-turns")
        try:
            message = read(data)
        except ProtocolError:
            return None
        if isinstance(message, BinaryFrame):
            samples = message.samples
            if message.kind == AUDIO and len(samples):
                self.log.spoken_s += len(samples) / self._rate_out
                audio = samples.astype(np.float32) / np.float32(32768)
                place = self._playback.push(now_ns, audio, str(message.item))
                self._replies.push(str(message.item), place.start_ns, place.end_ns)
        elif message["type"] == "interrupted":
            self._playback.flush(now_ns)
            for item, heard_ms in self._replies.flush(now_ns):
                self._cut.append({"type": "truncate", "item": int(item), "heard_ms": heard_ms})
        return message


def _kind(message: Received | None) -> str:
    if message is None:
        return "what is no message"
    return "media" if isinstance(message, BinaryFrame) else str(message["type"])
