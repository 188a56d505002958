"""The suites that ship: which tasks, and how much of each. Adapters and all else are as without a suite."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tml_bench.configuration.keys import Value
from tml_bench.errors import UserError
from tml_bench.plugins import load_task, task_names
from tml_bench.task import DataKind

QUICK, MINI, FULL = "quick", "mini", "full"
PRESETS = {
    QUICK: "two samples of every part of what ships, but for test splits; three rulers where no adapter is "
    "named: what a bare run does",
    MINI: "every task with what ships, test splits too",
    FULL: "every task in its official size, with the data that --data or [data] names",
}
"""Suites by name, with what each is."""

QUICK_LIMIT = 2
"""Samples of each subset in the quick suite: a run of it takes less than a minute on two processors."""
QUICK_ADAPTERS = ("oracle", "delayed:700", "silent")
"""Rulers of the quick suite, of which the scale shows most: all right, always late, never there."""
WHAT_IS_RUN = ("suite", "task", "adapter", "data", "subset", "limit", "sample", "shard", "official")
"""Keys that say what is run: where a run is given none of them, it is the quick suite."""


def preset(name: str) -> dict[str, Value]:
    """The keys of a suite that ships, by its name."""
    if name == QUICK:
        return {"task": (), "data": (), "subset": (), "limit": QUICK_LIMIT}
    whole: dict[str, Value] = {"subset": (), "limit": 0}
    every: dict[str, Value] = {"task": tuple(task_names()), "skip-unfit": True, **whole}
    return {"data": (), **every} if name == MINI else every


def check_official(tasks: Iterable[str], data: Mapping[str, Path]) -> None:
    """Raise `UserError` for tasks whose official data nothing names, all at once, with how to get it.

    What a task calls its own set ships whole and needs none.
    """
    missing = []
    for name in tasks:
        task = load_task(name)
        if name not in data and task.kind_of_data(task.dataset(None)) is not DataKind.OWN:
            missing.append((name, task.data_help.strip()))
    if missing:
        how = "\n".join(f"{name}: {text}" for name, text in missing)
        raise UserError(
            f"the official data of {', '.join(name for name, _ in missing)} is not named",
            f"name each folder as --data TASK=FOLDER, or under [data] in tml-bench.toml; "
            f"or name the tasks to run with --task\n{how}",
        )
