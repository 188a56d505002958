"""One registry of tasks and adapters: entry points and ``path/to/file.py:Name``; loaded when asked for.

Built-ins are declared in this project's own ``pyproject.toml`` under the entry-point groups
``tml_bench.tasks`` and ``tml_bench.adapters``; other packages add theirs the same way. One that cannot be
imported, or is not what it must be, is a `UserError` for whoever asks for it and nothing for all others.
"""

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import UnionType
from typing import Literal

from tml_bench.adapter import Adapter, LiveAdapter, StepAdapter, VideoSpec, WrapsAnother
from tml_bench.blame import in_one_line
from tml_bench.code_digest import code_sha256
from tml_bench.errors import UserError
from tml_bench.names import PLUGIN_NAME, is_plugin_name
from tml_bench.plugin_files import from_file
from tml_bench.redact import cut, remember_named
from tml_bench.task import Metric, Task

AdapterClass = type[StepAdapter] | type[LiveAdapter]
Option = int | float | bool | str
PlugInKind = Literal["task", "adapter"]
Shape = type | UnionType

"""Names that may name folders."""
_NAMED = re.compile(rf"{PLUGIN_NAME}:(?!\\)")  # with a backslash it is a drive
TASK_SHAPE: dict[str, Shape] = {"name": str, "title": str, "data_help": str, "not_run": Mapping}
TASK_ITEMS: dict[str, Shape] = {"subsets": str, "metrics": Metric, "headline": str}
ADAPTER_SHAPE: dict[str, Shape] = {
    "audio_in": int, "audio_out": int, "video_in": VideoSpec | None, "privileged": bool,
    "takes_history": bool,
}  # fmt: skip
"""What must hold before anything is run; the rest is found by ``check-task`` and ``check-adapter``."""


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """An adapter as given on the command line: ``NAME`` or ``FILE.py:CLASS``, then options.

    Options follow a colon, separated by commas, as ``key=value`` or as bare values in the order of the
    adapter's parameters: ``delayed:400``, ``delayed:ms=400,audio_out=48000``, ``my.py:Model:device=cpu``,
    ``wire:ws://localhost:8765``. A comma in an address is written ``%2C``. ``target`` is the name,
    or the file and class.
    """

    text: str
    target: str
    args: tuple[Option, ...]
    kwargs: dict[str, Option]

    @property
    def slug(self) -> str:
        """A name for folders: the class for adapters from a file, with the options."""
        name = Path(self.target.partition(".py:")[0]).name if ".py:" in self.target else self.target
        tail = self.text.partition(self.target)[2]
        klass = self.target.partition(".py:")[2]
        return re.sub(r"[^A-Za-z0-9._=-]+", "-", "-".join(p for p in (name, klass) if p) + tail).strip("-")


def parse_adapter_spec(text: str) -> AdapterSpec:
    """Read an adapter as given on the command line; to name none is a ``UserError``.

    An option named like a secret is recorded nowhere.
    """
    # A host may end in .py too: only what stands before an address can be a file.
    file, dot_py, _ = text.partition("://")[0].rpartition(".py:")
    if (name := _NAMED.match(text)) and not name[0].endswith(".py:"):
        file = dot_py = ""  # it stands in an option
    head, _, options = text[len(file) + len(dot_py) :].partition(":")
    target = f"{file}{dot_py}{head}"
    if not head:
        raise UserError(f"adapter {text!r} names nothing", "give NAME or FILE.py:CLASS")
    args: list[Option] = []
    kwargs: dict[str, Option] = {}
    for item in filter(None, options.split(",")):
        key, equals, value = item.partition("=")
        if equals and key.strip().isidentifier():
            kwargs[key.strip()] = _value(value)
            remember_named(key, kwargs[key.strip()])
        else:
            args.append(_value(item))
            remember_named("", args[-1])
    return AdapterSpec(text, target, tuple(args), kwargs)


def _value(text: str) -> Option:
    text = text.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


_given: dict[str, Adapter | AdapterClass] = {}


