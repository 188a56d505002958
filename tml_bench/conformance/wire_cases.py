"""The cases of servers of the wire protocol that look at its messages one by one."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager

from tml_bench.adapter import InfrastructureError, ProtocolError
from tml_bench.conformance import CaseResult, failed, passed, skipped, warned, wire_messages
from tml_bench.conformance.slots import PAUSES_S, FullError
from tml_bench.conformance.wire_client import GOODBYE_S, WireClient, connected
from tml_bench.conformance.wire_play import TICK_NS, WireLog, WirePlayer
from tml_bench.redact import plain

STRANGE_VERSION = "999"
"""A version of the protocol that no server speaks."""
REFUSAL_S = 5.0
"""Longest wait for the answer to it, in seconds."""
SECOND_S = 3.0
"""Longest wait for the answer to a second session beside the first, in seconds."""
PINGS = 5
"""How many pings each half of the case ``alive`` sends."""
PING_S = 5.0
"""Longest wait for the answer to a ping, in seconds."""
SLOW_PING_S = 1.0
"""A ping that waits longer is worth a warning: the harness asks about every second."""
DRAIN_S = 0.3
"""How long the server may take to close after garbage, in seconds, before it is left."""
_SEEN_TICKS = 5
_ALIVE = "let the websocket's own task run beside the model: compute in a thread or process"


class WireChecks:
    """The cases of one server in one mode; what is played for one is looked at by others.

    A session that follows another in one case waits up to ``patience_s`` for its slot.
    """

    def __init__(self, url: str, mode: str, patience_s: float) -> None:
        self._url = url
        self._mode = mode
        self._patience_s = patience_s
        self._log: WireLog | None = None

    def run(self, case: str) -> CaseResult:
        """Run a case.

        Raises:
            FullError: the server has no place for a session.
        """
        try:
            return asyncio.run(CASES[case](self))
        except (InfrastructureError, ProtocolError) as error:
            return failed(str(error), "see docs/wire-protocol.md, and what the server's own log says of this")

    @asynccontextmanager
    async def _following(self) -> AsyncIterator[WireClient]:
        """A client in a session that follows another of the same case, once that one's slot is free."""
        until = time.monotonic() + self._patience_s
        while True:
            try:
                async with connected(self._url, self._mode) as client:
                    await client.begin()
                    yield client
                    return
            except FullError:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(PAUSES_S[0])

    async def messages(self) -> CaseResult:
        """As ``wire_messages.messages``."""
        return wire_messages.messages(await self._played())

    async def frames(self) -> CaseResult:
        """As ``wire_messages.frames``."""
        return wire_messages.frames(await self._played())

    async def items(self) -> CaseResult:
        """As ``wire_messages.items``."""
        return wire_messages.items(await self._played())

    async def ticks(self) -> CaseResult:
        """As ``wire_messages.ticks``."""
        if self._mode != "lockstep":
            return skipped("only in lockstep")
        return wire_messages.ticks(await self._played())

    async def _played(self) -> WireLog:
        if self._log is None:
            self._log = await self._play(spice=False)
        return self._log

    async def _play(self, *, spice: bool) -> WireLog:
        async with connected(self._url, self._mode) as client:
            await client.begin(**({"x-check": {"a": [1]}} if spice else {}))
            return await WirePlayer(client, spice=spice).play()

    async def version(self) -> CaseResult:
        """A hello of another version is answered with an error that says so, and the socket closed."""
        sent = f"hello of version {STRANGE_VERSION}"
        remedy = "answer a `hello` of another version with `error`, code `version`, and close"
        async with connected(self._url, self._mode) as client:
            try:
                async with asyncio.timeout(REFUSAL_S):
                    answer = await client.greet(protocol=STRANGE_VERSION)
            except TimeoutError:
                return failed(f"says nothing to a {sent} for {REFUSAL_S:g} s", remedy, sent)
            except InfrastructureError as error:
                return failed(f"answers a {sent} by hanging up: {error}", remedy, sent)
            if answer.get("type") == "ready":
                return failed(f"answers a {sent} with `ready`", remedy, sent)
            if (answer.get("type"), answer.get("code")) != ("error", "version"):
                kind, code = plain(str(answer.get("type"))), plain(str(answer.get("code")))
                if code in ("busy", "quota"):
                    raise FullError(f"the model answers {code}")
                return failed(f"answers a {sent} with `{kind}`, code {code!r}", remedy, sent)
            if not await client.closed_within(GOODBYE_S):
                return failed("does not close the socket after its `error`", remedy, sent)
        return passed(f"refuses a {sent} by `error`, code `version`, and closes", sent)

    async def unknown(self) -> CaseResult:
        """Fields, types and kinds of frames that it does not know change nothing."""
        plainly, spiced = await self._played(), await self._play(spice=True)
        remedy = "ignore fields, types and kinds of frames that you do not know"
        if spiced.ended and not plainly.ended:
            return failed(f"ends a session with unknown messages: {spiced.ended}", remedy, *spiced.sent)
        if plainly.spoken_s and not spiced.spoken_s:
            return failed("falls silent when it gets unknown messages", remedy, *spiced.sent)
        return passed("ignores fields, types and kinds of frames that it does not know", *spiced.sent)

    async def alive(self) -> CaseResult:
        """Pings are answered while it idles and while it computes."""
        if self._mode != "realtime":
            return skipped("no pings are sent in lockstep")
        async with connected(self._url, self._mode) as client:
            await client.begin()
            slowest: dict[str, float] = {}
            for when in ("idle", "computing"):
                work = asyncio.create_task(WirePlayer(client).play()) if when == "computing" else None
                try:
                    for _ in range(PINGS):
                        try:
                            took_s = await client.ping(PING_S)
                        except TimeoutError:
                            return failed(
                                f"answers no ping within {PING_S:g} s while {when}", _ALIVE, "pings"
                            )
                        slowest[when] = max(slowest.get(when, 0.0), took_s)
                        await asyncio.sleep(4 * TICK_NS / 1e9 if work else 0.0)
                finally:
                    if work is not None:
                        work.cancel()
                        await asyncio.wait({work})
        said = ", ".join(f"{1000 * s:.0f} ms while {when}" for when, s in slowest.items())
        if max(slowest.values()) > SLOW_PING_S:
            return warned(f"answers pings late: {said}", _ALIVE, "pings")
        return passed(f"answers pings within {said}", "pings")

    async def goodbye(self) -> CaseResult:
        """A close is answered, before anything was said and in mid-session."""
        slowest = 0.0
        for when, count in (("after ready", 0), ("in mid-session", _SEEN_TICKS)):
            async with self._following() as client:
                await _tick(client, count)
                try:
                    slowest = max(slowest, await client.goodbye())
                except TimeoutError:
                    return failed(
                        f"does not answer a close {when} within {GOODBYE_S:g} s",
                        "keep reading the socket, and answer its closing handshake",
                        "close",
                    )
        return passed(f"answers a close within {1000 * slowest:.0f} ms", "close")

    async def slots(self) -> CaseResult:
        """A second session beside the first is served, or refused in so many words; the first goes on."""
        async with connected(self._url, self._mode) as first:
            await first.begin()
            await _tick(first, 1)
            beside = await self._second()
            try:
                await _tick(first, 1, at=1)
            except InfrastructureError as error:
                return failed(
                    f"a second session ends the first: {error}",
                    "keep sessions apart, or refuse the second with `error`, code `busy`",
                    "2 sessions",
                )
        return beside

    async def _second(self) -> CaseResult:
        remedy = "answer a session too many with `error`, code `busy`, at once: then it is tried again later"
        alone = "serves one session at a time"
        try:
            async with asyncio.timeout(SECOND_S), connected(self._url, self._mode) as second:
                await second.begin()
                await _tick(second, 1)
        except FullError as full:
            if "model answers" in str(full) or "HTTP 429" in str(full):
                return passed(f"{alone}, and says so: use --concurrency 1", "2 sessions")
            return warned(f"{alone}, refuses others otherwise: {full}", remedy, "2 sessions")
        except TimeoutError:
            return warned(f"{alone}: a second gets no answer in {SECOND_S:g} s", remedy, "2 sessions")
        except (InfrastructureError, ProtocolError) as error:
            return warned(f"{alone}, refuses others otherwise: {error}", remedy, "2 sessions")
        return passed("serves 2 sessions at once", "2 sessions")

    async def hang_up(self) -> CaseResult:
        """A harness that vanishes in mid-session leaves a server that serves the next."""
        async with connected(self._url, self._mode) as client:
            await client.begin()
            await _tick(client, _SEEN_TICKS)
            client.vanish()
        sent, began = "a broken connection", time.monotonic()
        try:
            async with self._following() as client:
                after_s = time.monotonic() - began
                await _tick(client, 1)
        except FullError as full:
            detail = f"{sent} keeps its slot for {self._patience_s:g} s: {full}"
            return failed(detail, "end a session when its connection is gone, also without a goodbye", sent)
        except (InfrastructureError, ProtocolError) as error:
            detail = f"serves no more after a connection broke: {error}"
            return failed(detail, "let a broken connection end its own session only", sent)
        return passed(f"serves on {after_s:.1f} s after a connection broke in mid-session", sent)

    async def garbage(self) -> CaseResult:
        """What is no protocol takes no other session down."""
        for message in GARBAGE:
            async with connected(self._url, self._mode) as client:
                try:
                    await client.send(message)
                except InfrastructureError:
                    continue
                await client.drain(DRAIN_S)
        sent = f"{len(GARBAGE)} kinds of garbage"
        remedy = "close that session, with code 1002 or so, and serve the next one"
        try:
            async with self._following():
                pass
        except (InfrastructureError, ProtocolError) as error:
            return failed(f"serves no more after {sent}: {error}", remedy, sent)
        return passed(f"serves on after {sent}", sent)


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

