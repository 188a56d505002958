"""Where the items of a set come from and go to."""

from __future__ import annotations

from pathlib import Path

from tml_bench import tasks


def items_of(task: str) -> Path:
    """The item file that ships with a task."""
    return Path(str(tasks.__file__)).parent / task / "items.jsonl"


def place_items(source: Path, folder: Path) -> None:
    """Put the item file into the folder of the set rendered from it, which is then whole by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "items.jsonl"
    if not target.exists() or not target.samefile(source):
        target.write_bytes(source.read_bytes())
