"""The cases that no session plays: a live service driven without its clock, and garbage for a wire server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import numpy as np

from tml_bench.adapter import InfrastructureError, LiveAdapter, MicroTurn, ProtocolError, SessionStart
from tml_bench.adapters._socket import open_socket
from tml_bench.adapters.wire.session import PROBE, hello_of, open_session
from tml_bench.conformance import CaseVerdict
from tml_bench.conformance.sessions import CaseResult
from tml_bench.errors import UserError

TICK_NS = 200_000_000
PATIENCE_S = 20.0
"""Longest a case may take, in seconds."""
FLOOD = 100
"""Micro-turns sent at once."""
Make = Callable[[], LiveAdapter]


def _turns(adapter: LiveAdapter, count: int) -> Iterator[MicroTurn]:
    samples = adapter.audio_in * TICK_NS // 1_000_000_000
    wave = (0.3 * np.sin(2 * np.pi * 220 * np.arange(samples) / adapter.audio_in)).astype(np.float32)
    for k in range(count):
        yield MicroTurn(k, k * TICK_NS, (k + 1) * TICK_NS, wave)


@asynccontextmanager
async def _opened(make: Make) -> AsyncIterator[LiveAdapter]:
    adapter = make()
    await adapter.prepare()
    await adapter.connect(SessionStart("check/direct", TICK_NS))
    try:
        yield adapter
    finally:
        await adapter.close()


async def _take(adapter: LiveAdapter, seconds: float) -> None:
    """Take what comes for a while; raises what the service's side raises, and when it hangs up."""
    try:
        async with asyncio.timeout(seconds):
            async for _ in adapter.events():
                pass
    except TimeoutError:
        return
    raise InfrastructureError("the service hung up")


async def _flood(make: Make) -> str:
    async with _opened(make) as adapter:
        taking = asyncio.create_task(_take(adapter, 1.0))
        try:
            for turn in _turns(adapter, FLOOD):
                await adapter.send(turn)
            await taking
        finally:
            taking.cancel()
            await asyncio.wait({taking})
    return f"takes {FLOOD} micro-turns at once"


async def _slow_consumer(make: Make) -> str:
    async with _opened(make) as adapter:
        for turn in _turns(adapter, 10):
            await adapter.send(turn)
            await asyncio.sleep(TICK_NS / 1e9)
        await _take(adapter, 0.5)
    return "survives 2 s in which nobody takes what it says"


async def _close(make: Make) -> str:
    async with _opened(make) as adapter:
        await adapter.close()
    return "closes, and closing again does nothing"


LIVE: dict[str, Callable[[Make], Awaitable[str]]] = {
    "flood": _flood,
    "slow consumer": _slow_consumer,
    "close": _close,
}
"""The cases of live adapters."""

REMEDIES = {
    "flood": "read the socket while the model computes; drop or queue what is too much, but do not die of it",
    "slow consumer": "let the socket fill up and go on when it drains",
    "close": "make close do nothing the second time",
    "garbage": "close that session, with code 1002 or so, and serve the next one",
}


def run_live(name: str, make: Make) -> CaseResult:
    """Run a case of a live adapter."""
    return _judged(name, LIVE[name](make))


def run_garbage(url: str) -> CaseResult:
    """Send a wire server what is no protocol, then see whether it still serves."""
    return _judged("garbage", _garbage(url))


def _judged(name: str, work: Awaitable[str]) -> CaseResult:
    async def bounded() -> str:
        async with asyncio.timeout(PATIENCE_S):
            return await work

    try:
        return CaseVerdict.PASS, asyncio.run(bounded()), ""
    except TimeoutError:
        return CaseVerdict.FAIL, f"is not done after {PATIENCE_S:g} s", REMEDIES[name]
    except Exception as error:
        return CaseVerdict.FAIL, f"{type(error).__name__}: {error}", REMEDIES[name]


GARBAGE: tuple[str | bytes, ...] = (
    "no JSON",
    "[]",
    '{"type": "hello"}',
    '{"type": "tick", "n": "x"}',
    b"",
    b"short",
    b"\xff" * 100,
)
"""What a wire server must survive, each on a socket of its own."""


async def _garbage(url: str) -> str:
    for message in GARBAGE:
        socket = await open_socket(url)
        try:
            await socket.send(message)
            async with asyncio.timeout(0.3):
                async for _ in socket.messages():
                    pass
        except (TimeoutError, InfrastructureError, ProtocolError, UserError):
            pass
        finally:
            await socket.drop()
    socket, *_ = await open_session(url, hello_of(PROBE, "realtime"), any_mode=True)
    await socket.close()
    return f"serves on after {len(GARBAGE)} kinds of garbage"
