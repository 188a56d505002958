"""What is shown while something runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tml_bench.terminal_text import printable, say

if TYPE_CHECKING:
    from rich.console import Console

Bar = Callable[[str, int], Callable[[str], None]]
"""From what is counted and its total to what advances its bar, with a line to print."""


class Progress:
    """Shows nothing; a subclass shows what it likes."""

    def tell(self, line: str) -> None:
        """Something worth knowing."""

    def warn(self, line: str) -> None:
        """Something that may not be as wanted."""

    @contextmanager
    def bars(self) -> Iterator[Bar]:
        """Bars, while the context lasts."""
        yield lambda what, total: lambda line: None


class TerminalProgress(Progress):
    """Shows bars and lines on standard error, in a notebook below the cell."""

    def __init__(self) -> None:
        self._console: Console | None = None

    def tell(self, line: str) -> None:
        """Print a line, above the bars if there are any."""
        if self._console is None:
            say(line, err=True)
        else:
            self._console.print(printable(line), markup=False, highlight=False)

    def warn(self, line: str) -> None:
        """Print a yellow line."""
        say(line, fg="yellow", err=True)

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
