"""How many live sessions this machine can hold at once, from what a few of them take.

Some seconds of real sessions (`runs.live_worker`, recordings and all) are played against a server in another
process that gives back all that it hears, which is much to do for a service. The number follows from the
processor time and the memory that a session took, and from what is free, each with a margin: processor time
depends less than lateness on who else uses the machine. A micro-turn takes less of it the more sessions there
are, since what comes due together is done together: the number is rather too small.
"""

import asyncio
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tml_bench import events as ev
from tml_bench.adapter import MicroTurn
from tml_bench.adapters.wire import Wire
from tml_bench.conformance.answering import RATE
from tml_bench.errors import UserError
from tml_bench.plugins import given_adapters
from tml_bench.recording import Recording
from tml_bench.runs.jobs import SessionJob
from tml_bench.runs.live_worker import OPEN_FILES, SWITCH_INTERVAL_S, LiveHost
from tml_bench.runs.pool import START_INTERVAL_S
from tml_bench.samples import Reference, Sample, Script, UserTurn, Waveform
from tml_bench.session.live import LatenessLimits
from tml_bench.session.settings import Settings

SESSIONS = 24
"""So many are played at once."""
SECONDS = 3.0
"""Each lasts so long."""
TURNS_PER_S = 1e9 / Settings().tick_ns
LOOP_SHARE = 0.4
"""Of one processor at most this share goes to the loop: beyond it, sessions wait for each other."""
PROCESSOR_SHARE = 0.7
"""Of the free processors at most this share goes to all threads."""
MEMORY_SHARE = 0.5
"""Of the memory that is free."""
FILES_EACH = 8
"""Files a session has open at most."""
_ADAPTER = "measured"
_WARM_UP_S = 0.4
_SETTLED_S = 0.6


@dataclass(frozen=True, slots=True)
class LiveLoad:
    """What live sessions took.

    Attributes:
        sessions: so many at once.
        loop_ms: processor time of the loop's thread for one micro-turn of one session.
        turn_ms: of all threads; both without what the start and the end of a session take.
        session_mb: resident memory for each session; NaN where the system does not say.
        late_p99_ms: 99th percentile of lateness, starts included.
        others: processors that others used meanwhile, the server included; 0 where the system does not say.
    """

    sessions: int
    loop_ms: float
    turn_ms: float
    session_mb: float
    late_p99_ms: float
    others: float


@dataclass(frozen=True, slots=True)
class MachineRoom:
    """What a machine has: processors, free memory in MB (infinite if unknown), files a process may open."""

    processors: int
    memory_mb: float
    files: float


