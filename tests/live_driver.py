"""Drives a live adapter by hand: micro-turns at absolute instants, events as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapter import LiveAdapter, MicroTurn, ModelEvent, Output, ProviderEvent, SessionStart

TICK_MS = 20


@dataclass
class Heard:
    """What came of a session: events with the loop's time, and when each micro-turn was sent."""

    events: list[tuple[float, ModelEvent]] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)

    @property
    def outputs(self) -> list[Output]:
        return [event for _, event in self.events if isinstance(event, Output)]

    @property
    def said(self) -> list[str]:
        """Types of the service's messages, repeats of one type told once."""
        types = [e.type for _, e in self.events if isinstance(e, ProviderEvent) and not e.sent]
        return [kind for i, kind in enumerate(types) if i == 0 or types[i - 1] != kind]

    def delays(self, spoken: Sequence[float]) -> list[float]:
        """How long after each of these instants the next audio came in, in seconds."""
        times = [t for t, e in self.events if isinstance(e, Output) and e.audio is not None and e.audio.size]
        return [min(t for t in times if t >= said) - said for said in spoken]


def loudness(pattern: str, rate: int, tick_ms: int = TICK_MS) -> NDArray[np.float32]:
    """A tick of 200 Hz tone for every ``x``, a tick of silence for every other character."""
    n = rate * tick_ms // 1000
    t = np.arange(n * len(pattern)) / rate
    gate = np.repeat([float(c == "x") for c in pattern], n)
    wave: NDArray[np.float32] = (0.3 * np.sin(2 * np.pi * 200 * t) * gate).astype(np.float32)
    return wave


def micro_turns(
    pattern: str, rate: int, at: Mapping[int, Mapping[str, Any]] | None = None, tick_ms: int = TICK_MS
) -> list[MicroTurn]:
    """The micro-turns of a pattern of loudness; ``at`` adds fields to some of them."""
    pieces = np.split(loudness(pattern, rate, tick_ms), len(pattern))
    step = tick_ms * 1_000_000
    extra = at or {}
    return [MicroTurn(i, i * step, (i + 1) * step, a, **extra.get(i, {})) for i, a in enumerate(pieces)]


async def drive(
    adapter: LiveAdapter,
    turns: Sequence[MicroTurn],
    *,
    session: SessionStart | None = None,
    paced: bool = True,
    tick_ms: int = TICK_MS,
) -> Heard:
    """Play the micro-turns; raises what the adapter raises."""
    heard = Heard()
    loop = asyncio.get_running_loop()
    start = session or SessionStart("task/sample", tick_ms * 1_000_000)
    await adapter.prepare()

    async def listen() -> None:
        async for event in adapter.events():
            heard.events.append((loop.time(), event))

    try:
        await adapter.connect(start)
        listener = asyncio.create_task(listen())
        try:
            await _play(adapter, turns, listener if paced else None, tick_ms, heard)
        finally:
            # A service that hung up breaks sending too; what it said last explains it.
            await asyncio.wait([listener], timeout=0.1)
            if listener.done():
                listener.result()
    finally:
        await adapter.close()
    async with asyncio.timeout(5):
        await listener
    return heard


async def _play(
    adapter: LiveAdapter,
    turns: Sequence[MicroTurn],
    listener: asyncio.Task[None] | None,
    tick_ms: int,
    heard: Heard,
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for turn in turns:
        if listener is not None:
            wait = began + (turn.index + 1) * tick_ms / 1000 - loop.time()
            await asyncio.wait([listener], timeout=max(0.0, wait))
            if listener.done():
                return
        heard.sent.append(loop.time())
        await adapter.send(turn)


def run(*work: Any) -> list[Any]:
    """Run coroutines side by side; no task or connection of theirs may be left over."""

    async def together() -> list[Any]:
        results = await asyncio.gather(*work)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.gather(*left, return_exceptions=True)
        assert not [task for task in left if not task.done()], "tasks are left over"
        return list(results)

    return asyncio.run(together())
