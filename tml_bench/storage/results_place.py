"""Where results go: a folder of this machine, or an address of shared storage, to which they are uploaded."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tml_bench.blame import in_one_line
from tml_bench.errors import UserError
from tml_bench.runs.queues import CONTINUE
from tml_bench.runs.removal import start_over
from tml_bench.runs.store import read_run
from tml_bench.storage.address import is_shared
from tml_bench.storage.attempt_log import ATTEMPTS
from tml_bench.storage.names import RUN, TIMELINES
from tml_bench.storage.run_upload import BATCH, RunMirror, RunUpload
from tml_bench.storage.shared_place import FOR_SCORING, SharedPlace

RESULTS = (
    "verdicts.jsonl",
    "scoring-tracebacks.txt",
    "user_faults.jsonl",
    "scores.jsonl",
    "summary.json",
    "seals.json",
)
"""What scoring writes beside timelines, in the order in which it is uploaded."""
IDLE_S = 0.3
"""How often it is looked for what has been recorded."""


class ResultsPlace:
    """A folder for runs; a context, in which runs are recorded.

    Attributes:
        folder: the folder, or the mirror of an address.
        problem: why nothing more can be uploaded; None while it can.
    """

    problem: UserError | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self, data: str) -> None:
        """Let be known here which runs there are, to be planned with the data of this folder."""

    def begin(self, runs: Sequence[Path], *, fresh: bool) -> None:
        """Open runs for writing; with ``fresh`` what they have recorded is removed.

        Raises:
            UserError: another process writes to one of them, or the place cannot be used.
        """
        if fresh:
            for run in runs:
                start_over(run)

    def end(self, scored: Sequence[Path]) -> UserError | None:
        """Bring to the place what waits and what was scored; gives why it could not be done."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None: ...


def results_place(
    out: str | os.PathLike[str], max_wait_s: float, tell: Callable[[str], None]
) -> ResultsPlace:
    """The place of an address or a folder. Raises `UserError` as `SharedPlace`."""
    if is_shared(out):
        return _SharedResults(SharedPlace(os.fspath(out), max_wait_s, tell))
    return ResultsPlace(Path(out))


class _SharedResults(ResultsPlace):
    def __init__(self, place: SharedPlace) -> None:
        super().__init__(place.folder)
        self._place, self._store = place, place.store
        self._uploads: list[RunUpload] = []
        self._thread = threading.Thread(target=self._work, name="uploads")
        self._asked, self._idle, self._wake = threading.Event(), threading.Event(), threading.Event()
        self._stopped = False
        self._began_ns = 0

    def prepare(self, data: str) -> None:
        # Whether other data is the same is seen from the samples that were played.
        others = [run for run in self._place.fetch_runs(()) if read_run(run).config.data != data]
        self._store.each(lambda run: self._place.fetch_run(run, (ATTEMPTS,)), others)

    def begin(self, runs: Sequence[Path], *, fresh: bool) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._began_ns = _now_ns(self.folder)
        self._store.each(lambda run: self._open(run, fresh), runs)
        self._thread.start()

    def _open(self, run: Path, fresh: bool) -> None:
        self._uploads.append(RunUpload(self._place.run(run), fresh=fresh))

    def _work(self) -> None:
        """Upload what is recorded, and say that the runs are written to, until all is over."""
        try:
            while not self._stopped:
                asked = self._asked.is_set()
                busy = [upload.step() for upload in self._uploads]
                if not any(busy):
                    if asked:
                        self._idle.set()
                    self._wake.wait(IDLE_S)
        except UserError as error:
            self.problem = error
        except Exception as error:  # the recordings are in the mirror, and sessions should end well
            self.problem = UserError(f"uploading failed: {in_one_line(error)}", CONTINUE)
        finally:
            self._idle.set()

    def _drain(self) -> None:
        """Wait until nothing is left to be uploaded, or nothing can be."""
        if not self._thread.is_alive():
            return
        left = sum(upload.left for upload in self._uploads)
        if left > BATCH:
            self._store.tell(f"uploading {left} attempts to {self._store.name}; they are kept here too")
        self._asked.set()
        self._idle.wait()

    def _close(self) -> None:
        """End the thread, and give the runs back."""
        self._stopped = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        if self.problem is None:
            uploads, self._uploads = self._uploads, []
            self._store.each(RunUpload.close, uploads)

    def end(self, scored: Sequence[Path]) -> UserError | None:
        self._drain()
        try:
            if self.problem is None:
                for run in scored:
                    push_results(self._place.run(run), self._began_ns)
            self._close()
        except UserError as error:
            self.problem = error
        return self.problem

    def __exit__(self, *raised: object) -> None:
        """Upload what waits, unless the store is away now; a second Ctrl-C leaves it."""
        try:
            if self._uploads:
                self._store.hurry()
                self._drain()
                self._close()
        except UserError as error:
            self.problem = error
        finally:
            self._stopped = True
            self._wake.set()
            if left := sum(upload.left for upload in self._uploads):
                self._store.tell(f"{left} attempts are left to be uploaded; the same command does it")
            for upload in self._uploads:
                upload.abandon()


