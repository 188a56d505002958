"""Where the items of a set come from and go to."""

from __future__ import annotations

from pathlib import Path

from tml_bench import tasks
from tml_bench.errors import UserError
from tml_bench.tasks._timed.items import TimedItem, load_items

PREFIXES = {"timespeak": "ts", "cuespeak": "cs"}
"""Of the ids of a task's items."""


def items_of(task: str) -> Path:
    """The item file that ships with a task."""
    return Path(str(tasks.__file__)).parent / task / "items.jsonl"


def load_own(task: str, source: Path) -> tuple[TimedItem, ...]:
    """The items to render for a task.

    Raises:
        UserError: the file cannot be used, holds no item, or one of the other task.
    """
    items = load_items(source)
    if not items:
        raise UserError(f"{source} holds no items", "write one item a line")
    prefix = PREFIXES[task]
    for item in items:
        if item.task != prefix:
            what = f"{source}: {item.id}: id: is not of {task}, whose ids begin with {prefix}-"
            raise UserError(what, "prepare the tasks one by one, each from its own file")
    return items


def is_own(task: str, source: Path) -> bool:
    """Whether a file holds anything else than the items that ship with a task."""
    return source.read_bytes() != items_of(task).read_bytes()


def place_items(source: Path, folder: Path) -> None:
    """Put the item file into the folder of the set rendered from it, which is then whole by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "items.jsonl"
    if not target.exists() or not target.samefile(source):
        target.write_bytes(source.read_bytes())
