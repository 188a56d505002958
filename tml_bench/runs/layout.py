"""Where recordings and timelines lie in a run's folder.

    <task>/<sample>/<attempt>/       timelines/<sample>-<attempt>.json
    <task>/3f/<sample>/<attempt>/    timelines/3f/<sample>-<attempt>.json

The second is of runs that begin with `MANY` samples or more: a folder of a hundred thousand entries is slow
to list, to copy and to look into. They say so in ``run.json``, so that a run that grows stays as it is. The
folder between is the beginning of the SHA-256 of the sample's id.
"""

import hashlib
from pathlib import Path

import msgspec

from tml_bench.errors import UserError
from tml_bench.files import remove_left_aside
from tml_bench.names import name_flaw, shown_name
from tml_bench.runs.config import RunFile

RUN_ID = "run-id"
"""A file of the mirrors of runs on shared storage: it tells a run from another made in its place."""
_WRITTEN = ("timelines/", "timelines/??/", "user/*/")
"""Where files of a run are written aside, beside its own folder."""
MANY = 10_000
"""Runs that begin with so many samples have folders between."""


def spread(samples: int) -> bool | msgspec.UnsetType:
    """``RunFile.spread`` of a run that begins with so many samples."""
    return True if samples >= MANY else msgspec.UNSET


def recording_parts(file: RunFile, sample: str, attempt: int | str) -> tuple[str, ...]:
    """The names of the folders, from the run's on, that lead to the recording of an attempt.

    Raises:
        UserError: a part is no safe name, so that it might lead elsewhere; so does `timeline_parts`.
    """
    return _checked(file.config.task, *_between(file, sample), sample, str(attempt))


def timeline_parts(file: RunFile, sample: str, attempt: int | str, kind: str = "") -> tuple[str, ...]:
    """The same for the file of its timeline, or of another ``kind`` of it, such as ``-user``."""
    return _checked("timelines", *_between(file, sample), f"{sample}-{attempt}{kind}.json")


def remove_left(run: Path) -> None:
    """Remove what processes that were killed had begun to write aside in a run's folder; raises OSError.

    What a link in it leads to is left alone.
    """
    for folder in (run, *(one for inner in _WRITTEN for one in run.glob(inner))):
        if folder.resolve().is_relative_to(run.resolve()):
            remove_left_aside(folder)


def run_of(recording: Path) -> Path | None:
    """The folder of the run that a recording's resolved folder lies in; None where it lies in none."""
    above = (parent for parent in recording.parents[2:4] if (parent / "run.json").is_file())
    return next(above, None)


def _checked(*parts: str) -> tuple[str, ...]:
    for part in parts:
        if flaw := name_flaw(part):
            raise UserError(
                f"{shown_name(part)} names no recording: {flaw}", "was the run changed by somebody?"
            )
    return parts


def _between(file: RunFile, sample: str) -> tuple[str, ...]:
    return (hashlib.sha256(sample.encode(errors="replace")).hexdigest()[:2],) if file.spread is True else ()
