"""The command line: parse, call, print."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from tml_bench import __version__
from tml_bench.cli_judge import JudgeOptions, judge_options, judging_by
from tml_bench.cli_judge import judge as judge_commands
from tml_bench.errors import UserError

if TYPE_CHECKING:
    from tml_bench.judges.spec import JudgeSetup
    from tml_bench.perception.words import WordMode
    from tml_bench.questions import Question
    from tml_bench.runs.pool import Pool
    from tml_bench.scoring.score import StoredRun
    from tml_bench.scoring.summary import Summary

EXIT_CODES = """\b
Exit codes:
  0    done
  1    a check failed (selftest, doctor, check-adapter)
  2    wrong usage, or something you can put right; the message says what
  3    done, but some samples have no valid outcome; the table says which
  130  stopped by Ctrl-C; the same command continues
"""

Command = TypeVar("Command", bound=Callable[..., object])
Bar = Callable[[str, int], Callable[[str], None]]
"""From what is counted and its total to what advances its bar, with a line to print."""

UNWRITABLE = frozenset(
    (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EEXIST,
    )
)
"""What the system says where a file or folder cannot be written."""


class CommandGroup(click.Group):
    """Shows errors that people can put right, a full disk too, in one line, and Ctrl-C as what it is."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.secho(f"error: {error.problem}", fg="red", err=True)
            if error.remedy:
                click.echo(f"  {error.remedy}", err=True)
            sys.exit(2)
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            where = f"{error.filename}: " if error.filename else ""
            click.secho(f"error: {where}{error.strerror}", fg="red", err=True)
            click.echo("  make room or choose another folder; the same command continues", err=True)
            sys.exit(2)
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nstopped; nothing finished is lost, the same command continues", err=True)
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


