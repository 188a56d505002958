"""The suites that ship: which tasks, and how much of each. Adapters and all else are as without a suite."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tml_bench.configuration.keys import Value
from tml_bench.errors import UserError
from tml_bench.plugins import load_task, task_names
from tml_bench.task import DataKind

QUICK, MINI, FULL = "quick", "mini", "full"
PRESETS = {
    QUICK: "what ships, but for test splits: what a bare run does",
    MINI: "every task with what ships, test splits too",
    FULL: "every task in its official size, with the data that --data or [data] names",
}
"""Suites by name, with what each is."""


def preset(name: str) -> dict[str, Value]:
    """The keys of a suite that ships, by its name."""
    whole: dict[str, Value] = {"subset": (), "limit": 0}
    if name == QUICK:
        return {"task": (), "data": (), **whole}
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
