"""The code that results of a task hang on, for what is kept between commands: other code makes it anew."""

import hashlib
import os
import platform
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec

import msgspec
import numpy as np

import tml_bench
from tml_bench.plugins import registered
from tml_bench.runs.config import RunConfig
from tml_bench.runs.identity import SCHEME
from tml_bench.task import Task

_HEARING = ("stretches", "user_stretches", "recognises_user")
"""By what a task says where and how is listened."""


def code_of(task: Task, config: RunConfig) -> tuple[str, ...]:
    """Identifies the code of a task with all that it uses; empty where that is not known.

    It is known of tasks of this package, whose samples are known by their content too.
    """
    return _known(type(task).__module__, type(task).__qualname__, config)


def named_code_of(config: RunConfig) -> tuple[str, ...]:
    """The same of the task that a run names, which is not imported for it."""
    point = None if config.task_file else registered("task").get(config.task)
    return () if point is None else _known(point.module, point.attr, config)


def hearing_code_of(task: Task, config: RunConfig) -> tuple[str, ...]:
    """Identifies the code that decides what is heard in a task's recordings; empty where that is not known.

    It is known of tasks from elsewhere too, where they leave all of it to this package.
    """
    if known := code_of(task, config):
        return known
    theirs = any(getattr(getattr(task, n), "__func__", None) is not getattr(Task, n) for n in _HEARING)
    if theirs or not (is_known_data(config) and (code := _package_code())):
        return ()
    return code, f"hears user: {task.hears_user}"


def _known(module: str, name: str, config: RunConfig) -> tuple[str, ...]:
    ours = module.partition(".")[0] == tml_bench.__name__
    if not (ours and is_known_data(config) and (code := _package_code())):
        return ()
    return code, module, name


def is_known_data(config: RunConfig) -> bool:
    """Whether a run's samples are known by their content."""
    return config.dataset_sha256.startswith(f"{SCHEME}:")


@cache
def _package_code() -> str:
    """Identifies the files of this package: any of them that changes, changes this; empty without files."""
    files = sorted(_files())
    made = platform.python_version(), platform.machine(), np.__version__
    return hashlib.sha256(msgspec.json.encode((made, files))).hexdigest() if files else ""


def _files() -> Iterator[tuple[str, int, int]]:
    tasks = find_spec(f"{tml_bench.__name__}.tasks")
    inside_too = (tasks.submodule_search_locations or ()) if tasks is not None else ()
    for root in {*tml_bench.__path__, *inside_too}:
        for folder, inside, names in os.walk(root):
            inside[:] = [name for name in inside if name != "__pycache__"]
            for path in (os.path.join(folder, name) for name in names):
                about = os.stat(path)
                yield path[len(root) :], about.st_size, about.st_mtime_ns