def _pool_options(command: Command) -> Command:
    for option in (
        click.option("--jobs", type=click.IntRange(1), help="Processes. [default: processors, at most 8]"),
        click.option(
            "--step-timeout", type=click.FloatRange(0, min_open=True), default=60.0, show_default=True,
            help="Seconds after which a step is taken to hang.",
        ),
        click.option(
            "--words", type=click.Choice(["auto", "transcript", "asr"]), default="auto", show_default=True,
            help="Words from the adapter's transcript, else local recognition (auto); or only from one.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@main.command()
@click.option("--task", "tasks", multiple=True, help="Task; repeatable. [default: all but test splits]")
@click.option(
    "--adapter", "adapters", multiple=True,
    help="NAME or FILE.py:CLASS, with options after a colon; repeatable. [default: the reference adapters]",
)  # fmt: skip
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of the official data. [default: mini set]"
)
@click.option("--subset", "subsets", multiple=True, help="Only this part of the task; repeatable.")
@click.option(
    "--limit", type=click.IntRange(0), default=0, help="At most so many samples a subset; 0 is all."
)
@click.option("--tick", type=int, default=200, show_default=True, help="Micro-turn in ms, 20 to 1000.")
@click.option(
    "--compute", type=click.Choice(["ideal", "charged", "recorded"]), default="ideal", show_default=True,
    help="Charge nothing, the measured time of each step, or that of an earlier run.",
)  # fmt: skip
@click.option("--replay", type=click.Path(path_type=Path), help="Run whose compute --compute recorded takes.")
@click.option("--network", default="ideal", show_default=True, help="wifi, 4g, bad, or a profile .toml.")
@click.option(
    "--concurrency", type=click.IntRange(1), default=4, show_default=True,
    help="Live services: sessions at once.",
)  # fmt: skip
@click.option(
    "--rate", type=click.FloatRange(0), default=0.0, help="Live services: sessions started a minute; 0: any."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--max-session", type=float, default=7200.0, show_default=True, help="Limit of a session, s.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True,
    help="Folder for the runs and the report.",
)  # fmt: skip
@click.option("--fresh", is_flag=True, help="Remove what these runs have recorded before, and start over.")
@click.option("--retry-errors", is_flag=True, help="Try again samples that ended in an adapter error.")
@judge_options
@_pool_options
def run(
    tasks: tuple[str, ...], adapters: tuple[str, ...], data: Path | None, subsets: tuple[str, ...],
    limit: int, tick: int, compute: str, replay: Path | None, network: str, concurrency: int, rate: float,
    seed: int, max_session: float, out: Path, fresh: bool, retry_errors: bool, jobs: int | None,
    step_timeout: float, words: WordMode, judge: JudgeOptions,
) -> None:  # fmt: skip
    """Run models on tasks, score them, print the leaderboard and write the report.

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
    """
    from tml_bench.plugins import suite_names
    from tml_bench.runs.config import Selection
    from tml_bench.runs.live_pool import LivePool
    from tml_bench.runs.plan import REFERENCE_ADAPTERS, Request, plan_runs
    from tml_bench.runs.record import ChangedModelError, record, start_over
    from tml_bench.scoring.score import open_run
    from tml_bench.session.network import load_network
    from tml_bench.session.simulated import Compute

    request = Request(
        tasks=tasks or tuple(suite_names()),
        all_tasks=not tasks,
        adapters=adapters or REFERENCE_ADAPTERS,
        out=out,
        selection=Selection(data, subsets, limit),
        tick_ms=tick,
        seed=seed,
        compute=Compute(compute),
        replay=replay,
        max_session_s=max_session,
        network=load_network(network),
    )

    def tell(line: str) -> None:
        click.echo(line, err=True)

    plans = plan_runs(request, tell)
    if fresh:
        for plan in plans:
            start_over(plan.path)
    if compute == "charged" and jobs is None:
        jobs = 1
    stepped = [plan for plan in plans if plan.config.clock != "wall"]
    live = [plan for plan in plans if plan.config.clock == "wall"]
    with (
        judging_by(judge, out) as judging,
        _pool(jobs, step_timeout) as pool,
        LivePool(concurrency, rate) as live_pool,
    ):
        with _progress() as bar:
            advance = bar("sessions", sum(len(plan.samples) for plan in plans))
            lines: list[str] = []
            failed = record(stepped, pool, advance, retry_errors=retry_errors, tell=lines.append)
            failed += record(live, live_pool, advance, retry_errors=retry_errors, tell=lines.append)
        for line in lines:
            tell(line)
        changed = {error.path for error in failed if isinstance(error, ChangedModelError)}
        runs = [open_run(plan.path) for plan in plans if plan.path not in changed]
        summaries = _scored(runs, pool, words, judging) if runs else []
    if summaries:
        _publish(summaries, out / "report")
    for error in failed:
        click.secho(f"error: {error.problem}", fg="red", err=True)
        if error.remedy:
            click.echo(f"  {error.remedy}", err=True)
    sys.exit(2 if failed else _completeness(summaries))


@main.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@judge_options
@_pool_options
def score(
    runs: tuple[Path, ...], jobs: int | None, step_timeout: float, words: WordMode, judge: JudgeOptions
) -> None:
    """Score runs again from their recordings; no model is needed.

    \b
    tml-bench score results/fd-bench-v1-mini-1--silent
    tml-bench score results/*--my-model* --words asr
    tml-bench score results/proactive-video-qa-* --judge openai:model=qwen3:8b,base_url=http://localhost:11434/v1
    """
    from tml_bench.scoring.score import open_run

    with judging_by(judge, runs[0].resolve().parent) as judging, _pool(jobs, step_timeout) as pool:
        summaries = _scored([open_run(path) for path in runs], pool, words, judging)
    _print_scores(summaries)
    sys.exit(_completeness(summaries))


@main.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("results/report"), show_default=True,
    help="Folder for the report.",
)  # fmt: skip
def report(runs: tuple[Path, ...], out: Path) -> None:
    """Put scored runs side by side: Markdown, CSV, JSON and one self-contained HTML page.

    \b
    tml-bench report results/fd-bench-v1-*
    tml-bench report results/mine results/theirs --out comparison
    """
    from tml_bench.report.files import read_summaries

    _publish(read_summaries(runs), out)


@main.command("import")
@click.argument("task")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", default="imported", show_default=True, help="Name of the system that spoke.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The run's folder. [default: results/TASK--NAME]"
)
def import_(task: str, folder: Path, name: str, out: Path | None) -> None:
    """Turn exchanges another harness recorded into a run that scores like our own.

    FOLDER holds, at any depth, one folder an exchange with input.wav, output.wav and, if there is one, the
    transcript output.json.

    \b
    tml-bench import fd-bench-v1 ~/Full-Duplex-Bench/v1_0/moshi --name moshi
    tml-bench score results/fd-bench-v1--moshi
    """
    from tml_bench.plugins import load_task
    from tml_bench.runs.imports import import_run
    from tml_bench.runs.store import Outcome

    path = out or Path("results") / f"{task}--{name}"
    count = 0
    for attempt in import_run(load_task(task), folder, path, name):
        count += 1
        if attempt.outcome is not Outcome.VALID:
            click.secho(f"{attempt.sample}: {attempt.outcome}: {attempt.reason}", fg="yellow", err=True)
    click.echo(f"imported {count} exchanges into {path}; next: tml-bench score {path}")


