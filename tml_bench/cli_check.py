"""Commands that check: a task, an adapter, this installation."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tml_bench.cli_judge import PATH
from tml_bench.terminal_text import say

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
            say("ok  " if check.passed else "FAIL", "green" if check.passed else "red", nl=False)
            right = "" if check.passed else f", expected {check.expected}"
            say(f" {check.name}: {check.found}{right}")
            bad += not check.passed
    if bad:
        say(f"{bad} checks failed: scores of this installation cannot be trusted", fg="red", err=True)
        sys.exit(1)
    say("all checks passed")


@click.command("check-adapter")
@click.argument("adapter")
@click.option("--case", "cases", multiple=True, help="Only this case; repeatable. [default: all]")
@click.option(
    "--wait", type=click.FloatRange(0), default=30.0, show_default=True, metavar="SECONDS",
    help="Longest wait before a case for a free slot of a service that serves few sessions at a time.",
)  # fmt: skip
@click.option("--json", "report", type=PATH, metavar="FILE", help="Write a report that programs read.")
def check_adapter(adapter: str, cases: tuple[str, ...], wait: float, report: Path | None) -> None:
    """Check that an adapter, or a server of the wire protocol, does what a run will ask of it.

    ADAPTER is as for `run`, or the address of a server, which is checked in each mode that it has; give
    wire: or wire-lockstep: before it for one of them. Real time takes about a minute. Each case gets a
    verdict and, where something is wrong, what to do. What is not claimed, or was not sent, is skipped.

    \b
    tml-bench check-adapter my_model.py:MyModel
    tml-bench check-adapter ws://localhost:8765
    tml-bench check-adapter wire-lockstep:ws://localhost:8765
    tml-bench check-adapter ws://gpu:8765 --case hello --case speech
    tml-bench check-adapter openai-realtime --wait 120 --json check.json

    \b
    Exit code: 0 nothing failed, 1 a case failed, 2 nothing could be checked (no such adapter, case or file).
    """
    from tml_bench.conformance.check import CASES, check
    from tml_bench.conformance.check_report import report_of, write_check_report
    from tml_bench.conformance.slots import SlotQueue
    from tml_bench.conformance.subjects import CheckedSubject

    found: list[CaseFinding] = []
    subjects: list[CheckedSubject] = []
    paper, complete = CheckTable(), False
    slots = SlotQueue(wait, lambda line: say(wrapped(f"  {line}", 2), fg="cyan"))
    try:
        for finding in check(adapter, cases or CASES, slots, subjects.append):
            found.append(finding)
            paper.row(finding)
        complete = True
    finally:
        paper.end([mode for subject in subjects for mode in subject.others], found)
        if report is not None and (found or complete):
            write_check_report(report, report_of(adapter, subjects, found, complete=complete))
    sys.exit(1 if any(finding.verdict == "fail" for finding in found) else 0)


@click.command()
@click.option("--no-measure", is_flag=True, help="Do not measure how many live sessions can be held (5 s).")
def doctor(no_measure: bool) -> None:
    """Say what is installed, what is missing, and how to get it.

    Live sessions are played for some seconds against a server on this machine, to tell how many of them it
    can hold at once, what one takes, and what binds them. Other programs that are busy make it fewer.

    \b
    tml-bench doctor
    tml-bench doctor --no-measure
    """
    from tml_bench.conformance.capacity import measure
    from tml_bench.conformance.doctor import findings

    broken = False
    for finding in findings(None if no_measure else measure):
        colour = {"ok": "green", "missing": "yellow", "broken": "red"}[finding.state]
        say(f"{finding.state:<8}", colour, nl=False)
        say(f" {finding.what}: {finding.detail}")
        broken = broken or finding.state == "broken"
    sys.exit(1 if broken else 0)


COLOURS = {"pass": "green", "warning": "magenta", "fail": "red", "skipped": "yellow"}
"""Of verdicts."""


def shown(findings: Iterable[CaseFinding]) -> int:
    """Print findings as they come, under the name of what is checked; gives how many failed."""
    failed, subject = 0, ""
    for finding in findings:
        if finding.subject != subject:
            say(finding.subject)
            subject = finding.subject
        say(f"  {finding.verdict:<8}", COLOURS[finding.verdict], nl=False)
        say(f" {finding.case}: {finding.detail}")
        if finding.remedy:
            say(f"           {finding.remedy}")
        failed += finding.verdict == "fail"
    return failed


class CheckTable:
    """Prints what a check of an adapter finds: a line a case, and what was skipped together at the end."""

    def __init__(self) -> None:
        self._heading = ""
        self._skipped: dict[str, list[str]] = {}

    def row(self, finding: CaseFinding) -> None:
        """Print a finding, or keep it until the end of its subject if it was skipped."""
        heading = f"{finding.subject}, {_MODES[finding.mode]}" if finding.mode else finding.subject
        if heading != self._heading:
            self._tell_skipped()
            say(heading, bold=True)
            self._heading = heading
        if finding.verdict == "skipped":
            self._skipped.setdefault(finding.detail, []).append(finding.case)
            return
        waited = f" (after {finding.waited_s:.0f} s for a free slot)" if finding.waited_s >= 1 else ""
        self._line(finding.verdict, f"{finding.case:<14}", finding.detail + waited, 24)
        if finding.remedy:
            say(wrapped(" " * 24 + f"-> {finding.remedy}", 27))

    def end(self, others: list[str], findings: list[CaseFinding]) -> None:
        """Print what was skipped, what was not checked, and the counts."""
        self._tell_skipped()
        for mode in others:
            say(wrapped(f"  its server has {mode} too: give its address alone to check all", 2))
        if findings:
            counts = Counter(str(finding.verdict) for finding in findings)
            words = {"pass": "passed", "warning": "with a warning", "fail": "failed", "skipped": "skipped"}
            for verdict in filter(counts.__getitem__, words):
                say(f"{counts[verdict]} {words[verdict]}", COLOURS[verdict], nl=False)
                say(", ", nl=False)
            say(f"in {sum(f.duration_s for f in findings):.0f} s")

    def _tell_skipped(self) -> None:
        for why, cases in self._skipped.items():
            self._line("skipped", "", f"{', '.join(cases)}: {why}", 10)
        self._skipped.clear()

    def _line(self, verdict: str, head: str, text: str, indent: int) -> None:
        whole = wrapped(f"  {verdict:<8}{head}{text}", indent)
        say(whole[:10], COLOURS[verdict], nl=False)
        say(whole[10:])


_MODES = {"lockstep": "in lockstep", "realtime": "in real time"}


def wrapped(text: str, indent: int) -> str:
    """The text in lines no wider than the terminal, but for the first indented so far."""
    import shutil
    import textwrap

    width = max(60, min(110, shutil.get_terminal_size().columns))
    return textwrap.fill(text, width, subsequent_indent=" " * indent, drop_whitespace=True)