@contextmanager
def given_adapters(adapters: Mapping[str, Adapter | AdapterClass]) -> Iterator[None]:
    """Let adapters of this process alone, by name, be named like others while the context lasts.

    They are classes, which are made without options, and objects.
    """
    _given.update(adapters)
    try:
        yield
    finally:
        for name in adapters:
            del _given[name]


def given_sha256(name: str) -> str:
    """The hash of the code of an adapter that was given; empty for any other."""
    return code_sha256(_given[name]) if name in _given else ""


def registered(kind: PlugInKind) -> dict[str, EntryPoint]:
    """Entry points by name; where several have one name, this harness's own comes first."""
    return dict(_registered(kind, tuple(sys.path)))


@lru_cache(maxsize=8)
def _registered(kind: PlugInKind, path: tuple[str, ...]) -> Mapping[str, EntryPoint]:
    """Those that ``path`` leads to; kept, since every session asks, and reading them takes 5 ms or more."""
    found: dict[str, EntryPoint] = {}
    points = entry_points(group=f"tml_bench.{kind}s")
    for point in sorted(points, key=lambda p: (p.name, p.dist is None or p.dist.name != "tml-bench")):
        found.setdefault(point.name, point)
    return found


def shadowed(kind: PlugInKind) -> list[str]:
    """A line for every installed plug-in whose name another has."""
    used = registered(kind)
    return [
        f"{point.name}{_of(point)}: not used: {_of(used[point.name]).strip() or 'another'} has that name"
        for point in entry_points(group=f"tml_bench.{kind}s")
        if point != used[point.name]
    ]


def _of(point: EntryPoint) -> str:
    return f" of {point.dist.name} {point.dist.version}" if point.dist is not None else ""


def _loaded(kind: PlugInKind, name: str) -> object:
    """What the file or the entry point of that name holds; a ``UserError`` if there is none that imports."""
    if ".py:" in name:
        return from_file(name)
    points = registered(kind)
    if name not in points:
        raise UserError(
            f"there is no {kind} {name!r}",
            f"the installed {kind}s are {', '.join(points)}; your own is FILE.py:CLASS",
        )
    try:
        return points[name].load()
    except (Exception, SystemExit) as error:
        raise UserError(
            f"{kind} {name!r}{_of(points[name])} cannot be imported: {in_one_line(error)}",
            "repair or uninstall it",
        ) from error


def task_names() -> list[str]:
    """Names of the installed tasks, those that cannot be loaded included."""
    return list(registered("task"))


def suite_names() -> list[str]:
    """Names of the tasks that are run when none is named: all that are no further split of another."""
    return [name for name in task_names() if not _is_split(name)]


def _is_split(name: str) -> bool:
    try:
        return bool(_task_class(name).split_of)
    except UserError:
        return False  # whoever loads it is told


def adapter_names() -> list[str]:
    """Names of the installed adapters, those that cannot be loaded included."""
    return list(registered("adapter"))


_named_files: set[str] = set()
"""Tasks from files that the user has named to this process, as `task_place` has them."""


def is_named(place: str) -> bool:
    """Whether the task of a file, as `task_place` has it, was named to this process by its user."""
    return place in _named_files


def load_task(name: str) -> Task:
    """The task of that name, or of ``FILE.py:CLASS``, whose code is run: only for what the user has named.

    Raises:
        UserError: there is none (lists those there are), it cannot be imported or made, or it is not as
            `Task` declares.
    """
    if place := task_place(name):
        _named_files.add(place)
    made = _task_class(name)
    try:
        task = made()
        _check_kind(f"task {name!r}: what dataset() gives", task.dataset(None), str)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"task {name!r} cannot be made: {in_one_line(error)}", "repair it") from error
    for attribute, kind in TASK_SHAPE.items():
        _check_shape(f"task {name!r}", task, attribute, kind)
    for attribute, kind in TASK_ITEMS.items():
        _check_shape(f"task {name!r}", task, attribute, tuple)
        for item in getattr(task, attribute):
            _check_kind(f"task {name!r}: an item of {attribute}", item, kind)
    if not is_plugin_name(task.name) or (".py:" not in name and task.name != name):
        raise UserError(
            f"task {name!r} has the name {task.name!r}",
            "give it that of its entry point; letters, digits, dots, - and _ name folders",
        )
    return task


