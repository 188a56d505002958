"""The `run` command: parse, call, print."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import click

from tml_bench.cli_common import Command, amount_options, pool_options, print_scores, show_error
from tml_bench.cli_config import ConfiguredCommand, GroupEnd, PlugInName, config_options
from tml_bench.cli_cost import cost_options
from tml_bench.cli_executor import executor_options
from tml_bench.cli_judge import COUNT, PATH, judge_options
from tml_bench.cli_place import PLACE
from tml_bench.terminal_text import say
from tml_bench.tool_latency import TOOL_LATENCIES

if TYPE_CHECKING:
    from tml_bench.api.running import RunOptions
    from tml_bench.configuration.layers import Defaults


HEADINGS = {
    "What is run": (
        "suite",
        "tasks",
        "adapters",
        "places",
        "allow_outside",
        "subsets",
        "limit",
        "samples",
        "shard",
        "epochs",
        "skip_unfit",
    ),
    "How": (
        "tick_ms",
        "compute",
        "replay",
        "network",
        "tool_latency",
        "user",
        "user_cache",
        "replay_user",
        "loop",
        "seed",
        "max_session_s",
        "step_timeout_s",
        "jobs",
    ),
    "What runs sessions": ("executor", "gpus", "actors", "actor_cpus", "actor_gpus"),
    "What it costs": ("dry_run", "official", "as_json", "budget", "prices"),
    "Live services": ("concurrency", "rate", "max_wait_s", "preflight"),
    "Where, and what was recorded before": ("out", "tag_texts", "fresh", "retry_errors", "fail_fast"),
    "Scores": ("words", "judge", "judge_cache", "judge_calls", "judge_tokens"),
    "Configuration, and what is printed": ("config", "print_config", "verbose", "quiet", "help"),
}


_ALL_OF_IT = "a quick look, at a few samples of every part; all that ships: tml-bench run --suite mini"


class RunCommand(ConfiguredCommand):
    """The command `run`."""

    headings = HEADINGS
    began_s = 0.0
    quick = False

    def invoke(self, ctx: click.Context) -> None:
        """Run every group, and remember since when."""
        self.began_s = time.monotonic()
        super().invoke(ctx)

    def check(self, asked: Mapping[str, Any], layer: Defaults, *, alone: bool) -> None:
        """Say at once what data is missing, and of several groups also what cannot be loaded."""
        from tml_bench.configuration.data_places import data_places
        from tml_bench.configuration.presets import FULL, QUICK, check_official
        from tml_bench.plugins import fitting_class, load_task, parse_adapter_spec

        self.quick = layer.suite == QUICK
        places = data_places([str(text) for text in asked["places"]])
        if layer.suite == FULL:
            check_official(asked["tasks"], places if isinstance(places, dict) else {})
        for name in () if alone else asked["tasks"]:
            load_task(name)
        for name in () if alone else asked["adapters"]:
            fitting_class(parse_adapter_spec(name))

    def ending(self, asked: Mapping[str, Any], ends: Sequence[GroupEnd]) -> None:
        """Write the report, print the board, and end with the exit code."""
        from tml_bench import api
        from tml_bench.scoring.epochs import united

        runs = [run for end in ends for run in end.runs]
        errors = [error for end in ends for error in end.errors]
        if runs:
            summaries = united(run.summary for run in runs)
            page = api.report_beside(runs, asked["out"])
            if not asked["quiet"]:
                print_scores(summaries, asked["verbose"])
                say(f"{_duration(time.monotonic() - self.began_s)}; report: {page}")
        if self.quick and not asked["quiet"]:
            say(_ALL_OF_IT, err=True)
        for error in dict.fromkeys(errors):
            show_error(error)
        sys.exit(2 if errors else 0 if all(run.complete for run in runs) else 3)


def choice_options(command: Command) -> Command:
    """Give a command the options that choose among samples, repeat them, and name the runs."""
    for option in (
        click.option(
            "--tag", "tag_texts", multiple=True,
            help="NAME=VALUE or a text that names the runs, for report --tag; repeatable.",
        ),
        click.option(
            "--epochs", type=click.IntRange(1), default=1, show_default=True,
            help="Run every sample so many times, each time with a seed of its own.",
        ),
        click.option(
            "--shard", default="", metavar="I/N",
            help="Only part I of N of the samples; `tml-bench merge` puts the parts together.",
        ),
        click.option("--sample", "samples", multiple=True, help="Only the sample of this id; repeatable."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(cls=RunCommand)
@click.option(
    "--task",
    "tasks",
    type=PlugInName("task"),
    multiple=True,
    help="NAME or FILE.py:CLASS; repeatable. [default: all but test splits]",
)
@click.option(
    "--adapter", "adapters", type=PlugInName("adapter"), multiple=True,
    help="NAME or FILE.py:CLASS, with options after a colon; repeatable. [default: the reference adapters]",
)  # fmt: skip
@click.option(
    "--data", "places", type=PATH, multiple=True,
    help="Folder of the official data, or TASK=FOLDER, repeatable. [default: mini set]",
)  # fmt: skip
@click.option(
    "--allow-outside", is_flag=True,
    help="Also play files that lie outside the data's folder, through links or paths in annotations.",
)  # fmt: skip
@click.option("--subset", "subsets", multiple=True, help="Only this part of the task; repeatable.")
@click.option("--limit", type=COUNT, default=0, help="At most so many samples a subset; 0 is all.")
@choice_options
@click.option(
    "--skip-unfit", is_flag=True,
    help="Leave out tasks that an adapter cannot run, and say so. [default: where no task is named]",
)  # fmt: skip
@click.option(
    "--tick", "tick_ms", type=int, default=200, show_default=True, help="Micro-turn in ms, 20 to 1000."
)
@click.option(
    "--compute", type=click.Choice(["ideal", "charged", "recorded"]), default="ideal", show_default=True,
    help="Charge nothing, the measured time of each step, or that of an earlier run.",
)  # fmt: skip
@click.option("--replay", type=PATH, help="Run whose compute --compute recorded takes.")
@click.option("--network", default="ideal", show_default=True, help="wifi, 4g, bad, or a profile .toml.")
@click.option(
    "--tool-latency", default="", type=click.Choice(["", *TOOL_LATENCIES]), show_choices=False,
    help=f"How long functions take: {', '.join(TOOL_LATENCIES)}. [default: what the task says]",
)  # fmt: skip
@click.option(
    "--user", default="staged", show_default=True,
    help="Who plays the scenarios of closed-loop tasks: staged, or llm:model=NAME,base_url=URL.",
)  # fmt: skip
@click.option("--user-cache", type=PATH, help="Earlier run from which the user's words and voice are taken.")
@click.option(
    "--replay-user",
    type=PATH,
    help="Run whose simulated users' lines are played again, whatever is answered.",
)
@click.option(
    "--loop", default="", type=click.Choice(["", "closed"]), show_choices=False,
    help="closed: the user's turns wait for the model, where tasks have this form. [default: as they are]",
)  # fmt: skip
@click.option(
    "--concurrency", type=click.IntRange(1), default=4, show_default=True,
    help="Live services: sessions at once, with each.",
)  # fmt: skip
@click.option(
    "--rate", type=click.FloatRange(0), default=0.0,
    help="Live services: sessions started a minute, with each; 0: any.",
)  # fmt: skip
@click.option(
    "--max-wait", "max_wait_s", type=click.FloatRange(0), default=300.0, show_default=True,
    help="Seconds for which a service that is away or busy is waited for before it is given up.",
)  # fmt: skip
@click.option(
    "--fail-fast", type=COUNT, default=0,
    help="End a run after so many samples that are not valid; 0 is never.",
)  # fmt: skip
@click.option(
    "--preflight/--no-preflight", default=True, show_default=True,
    help="Live services: hold a short session before a run.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--max-session", "max_session_s", type=float, default=7200.0, show_default=True,
    help="Limit of a session, s.",
)  # fmt: skip
@click.option(
    "--out", type=PLACE, default=Path("results"), show_default=True,
    help="Folder, or address of shared storage, for the runs and the report.",
)  # fmt: skip
@click.option("--fresh", is_flag=True, help="Remove what these runs have recorded before, and start over.")
@click.option("--retry-errors", is_flag=True, help="Try again samples that ended in an adapter error.")
@cost_options
@amount_options
@judge_options
@executor_options
@pool_options
@config_options
def run(
    tasks: tuple[str, ...], adapters: tuple[str, ...], places: tuple[Path, ...], tag_texts: tuple[str, ...],
    verbose: bool, quiet: bool,
    **options: Unpack[RunOptions],
) -> GroupEnd:  # fmt: skip
    """Run models on tasks, score them, print the board and write the report.

    Without anything it is a quick look: a few samples of every part of what ships, with three rulers.

    Each pair of task and adapter is one run, a folder under --out, named also after settings that are not
    the usual ones. The same command continues what was interrupted and reuses what is done; a run whose
    adapter, server or data has changed is refused.

    \b
    tml-bench run
    tml-bench run --suite mini --adapter path/to/my.py:MyModel
    tml-bench run --task fd-bench-v1 --adapter delayed:400 --adapter silent
    tml-bench run --adapter path/to/my.py:MyModel --compute charged
    tml-bench run --adapter my.py:MyModel:device=cuda,audio_out=24000 --data /data/full-duplex-bench
    tml-bench run --adapter my.py:M --executor ray:address=auto --actors 16 --actor-gpus 0.5
    tml-bench run --adapter my.py:M --gpus 0,1,2,3
    tml-bench run --task charades --adapter my.py:M --compute charged
    tml-bench run --task charades --adapter my.py:M --compute recorded --replay results/charades-...--charged
    tml-bench run --adapter openai-realtime --dry-run
    tml-bench run --adapter openai-realtime --budget 5
    tml-bench run --adapter my.py:MyModel --judge openai:model=gpt-5.4-mini --judge-calls 2000
    """
    from tml_bench import api
    from tml_bench.configuration.data_places import data_places
    from tml_bench.runs.tags import parse_tags

    options["tags"] = parse_tags(tag_texts)
    options["data"] = data_places([str(text) for text in places])
    options["progress"] = api.Progress() if quiet else api.TerminalProgress(verbose=verbose, failures=False)
    try:
        return GroupEnd(api.run(list(tasks) or None, list(adapters) or None, **options), ())
    except api.UnfinishedRunsError as unfinished:
        return GroupEnd(unfinished.runs, unfinished.errors)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"took {minutes} min {rest} s" if minutes else f"took {seconds:.1f} s"