@main.command()
@click.argument("recording", type=click.Path(path_type=Path))
@click.option(
    "--picture", type=click.Path(path_type=Path), help="Also draw the timeline to this .png or .svg."
)
@click.option("--json", "as_json", is_flag=True, help="Print the raw events.")
def inspect(recording: Path, picture: Path | None, as_json: bool) -> None:
    """Print what happened in a recording, readably; --picture draws it with what was scored.

    \b
    tml-bench inspect results/fd-bench-v1-mini-1--silent/fd-bench-v1/candor_turn_taking-1/1
    tml-bench inspect RECORDING --picture timeline.png
    """
    from tml_bench.recording import Recording
    from tml_bench.report.log import describe

    opened = Recording(recording)
    if as_json:
        click.echo((recording / "session.jsonl").read_text(encoding="utf-8"), nl=False)
    else:
        for line in describe(opened):
            click.echo(line)
    if picture is not None:
        from tml_bench.report.sample_picture import draw

        draw(recording, picture)
        click.echo(f"drawn to {picture}")


@main.command("list")
@click.argument("what", type=click.Choice(["tasks", "adapters"]))
def list_(what: str) -> None:
    """List installed tasks or adapters.

    \b
    tml-bench list tasks
    tml-bench list adapters
    """
    from tml_bench.cli_listing import adapter_lines, task_lines

    for line in task_lines() if what == "tasks" else adapter_lines():
        click.echo(line)


@main.command()
@click.option("--jobs", type=click.IntRange(1), help="Processes. [default: one per processor, at most 8]")
def selftest(jobs: int | None) -> None:
    """Run the reference adapters on the mini sets and check their known right scores.

    Fails loudly when one is off: then this installation must not be trusted.

    \b
    tml-bench selftest
    """
    from tml_bench.conformance.selftest import checks

    with _pool(jobs, 60.0) as pool:
        failed = 0
        for check in checks(pool):
            mark = click.style("ok  ", fg="green") if check.passed else click.style("FAIL", fg="red")
            click.echo(
                f"{mark} {check.name}: {check.found}"
                + ("" if check.passed else f", expected {check.expected}")
            )
            failed += not check.passed
    if failed:
        click.secho(
            f"{failed} checks failed: scores of this installation cannot be trusted", fg="red", err=True
        )
        sys.exit(1)
    click.echo("all checks passed")


@main.command()
@click.argument("task", type=click.Choice(["timespeak", "cuespeak"]))
@click.option("--voice", help="One voice for all items, such as gb-m-1. [default: each item's own]")
@click.option(
    "--noise", type=click.FloatRange(-20, 60), help="Pink noise, as dB of speech over noise. [default: none]"
)
@click.option(
    "--pace", "--rate", type=click.FloatRange(0.5, 2), default=1.0, show_default=True,
    help="Factor on the speech rate.",
)  # fmt: skip
@click.option("--items", type=click.Path(path_type=Path), help="Your own items.jsonl. [default: the task's]")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder for the set; give it to run --data."
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
def prepare(
    task: str, voice: str | None, noise: float | None, pace: float, items: Path | None, out: Path, jobs: int
) -> None:
    """Render a task's spoken items to audio: in another voice, with noise, faster or slower.

    The set has a dataset version of its own, so that its results stay apart. Needs the extras voices and
    speech. The same command continues what was interrupted and renders again what has changed.

    \b
    tml-bench prepare timespeak --noise 10 --out data/timespeak-noise10
    tml-bench prepare cuespeak --voice us-m-1 --pace 1.2 --out data/cuespeak-fast
    tml-bench run --task timespeak --data data/timespeak-noise10 --adapter my.py:MyModel
    """
    from tml_bench.tasks._timed.prepare import is_own, items_of, load_own, place_items
    from tml_bench.tasks._timed.render import VERSION, Variant, held, render_set

    source = items or items_of(task)
    found = load_own(task, source)
    variant = Variant(voice, noise, pace, own=is_own(task, source))
    held(found, out, VERSION, variant)  # before anything there is replaced
    place_items(source, out)
    with _progress() as bar:
        advance = bar("rendering", len(found))
        for name in render_set(found, out, VERSION, variant, jobs):
            advance(name)
    click.echo(f"{len(found)} items in {out}")


