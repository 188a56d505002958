"""Where the data of tasks lies: one folder, or ``TASK=FOLDER`` for each of several."""

from collections.abc import Sequence
from pathlib import Path

from tml_bench.configuration.keys import nearest
from tml_bench.errors import UserError
from tml_bench.plugins import task_names


def data_places(given: Sequence[str]) -> Path | dict[str, Path] | None:
    """Read what ``--data`` was given: None for nothing, a folder, or folders by the task's name.

    Raises:
        UserError: there is no such task, one has two folders, or of several folders one names no task.
    """
    places: dict[str, Path] = {}
    for text in given:
        name = _task(text)
        if not name and len(given) > 1:
            raise UserError(f"--data {text} does not say whose data it is", "write each as TASK=FOLDER")
        if name in places:
            raise UserError(f"task {name} has two folders of data", "leave one out")
        places[name] = Path(text.removeprefix(f"{name}=") if name else text)
    return places.get("", places or None)


def _task(text: str) -> str:
    """The task that ``TASK=FOLDER`` names; empty for a folder alone."""
    name, equals, _ = text.partition("=")
    if not equals or (name not in task_names() and ".py:" not in name and Path(text).exists()):
        return ""
    if name not in task_names() and ".py:" not in name:
        raise UserError(
            f"there is no task {name!r}, whose data {text} would name", nearest(name, task_names(), "tasks")
        )
    return name
