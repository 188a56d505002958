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
from tml_bench.runs.config import RunConfig
from tml_bench.runs.identity import SCHEME
from tml_bench.task import Task


def code_of(task: Task, config: RunConfig) -> tuple[str, ...]:
    """Identifies the code of a task with all that it uses; empty where that is not known.

    It is known of tasks of this package, whose samples are known by their content too.
    """
    ours = type(task).__module__.partition(".")[0] == tml_bench.__name__
    if not (ours and config.dataset_sha256.startswith(f"{SCHEME}:") and (code := package_code())):
        return ()
    return code, type(task).__module__, type(task).__qualname__


@cache
def package_code() -> str:
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
            for name in names:
                about = os.stat(os.path.join(folder, name))
                yield os.path.relpath(os.path.join(folder, name), root), about.st_size, about.st_mtime_ns
