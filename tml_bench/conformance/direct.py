"""The cases that drive an adapter of a live service without a script or a clock."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import numpy as np

from tml_bench.adapter import InfrastructureError, LiveAdapter, MicroTurn, SessionStart
from tml_bench.conformance import CaseResult, failed, passed, skipped, warned
from tml_bench.conformance.sessions import spoken
from tml_bench.conformance.slots import PAUSES_S, FullError
from tml_bench.media.audio import clip_samples

TICK_NS = 200_000_000
PATIENCE_S = 20.0
"""Longest a case may take, in seconds."""
FLOOD = 100
"""Micro-turns sent at once."""
PINGS = 4
"""Signs of life asked for, while the service idles and while it is spoken to."""
PING_S = 5.0
"""Longest wait for one, in seconds."""
SLOW_PING_S = 1.0
"""One that takes longer is worth a warning: the harness asks about every second."""
Make = Callable[[], LiveAdapter]


def _turns(adapter: LiveAdapter, count: int) -> Iterator[MicroTurn]:
    """Micro-turns of speech, as long as it lasts, and then of silence."""
    samples = adapter.audio_in * TICK_NS // 1_000_000_000
    said = clip_samples(spoken(), adapter.audio_in)
    wave = np.concatenate((said, np.zeros(max(0, count * samples - len(said)), np.float32)))
    for k in range(count):
        yield MicroTurn(k, k * TICK_NS, (k + 1) * TICK_NS, wave[k * samples : (k + 1) * samples])


@asynccontextmanager
async def _opened(make: Make) -> AsyncIterator[LiveAdapter]:
    """An adapter in a session. Raises FullError where the service has no place for one."""
    adapter = make()
    try:
        await adapter.prepare()
        await adapter.connect(SessionStart("check/direct", TICK_NS))
    except InfrastructureError as error:
        with suppress(InfrastructureError):
            await adapter.close()
        raise FullError.of(error) or error from error
    try:
        yield adapter
    finally:
        # Whether the goodbye is answered is for the case ``close`` alone.
        with suppress(InfrastructureError):
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


@asynccontextmanager
async def _taking(adapter: LiveAdapter, seconds: float) -> AsyncIterator["asyncio.Task[None]"]:
    """Takes what comes beside the caller."""
    taking = asyncio.create_task(_take(adapter, seconds))
    try:
        yield taking
    finally:
        taking.cancel()
        await asyncio.wait({taking})


async def _speak(adapter: LiveAdapter, count: int) -> None:
    for turn in _turns(adapter, count):
        await adapter.send(turn)
        await asyncio.sleep(TICK_NS / 1e9)


async def _flood(make: Make, patience_s: float) -> CaseResult:
    async with _opened(make) as adapter, _taking(adapter, 1.0) as taking:
        for turn in _turns(adapter, FLOOD):
            await adapter.send(turn)
        await taking
    return passed(f"takes {FLOOD} micro-turns at once", f"{FLOOD} micro-turns")


async def _slow_consumer(make: Make, patience_s: float) -> CaseResult:
    async with _opened(make) as adapter:
        await _speak(adapter, 10)
        await _take(adapter, 0.5)
    return passed("survives 2 s in which nobody takes what it says", "2 s of speech")


async def _close(make: Make, patience_s: float) -> CaseResult:
    async with _opened(make) as adapter:
        await adapter.close()
    return passed("closes, and closing again does nothing", "close")


@asynccontextmanager
async def _following(make: Make, patience_s: float) -> AsyncIterator[LiveAdapter]:
    """As `_opened`, for a session that follows another of the same case, once that one's slot is free."""
    until = time.monotonic() + patience_s
    while True:
        try:
            async with _opened(make) as adapter:
                yield adapter
                return
        except FullError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(PAUSES_S[0])


async def _hang_up(make: Make, patience_s: float) -> CaseResult:
    async with _opened(make) as adapter, _taking(adapter, PATIENCE_S):
        await _speak(adapter, 5)
    began = time.monotonic()
    async with _following(make, patience_s) as adapter, _taking(adapter, 1.0) as taking:
        await _speak(adapter, 1)
        if taking.done():
            taking.result()
    took_s = time.monotonic() - began - TICK_NS / 1e9
    return passed(f"opens the next {took_s:.1f} s after a session was left in mid-speech", "close")


async def _alive(make: Make, patience_s: float) -> CaseResult:
    slowest: dict[str, float] = {}
    async with _opened(make) as adapter, _taking(adapter, PATIENCE_S):
        for when in ("idle", "spoken to"):
            speaking = asyncio.create_task(_speak(adapter, 10)) if when == "spoken to" else None
            try:
                for _ in range(PINGS):
                    began = time.monotonic()
                    try:
                        async with asyncio.timeout(PING_S):
                            if not await adapter.ping():
                                return skipped("cannot be asked for a sign of life")
                    except TimeoutError:
                        return failed(
                            f"gives no sign of life within {PING_S:g} s while {when}", _ALIVE, "pings"
                        )
                    slowest[when] = max(slowest.get(when, 0.0), time.monotonic() - began)
                    await asyncio.sleep(2 * TICK_NS / 1e9 if speaking else 0.0)
            finally:
                if speaking is not None:
                    speaking.cancel()
                    await asyncio.wait({speaking})
    said = ", ".join(f"{1000 * s:.0f} ms while {when}" for when, s in slowest.items())
    if max(slowest.values()) > SLOW_PING_S:
        return warned(f"gives signs of life late: {said}", _ALIVE, "pings")
    return passed(f"gives a sign of life within {said}", "pings")


CASES: dict[str, Callable[[Make, float], Awaitable[CaseResult]]] = {
    "alive": _alive,
    "flood": _flood,
    "slow consumer": _slow_consumer,
    "close": _close,
    "hang-up": _hang_up,
}
"""The cases of live adapters, by name."""

_ALIVE = "let the service answer pings beside the model: a run takes one that does not for hung"
REMEDIES = {
    "alive": _ALIVE,
    "flood": "read the socket while the model computes; drop or queue what is too much, but do not die of it",
    "slow consumer": "let the socket fill up and go on when it drains",
    "close": "answer the goodbye, and make close do nothing the second time",
    "hang-up": "end a session as soon as its connection closes, and serve the next one",
}
"""What to do where a case raises or is not done in time."""


def run_live(name: str, make: Make, slot_s: float = 0.0) -> CaseResult:
    """Run a case of a live adapter; one that opens a second session waits up to ``slot_s`` for its slot.

    Raises:
        FullError: the service has no place for a session.
    """

    async def bounded() -> CaseResult:
        async with asyncio.timeout(PATIENCE_S + slot_s):
            return await CASES[name](make, slot_s)

    try:
        return asyncio.run(bounded())
    except FullError:
        raise
    except TimeoutError:
        return failed(f"is not done after {PATIENCE_S:g} s", REMEDIES[name])
    except Exception as error:
        return failed(f"{type(error).__name__}: {error}", REMEDIES[name])
