"""What several commands have in common: options, and how errors and scores are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from tml_bench.errors import UserError
from tml_bench.redact import redacted
from tml_bench.terminal_text import say

if TYPE_CHECKING:
    from tml_bench.scoring.summary import Summary

Command = TypeVar("Command", bound=Callable[..., object])


def show_error(error: UserError) -> None:
    """Print what is wrong and what to do about it."""
    say(f"error: {redacted(error.problem)}", fg="red", err=True)
    if error.remedy:
        say(f"  {redacted(error.remedy)}", err=True)


def pool_options(command: Command) -> Command:
    """Give a command the options about processes and words."""
    for option in (
        click.option("--jobs", type=click.IntRange(1), help="Processes. [default: processors, at most 8]"),
        click.option(
            "--step-timeout", "step_timeout_s", type=click.FloatRange(0, min_open=True), default=60.0,
            show_default=True, help="Seconds after which a step is taken to hang.",
        ),
        click.option(
            "--words", type=click.Choice(["auto", "transcript", "asr"]), default="auto", show_default=True,
            help="Words from the adapter's transcript, else local recognition (auto); or only from one.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


task_file_option = click.option(
    "--task-file", "task_files", multiple=True, metavar="FILE.py:CLASS",
    help="Run the code of this task where runs name it; repeatable. Other files that they name are not run.",
)  # fmt: skip
"""Gives a command the option that says which files of tasks may be run because runs name them."""


def amount_options(command: Command) -> Command:
    """Give a command the options that say how much is printed."""
    for option in (
        click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors."),
        click.option(
            "--verbose", "-v", is_flag=True, help="Print the tables of every task before the board."
        ),
    ):
        command = option(command)
    return command


def print_scores(summaries: Sequence[Summary], verbose: bool) -> None:
    """The board; before it with ``verbose`` the tables behind it."""
    from tml_bench.report.terminal import print_board, print_tables

    if verbose:
        print_tables(summaries)
    print_board(summaries)
