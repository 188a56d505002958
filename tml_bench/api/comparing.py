"""Compare whole results: folders of runs, before and after."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tml_bench.errors import UserError
from tml_bench.report.changes import ResultsChange, ScoredRun, changes
from tml_bench.report.files import read_summaries


class SkippedFolder(NamedTuple):
    """A folder in a results folder that was not compared, and why."""

    folder: Path
    why: str


class FoundRuns(NamedTuple):
    """Scored runs with their folders, and what was skipped."""

    runs: tuple[ScoredRun, ...]
    skipped: tuple[SkippedFolder, ...]


def compare_results(
    before: str | os.PathLike[str], after: str | os.PathLike[str]
) -> tuple[ResultsChange, tuple[SkippedFolder, ...]]:
    """Compare the runs of two places, task by task.

    Args:
        before: a run, its folder, a results folder with runs in it, or a pattern such as ``out/*--mine``.
        after: the same for what it is compared with.

    Returns:
        The changes, and the folders that were skipped.

    Raises:
        UserError: there is no scored run in one of them, or no two runs may be compared.
    """
    first, second = scored_runs(before), scored_runs(after)
    found = changes(first.runs, second.runs)
    if not found.tasks:
        problems = [f"{alone.run}: {alone.why}" for alone in found.alone if alone.first]
        raise UserError(
            f"no two runs of {os.fspath(before)} and {os.fspath(after)} may be compared: {problems[0]}",
            "compare runs of one task on the same data under the same settings",
        )
    return found, (*first.skipped, *second.skipped)


def scored_runs(source: str | os.PathLike[str]) -> FoundRuns:
    """The scored runs of a place, as for `compare_results`; raises where there are none."""
    text = os.fspath(source)
    path = Path(text)
    named = [path] if path.exists() else sorted(map(Path, glob.glob(text)))
    if not named:
        raise UserError(
            f"{text}: there is no such folder, and nothing matches it",
            "give a run, a results folder, or a pattern in quotation marks",
        )
    found = _run_folders(named)
    runs = [folder for folder in found if (folder / "summary.json").is_file()]
    skipped = [SkippedFolder(folder, "it was not scored") for folder in found if folder not in runs]
    if not runs:
        first = f"{skipped[0].folder}: {skipped[0].why}" if skipped else "it holds no run"
        raise UserError(f"{text}: {first}", "score it first: tml-bench score RUN")
    return FoundRuns(tuple((run, read_summaries([run])[0]) for run in runs), tuple(skipped))


def _run_folders(named: Sequence[Path]) -> list[Path]:
    """The runs among folders, and in those of them that are none."""
    found: list[Path] = []
    for folder in named:
        inside = [folder] if (folder / "run.json").is_file() else sorted(folder.glob("*/run.json"))
        found += [folder if one == folder else one.parent for one in inside]
    return list(dict.fromkeys(found))
