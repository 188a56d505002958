"""Options of ``run`` about what it costs: parse, call, print."""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from tml_bench.cli_config import GroupEnd
from tml_bench.terminal_text import say

Command = TypeVar("Command", bound=Callable[..., object])


prices_option = click.option(
    "--prices", type=click.Path(path_type=Path),
    help="A table of prices of your own, beside the one that ships (docs/cost.md).",
)  # fmt: skip
"""Gives a command the option about prices."""


def cost_options(command: Command) -> Command:
    """Give ``run`` the options about cost; with ``--dry-run`` it is not called, and what it takes is said."""

    @wraps(command)
    def wrapped(
        tasks: Sequence[str], adapters: Sequence[str], *, dry_run: bool, official: bool, as_json: bool,
        **options: Any,
    ) -> object:  # fmt: skip
        if not dry_run:
            if official or as_json:
                raise click.UsageError("--official and --json belong to --dry-run")
            return command(tasks=tasks, adapters=adapters, **options)
        _print_estimates(list(tasks) or None, list(adapters) or None, official, as_json, options)
        return GroupEnd((), ())

    found: Callable[..., object] = wrapped
    for option in (
        click.option("--json", "as_json", is_flag=True, help="With --dry-run: print JSON."),
        click.option(
            "--official", is_flag=True,
            help="With --dry-run: for the whole official data of each task, which need not be there.",
        ),
        prices_option,
        click.option(
            "--budget", metavar="AMOUNT", default=None,
            help="End before a session would pass it: money (5), 200000tokens or 30min.",
        ),
        click.option(
            "--dry-run", is_flag=True,
            help="Say what it would take, and run nothing: sessions, minutes, tokens, time, money.",
        ),
    ):  # fmt: skip
        found = option(found)
    return cast(Command, found)


def _print_estimates(
    tasks: list[str] | None, adapters: list[str] | None, official: bool, as_json: bool,
    options: dict[str, Any],
) -> None:  # fmt: skip
    from tml_bench import api
    from tml_bench.configuration.data_places import data_places
    from tml_bench.report.estimate_text import estimate_lines

    progress = api.Progress() if options.pop("quiet") or as_json else api.TerminalProgress()
    for unused in ("verbose", "tag_texts", "judge_cache", "judge_calls", "judge_tokens"):
        options.pop(unused)
    options["data"] = data_places([str(text) for text in options.pop("places")])
    estimates = api.estimate(tasks, adapters, official=official, progress=progress, **options)
    if as_json:
        import msgspec

        say(msgspec.json.format(msgspec.json.encode(estimates)).decode())
        return
    for line in estimate_lines(estimates):
        say(line)
