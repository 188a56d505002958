"""The process that runs live sessions side by side on one asyncio loop.

What takes long and is in no hurry (decoding and resampling clips before they are needed, encoding tracks,
hashing files) is done by one thread beside the loop, so that the loop is free when a micro-turn is due.
"""

import asyncio
import gc
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from typing import TypeVar

from tml_bench.adapter import InfrastructureError, LiveAdapter, ProtocolError
from tml_bench.errors import UserError
from tml_bench.files import sync_contents
from tml_bench.outcome import Outcome
from tml_bench.plugins import make_adapter, parse_adapter_spec
from tml_bench.recording_writer import RecordingWriter
from tml_bench.redact import redacted
from tml_bench.runs import worker
from tml_bench.runs.jobs import Deadline, JobResult, ServiceFailure, SessionJob
from tml_bench.session.checks import AdapterFaultError
from tml_bench.session.live import LatenessLimits, LiveSession
from tml_bench.session.settings import Settings, opened_event

SWITCH_INTERVAL_S = 0.0005
"""How long the thread beside the loop may keep the interpreter to itself when the loop wants it."""

OPEN_FILES = 8192
"""Most files open at once: a session has up to eight, and 1024 is a usual limit."""

T = TypeVar("T")


class DeadlinePlaces:
    """Where in the micro-turn the deadlines of each session lie: far from those of the others.

    The places are those of van der Corput's sequence, 0, 1/2, 1/4, 3/4, 1/8, ...: however many of the first
    are taken, they are spread evenly to within a factor of two, and exactly for a power of two.
    """

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def take(self) -> int:
        """The first number that is free."""
        number = next(n for n in range(len(self._taken) + 1) if n not in self._taken)
        self._taken.add(number)
        return number

    def leave(self, number: int) -> None:
        """Give a number back."""
        self._taken.discard(number)

    @staticmethod
    def phase(number: int) -> float:
        """The place of a number, in [0, 1): its binary digits, mirrored at the point."""
        return int(f"{number:b}"[::-1], 2) / (1 << number.bit_length())


@dataclass(slots=True)
class LiveHost:
    """Runs sessions on the loop.

    What is in no hurry is done ``aside``, by one thread: all of them would compete with the loop.
    """

    limits: LatenessLimits
    places: DeadlinePlaces = field(default_factory=DeadlinePlaces)
    aside: Executor = field(default_factory=lambda: ThreadPoolExecutor(1, "aside"))
    _loaded: set[str] = field(default_factory=set)

    async def session(self, job: SessionJob) -> JobResult:
        """Run one session into the job's folder."""
        began = time.monotonic()
        place = self.places.take()
        try:
            result = await self._session(job, self.places.phase(place))
        finally:
            self.places.leave(place)
        return replace(result, wall_s=time.monotonic() - began)

    async def _session(self, job: SessionJob, phase: float) -> JobResult:
        try:
            adapter = await self._ready(job.adapter)
        except TimeoutError:
            reason = redacted(f"{job.adapter} says nothing for {self.limits.connect_s:g} s")
            return JobResult(Outcome.INFRASTRUCTURE, reason, retry=True, failed=ServiceFailure.OPENING)
        except InfrastructureError as error:
            return worker.failure(error)
        except ProtocolError as error:
            return worker.garbage(job.adapter, error)
        except (Exception, SystemExit) as error:
            return worker.unloadable(job.adapter, error)
        try:
            worker.check_same(job, adapter)
            result = await self._record(job, adapter, phase)
        except Exception as error:
            result = worker.failure(error)
        return replace(result, reported=worker.reported_by(adapter))

    async def _ready(self, spec: str) -> LiveAdapter:
        adapter = make_adapter(parse_adapter_spec(spec))
        if not isinstance(adapter, LiveAdapter):
            raise UserError(f"adapter {spec} does not run on the wall clock")
        async with asyncio.timeout(self.limits.connect_s):
            await adapter.prepare()
        worker.check_usable(adapter, spec)
        if spec not in self._loaded:
            self._loaded.add(spec)
            gc.freeze()  # a collection that walks everything imported would stop all sessions for a while
        return adapter

    async def _record(self, job: SessionJob, adapter: LiveAdapter, phase: float) -> JobResult:
        settings = replace(job.settings, seed=worker.session_seed(job.settings.seed, job.task, job.sample.id))
        writer, session = await self._beside(partial(self._prepared, job, adapter, settings, phase))
        ended = JobResult(Outcome.VALID)
        with writer:
            try:
                lateness = await session.run()
            except AdapterFaultError as fault:
                ended = worker.faulty(fault)
            except Exception as error:
                ended = worker.failure(
                    error, ServiceFailure.SESSION if session.is_open else ServiceFailure.OPENING
                )
                if not isinstance(error, InfrastructureError) or isinstance(error, worker.OtherModelError):
                    writer.abandon()
                    return replace(ended, usage=session.usage)
            else:
                if reason := lateness.excess(self.limits):
                    ended = JobResult(Outcome.INVALID, reason, retry=True)
            manifest = await self._beside(writer.close)
            await self._beside(partial(sync_contents, job.folder))
        audio_s = manifest.samples / manifest.rate
        return replace(ended, recording=True, audio_s=audio_s, usage=session.usage)

    def _prepared(
        self, job: SessionJob, adapter: LiveAdapter, settings: Settings, phase: float
    ) -> tuple[RecordingWriter, LiveSession]:
        """A recording, and the session that goes into it, its first clips open."""
        shutil.rmtree(job.folder, ignore_errors=True)
        sample = worker.played_sample(job)
        event = opened_event(job.task, sample, redacted(job.adapter), adapter, settings)
        opened = partial(worker.check_same, job, adapter)
        with RecordingWriter(
            job.folder, event, clock="wall", compute="live", encoder=self.aside, config=job.config
        ) as writer:
            session = LiveSession(
                job.task, sample, adapter, settings, writer, self.limits, phase=phase, opened=opened,
                aside=self.aside,
            )  # fmt: skip
            session.open_clips()
        return writer, session

    async def _beside(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.aside, work)


async def _serve(connection: Connection, deadline: Deadline, host: LiveHost) -> None:
    """Take jobs from the connection, have them run, send results back."""
    closed = asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def session(job: SessionJob) -> None:
        result = await host.session(job)
        connection.send((job.key, result))

    async def beat() -> None:
        blocked_s = host.limits.blocked_s
        while True:
            deadline.value = time.monotonic() + blocked_s
            await asyncio.sleep(blocked_s / 10)

    def take() -> None:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            closed.set()
            return
        task = asyncio.create_task(session(job))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    asyncio.get_running_loop().add_reader(connection.fileno(), take)
    tasks.add(asyncio.create_task(beat()))
    await closed.wait()
    for task in tasks:
        task.cancel()


def allow_files() -> None:
    """Let this process open `OPEN_FILES` files, or as many as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main(connection: Connection, deadline: Deadline, limits: LatenessLimits) -> None:
    """Run live sessions until the connection closes, which it does also when the supervisor is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    allow_files()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()
    asyncio.run(_serve(connection, deadline, LiveHost(limits)))
    os._exit(0)
