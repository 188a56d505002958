"""One registry of tasks and adapters: entry points and ``path/to/file.py:Name``; loaded when asked for.

Built-ins are declared in this project's own ``pyproject.toml`` under the entry-point groups
``tml_bench.tasks`` and ``tml_bench.adapters``; other packages add theirs the same way.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import cast

from tml_bench.adapter import Adapter, LiveAdapter, StepAdapter
from tml_bench.errors import UserError
from tml_bench.redact import remember_named
from tml_bench.task import Task

Option = int | float | bool | str


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """An adapter as given on the command line: ``NAME`` or ``FILE.py:CLASS``, then options.

    Options follow a colon, separated by commas, as ``key=value`` or as bare values in the order of the
    adapter's parameters: ``delayed:400``, ``delayed:ms=400,audio_out=48000``, ``my.py:Model:device=cpu``,
    ``wire:ws://localhost:8765``. A comma in an address is written ``%2C``.

    Attributes:
        text: as given.
        target: the name, or the file and class.
        args: bare values.
        kwargs: named values.
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
    """Read an adapter as given on the command line; an option named like a secret is recorded nowhere.

    Raises:
        UserError: nothing is named.
    """
    # A host may end in .py too: only what stands before an address can be a file.
    file, dot_py, _ = text.partition("://")[0].rpartition(".py:")
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


def _registered(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=group), key=lambda point: point.name)}


def task_names() -> list[str]:
    """Names of the installed tasks."""
    return list(_registered("tml_bench.tasks"))


def suite_names() -> list[str]:
    """Names of the tasks that are run when none is named: all that are no further split of another."""
    points = _registered("tml_bench.tasks").items()
    return [name for name, point in points if not cast(type[Task], point.load()).split_of]


def adapter_names() -> list[str]:
    """Names of the installed adapters."""
    return list(_registered("tml_bench.adapters"))


def load_task(name: str) -> Task:
    """The task of that name.

    Raises:
        UserError: there is none; lists those there are.
    """
    point = _registered("tml_bench.tasks").get(name)
    if point is None:
        raise UserError(f"there is no task {name!r}", f"the installed tasks are {', '.join(task_names())}")
    return cast(Task, point.load()())


def adapter_class(target: str) -> type[StepAdapter] | type[LiveAdapter]:
    """The class behind an adapter's target.

    Raises:
        UserError: no such name, file or class, or it is neither a ``StepAdapter`` nor a ``LiveAdapter``.
    """
    if ".py:" in target:
        found = _from_file(target)
    else:
        point = _registered("tml_bench.adapters").get(target)
        if point is None:
            raise UserError(
                f"there is no adapter {target!r}",
                f"the installed adapters are {', '.join(adapter_names())}; your own is FILE.py:CLASS",
            )
        found = point.load()
    if not (isinstance(found, type) and issubclass(found, StepAdapter | LiveAdapter)):
        raise UserError(
            f"{target} is not a subclass of tml_bench.adapter.StepAdapter or LiveAdapter", "make it one"
        )
    return found


def _from_file(target: str) -> object:
    file, _, name = target.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise UserError(
            f"{path} does not exist", "give the path of a Python file, then a colon and the class"
        )
    module_name = f"tml_bench_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UserError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        raise UserError(f"{path} has no {name!r}", "name a class defined in that file")
    return getattr(module, name)


def fitting_class(spec: AdapterSpec) -> type[StepAdapter] | type[LiveAdapter]:
    """The adapter's class, its options checked without creating it, which may load weights.

    Raises:
        UserError: as ``adapter_class``, or an option does not exist, or is a word where a number or a truth
            value is declared.
    """
    made = adapter_class(spec.target)
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
    return made


def make_adapter(spec: AdapterSpec) -> Adapter:
    """Create the adapter.

    Raises:
        UserError: as ``adapter_class``, or its options do not fit.
    """
    made = fitting_class(spec)
    try:
        return made(*spec.args, **spec.kwargs)
    except TypeError as error:
        raise UserError(f"adapter {spec.text!r}: {error}", "see `tml-bench list adapters`") from error
