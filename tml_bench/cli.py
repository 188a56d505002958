"""The command line: parse, call, print."""

from __future__ import annotations

import errno
import gc
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, Unpack

import click

from tml_bench import __version__
from tml_bench.cli_check import check_adapter, check_task, doctor, selftest
from tml_bench.cli_compare import compare
from tml_bench.cli_cost import cost_options, prices_option
from tml_bench.cli_data import import_, inspect, list_, prepare
from tml_bench.cli_judge import COUNT, PATH, judge, judge_options
from tml_bench.cli_view import view
from tml_bench.errors import UserError
from tml_bench.redact import redacted
from tml_bench.terminal_text import say

if TYPE_CHECKING:
    from tml_bench.api.running import RunOptions
    from tml_bench.api.scores import ScoreOptions
    from tml_bench.scoring.summary import Summary

EXIT_CODES = """\b
Exit codes:
  0    done
  1    a check failed (selftest, doctor, check-adapter, check-task, compare)
  2    wrong usage, or something you can put right; the message says what
  3    done, but some samples have no valid outcome; what stands below the board says which
  130  stopped by Ctrl-C; the same command continues
"""

Command = TypeVar("Command", bound=Callable[..., object])

UNWRITABLE = frozenset(
    (
        errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR,
        errno.EEXIST,
    )
)  # fmt: skip
"""What the system says where a file or folder cannot be written."""


def show_error(error: UserError) -> None:
    """Print what is wrong and what to do about it."""
    say(f"error: {redacted(error.problem)}", fg="red", err=True)
    if error.remedy:
        say(f"  {redacted(error.remedy)}", err=True)