CASES: Mapping[str, Callable[[WireChecks], Coroutine[None, None, CaseResult]]] = {
    "version": WireChecks.version,
    "slots": WireChecks.slots,
    "messages": WireChecks.messages,
    "frames": WireChecks.frames,
    "items": WireChecks.items,
    "ticks": WireChecks.ticks,
    "unknown": WireChecks.unknown,
    "alive": WireChecks.alive,
    "goodbye": WireChecks.goodbye,
    "hang-up": WireChecks.hang_up,
    "garbage": WireChecks.garbage,
}
"""The cases by name."""


async def _tick(client: WireClient, count: int, at: int = 0) -> None:
    """Send silent micro-turns, and in lockstep take their answers."""
    import numpy as np

    silence = np.zeros(client.rates[0] // 5, np.float32)
    for n in range(at, at + count):
        await client.say(silence, n * TICK_NS)
        await client.send({"type": "tick", "n": n, "t_ms": (n + 1) * 200.0, "heard_ms": 0.0})
        if client.mode == "lockstep":
            try:
                async with asyncio.timeout(PING_S):
                    await _until_done(client)
            except TimeoutError:
                raise InfrastructureError(f"no tick_done within {PING_S:g} s") from None


async def _until_done(client: WireClient) -> None:
    while True:
        message = await client.receive(2 * PING_S)
        if isinstance(message, dict) and message["type"] == "tick_done":
            return