def _now_ns(folder: Path) -> int:
    """The time by the clock that stamps files here."""
    probe = folder / ".now"
    probe.touch()
    stamp = probe.stat().st_mtime_ns
    probe.unlink()
    return stamp


def push_results(run: RunMirror, since_ns: int) -> None:
    """Upload what scoring wrote: timelines that are not there or are newer, then the rest."""
    store = run.store
    there = store.tree(f"{run.path}/{TIMELINES}")
    timelines = run.folder / TIMELINES
    stats = {file.relative_to(timelines).as_posix(): file.stat() for file in timelines.rglob("*.json")}
    store.each(
        lambda name: store.put(timelines / name, f"{run.path}/{TIMELINES}/{name}"),
        [name for name, s in stats.items() if there.get(name) != s.st_size or s.st_mtime_ns >= since_ns],
    )
    beside = store.files(run.path)
    for name in RESULTS:
        if (run.folder / name).is_file():
            store.put(run.folder / name, f"{run.path}/{name}")
        elif name in beside:
            store.remove(f"{run.path}/{name}")


@contextmanager
def scored_places(
    runs: Sequence[str | os.PathLike[str]], tell: Callable[[str], None]
) -> Iterator[list[Path]]:
    """Folders of runs to score, those on shared storage fetched; what is written to them is uploaded after.

    Raises:
        UserError: as `SharedPlace`; an address holds no run.
    """
    folders: list[Path] = []
    pushes: list[tuple[RunMirror, int]] = []
    for run in runs:
        if not is_shared(run):
            folders.append(Path(run))
            continue
        place = SharedPlace(os.fspath(run), tell=tell)
        if not place.fetch_run(place.folder, FOR_SCORING):
            raise UserError(f"{run} holds no {RUN}", "give the address of a run")
        mirror = place.run(place.folder)
        _catch_up(mirror)
        place.fetch_for_scoring(place.folder)
        folders.append(place.folder)
        pushes.append((mirror, _now_ns(place.folder)))
    yield folders
    for mirror, since_ns in pushes:
        push_results(mirror, since_ns)


def _catch_up(mirror: RunMirror) -> None:
    """Upload attempts that an earlier command here left: there no score stands without its recording."""
    if mirror.here != mirror.align().content:
        RunUpload(mirror).close()


@contextmanager
def report_folder(out: str | os.PathLike[str]) -> Iterator[Path]:
    """The folder to write a report into; to an address it is uploaded after.

    Raises:
        UserError: as `SharedPlace`.
    """
    if not is_shared(out):
        yield Path(out)
        return
    place = SharedPlace(os.fspath(out))
    place.fetch_report(place.folder)
    yield place.folder
    push_folder(place)


def push_folder(place: SharedPlace) -> None:
    """Upload a report; pages there that it does not have any more are removed."""
    store, files = place.store, [file for file in place.folder.rglob("*") if file.is_file()]
    names = {file.relative_to(place.folder).as_posix(): file for file in files}
    store.each(lambda name: store.put(names[name], f"{place.path}/{name}"), names)
    for inner in ("tasks", "runs"):
        for name in store.files(f"{place.path}/{inner}"):
            if name.endswith(".html") and f"{inner}/{name}" not in names:
                store.remove(f"{place.path}/{inner}/{name}")