class CommandGroup(click.Group):
    """Shows errors that people can put right, a full disk too, in one line, and Ctrl-C as what it is."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            show_error(error)
            sys.exit(2)
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            where = f"{error.filename}: " if error.filename else ""
            say(f"error: {where}{error.strerror}", fg="red", err=True)
            say("  make room or choose another folder; the same command continues", err=True)
            sys.exit(2)
        except (KeyboardInterrupt, click.Abort):
            say("\nstopped; nothing finished is lost, the same command continues", err=True)
            sys.exit(130)


@click.group(cls=CommandGroup, epilog=EXIT_CODES, context_settings={"max_content_width": 100})
@click.version_option(__version__, prog_name="tml-bench")
def main() -> None:
    """Measure how well a realtime model interacts: what it says and when, on one honest clock.

    \b
    tml-bench run                                  the mini suite with the reference adapters, no key needed
    tml-bench run --adapter my_model.py:MyModel    your own model
    tml-bench list tasks                           what can be measured
    tml-bench COMMAND --help                       options and examples of a command
    """
    # Words and scores are many and never in circles; looking for circles took a tenth of the time to score.
    gc.set_threshold(50_000, 20, 50)


def _pool_options(command: Command) -> Command:
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


def _amount_options(command: Command) -> Command:
    for option in (
        click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors."),
        click.option(
            "--verbose", "-v", is_flag=True, help="Print the tables of every task before the board."
        ),
    ):
        command = option(command)
    return command


@main.command()
@click.option(
    "--task", "tasks", multiple=True, help="NAME or FILE.py:CLASS; repeatable. [default: all but test splits]"
)
@click.option(
    "--adapter", "adapters", multiple=True,
    help="NAME or FILE.py:CLASS, with options after a colon; repeatable. [default: the reference adapters]",
)  # fmt: skip
@click.option("--data", type=PATH, help="Folder of the official data. [default: mini set]")
@click.option("--subset", "subsets", multiple=True, help="Only this part of the task; repeatable.")
@click.option("--limit", type=COUNT, default=0, help="At most so many samples a subset; 0 is all.")
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
    "--out", type=PATH, default=Path("results"), show_default=True, help="Folder for the runs and the report."
)
@click.option("--fresh", is_flag=True, help="Remove what these runs have recorded before, and start over.")
@click.option("--retry-errors", is_flag=True, help="Try again samples that ended in an adapter error.")
@cost_options
@_amount_options
@judge_options
@_pool_options
def run(
    tasks: tuple[str, ...], adapters: tuple[str, ...], verbose: bool, quiet: bool,
    **options: Unpack[RunOptions],
) -> None:  # fmt: skip
    """Run models on tasks, score them, print the board and write the report.

    Each pair of task and adapter is one run, a folder under --out, named also after settings that are not
    the usual ones. The same command continues what was interrupted and reuses what is done; a run whose
    adapter, server or data has changed is refused.

    \b
    tml-bench run
    tml-bench run --task fd-bench-v1 --adapter delayed:400 --adapter silent
    tml-bench run --adapter path/to/my.py:MyModel --compute charged
    tml-bench run --adapter my.py:MyModel:device=cuda,audio_out=24000 --data /data/full-duplex-bench
    tml-bench run --task charades --adapter my.py:M --compute charged
    tml-bench run --task charades --adapter my.py:M --compute recorded --replay results/charades-...--charged
    tml-bench run --adapter my.py:MyModel --judge openai:model=gpt-5.4-mini --judge-calls 2000
    tml-bench run --adapter openai-realtime --dry-run
    tml-bench run --adapter openai-realtime --budget 5
    """
    import tml_bench
    from tml_bench import api

    began_s = time.monotonic()
    options["progress"] = api.Progress() if quiet else api.TerminalProgress(verbose=verbose, failures=False)
    errors: tuple[UserError, ...] = ()
    try:
        runs = api.run(tasks or None, adapters or None, **options)
    except api.UnfinishedRunsError as unfinished:
        runs, errors = list(unfinished.runs), unfinished.errors
    if runs:
        from tml_bench.report.folders import free_folder

        summaries = [run.summary for run in runs]
        page = tml_bench.report(runs, free_folder(Path(options["out"]) / "report", summaries))
        if not quiet:
            _print_scores(summaries, verbose)
            say(f"{_duration(time.monotonic() - began_s)}; report: {page}")
    for error in errors:
        show_error(error)
    sys.exit(2 if errors else 0 if all(run.complete for run in runs) else 3)


@main.command()
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option(
    "--check-transcripts", is_flag=True,
    help="Hold also transcripts of reference adapters and imported ones against the audio.",
)  # fmt: skip
@prices_option
@_amount_options
@judge_options
@_pool_options
def score(runs: tuple[Path, ...], verbose: bool, quiet: bool, **options: Unpack[ScoreOptions]) -> None:
    """Score runs again from their recordings; no model is needed.

    \b
    tml-bench score results/fd-bench-v1-mini-1--silent
    tml-bench score results/*--my-model* --words asr
    tml-bench score results/proactive-video-qa-* --judge openai:model=qwen3:8b,base_url=http://localhost:11434/v1
    """
    from tml_bench import api

    options["progress"] = api.Progress() if quiet else api.TerminalProgress(verbose=verbose)
    scored = api.score(runs, **options)
    if not quiet:
        _print_scores([run.summary for run in scored], verbose or options["check_transcripts"])
    sys.exit(0 if all(run.complete for run in scored) else 3)


@main.command()
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option(
    "--out", type=PATH,
    help="Folder for the report. [default: results/report, or the next that holds no other report]",
)  # fmt: skip
@click.option("--task", help="Print everything of this task, and write nothing.")
@_amount_options
def report(runs: tuple[Path, ...], out: Path | None, task: str | None, verbose: bool, quiet: bool) -> None:
    """Put scored runs side by side: pages to browse, Markdown, CSV and JSON.

    RUNS are folders of runs, patterns, or folders that hold runs. A report over other runs is never replaced.

    \b
    tml-bench report results
    tml-bench report results/fd-bench-v1-*
    tml-bench report results/mine results/theirs --out comparison
    tml-bench report results/fd-bench-v1-* --task fd-bench-v1
    """
    import tml_bench
    from tml_bench.report.files import read_summaries
    from tml_bench.report.folders import run_folders
    from tml_bench.report.terminal import print_task

    folders, skipped = run_folders(runs)
    for word in () if quiet else skipped:
        say(word, err=True)
    summaries = read_summaries(folders)
    if task is not None:
        print_task(summaries, task)
        return
    page = tml_bench.report(folders, out)
    if not quiet:
        _print_scores(summaries, verbose)
        say(f"report: {page}")


for command in (
    check_adapter, check_task, compare, doctor, import_, inspect, judge, list_, prepare, selftest, view,
):  # fmt: skip
    main.add_command(command)


def _print_scores(summaries: Sequence[Summary], verbose: bool) -> None:
    """The board; before it with ``verbose`` the tables behind it."""
    from tml_bench.report.terminal import print_board, print_tables

    if verbose:
        print_tables(summaries)
    print_board(summaries)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"took {minutes} min {rest} s" if minutes else f"took {seconds:.1f} s"
