"""Runs one session on the wall clock: a script against a ``LiveAdapter``, into a recording.

Micro-turn ``k`` is due at ``t0 + (k + 1) * tick`` on the monotonic clock, an absolute deadline, so nothing
drifts. How late each was handed over is recorded; it is the harness's own lateness, and a session with too
much of it is invalid rather than blamed on the model. What the service gives is stamped on arrival.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

import numpy as np

from tml_bench import events as ev
from tml_bench.adapter import InfrastructureError, LiveAdapter, ProtocolError
from tml_bench.blame import in_one_line
from tml_bench.outcome import TOO_BUSY
from tml_bench.recording_writer import RecordingWriter
from tml_bench.redact import LONGEST_REASON, kept, plain
from tml_bench.samples import Sample
from tml_bench.session.checks import AdapterFaultError, blamed_on_output, checked_usage
from tml_bench.session.exchange import Exchange
from tml_bench.session.helpers import HelperTasks, blamed, blaming
from tml_bench.session.liveness import Liveness
from tml_bench.session.network import links
from tml_bench.session.outbox import HeardReport, Outbox
from tml_bench.session.settings import Settings, session_start
from tml_bench.turns import MicroTurn, ModelEvent, Output, ProviderEvent, Usage

FAILED_CLOSE_S = 1.0
"""How long the goodbye to a service that has failed may take."""
LAST_WORDS_S = 0.2
"""How long a service that has failed, and was closed, is read to its end."""

LEAD_NS = 20_000_000
"""Time between the service being ready and t = 0."""


@dataclass(frozen=True, slots=True)
class LatenessLimits:
    """What a live session may take.

    Attributes:
        connect_s: to open it.
        close_s: to close it, and before that to give a last sign of life.
        silent_s: a service that answers no ping for so long while the script plays hangs.
        unsent_s: a service that has not taken what has reached it for so long does not read its input.
        blocked_s: an adapter that keeps the asyncio loop from turning for so long blocks all sessions.
        log_bytes: most bytes of events; a service that sends more floods the session.
        late_p99_ms: 99th percentile of lateness beyond which the session is invalid.
        late_max_ms: lateness of any micro-turn beyond which it is.
    """

    connect_s: float = 30.0
    close_s: float = 5.0
    silent_s: float = 10.0
    unsent_s: float = 10.0
    blocked_s: float = 30.0
    log_bytes: int = 64 * 1024 * 1024
    late_p99_ms: float = 20.0
    late_max_ms: float = 100.0


@dataclass(frozen=True, slots=True)
class Lateness:
    """The harness's own lateness in a session, in ms: 99th percentile and worst; 0 without micro-turns."""

    p99_ms: float
    max_ms: float

    def excess(self, limits: LatenessLimits) -> str:
        """Why the session is invalid; empty when it is not."""
        if self.p99_ms <= limits.late_p99_ms and self.max_ms <= limits.late_max_ms:
            return ""
        return (
            f"the harness was late by {self.p99_ms:.1f} ms (99th percentile) and at most "
            f"{self.max_ms:.1f} ms; the limits are {limits.late_p99_ms:g} and {limits.late_max_ms:g} ms: "
            f"{TOO_BUSY}"
        )


