"""What is shown while something runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tml_bench.runs.record import RunEnd
from tml_bench.terminal_text import printable, say

if TYPE_CHECKING:
    from rich.console import Console

Bar = Callable[[str, int], Callable[[str], None]]
"""From what is counted and its total to what advances its bar, with a line to print."""


MOST_RUNS = 6
"""Of more runs that are complete, only their number is told."""


class Progress:
    """Shows nothing; a subclass shows what it likes."""

    def tell(self, line: str) -> None:
        """Something worth knowing."""

    def warn(self, line: str) -> None:
        """Something that may not be as wanted."""

    def ended(self, runs: Sequence[RunEnd]) -> None:
        """What was done of each run, once all have ended; told one by one here."""
        for run in runs:
            self.tell(run.line)

    def failed(self, lines: Sequence[str]) -> None:
        """Samples that failed alike, a line for each kind, once all runs have ended; told here."""
        for line in lines:
            self.tell(line)

    @contextmanager
    def bars(self) -> Iterator[Bar]:
        """Bars, while the context lasts."""
        yield lambda what, total: lambda line: None


class TerminalProgress(Progress):
    """Shows bars and lines on standard error, in a notebook below the cell.

    Args:
        verbose: say what was done of every run, however many there are.
        failures: say at the end which samples failed; else that is left to whoever prints the scores.
    """

    def __init__(self, *, verbose: bool = False, failures: bool = True) -> None:
        self._console: Console | None = None
        self._verbose = verbose
        self._failures = failures

    def tell(self, line: str) -> None:
        """Print a line, above the bars if there are any."""
        if self._console is None:
            say(line, err=True)
        else:
            self._console.print(printable(line), markup=False, highlight=False)

    def warn(self, line: str) -> None:
        """Print a yellow line."""
        say(line, fg="yellow", err=True)

    def ended(self, runs: Sequence[RunEnd]) -> None:
        """Runs that are complete are counted together where there are many."""
        done = [run for run in runs if not run.left and not run.why]
        if self._verbose or len(done) <= MOST_RUNS:
            done = []
        else:
            reused, ran = sum(run.reused for run in done), sum(run.ran for run in done)
            self.tell(f"{len(done)} runs: {reused} samples reused, {ran} run")
        super().ended([run for run in runs if run not in done])

    def failed(self, lines: Sequence[str]) -> None:
        """Told unless whoever prints the scores does."""
        if self._failures:
            super().failed(lines)

    @contextmanager
    def bars(self) -> Iterator[Bar]:
        """Bars with the time that remains; lines go above them."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress as RichProgress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with RichProgress(*columns, console=Console(stderr=True)) as shown:
            self._console = shown.console

            def bar(what: str, total: int) -> Callable[[str], None]:
                task = shown.add_task(printable(what), total=total)

                def advance(line: str) -> None:
                    if line:
                        shown.console.print(printable(line), markup=False, highlight=False)
                    shown.advance(task)

                return advance

            try:
                yield bar
            finally:
                self._console = None


def shown_by(progress: bool | Progress) -> Progress:
    """True shows bars, False nothing."""
    if isinstance(progress, Progress):
        return progress
    return TerminalProgress() if progress else Progress()
