"""The command `merge`: parse, call, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from tml_bench.cli_common import amount_options, pool_options, print_scores, task_file_option
from tml_bench.cli_judge import PATH, judge_options
from tml_bench.terminal_text import say

if TYPE_CHECKING:
    from tml_bench.api.scores import ScoreOptions


@click.command()
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option(
    "--out", type=PATH, default=Path("results"), show_default=True, help="Folder for the whole runs."
)
@task_file_option
@amount_options
@judge_options
@pool_options
def merge(
    runs: tuple[Path, ...], out: Path, verbose: bool, quiet: bool, **options: Unpack[ScoreOptions]
) -> None:
    """Put parts of runs together that were made apart, such as shards, and score the whole.

    RUNS are the parts, or folders that hold them, such as the results of several machines; they stay as they
    are. Parts of one run differ in nothing but their samples.

    \b
    tml-bench run --suite mini --shard 1/2 --out one
    tml-bench run --suite mini --shard 2/2 --out two
    tml-bench merge one two --out results
    tml-bench report results
    """
    from tml_bench import api

    options["progress"] = api.Progress() if quiet else api.TerminalProgress(verbose=verbose)
    merged = api.merge(runs, out, **options)
    if not quiet:
        print_scores([run.summary for run in merged], verbose)
        for run in merged:
            say(f"{run.path}: {len(run.attempts)} samples")
    sys.exit(0 if all(run.complete for run in merged) else 3)
