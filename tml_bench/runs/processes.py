"""Worker processes: how one is started, and why one that is gone, or says nothing, does so."""

import math
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import MappingProxyType, ModuleType

from tml_bench.runs.jobs import Deadline

FROM_OUTSIDE = frozenset(
    (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL, signal.SIGTERM, signal.SIGXCPU)
)
"""Signals that people and the system send, for want of memory too; a process that crashes gets others."""

_OF_SIGNAL = 128
"""What ends itself on a signal, as many libraries do, has this and its number for exit code."""

GAP_S = 5.0
"""A supervisor that has not looked for so long did not run, or this machine slept; workers neither."""

_LINGER_S = 5.0

NOTHING_MORE: Mapping[str, str] = MappingProxyType({})


@dataclass(slots=True)
class WorkerProcess:
    """A process with the connection to it, and when it may be taken to hang."""

    process: SpawnProcess
    connection: Connection
    deadline: Deadline

    def fate(self) -> tuple[str, bool]:
        """How the process ended, whose connection is gone, and whether something outside it ended it."""
        self.process.join(_LINGER_S)
        code = self.process.exitcode
        if code is None:
            return "closed its connection", False
        number = code - _OF_SIGNAL if code > _OF_SIGNAL else -code
        if number in FROM_OUTSIDE:
            return f"was killed (signal {number})", True
        return f"died ({f'signal {-code}' if code < 0 else f'exit code {code}'})", False

    def is_stopped(self) -> bool:
        """Whether it has been stopped, as by SIGSTOP or a debugger; False on systems that do not tell."""
        with suppress(OSError):
            stat = Path(f"/proc/{self.process.pid}/stat").read_bytes()
            return stat.rpartition(b")")[2].split()[0] in b"Tt"
        return False

    def dismiss(self) -> None:
        """Let it end by itself, which it does once its connection is closed; one that does not is killed."""
        self.connection.close()
        self.process.join(_LINGER_S)
        if self.process.exitcode is None:
            self.kill()

    def kill(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def start_worker(
    target: Callable[..., None], limits: object, environment: Mapping[str, str] = NOTHING_MORE
) -> WorkerProcess:
    """Start a process; it needs nothing of the script that is running, and does not run it again.

    The variables of ``environment`` are set before any adapter is imported.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    deadline: Deadline = context.Value("d", math.inf, lock=False)
    arguments = (target, dict(environment), theirs, deadline, limits)
    process = context.Process(target=_begin, args=arguments, daemon=True)
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        process.start()
    finally:
        sys.modules["__main__"] = script
    theirs.close()
    return WorkerProcess(process, ours, deadline)


def _begin(
    target: Callable[..., None],
    environment: Mapping[str, str],
    connection: Connection,
    deadline: Deadline,
    limits: object,
) -> None:
    os.environ.update(environment)
    target(connection, deadline, limits)


class Vigil:
    """Watches deadlines, and forgives those that passed while this process itself did not run."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_s = clock()
        self._awake_s = -math.inf

    def look(self) -> None:
        """To be called at least every second or so."""
        now_s = self._clock()
        if now_s - self._looked_s > GAP_S:
            self._awake_s = now_s
        self._looked_s = now_s

    def missed(self, deadline: Deadline, patience_s: float) -> bool:
        """Whether a process has had ``patience_s`` since its deadline was last set, and this one ran."""
        return self._clock() > max(deadline.value, self._awake_s + patience_s)
