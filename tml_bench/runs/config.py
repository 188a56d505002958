"""What a run is: one adapter on one task, with everything that decides its result."""

from __future__ import annotations

import os
import platform
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from tml_bench import __version__
from tml_bench.bounded_files import UNREADABLE
from tml_bench.errors import UserError
from tml_bench.names import is_plugin_name
from tml_bench.plugins import is_named, load_task
from tml_bench.runs.selection import Selection
from tml_bench.samples import Sample
from tml_bench.session.network import IDEAL, Network
from tml_bench.session.settings import Compute, Settings
from tml_bench.task import Task
from tml_bench.users.settings import FOLDER, STAGED, UserSettings

RUN_SCHEMA = "tml-bench/run/1.1"
LIBRARIES = (
    "numpy", "av", "opencv-python-headless", "pillow", "soundfile", "soxr", "faster-whisper", "pocketsphinx",
)  # fmt: skip
"""Libraries whose versions can change a result."""


class RunConfig(msgspec.Struct, frozen=True):
    """Everything asked for that decides what a run records.

    Attributes:
        schema: name and version of this format.
        task: name of the task.
        dataset: name and version of the data.
        dataset_sha256: hash of every sample's id, annotation, audio and video; ``json1:`` names its scheme.
        data: folder of the official data as given; empty for the mini set.
        subsets: parts of the task; empty means all.
        limit: at most so many samples a subset; 0 means all.
        adapter: the adapter as given, without secrets, or the name of a system whose exchanges were imported.
        privileged: the adapter is shown what is expected.
        turn_based: the service answers whole turns and cannot handle overlap.
        clock: ``simulated``, ``wall`` or ``imported``.
        compute: ``ideal``, ``charged``, ``recorded``; ``live`` on the wall clock, ``none`` when imported.
        replay: run folder whose compute is replayed; empty otherwise.
        tick_ns: length of a micro-turn.
        seed: seed of the run.
        max_session_s: limit of a session.
        network: profile of the network between harness and model, as JSON; empty for the ideal one.
        tml_bench: version of the harness.
        task_file: ``FILE.py:CLASS`` of a task from a file; empty for an installed one.
        limits: limits of subsets for which ``limit`` does not hold.
        samples: ids of the only samples that were asked for; empty means all.
        shard: the part of the samples that is this run, such as ``2/5``; empty for all.
        tool_latency: profile of how long functions take; empty for what each says.
        user: who plays the samples with a scenario, without secrets; empty where no sample has one.
        user_cache: folder in which an earlier run kept what its user made, from which it is taken.
        loop: ``closed`` where the user's turns wait for the model (`Task.closed_loop`); empty where they are
            as the task has them.
        epoch: 1, 2, ... where every sample is played several times, each time with a seed of its own.
        replay_user: run folder whose simulated users' lines are played again; empty otherwise.
        allow_outside: annotations may name files that lie outside the data's folder.
    """

    schema: str
    task: str
    dataset: str
    dataset_sha256: str
    data: str
    subsets: tuple[str, ...]
    limit: int
    adapter: str
    privileged: bool
    clock: str
    compute: str
    replay: str
    tick_ns: int
    seed: int
    max_session_s: float
    turn_based: bool = False
    network: str = ""
    tml_bench: str = __version__
    task_file: str = ""
    limits: dict[str, int] = {}
    samples: tuple[str, ...] = ()
    shard: str = ""
    epoch: int = 1
    tool_latency: str = ""
    user: str = ""
    user_cache: str = ""
    replay_user: str = ""
    loop: str = ""
    allow_outside: bool = False

    @property
    def task_source(self) -> str:
        """What ``load_task`` takes."""
        return self.task_file or self.task

    @property
    def network_name(self) -> str:
        """Name of the network's profile."""
        return msgspec.json.decode(self.network, type=Network).name if self.network else IDEAL.name

    @property
    def selection(self) -> Selection:
        """Which samples it is made of."""
        data = Path(self.data) if self.data else None
        return Selection(
            data, self.subsets, self.limit, self.limits, self.samples, self.shard, self.loop,
            self.allow_outside,
        )  # fmt: skip

    def settings(self) -> Settings:
        """The part that concerns sessions."""
        return Settings(
            tick_ns=self.tick_ns,
            seed=epoch_seed(self.seed, self.epoch),
            compute=Compute(self.compute) if self.clock == "simulated" else Compute.IDEAL,
            max_session_s=self.max_session_s,
            network=msgspec.json.decode(self.network, type=Network) if self.network else IDEAL,
            tool_latency=self.tool_latency,
            user=UserSettings(self.user or STAGED, given=Path(self.user_cache) if self.user_cache else None),
        )


