"""The commands that check an adapter or a task before it is run."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tml_bench.conformance.findings import CaseFinding


@click.command("check-task")
@click.argument("task")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of the official data. [default: mini set]"
)
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


def shown(findings: Iterable[CaseFinding]) -> int:
    """Print findings as they come, under the name of what is checked.

    Returns:
        How many failed.
    """
    from tml_bench.conformance.findings import CaseVerdict

    colours = {CaseVerdict.PASS: "green", CaseVerdict.SKIPPED: "yellow", CaseVerdict.FAIL: "red"}
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
