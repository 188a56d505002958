"""What is installed on this machine, what is missing, and how to get it."""

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution, metadata, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from packaging.requirements import Requirement

from tml_bench import __version__
from tml_bench.errors import UserError
from tml_bench.plugins import adapter_class, adapter_names, load_task, shadowed, task_names
from tml_bench.runs.selection import Selection
from tml_bench.task import DataKind

if TYPE_CHECKING:
    from tml_bench.conformance.capacity import LiveLoad


@dataclass(frozen=True, slots=True)
class InstallationFinding:
    """One thing looked at: ``missing`` works without it, ``broken`` does not work.

    ``detail`` is its version, or how to put it right.
    """

    state: Literal["ok", "missing", "broken"]
    what: str
    detail: str


_ok = partial(InstallationFinding, "ok")
_broken = partial(InstallationFinding, "broken")


def findings(measure: "Callable[[], LiveLoad] | None" = None) -> Iterator[InstallationFinding]:
    """Look at the interpreter, the core, the extras, the tasks' data and the folder for results.

    ``measure`` tells what live sessions take (`capacity.measure`, 5 s); None not to say how many can be held.
    """
    yield _ok("tml-bench", f"{__version__} in {distribution('tml-bench').locate_file('')}")
    yield _ok("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield _ok("processors", f"{os.cpu_count()}")
    yield from _packages()
    yield from _tasks()
    yield from _adapters()
    if os.access(Path.cwd(), os.W_OK):
        yield _ok("results", f"{Path.cwd()} can be written")
    else:
        yield _broken("results", f"{Path.cwd()} cannot be written; give --out")
    if measure is not None:
        yield _live_sessions(measure)


def _live_sessions(measure: "Callable[[], LiveLoad]") -> InstallationFinding:
    from tml_bench.conformance.capacity import described, machine_room

    try:
        return _ok("live sessions", described(measure(), machine_room()))
    except (UserError, OSError) as error:
        return _broken("live sessions", str(error))


def _packages() -> Iterator[InstallationFinding]:
    by_extra: dict[str, list[str]] = {}
    extras = metadata("tml-bench").get_all("Provides-Extra") or []
    for line in requires("tml-bench") or ():
        requirement = Requirement(line)
        extra = next((e for e in extras if f'extra == "{e}"' in str(requirement.marker)), "")
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            by_extra.setdefault(extra, []).append(requirement.name)
    for extra, names in by_extra.items():
        label = f"extra [{extra}]" if extra else "core"
        absent = ", ".join(name for name in names if _version(name) is None)
        if absent and extra:
            yield InstallationFinding("missing", label, f"no {absent}; pip install 'tml-bench[{extra}]'")
        elif absent:
            yield _broken(label, f"no {absent}; pip install --force-reinstall tml-bench")
        else:
            yield _ok(label, ", ".join(f"{name} {_version(name)}" for name in names))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _tasks() -> Iterator[InstallationFinding]:
    for name in task_names():
        try:
            task = load_task(name)
            broken = [sample.problem for sample in Selection().of(task) if sample.problem]
        except UserError as error:
            yield _broken(f"task {name}", error.problem)
            continue
        if broken:
            yield _broken(f"task {name}", f"mini set: {broken[0]}")
        else:
            shipped = task.dataset(None)
            own = task.kind_of_data(shipped) is DataKind.OWN
            rest = "it is the whole set" if own else "official data by --data, see its card"
            yield _ok(f"task {name}", f"{shipped} ships; {rest}")
    yield from (_broken("a task", line) for line in shadowed("task"))


def _adapters() -> Iterator[InstallationFinding]:
    """Those that cannot be used; what the others need is told where they are used."""
    for name in adapter_names():
        try:
            adapter_class(name)
        except UserError as error:
            yield _broken(f"adapter {name}", error.problem)
    yield from (_broken("an adapter", line) for line in shadowed("adapter"))