@main.command("check-adapter")
@click.argument("adapter")
@click.option("--case", "cases", multiple=True, help="Only this case; repeatable. [default: all]")
def check_adapter(adapter: str, cases: tuple[str, ...]) -> None:
    """Check that an adapter, or a server of the wire protocol, does what a run will ask of it.

    ADAPTER is as for `run`, or the address of a server, which is checked in every mode it has. Each case
    gets a verdict and, where something is wrong, what to do. What is not claimed is skipped.

    \b
    tml-bench check-adapter my_model.py:MyModel
    tml-bench check-adapter ws://localhost:8765 --case hello --case speech
    """
    from tml_bench.conformance import CASES, CaseVerdict, check

    colours = {CaseVerdict.PASS: "green", CaseVerdict.SKIPPED: "yellow", CaseVerdict.FAIL: "red"}
    failed, shown = 0, ""
    for finding in check(adapter, cases or CASES):
        if finding.adapter != shown:
            click.echo(finding.adapter)
            shown = finding.adapter
        mark = click.style(f"{finding.verdict:<8}", fg=colours[finding.verdict])
        click.echo(f"  {mark} {finding.case}: {finding.detail}")
        if finding.remedy:
            click.echo(f"           {finding.remedy}")
        failed += finding.verdict is CaseVerdict.FAIL
    sys.exit(1 if failed else 0)


@main.command()
def doctor() -> None:
    """Say what is installed, what is missing, and how to get it.

    \b
    tml-bench doctor
    """
    from tml_bench.conformance.doctor import findings

    broken = False
    for finding in findings():
        colour = {"ok": "green", "missing": "yellow", "broken": "red"}[finding.state]
        click.echo(f"{click.style(f'{finding.state:<8}', fg=colour)} {finding.what}: {finding.detail}")
        broken = broken or finding.state == "broken"
    sys.exit(1 if broken else 0)


main.add_command(judge_commands)


def _pool(jobs: int | None, step_timeout: float) -> Pool:
    import os

    from tml_bench.runs.pool import Pool

    return Pool(jobs or min(8, os.cpu_count() or 1), step_timeout)


@contextmanager
def _progress() -> Iterator[Bar]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def bar(what: str, total: int) -> Callable[[str], None]:
            task = progress.add_task(what, total=total)

            def advance(line: str) -> None:
                if line:
                    progress.console.print(line, markup=False, highlight=False)
                progress.advance(task)

            return advance

        yield bar


def _scored(runs: list[StoredRun], pool: Pool, words: WordMode, judging: JudgeSetup) -> list[Summary]:
    from tml_bench.scoring.score import score_runs

    with _progress() as bar:

        def foresee(questions: Sequence[Question]) -> None:
            if judging.model is None or not questions:
                return
            click.echo(f"{judging.model.forecast(questions)}; floors and ceilings included", err=True)
            todo = judging.model.pending(questions)
            advance = bar("judge", len(todo))
            judging.model.answer(todo, lambda: advance(""))

        heard = bar("perceive", sum(len(run.valid()) for run in runs))
        return score_runs(runs, pool, heard, words, judging.judge_of, foresee if judging.model else None)


def _print_scores(summaries: list[Summary]) -> None:
    """The leaderboard of several runs, or every measure of a single one."""
    from tml_bench.report.terminal import print_details, print_leaderboard

    if len(summaries) == 1:
        print_details(summaries[0])
    else:
        print_leaderboard(summaries)


def _publish(summaries: list[Summary], out: Path) -> None:
    from tml_bench.report.files import write_report

    _print_scores(summaries)
    page = write_report(summaries, out)
    click.echo(f"report: {page}")


def _completeness(summaries: list[Summary]) -> int:
    from tml_bench.scoring.summary import OutcomeKind

    counts = [outcomes.counts for summary in summaries for outcomes in summary.outcomes]
    bad = sum(n for count in counts for kind, n in count.items() if kind != OutcomeKind.VALID)
    return 3 if bad else 0