def task_place(name: str) -> str:
    """Where the task ``FILE.py:CLASS`` is found again from any folder; empty for an installed one."""
    file, _, made = name.rpartition(":")
    return f"{Path(file).resolve()}:{made}" if ".py:" in name else ""


def _task_class(name: str) -> type[Task]:
    found = _loaded("task", name)
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise UserError(f"{name} is not a subclass of tml_bench.task.Task", "make it one")
    return found


def _check_shape(what: str, found: object, attribute: str, kind: Shape) -> None:
    if not hasattr(found, attribute):
        raise UserError(f"{what} has no {attribute}", "declare it, see the docstring of its base class")
    _check_kind(f"{what}: {attribute}", getattr(found, attribute), kind)


def _check_kind(what: str, value: object, kind: Shape) -> None:
    if not isinstance(value, kind | property):  # what a property gives is known of an instance alone
        raise UserError(
            f"{what} is {cut(str(value), 60)!r}, a {type(value).__name__}",
            f"make it {getattr(kind, '__name__', kind)}",
        )


def adapter_class(target: str) -> AdapterClass:
    """The class behind an adapter's target.

    Raises:
        UserError: no such name, file or class, it cannot be imported, it is neither a ``StepAdapter`` nor a
            ``LiveAdapter``, or it is not as these declare.
    """
    given = _given.get(target)
    if isinstance(given, StepAdapter | LiveAdapter):
        return type(given)
    found = given or _loaded("adapter", target)
    if not (isinstance(found, type) and issubclass(found, StepAdapter | LiveAdapter)):
        raise UserError(
            f"{target} is not a subclass of tml_bench.adapter.StepAdapter or LiveAdapter", "make it one"
        )
    if absent := found.__abstractmethods__:
        raise UserError(f"{target} has no {', '.join(sorted(absent))}", "define it")
    for attribute, kind in ADAPTER_SHAPE.items():
        _check_shape(f"adapter {target}", found, attribute, kind)
    return found


def fitting_class(spec: AdapterSpec) -> AdapterClass:
    """The adapter's class, its options checked without creating it, which may load weights.

    Raises:
        UserError: as ``adapter_class``, or an option does not exist, or is a word where a number or a truth
            value is declared, or what it wraps does not fit.
    """
    made = adapter_class(spec.target)
    if isinstance(_given.get(spec.target), StepAdapter | LiveAdapter):
        return made
    signature = inspect.signature(made)
    options = ", ".join(str(option).replace("'", "") for option in signature.parameters.values())
    remedy = f"its options are {options or 'none'}"
    try:
        given = signature.bind(*spec.args, **spec.kwargs).arguments
    except TypeError as error:
        raise UserError(f"adapter {spec.text!r}: {error}", remedy) from None
    for name, value in given.items():
        declared = signature.parameters[name].annotation
        kind = next((k for k in (int, float, bool) if declared in (k, k.__name__)), None)
        if kind and isinstance(value, str):
            raise UserError(f"adapter {spec.text!r}: {name}={value} is no {kind.__name__}", remedy)
    return made.class_for(given) if issubclass(made, WrapsAnother) else made


def asked_model(spec: AdapterSpec) -> str:
    """The model that sessions with an adapter would be held with; empty where that is not known.

    Raises:
        UserError: as ``fitting_class``.
    """
    made = fitting_class(spec)
    if not issubclass(made, LiveAdapter):
        return str(spec.kwargs.get("model", ""))
    given = inspect.signature(made).bind(*spec.args, **spec.kwargs)
    given.apply_defaults()
    return made.asked_model(given.arguments)


def make_adapter(spec: AdapterSpec) -> Adapter:
    """Create the adapter; a ``UserError`` as ``fitting_class``, or where its options do not fit."""
    made = fitting_class(spec)
    given = _given.get(spec.target)
    if isinstance(given, StepAdapter | LiveAdapter):
        return given
    try:
        return made(*spec.args, **spec.kwargs)
    except TypeError as error:
        raise UserError(f"adapter {spec.text!r}: {error}", "see `tml-bench list adapters`") from error
