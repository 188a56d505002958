"""The command line: parse, call, print."""

from __future__ import annotations

import errno
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import click

from tml_bench import __version__
from tml_bench.cli_check import check_adapter, check_task, doctor, selftest
from tml_bench.cli_common import (
    amount_options,
    pool_options,
    print_scores,
    show_error,
    task_file_option,
)
from tml_bench.cli_compare import compare
from tml_bench.cli_cost import prices_option
from tml_bench.cli_data import import_, inspect, list_, prepare
from tml_bench.cli_judge import PATH, judge, judge_options
from tml_bench.cli_loops import loops
from tml_bench.cli_merge import merge
from tml_bench.cli_place import PLACE
from tml_bench.cli_run import run
from tml_bench.cli_view import view
from tml_bench.errors import UserError
from tml_bench.terminal_text import print_whatever_can_be, say

if TYPE_CHECKING:
    from tml_bench.api.scores import ScoreOptions

EXIT_CODES = """\b
Exit codes:
  0    done
  1    a check failed (selftest, doctor, check-adapter, check-task, compare)
  2    wrong usage, or something you can put right; the message says what
  3    done, but some samples have no valid outcome; what stands below the board says which
  130  stopped by Ctrl-C; the same command continues
"""

UNWRITABLE = frozenset(
    (
        errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR,
        errno.EEXIST, errno.EFBIG, errno.ENAMETOOLONG,
    )
)  # fmt: skip
"""What the system says where a file or folder cannot be written."""
SCARCE = {
    errno.EMFILE: "allow more open files (ulimit -n 1024) or give --jobs 1; the same command continues",
    errno.ENFILE: "close other programs; the same command continues",
    errno.ENOMEM: "give --jobs 1 or close other programs; the same command continues",
}
"""What the system says where something else runs out, and the remedy."""


class CommandGroup(click.Group):
    """Shows errors that people can put right, a full disk too, in one line, and Ctrl-C as what it is."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Parse and run, as ``click`` does; what the terminal's encoding lacks is printed as a mark."""
        print_whatever_can_be()
        return super().main(*arguments, **options)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            show_error(error)
            sys.exit(2)
        except OSError as error:
            if error.errno not in UNWRITABLE | SCARCE.keys():
                raise
            where = f"{error.filename}: " if error.filename else ""
            say(f"error: {where}{error.strerror}", fg="red", err=True)
            writable = "make room or choose another folder; the same command continues"
            say(f"  {SCARCE.get(error.errno or 0, writable)}", err=True)
            sys.exit(2)
        except MemoryError:
            say("error: out of memory", fg="red", err=True)
            say(f"  {SCARCE[errno.ENOMEM]}", err=True)
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


@main.command()
@click.argument("runs", nargs=-1, required=True, type=PLACE)
@click.option(
    "--check-transcripts", is_flag=True,
    help="Hold also transcripts of reference adapters and imported ones against the audio.",
)  # fmt: skip
@click.option("--data", type=PATH, help="Where the runs' data is now. [default: where it was]")
@task_file_option
@prices_option
@amount_options
@judge_options
@pool_options
def score(runs: tuple[str | Path, ...], verbose: bool, quiet: bool, **options: Unpack[ScoreOptions]) -> None:
    """Score runs again from their recordings; no model is needed.

    What rules have scored from the same before is not scored anew.

    \b
    tml-bench score results/fd-bench-v1-mini-1--silent
    tml-bench score results/*--my-model* --words asr
    tml-bench score s3://bucket/results/fd-bench-v1-mini-1--silent
    tml-bench score results/proactive-video-qa-* --judge openai:model=qwen3:8b,base_url=http://localhost:11434/v1
    """
    from tml_bench import api

    options["progress"] = api.Progress() if quiet else api.TerminalProgress(verbose=verbose)
    scored = api.score(runs, **options)
    if not quiet:
        print_scores([run.summary for run in scored], verbose or options["check_transcripts"])
    sys.exit(0 if all(run.complete for run in scored) else 3)


@main.command()
@click.argument("runs", nargs=-1, required=True, type=PLACE)
@click.option(
    "--out", type=PLACE,
    help="Folder or address for it. [default: results/report, or the next that holds no other report]",
)  # fmt: skip
@click.option("--task", help="Print everything of this task, and write nothing.")
@click.option(
    "--tag", "tags", multiple=True,
    help="Only runs with this tag, NAME or NAME=VALUE; repeatable, all must fit.",
)  # fmt: skip
@amount_options
def report(
    runs: tuple[str | Path, ...], out: str | Path | None, task: str | None, tags: tuple[str, ...],
    verbose: bool, quiet: bool,
) -> None:  # fmt: skip
    """Put scored runs side by side: pages to browse, Markdown, CSV and JSON.

    RUNS are folders of runs, patterns, folders that hold runs, or such addresses of shared storage. A report
    over other runs is never replaced.

    \b
    tml-bench report results
    tml-bench report results/fd-bench-v1-*
    tml-bench report results/mine results/theirs --out comparison
    tml-bench report s3://bucket/results --out s3://bucket/results/report
    tml-bench report results/fd-bench-v1-* --task fd-bench-v1
    tml-bench report results --tag nightly --tag machine=a --out nightly
    """
    import tml_bench
    from tml_bench.report.files import read_summaries
    from tml_bench.report.folders import run_folders
    from tml_bench.report.terminal import print_task
    from tml_bench.runs.tags import with_tags
    from tml_bench.storage.shared_place import local_place

    folders, skipped = run_folders(map(local_place, runs))
    folders = with_tags(folders, tags) if tags else folders
    for word in () if quiet else skipped:
        say(word, err=True)
    summaries = read_summaries(folders)
    if task is not None:
        print_task(summaries, task)
        return
    page = tml_bench.report(folders, out)
    if not quiet:
        print_scores(summaries, verbose)
        say(f"report: {page}")


for command in (
    check_adapter, check_task, compare, doctor, import_, inspect, judge, list_, loops, merge, prepare,
    run, selftest, view,
):  # fmt: skip
    main.add_command(command)
