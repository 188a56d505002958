"""Choosing among the subsets that a data folder holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from tml_bench.errors import UserError


def check_folder(root: Path, remedy: str) -> None:
    """Make sure that a data folder is there. Raises `UserError`: it is not."""
    if not root.is_dir():
        raise UserError(f"--data {root}: no such folder", remedy)


def chosen(root: object, subsets: Sequence[str], known: Sequence[str], there: Collection[str]) -> list[str]:
    """The subsets to load of those that the task knows: those asked for, or else all that are there.

    Raises:
        UserError: one is unknown, or not there.
    """
    for subset in subsets:
        if subset not in known:
            raise UserError(f"subset {subset}: unknown", f"choose from {', '.join(known)}")
        if subset not in there:
            raise UserError(f"{root}: subset {subset} is not there", f"choose from {', '.join(there)}")
    return list(subsets or there)
