"""Commands that check: a task, an adapter, this installation."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tml_bench.cli_judge import PATH

if TYPE_CHECKING:
    from tml_bench.conformance import CaseFinding


@click.command("check-task")
@click.argument("task")
@click.option("--data", type=PATH, help="Folder of the official data. [default: mini set]")
def check_task(task: str, data: Path | None) -> None:
    """Check that a task declares, loads, plays and scores what a run will ask of it.

    TASK is a name, or FILE.py:CLASS. A few samples of each subset are played with the adapters silent, oracle
    and always-on. Each case gets a verdict and, where something is wrong, what to do.

    \b
    tml-bench check-task my_task.py:MyTask
    tml-bench check-task charades --data DATA
    """
    from tml_bench.conformance.check_task import check_task

    sys.exit(1 if shown(check_task(task, data)) else 0)


@click.command()
@click.option("--jobs", type=click.IntRange(1), help="Processes. [default: one per processor, at most 8]")
def selftest(jobs: int | None) -> None:
    """Run the reference adapters on the mini sets and check their known right scores.

    Fails loudly when one is off: then this installation must not be trusted.

    \b
    tml-bench selftest
    """
    from tml_bench.api.scores import worker_pool
    from tml_bench.conformance.selftest import checks

    with worker_pool(jobs, 60.0) as pool:
        bad = 0
        for check in checks(pool):
            mark = click.style("ok  ", fg="green") if check.passed else click.style("FAIL", fg="red")
            right = "" if check.passed else f", expected {check.expected}"
            click.echo(f"{mark} {check.name}: {check.found}{right}")
            bad += not check.passed
    if bad:
        click.secho(f"{bad} checks failed: scores of this installation cannot be trusted", fg="red", err=True)
        sys.exit(1)
    click.echo("all checks passed")


@click.command("check-adapter")
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
    from tml_bench.conformance.check import CASES, check

    sys.exit(1 if shown(check(adapter, cases or CASES)) else 0)


@click.command()
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


def shown(findings: Iterable[CaseFinding]) -> int:
    """Print findings as they come, under the name of what is checked; gives how many failed."""
    from tml_bench.conformance import CaseVerdict

    colours = {
        CaseVerdict.PASS: "green",
        CaseVerdict.WARNING: "magenta",
        CaseVerdict.FAIL: "red",
        CaseVerdict.SKIPPED: "yellow",
    }
    failed, subject = 0, ""
    for finding in findings:
        if finding.subject != subject:
            click.echo(finding.subject)
            subject = finding.subject
        mark = click.style(f"{finding.verdict:<8}", fg=colours[finding.verdict])
        click.echo(f"  {mark} {finding.case}: {finding.detail}")
        if finding.remedy:
            click.echo(f"           {finding.remedy}")
        failed += finding.verdict is CaseVerdict.FAIL
    return failed