class LiveSession:
    """One session of a sample with a live service.

    Args:
        adapter: a new one; it takes what compute it takes, whatever the settings say.
        writer: an open recording; the caller closes it.
        clock_ns: the monotonic clock.
        phase: where in the micro-turn its deadlines lie, in [0, 1) of a tick of the clock, so that sessions
            beside each other are not all due at once; None to begin as soon as the service is ready.
        opened: called when the service is ready; what it raises ends the session.
        aside: reads the user's clips beside the loop, one piece of work at a time; None to read them on it.

    Attributes:
        usage: what the service says that it has counted, so far.
        is_open: the service is ready to listen, or was.
    """

    def __init__(
        self,
        task: str,
        sample: Sample,
        adapter: LiveAdapter,
        settings: Settings,
        writer: RecordingWriter,
        limits: LatenessLimits = LatenessLimits(),
        clock_ns: Callable[[], int] = time.monotonic_ns,
        phase: float | None = None,
        opened: Callable[[], None] = lambda: None,
        aside: Executor | None = None,
    ) -> None:
        self._adapter = adapter
        self._settings = settings
        self._writer = writer
        self._limits = limits
        self._clock_ns = clock_ns
        self._phase = phase
        self._opened = opened
        self.usage = Usage()
        self.is_open = self._over = self._heard_out = False
        self._t0_ns = 0
        self._played_ns = 0
        self._index = 0
        self._late_ns: list[int] = []
        self._up, self._down = links(settings.network, settings.seed)
        self._unsent = Outbox(self._now_ns)
        self._liveness = Liveness(
            adapter, self._now_ns, writer.event, silent_s=limits.silent_s, close_s=limits.close_s,
            unsent_s=limits.unsent_s,
        )  # fmt: skip
        self._stage = Exchange(sample, adapter, settings, writer, aside=aside, live=True)
        self._start = session_start(task, sample, adapter, settings, self._stage.tool_specs)

    def open_clips(self) -> None:
        """Open the sample's first clips, if wished before ``run``, and not on the loop.

        Raises:
            BadSampleError: one cannot be used; the session cannot be run.
        """
        try:
            self._stage.open_clips()
        except BaseException:
            self._stage.close()
            raise

    async def run(self) -> Lateness:
        """Play the script to its end; gives how late the harness was.

        Raises:
            AdapterFaultError: the adapter or its service broke its contract; the recording is whole.
            InfrastructureError: the service could not be reached, hung up or hangs, or the last that it said
                is an error; the recording is whole.
            BadSampleError: the sample's audio turned out to be broken.
        """
        try:
            async with self._connected(), HelperTasks(*self._helpers()) as helpers:
                await self._play(helpers)
                self._over = True
                with blaming("ping"):
                    await self._liveness.last_word()
            self._stage.finish()
        except (AdapterFaultError, ProtocolError) as fault:
            reason = plain(str(fault), LONGEST_REASON)
            self._stage.fail(self._now_ns(), reason)
            raise AdapterFaultError(reason) from fault
        except InfrastructureError as error:
            t_ns = self._now_ns()
            await self._last_words()
            self._stage.fail(t_ns, plain(str(error), LONGEST_REASON))
            raise
        finally:
            self._stage.close()
        return self._lateness()

    def _helpers(self) -> tuple[Coroutine[Any, Any, None], ...]:
        return self._receive(), self._send_all(), self._watch()

    async def _watch(self) -> None:
        with blaming("ping"):
            await self._liveness.watch()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[None]:
        try:
            await self._connect()
            yield
        except BaseException:
            with suppress(InfrastructureError):  # what went wrong first counts
                await self._close(min(FAILED_CLOSE_S, self._limits.close_s))
            raise
        await self._close(self._limits.close_s)

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self._limits.connect_s):
                with blaming("connect"):
                    await self._adapter.connect(self._start)
        except TimeoutError:
            raise InfrastructureError(f"no session within {self._limits.connect_s:g} s") from None
        self._opened()
        self._t0_ns, self.is_open = self._first_instant_ns(), True

    async def _close(self, within_s: float) -> None:
        """Say goodbye; a service that does not answer it is an InfrastructureError."""
        try:
            async with asyncio.timeout(within_s):
                await self._adapter.close()
        except InfrastructureError:
            raise
        except TimeoutError:
            text = f"the service does not answer the goodbye for {within_s:g} s"
            raise InfrastructureError(text) from None
        except Exception as error:
            # The session is over: what is recorded of it counts.
            self._writer.event(ev.Note(f"closing raised {in_one_line(error)}"))
        finally:
            if (rest := self._adapter.usage_at_close) != Usage():
                self._count(self._now_ns(), rest)

    def _first_instant_ns(self) -> int:
        earliest_ns = self._clock_ns() + LEAD_NS
        if self._phase is None:
            return earliest_ns
        tick_ns = self._settings.tick_ns
        return earliest_ns + (round(self._phase * tick_ns) - earliest_ns) % tick_ns

    def _now_ns(self) -> int:
        """Session time, never before what has been played; 0 until the service is ready."""
        return max(self._clock_ns() - self._t0_ns, self._played_ns) if self.is_open else 0

    async def _play(self, helpers: HelperTasks) -> None:
        for index in count():
            due_ns = (index + 1) * self._settings.tick_ns
            await helpers.wait(max(0.0, (self._t0_ns + due_ns - self._clock_ns()) / 1e9))
            turn = self._stage.advance(index)
            if turn is None:
                return
            self._played_ns, self._index = due_ns, index
            self._late_ns.append(max(0, self._clock_ns() - self._t0_ns - due_ns))
            self._unsent.put(due_ns, turn)
            self._check_bounds()

    def _check_bounds(self) -> None:
        self._liveness.check_taken()
        if self._writer.log_bytes > self._limits.log_bytes:
            mib = self._limits.log_bytes // 2**20
            raise AdapterFaultError(f"more than {mib} MiB of events: the service floods the session")

    async def _send_all(self) -> None:
        free_ns = self._t0_ns
        while True:
            entered_ns, message = await self._unsent.get()
            if isinstance(message, MicroTurn):
                arrival_ns = await self._through_network(entered_ns, 2 * len(message.audio))
                await self._send(message, max(self._t0_ns + arrival_ns, free_ns))
            else:
                await self._through_network(entered_ns, 0)
                for item, heard_ms in message.items:
                    with blaming("heard"):
                        await self._adapter.heard(item, heard_ms, True)
            self._liveness.taken()
            free_ns = self._clock_ns()

    async def _through_network(self, entered_ns: int, size: int) -> int:
        """Wait until what entered the network has come through; gives the session time at which it has."""
        arrival_ns = self._up.arrival_ns(entered_ns, size)
        delay_ns = self._t0_ns + arrival_ns - self._clock_ns()
        if arrival_ns > entered_ns and delay_ns > 0:
            await asyncio.sleep(delay_ns / 1e9)
        self._liveness.sending(arrival_ns)
        return arrival_ns

    async def _send(self, turn: MicroTurn, due_ns: int) -> None:
        began_ns = self._clock_ns()
        # Waiting for the send before, which the service holds up, is not ours.
        self._late_ns[turn.index] = max(self._late_ns[turn.index], began_ns - due_ns)
        with blaming("send"):
            await self._adapter.send(turn)
        late_ns, took_ns = self._late_ns[turn.index], self._clock_ns() - began_ns
        self._writer.event(ev.TurnSent(turn.index, turn.end_ns, late_ns, took_ns))

    async def _receive(self) -> None:
        try:
            await self._hear_out()
        except Exception:
            self._heard_out = True
            raise

    async def _hear_out(self) -> None:
        async for event in blamed(self._adapter.events()):
            if not (isinstance(event, ProviderEvent) and event.sent):
                self._liveness.heard()
            if self._over and not isinstance(event, Usage):
                if isinstance(event, Output):
                    with blamed_on_output(self._index):
                        self._stage.refuse_calls(event, self._index, self._now_ns())
                continue  # read on, for the answer to the last ping comes behind it
            await self._take(event)
            self._check_bounds()
        raise InfrastructureError(f"the service hung up after {self._now_ns() / 1e9:.1f} s")

    async def _last_words(self) -> None:
        """Record what a service that failed had said, and nobody had taken yet."""
        if self._heard_out:
            return
        with suppress(Exception):
            async with asyncio.timeout(LAST_WORDS_S):
                async for event in self._adapter.events():
                    if isinstance(event, ProviderEvent | Usage):
                        await self._take(event)

    def _count(self, t_ns: int, usage: Usage) -> None:
        self._writer.event(ev.ServiceUsage(t_ns, **asdict(checked_usage(usage))))
        self.usage += usage

    async def _take(self, event: ModelEvent) -> None:
        t_ns = self._now_ns()
        if isinstance(event, ProviderEvent):
            with blamed_on_output(self._index):
                self._writer.event(ev.ProviderMessage(t_ns, str(event.type), kept(event.body), event.sent))
            return
        if isinstance(event, Usage):
            self._count(t_ns, event)
            return
        if not isinstance(event, Output):
            gave = type(event).__name__
            raise AdapterFaultError(f"events gave {gave}, it must be Output, ProviderEvent or Usage")
        with blamed_on_output(self._index):
            size = 0 if event.audio is None else 2 * np.size(event.audio)
            arrival_ns = self._down.arrival_ns(t_ns, size)
            cut = self._stage.emit(event, self._index, t_ns, arrival_ns)
        if cut:
            # It is heard to be cut when the flush has come through the network.
            self._unsent.put(arrival_ns, HeardReport(cut))

    def _lateness(self) -> Lateness:
        if not self._late_ns:
            return Lateness(0.0, 0.0)
        late_ms = np.array(self._late_ns) / 1e6
        return Lateness(float(np.percentile(late_ms, 99)), float(late_ms.max()))
