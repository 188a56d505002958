"""Commands about data: what is installed, exchanges of others, recordings, spoken items."""

import inspect as inspecting
from collections.abc import Iterator
from pathlib import Path

import click

from tml_bench.cli_common import task_file_option
from tml_bench.cli_judge import PATH
from tml_bench.errors import UserError
from tml_bench.names import name_flaw, shown_name
from tml_bench.terminal_text import in_json, say


@click.command("import")
@click.argument("task")
@click.argument("folder", type=PATH)
@click.option("--name", default="imported", show_default=True, help="Name of the system that spoke.")
@click.option("--out", type=PATH, help="The run's folder. [default: results/TASK--NAME]")
@click.option("--allow-outside", is_flag=True, help="Also take files that links in FOLDER lead to.")
def import_(task: str, folder: Path, name: str, out: Path | None, allow_outside: bool) -> None:
    """Turn exchanges another harness recorded into a run that scores like our own.

    FOLDER holds, at any depth, one folder an exchange with input.wav, output.wav and, if there is one, the
    transcript output.json.

    \b
    tml-bench import fd-bench-v1 ~/Full-Duplex-Bench/v1_0/moshi --name moshi
    tml-bench score results/fd-bench-v1--moshi
    """
    from tml_bench.outcome import Outcome
    from tml_bench.plugins import load_task, task_place
    from tml_bench.runs.imports import import_run

    loaded, count = load_task(task), 0
    called = f"{loaded.name}--{name}"
    if flaw := name_flaw(called):
        raise UserError(f"--name {shown_name(name)} cannot name a run: {flaw}", "give another")
    path = out or Path("results") / called
    place = task_place(task)
    for attempt in import_run(loaded, folder, path, name, place, allow_outside=allow_outside):
        count += 1
        if attempt.outcome is not Outcome.VALID:
            say(f"{attempt.sample}: {attempt.outcome}: {attempt.reason}", fg="yellow", err=True)
    say(f"imported {count} exchanges into {path}; next: tml-bench score {path}")


@click.command()
@click.argument("recording", type=PATH)
@click.option("--picture", type=PATH, help="Also draw the timeline to this .png or .svg.")
@click.option("--json", "as_json", is_flag=True, help="Print the raw events.")
@task_file_option
def inspect(recording: Path, picture: Path | None, as_json: bool, task_files: tuple[str, ...]) -> None:
    """Print what happened in a recording, readably, and its score; --picture draws it.

    Where the user stops speaking is heard in their track. `tml-bench view` shows the same in a browser.

    \b
    tml-bench inspect results/fd-bench-v1-mini-1--silent/fd-bench-v1/candor_turn_taking-1/1
    tml-bench inspect RECORDING --picture timeline.png
    """
    from tml_bench.bounded_files import lines_of
    from tml_bench.recording import LOG, Recording
    from tml_bench.report.log import describe, printable

    opened = Recording(recording)
    if as_json:
        for event in lines_of(recording / LOG):
            say(in_json(event.decode()), nl=False)
    else:
        from tml_bench.runs.tags import shown_tags, tags_of
        from tml_bench.viewer.inspected import score_lines, speech_ends

        for line in describe(opened, speech_ends(opened)):
            say(line)
        if tags := shown_tags(tags_of(recording.resolve().parents[2])):
            say(printable(f"tags of the run: {tags}"))
        for line in score_lines(recording):
            say(printable(line))
    if picture is not None:
        from tml_bench.plugins import load_task
        from tml_bench.report.sample_picture import draw

        for name in task_files:
            load_task(name)
        draw(recording, picture)
        say(f"drawn to {picture}")


@click.command("list")
@click.argument("what", type=click.Choice(["tasks", "adapters"]))
def list_(what: str) -> None:
    """List installed tasks or adapters.

    \b
    tml-bench list tasks
    tml-bench list adapters
    """
    for line in task_lines() if what == "tasks" else adapter_lines():
        say(line)


@click.command()
@click.argument("task", type=click.Choice(["timespeak", "cuespeak"]))
@click.option("--voice", help="One voice for all items, such as gb-m-1. [default: each item's own]")
@click.option(
    "--noise", type=click.FloatRange(-20, 60), help="Pink noise, as dB of speech over noise. [default: none]"
)
@click.option(
    "--pace", "--rate", type=click.FloatRange(0.5, 2), default=1.0, show_default=True,
    help="Factor on the speech rate.",
)  # fmt: skip
@click.option("--items", type=PATH, help="Your own items.jsonl. [default: the task's]")
@click.option("--out", type=PATH, required=True, help="Folder for the set; give it to run --data.")
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
    from tml_bench.api.progress import TerminalProgress
    from tml_bench.tasks._timed import render

    source = items or render.items_of(task)
    found = render.load_own(task, source)
    own = source.read_bytes() != render.items_of(task).read_bytes()
    variant = render.Variant(voice, noise, pace, own)
    render.held(found, out, render.VERSION, variant)  # before anything there is replaced
    render.place_items(source, out)
    with TerminalProgress().bars() as bar:
        advance = bar("rendering", len(found))
        for name in render.render_set(found, out, render.VERSION, variant, jobs):
            advance(name)
    say(f"{len(found)} items in {out}")


def task_lines() -> Iterator[str]:
    """Each task with its subsets, metrics and where its data comes from."""
    from tml_bench.plugins import load_task, shadowed, task_names

    for name in task_names():
        try:
            task = load_task(name)
        except UserError as error:
            yield f"{name}: cannot be used: {error.problem}"
            continue
        yield f"{name}: {task.title}"
        yield f"  subsets: {', '.join(task.subsets)}"
        for metric in task.metrics:
            unit = f" ({metric.unit})" if metric.unit else ""
            yield f"  {metric.name}{unit}, {metric.family}, {metric.direction} is better: {metric.describes}"
        for what, why in task.not_run.items():
            yield f"  not run: {what}: {why}"
        yield from (f"  {line}".rstrip() for line in task.data_help.splitlines())
    yield from shadowed("task")


def adapter_lines() -> Iterator[str]:
    """Each adapter with its options and what it does."""
    from tml_bench.plugins import adapter_class, adapter_names, shadowed

    for name in adapter_names():
        try:
            made = adapter_class(name)
        except UserError as error:
            yield f"{name}: cannot be used: {error.problem}"
            continue
        options = ", ".join(
            parameter.name
            if parameter.default is parameter.empty
            else f"{parameter.name}={parameter.default}"
            for parameter in inspecting.signature(made).parameters.values()
        )
        first = (inspecting.getdoc(made) or "").splitlines()[0:1]
        shown = " [is shown what is expected]" if made.privileged else ""
        yield f"{name}:{options}".rstrip(":") + f"  {''.join(first)}{shown}"
    yield from shadowed("adapter")
    yield "your own: path/to/file.py:CLASS, options after a colon, such as my.py:Model:device=cpu,seed=1"
