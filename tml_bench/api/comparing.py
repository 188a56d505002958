"""Compare whole results: folders of runs, before and after."""

import os
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.report.changes import ResultsChange, ScoredRun, changes
from tml_bench.report.files import read_summaries
from tml_bench.report.folders import run_folders
from tml_bench.scoring.epochs import united_runs
from tml_bench.storage.shared_place import local_place
from tml_bench.viewer.run_files import run_key


def compare_results(
    before: str | os.PathLike[str], after: str | os.PathLike[str]
) -> tuple[ResultsChange, list[str]]:
    """Compare the runs of two places, task by task; the epochs of a run are one.

    Args:
        before: a run, its folder, a results folder with runs in it, a pattern such as ``out/*--mine``, or
            such an address of shared storage.
        after: the same for what it is compared with.

    Returns:
        The changes, and a word about each folder that was skipped.

    Raises:
        UserError: there is no scored run in one of them, or no two runs may be compared.
    """
    (first, skipped), (second, others) = _scored(before), _scored(after)
    found = changes(first, second, _keys)
    if not found.tasks:
        problems = [f"{alone.run}: {alone.why}" for alone in found.alone if alone.first]
        raise UserError(
            f"no two runs of {os.fspath(before)} and {os.fspath(after)} may be compared: {problems[0]}",
            "compare runs of one task on the same data under the same settings",
        )
    return found, [*skipped, *others]


def _scored(place: str | os.PathLike[str]) -> tuple[list[ScoredRun], list[str]]:
    folders, skipped = run_folders([local_place(place)])
    runs = ((folder, summary) for folder in folders for summary in read_summaries([folder]))
    return united_runs(runs), skipped


def _keys(before: Path, after: Path) -> tuple[str, str]:
    """Those of ``tml-bench view BEFORE AFTER``, which shows a run once."""
    first = run_key(before.resolve().name, set())
    same = before.resolve() == after.resolve()
    return first, first if same else run_key(after.resolve().name, {first})