class Environment(msgspec.Struct, frozen=True):
    """Where a run was made; for the record, it may change between a start and its continuation.

    Attributes:
        python: version of Python.
        system: operating system and processor architecture.
        processor: model and number of processors.
        libraries: versions of libraries that can change a result.
    """

    python: str
    system: str
    processor: str
    libraries: dict[str, str]


class Identity(msgspec.Struct, frozen=True):
    """What ran; a run is continued only by the same.

    Attributes:
        sources: SHA-256 of each of the adapter's own Python files, by its path in the adapter's folder.
        distribution: name and version of the package that installed the adapter, for those of third parties.
        reported: what the model said of itself, such as ``model`` or ``server_version``, once a session had
            opened.
    """

    sources: dict[str, str]
    distribution: str = ""
    reported: dict[str, str] = {}


class RunFile(msgspec.Struct, frozen=True):
    """Contents of ``run.json``; it has no identity for imported runs, and for those of version 0.1.0.

    ``tags`` are what the user calls it by: names, each with a value, which may be empty. ``spread`` is set
    where recordings lie in folders between, see `tml_bench.runs.layout`.
    """

    config: RunConfig
    environment: Environment
    identity: Identity | None = None
    tags: dict[str, str] = {}
    spread: bool | msgspec.UnsetType = msgspec.UNSET


def run_task(config: RunConfig) -> Task:
    """The task of a run; one from a file only where the user has named the file to this process.

    Whoever wrote the run's folder says which file that is, and its code is run.

    Raises:
        UserError: the file was not named; or as `load_task`.
    """
    if config.task_file and not is_named(config.task_file):
        raise UserError(
            f"the task is code in a file, {config.task_file}, not run because a run's folder says so",
            f"look what it is, then name it: --task-file {config.task_file}",
        )
    return load_task(config.task_source)


def check_contents(path: Path, file: RunFile) -> None:
    """Raise `UserError` for settings that are none, and for code that came in the run's folder."""
    if not is_plugin_name(file.config.task):
        raise UserError(f"{path}: {file.config.task!r} is no name of a task", "was it changed?")
    task = file.config.task_file.rpartition(":")[0]
    inside = Path(task).resolve().is_relative_to(path.parent.resolve())
    if task and (inside or not Path(task).is_absolute()):
        what = f"{path} says that its task is {task!r}, which comes with the run"
        raise UserError(what, "nothing of it was executed; put the task where you keep yours, and run again")
    try:
        file.config.settings()
    except UNREADABLE as error:
        raise UserError(f"{path}: {error}", "was it changed? run again with --fresh") from None


def epoch_seed(seed: int, epoch: int) -> int:
    """The seed of an epoch of a run: the run's own in the first, another in each that follows."""
    return seed if epoch == 1 else zlib.crc32(f"{seed}/epoch {epoch}".encode())


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run to record.

    ``adapter`` is the adapter as given, or that of ``config``, which has no secrets; ``identity`` what will
    run, None when exchanges are imported; ``hashes`` those of the samples, by id; ``tags`` the user's;
    ``user`` who plays the simulated user, as given: ``config`` has neither its address nor secrets.
    """

    path: Path
    config: RunConfig
    samples: tuple[Sample, ...]
    adapter: str = ""
    identity: Identity | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    user: str = ""

    @property
    def user_settings(self) -> UserSettings:
        """Who plays the user; what it makes is kept in the run's folder."""
        return replace(
            self.config.settings().user,
            spec=self.user or self.config.user or STAGED,
            cache=self.path / FOLDER,
        )


def environment() -> Environment:
    """The machine and libraries of this process."""
    libraries = {}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            libraries[name] = version(name)
    return Environment(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        processor=f"{_processor()}, {os.cpu_count()} logical",
        libraries=libraries,
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown")