def capacity(load: LiveLoad, room: MachineRoom) -> tuple[int, str]:
    """How many sessions the machine can hold at once, a multiple of ten from ten on, and what binds them.

    0 where those that were played were late already.
    """
    limits = LatenessLimits()
    if load.late_p99_ms > limits.late_p99_ms:
        return 0, f"lateness, over {limits.late_p99_ms:g} ms already"
    free = max(0.0, room.processors - load.others)
    loop_s, turn_s = (ms * TURNS_PER_S / 1000 for ms in (load.loop_ms, load.turn_ms))
    each_mb = load.session_mb if load.session_mb > 0 else 0.0
    bounds = {
        f"the loop, with {LOOP_SHARE:.0%} of a processor": LOOP_SHARE * min(1.0, free) / loop_s,
        f"the processors, with {PROCESSOR_SHARE:.0%} of what is free": PROCESSOR_SHARE * free / turn_s,
        f"memory, with {MEMORY_SHARE:.0%} of what is free": MEMORY_SHARE * room.memory_mb / each_mb
        if each_mb
        else math.inf,
        "the open files that a process may have": room.files / FILES_EACH,
    }
    binds = min(bounds, key=lambda what: bounds[what])
    many = math.floor(bounds[binds])
    return (many if many < 10 else many // 10 * 10), binds


def machine_room() -> MachineRoom:
    """What this machine has."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    lines = _read("/proc/meminfo").splitlines()
    free = [float(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvailable:")]
    return MachineRoom(os.cpu_count() or 1, free[0] if free else math.inf, files)


def measure(sessions: int = SESSIONS, seconds: float = SECONDS) -> LiveLoad:
    """Play so many sessions of so many seconds.

    Raises:
        UserError: they cannot be played; says why.
    """
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        with tempfile.TemporaryDirectory() as scratch, _server() as url:
            return asyncio.run(_measured(Path(scratch), _counted(url), sessions, seconds))
    finally:
        sys.setswitchinterval(interval)


class _CountedTurns(Wire):
    """Counts the micro-turns that were sent, of all sessions."""

    sent = 0

    async def send(self, turn: MicroTurn) -> None:
        await super().send(turn)
        type(self).sent += 1


def _counted(url: str) -> type[_CountedTurns]:
    class Counted(_CountedTurns):
        def __init__(self) -> None:
            super().__init__(url)

    return Counted


async def _measured(scratch: Path, adapter: type[_CountedTurns], sessions: int, seconds: float) -> LiveLoad:
    host = LiveHost(LatenessLimits())
    try:
        with given_adapters({_ADAPTER: adapter}):
            await _play(host, [_job(scratch / "warm-up", _WARM_UP_S)])
            before_mb = _resident_mb()
            jobs = [_job(scratch / str(n), seconds) for n in range(sessions)]
            playing = asyncio.create_task(_play(host, jobs))
            await asyncio.wait([playing], timeout=sessions * START_INTERVAL_S + _SETTLED_S)
            began, sent = _clocks(), adapter.sent
            await asyncio.wait([playing], timeout=seconds - 2 * _SETTLED_S)
            took, turns, after_mb = _clocks() - began, adapter.sent - sent, _resident_mb()
            await playing
    finally:
        host.aside.shutdown()
    if not turns:
        raise UserError(
            "live sessions cannot be measured: none came to its turn", "try when less is going on"
        )
    wall_s, loop_s, own_s, all_s = map(float, took)
    late_ms = np.concatenate([_late_ms(job.folder) for job in jobs])
    return LiveLoad(
        sessions,
        1000 * loop_s / turns,
        1000 * own_s / turns,
        (after_mb - before_mb) / sessions,
        float(np.percentile(late_ms, 99)),
        max(0.0, all_s - own_s) / wall_s,
    )


def _clocks() -> NDArray[np.float64]:
    """Wall time, and processor time of this thread, this process and the whole machine, in seconds."""
    return np.array([time.monotonic(), time.thread_time(), time.process_time(), _machine_s()])


def _machine_s() -> float:
    fields = _read("/proc/stat").partition("\n")[0].split()[1:9]
    used = sum(int(n) for k, n in enumerate(fields) if k not in (3, 4))  # but for idle and waiting for disks
    return used / os.sysconf("SC_CLK_TCK")


def _resident_mb() -> float:
    pages = _read("/proc/self/statm").split()[1:2]
    return int(pages[0]) * os.sysconf("SC_PAGE_SIZE") / 2**20 if pages else math.nan


def _read(path: str) -> str:
    return Path(path).read_text("utf-8", "replace") if os.path.exists(path) else ""


def _job(folder: Path, seconds: float) -> SessionJob:
    noise = np.random.default_rng(0).standard_normal(round(seconds * RATE)) * 0.1
    clip = Waveform(np.clip(noise, -1, 1).astype(np.float32), RATE)
    sample = Sample(folder.name, "measured", Script((UserTurn(clip),), tail_s=0.0), Reference())
    return SessionJob((0, folder.name), "measured", sample, _ADAPTER, Settings(), folder)


async def _play(host: LiveHost, jobs: list[SessionJob]) -> None:
    playing = []
    for job in jobs:
        playing.append(asyncio.create_task(host.session(job)))
        await asyncio.sleep(START_INTERVAL_S)
    for result in await asyncio.gather(*playing):
        if not result.recording:
            raise UserError(f"live sessions cannot be measured: {result.reason}")


def _late_ms(folder: Path) -> NDArray[np.float64]:
    events = Recording(folder, verify=False).events()
    return np.array([event.late_ns / 1e6 for event in events if isinstance(event, ev.TurnSent)])


@contextmanager
def _server() -> Iterator[str]:
    """The server that answers, in a process of its own; gives its address."""
    command = [sys.executable, "-m", "tml_bench.conformance.answering"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise UserError("live sessions cannot be measured: no server could be started")
            yield url
        finally:
            process.stdin.close()


def described(load: LiveLoad, room: MachineRoom) -> str:
    """What follows from what was measured, and what that was, in one line."""
    many, binds = capacity(load, room)
    memory = "" if math.isnan(load.session_mb) else f"{load.session_mb:.1f} MB a session, "
    return (
        f"about {many} at once, bound by {binds}; {load.sessions} took {load.turn_ms:.2f} ms of processor "
        f"time for a micro-turn each ({load.loop_ms:.2f} on the loop), {memory}lateness "
        f"{load.late_p99_ms:.1f} ms (99th percentile); others used "
        f"{load.others:.1f} of {room.processors} processors"
    )
