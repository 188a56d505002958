"""A worker on any machine: it takes parcels, does their jobs in a folder of its own, and gives all back.

It knows nothing of what carries the parcels; under Ray it is an actor. The model lives in a process of its
own below it, supervised as under ``local``: a step that hangs, a crash and a kill have the same outcomes.
"""

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from tml_bench import __version__
from tml_bench.blame import in_one_line, whole
from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.plugin_files import use_copies
from tml_bench.runs.jobs import Deadline, JobResult
from tml_bench.runs.parcels import Delivery, Parcel, SourceTree, recorded, unpacked
from tml_bench.runs.processes import start_worker
from tml_bench.runs.supervised import SupervisedWorker
from tml_bench.runs.worker import failure, main as run_jobs
from tml_bench.session.settings import Settings

YOUNG_S = 60.0
"""A folder is not looked at before, in seconds."""


class WorkerPlace(NamedTuple):
    """Where a worker runs, and with what."""

    node: str
    tml_bench: str


@dataclass(frozen=True, slots=True)
class RemoteSetup:
    """What a worker is made with.

    Attributes:
        step_limit_s: a step that takes longer is taken to hang.
        home: the folder in which the command was given; paths of an adapter's options count from there, on
            machines that have it.
        sources: plug-ins that are files.
    """

    step_limit_s: float
    home: str
    sources: Sequence[SourceTree] = ()


class RemoteWorker:
    """Does one parcel at a time."""

    def __init__(self, setup: RemoteSetup) -> None:
        self._folder = _WorkFolder()
        with suppress(OSError):
            os.chdir(setup.home)
        copies: dict[str, Path] = {}
        for number, tree in enumerate(setup.sources):
            if not tree.is_here():
                copies |= tree.copy_to(self._folder.path / f"source-{number}")
        use_copies(copies)
        start = _RemoteStart(setup.step_limit_s, copies)
        self._worker = SupervisedWorker(setup.step_limit_s, lambda: start_worker(_main, start))

    def place(self) -> WorkerPlace:
        """Where this is; answered once the worker can be given parcels."""
        return WorkerPlace(platform.node(), __version__)

    def is_alive(self) -> bool:
        """A sign of life, on another thread than ``do``."""
        return True

    def do(self, parcel: Parcel) -> Delivery:
        """Run a session; what it leaves here is removed."""
        media, aside = self._folder.path / "media", self._folder.path / "recording"
        try:
            job = unpacked(parcel, media)
            if isinstance(job, tuple):
                return Delivery(missing=job)
            result = self._worker.do(replace(job, folder=aside, settings=_kept_nowhere(job.settings)))
            return Delivery(result, recorded(aside) if result.recording else {})
        except OSError as error:
            return Delivery(failure(error))
        except Exception as error:  # unpickling raises whatever the classes of a task do
            why = f"{platform.node()} cannot read the sample: {in_one_line(error)}"
            return Delivery(JobResult(Outcome.INFRASTRUCTURE, why, fatal=True, traceback=whole(error)))
        finally:
            shutil.rmtree(media, ignore_errors=True)
            shutil.rmtree(aside, ignore_errors=True)

    def close(self) -> None:
        """End the process below, and remove the folder."""
        self._worker.close()
        self._folder.remove()


@dataclass(frozen=True, slots=True)
class _RemoteStart:
    step_limit_s: float
    copies: Mapping[str, Path]


def _main(connection: Connection, deadline: Deadline, start: _RemoteStart) -> None:
    """As ``worker.main``, with plug-ins that are copies."""
    use_copies(start.copies)
    run_jobs(connection, deadline, start.step_limit_s)


def _kept_nowhere(settings: Settings) -> Settings:
    """The same, but for the folder of what its user made: that of the run is on another machine."""
    return replace(settings, user=replace(settings.user, cache=None))


class _WorkFolder:
    """A folder that lasts as long as this process: another one removes it where this was killed."""

    def __init__(self) -> None:
        above = Path(tempfile.gettempdir(), f"tml-bench-workers-{os.getuid()}")
        above.mkdir(mode=0o700, exist_ok=True)
        if above.is_symlink() or above.stat().st_uid != os.getuid():
            raise UserError(
                f"{above} belongs to someone else", "set TMPDIR to another folder on this machine"
            )
        for lock in above.glob("*.lock"):
            _remove_if_left(lock)
        self.path = Path(tempfile.mkdtemp(dir=above))
        self._lock = FileLock(f"{self.path}.lock")
        self._lock.acquire()

    def remove(self) -> None:
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


def _remove_if_left(lock: Path) -> None:
    """Remove a folder whose process is gone: its lock is free, and it is not just being made."""
    try:
        if time.time() - lock.stat().st_mtime < YOUNG_S:
            return
        with FileLock(lock, timeout=0):
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            lock.unlink(missing_ok=True)
    except (Timeout, OSError):
        pass  # it is at work, or gone
