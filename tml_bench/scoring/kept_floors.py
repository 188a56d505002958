"""Floors and ceilings that an earlier command found, kept beside the runs.

To find them, hundreds of blind strategies are played on every sample; nothing of a model is in them. So they
are found once for samples, and not each time that a run is scored: ``.floors/`` in the folder of the runs has
a file for each set of samples. It is a cache: what is not there, or was found by other code, is found again.

Only what rules decide on tasks of this package is kept. What another judge answers has a cache of its own,
and what a task from elsewhere is made of is not known.
"""

import hashlib
from pathlib import Path

import msgspec

from tml_bench.bounded_files import UNREADABLE, read_whole
from tml_bench.files import write_output
from tml_bench.runs.identity import unhashed_fields
from tml_bench.runs.known_code import code_of
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
        if not code_of(run.task, run.file.config):
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
        if not code_of(run.task, run.file.config):
            return
        place = _place(run, samples)
        if place.parent.is_symlink():
            return  # nothing is written through a link that came with the runs
        try:
            place.parent.mkdir(exist_ok=True)
            write_output(place, sealed(msgspec.json.encode(_Kept(_key(run, samples), floors))))
        except OSError:
            return  # the run itself is scored all the same; only the next time takes as long


def _place(run: StoredRun, samples: tuple[str, ...]) -> Path:
    name = hashlib.sha256(msgspec.json.encode(samples)).hexdigest()[:16]
    return run.path.resolve().parent / FOLDER / f"{run.file.config.task}-{name}.json"


def _key(run: StoredRun, samples: tuple[str, ...]) -> str:
    code, *source = code_of(run.task, run.file.config)
    return hashlib.sha256(
        msgspec.json.encode((code, source, samples, [*unhashed_fields(run.samples)]))
    ).hexdigest()
