"""What is installed, as lines for the terminal."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from tml_bench.errors import UserError
from tml_bench.plugins import adapter_class, adapter_names, load_task, shadowed, task_names


def task_lines() -> Iterator[str]:
    """Each task with its subsets, metrics and where its data comes from."""
    for name in task_names():
        try:
            task = load_task(name)
        except UserError as error:
            yield f"{name}: cannot be used: {error.problem}"
            continue
        yield f"{name}: {task.title}"
        yield f"  subsets: {', '.join(task.subsets)}"
        for metric in task.metrics:
            unit = f" ({metric.unit})" if metric.unit else ""
            yield f"  {metric.name}{unit}, {metric.family}, {metric.direction} is better: {metric.describes}"
        for what, why in task.not_run.items():
            yield f"  not run: {what}: {why}"
        yield from (f"  {line}".rstrip() for line in task.data_help.splitlines())
    yield from shadowed("task")


def adapter_lines() -> Iterator[str]:
    """Each adapter with its options and what it does."""
    for name in adapter_names():
        try:
            made = adapter_class(name)
        except UserError as error:
            yield f"{name}: cannot be used: {error.problem}"
            continue
        options = ", ".join(
            parameter.name
            if parameter.default is parameter.empty
            else f"{parameter.name}={parameter.default}"
            for parameter in inspect.signature(made).parameters.values()
        )
        first = (inspect.getdoc(made) or "").splitlines()[0:1]
        shown = " [is shown what is expected]" if made.privileged else ""
        yield f"{name}:{options}".rstrip(":") + f"  {''.join(first)}{shown}"
    yield from shadowed("adapter")
    yield "your own: path/to/file.py:CLASS, options after a colon, such as my.py:Model:device=cpu,seed=1"
