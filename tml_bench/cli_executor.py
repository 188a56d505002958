"""Options that say where sessions run."""

from collections.abc import Callable
from typing import TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., object])


def executor_options(command: Command) -> Command:
    """Give a command the options of `tml_bench.run` about executors, under the same names."""
    for option in (
        click.option(
            "--actor-gpus", type=click.FloatRange(0),
            help="Ray: GPUs kept for each actor, 0.5 too; without, it sees none.",
        ),
        click.option(
            "--actor-cpus", type=click.FloatRange(0),
            help="Ray: processors kept for each actor, 0.5 too. [default: 1]",
        ),
        click.option(
            "--actors", type=click.IntRange(1),
            help="Ray: most actors. [default: as many as there is room for]",
        ),
        click.option(
            "--gpus", default="", metavar="DEVICES",
            help="Local: devices such as 0,1, of which each process that runs sessions sees one, in turn; "
            "0+1,2+3 for two each. [default: all see what the command sees]",
        ),
        click.option(
            "--executor", default="local", show_default=True,
            help="What runs sessions: local processes; ray, in RAY_ADDRESS or else started here; "
            "ray:address=HOST:PORT, or auto.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command
