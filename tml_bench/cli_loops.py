"""The command `loops`: parse, call, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from tml_bench.cli_common import pool_options
from tml_bench.cli_config import PlugInName
from tml_bench.cli_judge import COUNT, PATH, judge_options
from tml_bench.terminal_text import say

if TYPE_CHECKING:
    from tml_bench.api.running import RunOptions


@click.command()
@click.option(
    "--task", type=PlugInName("task"), required=True, help="NAME or FILE.py:CLASS, with a closed loop."
)
@click.option(
    "--adapter", type=PlugInName("adapter"), required=True,
    help="NAME or FILE.py:CLASS, with options after a colon.",
)  # fmt: skip
@click.option("--data", type=PATH, help="Folder of the official data. [default: mini set]")
@click.option("--subset", "subsets", multiple=True, help="Only this part of the task; repeatable.")
@click.option("--limit", type=COUNT, default=0, help="At most so many samples a subset; 0 is all.")
@click.option("--sample", "samples", multiple=True, help="Only the sample of this id; repeatable.")
@click.option(
    "--epochs", type=click.IntRange(1), default=1, show_default=True,
    help="Run every sample so many times in each loop; from 2 on the table has A against A.",
)  # fmt: skip
@click.option(
    "--tick", "tick_ms", type=int, default=200, show_default=True, help="Micro-turn in ms, 20 to 1000."
)
@click.option(
    "--compute", type=click.Choice(["ideal", "charged"]), default="ideal", show_default=True,
    help="Charge nothing, or the measured time of each step.",
)  # fmt: skip
@click.option("--network", default="ideal", show_default=True, help="wifi, 4g, bad, or a profile .toml.")
@click.option(
    "--concurrency", type=click.IntRange(1), default=4, show_default=True,
    help="Live services: sessions at once.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--out", type=PATH, default=Path("results"), show_default=True, help="Folder for the runs and the table."
)
@click.option("--fresh", is_flag=True, help="Remove what these runs have recorded before, and start over.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@judge_options
@pool_options
def loops(task: str, adapter: str, quiet: bool, **options: Unpack[RunOptions]) -> None:
    """Run a model on a task in open and in closed loop, and say what differs.

    In open loop the user talks at fixed times, or to answers that are not the model's; in closed loop the
    user's turns wait for what the model itself does. Both are runs under --out, which the same command
    continues; the table stands beside them as Markdown, CSV and JSON.

    \b
    tml-bench loops --task fd-bench-v1 --adapter cascade --epochs 2
    tml-bench loops --task audio-multichallenge --adapter openai-realtime --judge openai:model=gpt-5.4-mini
    """
    from tml_bench import api
    from tml_bench.report.loops import print_loops

    options["progress"] = api.Progress() if quiet else api.TerminalProgress(failures=False)
    table, page = api.loops(task, adapter, **options)
    if not quiet:
        print_loops(table)
        say(f"table: {page}")
    sys.exit(0 if table.complete else 3)
