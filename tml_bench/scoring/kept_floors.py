"""Floors and ceilings that an earlier command found, kept beside the runs.

To find them, hundreds of blind strategies are played on every sample; nothing of a model is in them. So they
are found once for samples, and not each time that a run is scored: ``.floors/`` in the folder of the runs has
a file for each set of samples. It is a cache: what is not there, or was found by other code, is found again.

Only what rules decide on tasks of this package is kept. What another judge answers has a cache of its own,
and what a task from elsewhere is made of is not known.
"""

import hashlib
import os
import platform
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np

import tml_bench
from tml_bench.bounded_files import UNREADABLE, read_whole
from tml_bench.files import write_output
from tml_bench.runs.identity import SCHEME
from tml_bench.runs.store import StoredRun
from tml_bench.scoring.floors import Baseline
from tml_bench.seals import seal_holds, sealed

FOLDER = ".floors"
"""Beside the runs."""


class _Kept(msgspec.Struct, frozen=True):
    key: str
    baselines: tuple[Baseline, ...]


class KeptFloors:
    """The floors of samples by rules; ``samples`` identify, as `tml_bench.scoring.asking.AskedRun` has it."""

    def of(self, run: StoredRun, samples: tuple[str, ...]) -> tuple[Baseline, ...] | None:
        """Those that this code has found before; None where there are none."""
        if not _is_known(run):
            return None
        try:
            content = read_whole(_place(run, samples))
            found = msgspec.json.decode(content, type=_Kept)
        except (OSError, *UNREADABLE):
            return None  # as good as not there: they are found again, and written anew
        whole = found.key == _key(run, samples) and seal_holds(content)
        return found.baselines if whole else None

    def keep(self, run: StoredRun, samples: tuple[str, ...], floors: tuple[Baseline, ...]) -> None:
        """Keep them for the next command, where the folder of the runs can be written."""
        if not _is_known(run):
            return
        place = _place(run, samples)
        if place.parent.is_symlink():
            return  # nothing is written through a link that came with the runs
        try:
            place.parent.mkdir(exist_ok=True)
            write_output(place, sealed(msgspec.json.encode(_Kept(_key(run, samples), floors))))
        except OSError:
            return  # the run itself is scored all the same; only the next time takes as long


def _is_known(run: StoredRun) -> bool:
    """Whether all that floors hang on is known: samples by their content, and the code of the task."""
    ours = type(run.task).__module__.partition(".")[0] == tml_bench.__name__
    return ours and run.file.config.dataset_sha256.startswith(f"{SCHEME}:") and bool(_code())


def _place(run: StoredRun, samples: tuple[str, ...]) -> Path:
    name = hashlib.sha256(msgspec.json.encode(samples)).hexdigest()[:16]
    return run.path.resolve().parent / FOLDER / f"{run.file.config.task}-{name}.json"


def _key(run: StoredRun, samples: tuple[str, ...]) -> str:
    beside = [
        (s.id, s.subset, s.unit, s.scored, s.problem, s.languages, sorted(s.companions.items()))
        for s in run.samples
    ]
    source = type(run.task).__module__, type(run.task).__qualname__
    return hashlib.sha256(msgspec.json.encode((_code(), source, samples, beside))).hexdigest()


@cache
def _code() -> str:
    """Identifies the code that floors are found with: any file of it that changes, changes this."""
    files = sorted(_files())
    made = platform.python_version(), platform.machine(), np.__version__
    return hashlib.sha256(msgspec.json.encode((made, files))).hexdigest() if files else ""


def _files() -> Iterator[tuple[str, int, int]]:
    tasks = find_spec(f"{tml_bench.__name__}.tasks")
    inside_too = (tasks.submodule_search_locations or ()) if tasks is not None else ()
    for root in {*tml_bench.__path__, *inside_too}:
        for folder, inside, names in os.walk(root):
            inside[:] = [name for name in inside if name != "__pycache__"]
            for name in names:
                about = os.stat(os.path.join(folder, name))
                yield os.path.relpath(os.path.join(folder, name), root), about.st_size, about.st_mtime_ns
