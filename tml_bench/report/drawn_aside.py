"""The pictures of the board, drawn on a process of its own while the rest of a large report is made.

What draws takes a second to load and another to draw, for few runs as for many; the rest of a report takes as
long for some twenty runs. A process that dies, or cannot be started, costs that time and nothing else.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread

from tml_bench.report.board import Board, board_of
from tml_bench.report.pictures import drawn
from tml_bench.runs.jobs import Deadline
from tml_bench.runs.processes import WorkerProcess, start_worker
from tml_bench.scoring.summary_file import from_json

FEWEST_RUNS = 16
"""Of fewer runs the rest of a report is made before a process has started."""
MOST_BYTES = 64 << 20
"""Larger summaries are not held by two processes."""


class PicturesAside:
    """Draws the pictures of one board, beside this process where there is another for it."""

    def __init__(self, process: WorkerProcess | None) -> None:
        self._process = process

    def begin(self, report: Path) -> None:
        """Begin to draw, given the file with the summaries of the runs that `summary_file.to_json` writes."""
        if report.stat().st_size > MOST_BYTES:
            self.end()
        with suppress(OSError):  # it has died, as taking what it drew will say
            if self._process is not None:
                self._process.connection.send(report)

    def drawn(self, board: Board) -> dict[str, bytes]:
        """As `pictures.drawn`, of the board of those runs."""
        with suppress(EOFError, OSError):
            if self._process is not None:
                found: dict[str, bytes] = self._process.connection.recv()
                return found
        return drawn(board)

    def end(self) -> None:
        """End the process; what is drawn from now on is drawn here."""
        if self._process is not None:
            self._process.kill()
            self._process = None


@contextmanager
def pictures_aside(runs: int) -> Iterator[PicturesAside]:
    """Within it the pictures of so many runs can be drawn; the process, if there is one, loads what draws."""
    pictures = PicturesAside(_started() if runs >= FEWEST_RUNS else None)
    try:
        yield pictures
    finally:
        pictures.end()


def _started() -> WorkerProcess | None:
    if multiprocessing.current_process().daemon:
        return None  # it may have none of its own
    try:
        return start_worker(_draw, None)
    except OSError:
        return None


def _draw(connection: Connection, deadline: Deadline, limits: object) -> None:
    """Draw what is asked for, as long as whoever asks is there."""
    Thread(target=_leave, daemon=True).start()
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_pdf
    import matplotlib.backends.backend_svg  # noqa: F401

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        report: Path = connection.recv()
        connection.send(drawn(board_of(from_json(report.read_bytes()))))


def _leave() -> None:
    """End with the process that asks, however that ends."""
    asks = multiprocessing.parent_process()
    if asks is not None:
        asks.join()
        os._exit(1)
