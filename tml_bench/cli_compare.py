"""The command that compares runs: parse, call, print."""

import sys
from pathlib import Path

import click

from tml_bench.cli_judge import COUNT, PATH
from tml_bench.terminal_text import say


@click.command()
@click.argument("first")
@click.argument("second")
@click.option(
    "--fail-if-worse", "points", type=click.FloatRange(0), metavar="POINTS",
    help="Exit with 1 where a task's score is worse by more than POINTS, percentage points or its own unit.",
)  # fmt: skip
@click.option(
    "--significant", is_flag=True,
    help="With --fail-if-worse: only beyond chance, by the 95 % interval, or without one by p <= 0.05.",
)  # fmt: skip
@click.option("--samples", type=COUNT, default=3, show_default=True, help="Changed samples shown, a task.")
@click.option(
    "--headline", "-v", is_flag=True, help="Every task's headline metrics too. [default: with one task]"
)
@click.option("--junit", type=PATH, help="Write JUnit XML for CI: a test case a task.")
@click.option("--json", "as_json", type=PATH, help="Write everything to this file.")
def compare(
    first: str, second: str, points: float | None, significant: bool, samples: int, headline: bool,
    junit: Path | None, as_json: Path | None,
) -> None:  # fmt: skip
    """Compare two runs, or all runs of two results folders: what has changed from FIRST to SECOND.

    Each is a run, a results folder, a pattern in quotation marks, or such an address of shared storage. Runs
    are paired by task, data and conditions; what has no partner is said. A change is SECOND minus FIRST, on
    the samples that both have.

    \b
    tml-bench compare results/fd-bench-v1-mini-1--silent results/fd-bench-v1-mini-1--my-MyModel
    tml-bench compare before/results after/results --headline
    tml-bench compare 'results/*--my-Old' 'results/*--my-New' --samples 10
    tml-bench compare main/results results --fail-if-worse 5 --significant --junit compare.xml

    \b
    Exit codes with --fail-if-worse:
      0  no task is worse by more than POINTS
      1  one is
      3  none is, but a run of FIRST has no partner, or samples of SECOND have no valid outcome
    """
    from tml_bench import api
    from tml_bench.files import write_output
    from tml_bench.report.change_text import print_changes
    from tml_bench.report.junit import to_junit

    found, skipped = api.compare_results(first, second)
    print_changes(found, samples=samples, headline=headline or len(found.tasks) == 1)
    for word in skipped:
        say(word)
    limit = points or 0.0
    worse = [task for task in found.tasks if task.score.worse(limit, significant=significant)]
    told = f"by more than {limit:g}" + (", beyond chance" if significant else "")
    if as_json is not None:
        import msgspec

        write_output(as_json, msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    if junit is not None:
        failed = [task for task in worse if points is not None]
        write_output(junit, to_junit(found, failed, told).encode())
    if points is None:
        return
    names = ", ".join(task.task for task in worse)
    say(f"worse {told}: {names}" if worse else f"no task is worse {told}")
    partial = any(alone.first for alone in found.alone) or any(task.lost for task in found.tasks)
    sys.exit(1 if worse else 3 if partial else 0)
