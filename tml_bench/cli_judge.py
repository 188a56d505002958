"""Options and commands about judges: parse, call, print."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TypeVar, cast

import click

from tml_bench.terminal_text import say

Command = TypeVar("Command", bound=Callable[..., object])
PATH = click.Path(path_type=Path)
COUNT = click.IntRange(0)


def judge_options(command: Command) -> Command:
    """Give a command the options that say who judges; it gets them as ``judge``."""

    @wraps(command)
    def wrapped(
        judge: str,
        judge_cache: Path | None,
        judge_calls: int | None,
        judge_tokens: int | None,
        **rest: object,
    ) -> object:
        from tml_bench.api import JudgeOptions

        return command(judge=JudgeOptions(judge, judge_cache, judge_calls, judge_tokens), **rest)

    found: Callable[..., object] = wrapped
    for option in (
        click.option(
            "--judge-tokens", type=COUNT,
            help="Tokens the judge may take; what remains is missing, the same command continues.",
        ),
        click.option(
            "--judge-calls", type=COUNT,
            help="Calls the judge may make; 0 takes answers from the cache alone.",
        ),
        click.option(
            "--judge-cache", type=PATH,
            help="Answers of language models. [default: judge-cache.sqlite beside the runs]",
        ),
        click.option(
            "--judge", default="rules", show_default=True,
            help="Who judges what was said: rules, openai:model=NAME,OPTION=VALUE,... or human:SHEET.csv.",
        ),
    ):  # fmt: skip
        found = option(found)
    return cast(Command, found)


@click.group()
def judge() -> None:
    """Let people judge, compare judges, look into caches of judgements.

    \b
    tml-bench judge sheet results/RUN --out sheet.csv
    tml-bench judge agreement results/RUN sheet.csv
    tml-bench judge cache results/judge-cache.sqlite
    """


@judge.command()
@click.argument("runs", nargs=-1, required=True, type=PATH)
@click.option(
    "--out", type=PATH, default=Path("sheet.csv"), show_default=True,
    help="The CSV to fill in; one that exists keeps its rows and answers. A page stands beside it.",
)  # fmt: skip
@click.option("--rubric", "rubrics", multiple=True, help="Only this rubric; repeatable. [default: all]")
@click.option("--limit", type=COUNT, default=0, help="Add at most so many questions, chosen at random.")
def sheet(runs: tuple[Path, ...], out: Path, rubrics: tuple[str, ...], limit: int) -> None:
    """Write what was asked about scored runs to a sheet that people fill in, and to a local page.

    Each question stands there once, without the model's name and without any judge's answer.

    \b
    tml-bench judge sheet results/proactive-video-qa-* --out sheet.csv --limit 200
    tml-bench score results/proactive-video-qa-mini-1--my-MyModel --judge human:sheet.csv
    """
    from tml_bench.scoring.agreement import make_sheet

    made = make_sheet(runs, out, rubrics, limit)
    say(
        f"{made.csv}: {made.rows} questions, {made.added} new, {made.answered} answered, "
        f"{made.heard} can be heard on the page"
    )
    say(f"fill it in, or open {made.page}; then: tml-bench score RUN --judge human:{made.csv}")


@judge.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--save", is_flag=True, help="Keep it beside the runs given; their reports then show it.")
@click.option("--json", "as_json", type=PATH, help="Also write everything to this file.")
def agreement(sources: tuple[str, ...], save: bool, as_json: Path | None) -> None:
    """Compare a judge with people, or with another judge: accuracy, kappa, alpha, confusion.

    SOURCES are folders of scored runs, filled-in sheets, and caches as FILE or FILE:openai:model=NAME,...
    Sources of one judge count as one; questions meet where rubric and texts are the same.

    \b
    tml-bench judge agreement results/RUN sheet.csv --save
    tml-bench judge agreement judge-cache.sqlite:openai:model=gpt-5.4-mini sheet.csv
    tml-bench judge agreement anna.csv bela.csv carla.csv
    """
    import msgspec

    from tml_bench.files import write_output
    from tml_bench.report.judge_lines import agreement_text, joint_text
    from tml_bench.scoring import agreement as compared

    found = compared.agreement(sources)
    say("\n\n".join([*map(agreement_text, found.pairs), *map(joint_text, found.joint)]))
    if as_json is not None:
        write_output(as_json, msgspec.json.format(msgspec.json.encode(found._asdict())) + b"\n")
        say(f"written to {as_json}")
    if save:
        for path in compared.save(found, [Path(s) for s in sources if Path(s).is_dir()]):
            say(f"kept in {path}")


@judge.command()
@click.argument("path", type=PATH)
def cache(path: Path) -> None:
    """Say what a cache of judgements holds: by judge and rubric, how many answers, and what they took.

    \b
    tml-bench judge cache results/judge-cache.sqlite
    """
    from tml_bench.errors import UserError
    from tml_bench.judges.cache import JudgeCache

    if not path.exists():
        raise UserError(f"{path} does not exist", "give the file that --judge-cache named")
    for kept in JudgeCache(path).contents():
        say(
            f"{' '.join(kept.judge)}: {kept.rubric.name} {kept.rubric.version}: {kept.answers:,} answers, "
            f"{kept.prompt_tokens:,} tokens read, {kept.completion_tokens:,} written"
        )
