"""A run's folder: written so that a kill at any instant loses at most the attempts in flight.

    run.json                          what the run is
    attempts.jsonl                    one line per attempt, appended when it has ended
    <task>/<sample>/<attempt>/        recordings; traceback.txt where the adapter raised
    timelines/<sample>-<attempt>.json what was perceived, a cache
    scores.jsonl, summary.json        results, rewritten whole

Runs of very many samples have folders between, see `tml_bench.runs.layout`. Only this process writes
``attempts.jsonl`` and puts recordings in place; workers write under ``.aside``. A recording counts only once
its line is in ``attempts.jsonl``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import msgspec
from filelock import FileLock, Timeout

from tml_bench.bounded_files import UNREADABLE, check_length, last_line_end, lines_of
from tml_bench.errors import UserError
from tml_bench.event_texts import fit
from tml_bench.files import (
    make_folder,
    read_json,
    sync,
    sync_contents,
    write_atomically,
)
from tml_bench.outcome import Outcome
from tml_bench.own_folder import append_own, move_own, own_lock, own_place, remove_own
from tml_bench.runs.admission import admitted_imports
from tml_bench.runs.config import RUN_SCHEMA, RunConfig, RunFile, RunPlan, check_contents, run_task
from tml_bench.runs.identity import contradiction, is_same_data
from tml_bench.runs.layout import recording_parts, remove_left, timeline_parts
from tml_bench.samples import Sample
from tml_bench.seals import seal_holds, sealed
from tml_bench.task import Task
from tml_bench.turns import Usage
from tml_bench.users.settings import FOLDER

T = TypeVar("T")

RUN, ATTEMPTS = "run.json", "attempts.jsonl"
NOT_A_RUN = "give a run's folder, one that holds run.json"
ASIDE, TIMELINES = ".aside", "timelines"
TRACEBACK = "traceback.txt"
"""Beside the recording of an attempt: the whole traceback of what was raised."""


class Attempt(msgspec.Struct, frozen=True):
    """One line of ``attempts.jsonl``.

    Attributes:
        sample: the sample's id.
        subset: part of the task.
        attempt: 1, 2, ...
        outcome: how it ended.
        reason: why, when it is not valid.
        notes: remarks about the sample's data.
        audio_s: length of the session.
        wall_s: how long it took.
        ended: UTC, ISO 8601.
        retry: it may go better another time; the next command tries again.
        sample_sha256: hash of the sample that was played; empty in runs of version 0.1.0.
        usage: what the service said that it counted, also of an attempt that failed; unset where it said
            nothing.
    """

    sample: str
    subset: str
    attempt: int
    outcome: Outcome
    reason: str = ""
    notes: tuple[str, ...] = ()
    audio_s: float = 0.0
    wall_s: float = 0.0
    ended: str = ""
    retry: bool = False
    sample_sha256: str = ""
    usage: Usage | msgspec.UnsetType = msgspec.UNSET


def read_lines(path: Path, kind: type[T]) -> list[T]:
    """Read a typed JSON-lines file; a torn last line (no line feed) is left out, a missing file is empty.

    Raises:
        UserError: another line is malformed, or is not as its seal says; names it.
    """
    if not path.is_file():
        return []
    decoder = msgspec.json.Decoder(kind)
    items: list[T] = []
    for n, whole in enumerate(lines_of(path), 1):
        line = whole.removesuffix(b"\n")
        # Torn, unless all of it is there and what follows is no line feed any more.
        if not whole.endswith(b"\n") and not seal_holds(line[:-1]):
            break
        try:
            items.append(decoder.decode(check_length(line)))
        except UNREADABLE as error:
            raise UserError(f"{path}, line {n}: {error}", "remove the line to redo its sample") from error
        if seal_holds(line) is False:
            problem = f"{path}, line {n}: it was changed after it was written"
            raise UserError(problem, "remove the line to redo its sample")
    return items


def read_run(path: Path) -> RunFile:
    """Read the ``run.json`` of a run.

    Raises:
        UserError: it is missing, malformed or unknown, or its task is a file that came with it.
    """
    file = read_json(path / "run.json", RunFile, NOT_A_RUN)
    if file.config.schema.rpartition(".")[0] != RUN_SCHEMA.rpartition(".")[0]:
        raise UserError(
            f"{path / 'run.json'}: schema {file.config.schema!r} is not {RUN_SCHEMA!r}",
            "read it with the tml-bench version that wrote it",
        )
    check_contents(path / RUN, file)
    return file


def locked(path: Path) -> FileLock:
    """Lock a run's folder until the lock is released or this process ends; raises where another has it."""
    lock = FileLock(own_lock(path), timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"{path} is being written by another process", "wait for it, or give another --out"
        ) from None
    return lock


Settle = Callable[[RunFile, Sequence[Attempt]], RunFile]
"""From what a folder holds to what it will hold; raises ``UserError`` where the two cannot be one run."""


class RunFolder:
    """A run on disk, open for writing; use as a context manager.

    ``settle`` is asked when the folder, created if missing, holds a run; ``attempts`` are those made so far.
    Raises `UserError` where it holds another run, something else, or is being written by another process.
    """

    def __init__(self, path: Path, file: RunFile, settle: Settle) -> None:
        self.path = path
        own_place(path.absolute().parent, path.absolute().name)
        make_folder(path)
        for parts in ((RUN,), (ASIDE,), (TIMELINES,), (FOLDER, "replies"), (FOLDER, "voice")):
            own_place(path, *parts)
        self._lock = locked(path)
        try:
            self._saved = read_run(path) if (path / RUN).is_file() else None
            remove_own(path, ASIDE)
            remove_left(path)
            log = own_place(path, ATTEMPTS)
            _repair(log)
            self.attempts = read_lines(log, Attempt)
            if self._saved is None and self.attempts:
                raise UserError(
                    f"{path} holds attempts and no run.json, which says under which settings they were made",
                    "put run.json back; --fresh replaces the run, another --out keeps it",
                )
            self.file = settle(self._saved, self.attempts) if self._saved else file
            if self._saved is None:
                self.save()
            self._log = append_own(path, log.name)
            sync(path)
        except BaseException:
            self._lock.release()
            raise

    def save(self) -> None:
        """Write ``run.json``, if it says something else; so does `commit`.

        A run that is extended is what it was until something is added to it.
        """
        if self.file != self._saved:
            write_atomically(self.path / RUN, sealed(msgspec.json.format(msgspec.json.encode(self.file))))
            self._saved = self.file

    def learn(self, reported: Mapping[str, str]) -> str:
        """Record what a model says of itself; returns in what that differs from before, empty for nothing."""
        known = self.file.identity
        if known is None or not reported:
            return ""
        if differs := contradiction(known.reported, reported):
            return differs
        identity = msgspec.structs.replace(known, reported={**known.reported, **reported})
        self.file = msgspec.structs.replace(self.file, identity=identity)
        self.save()
        return ""

    @property
    def aside(self) -> Path:
        """Where recordings are written until complete; workers that outlive a killed command have another."""
        return own_place(self.path, ASIDE, str(os.getpid()))

    def recording_path(self, sample: str, attempt: int) -> Path:
        """Where the recording of an attempt is."""
        return own_place(self.path, *recording_parts(self.file, sample, attempt))

    def timeline_path(self, sample: str, attempt: int) -> Path:
        """Where the timeline of an attempt is cached."""
        return own_place(self.path, *timeline_parts(self.file, sample, attempt))

    def commit(self, attempt: Attempt, recording: Path | None, traceback: str = "") -> None:
        """Put a finished recording, the folder written aside, in place, then say so in ``attempts.jsonl``.

        The traceback of what was raised is kept beside it. Who wrote the recording has synced its files, so
        that what the line tells of is on the disk before it.
        """
        self.save()
        place = self.recording_path(attempt.sample, attempt.attempt)
        if recording is not None:
            make_folder(place.parent)
            move_own(recording, self.path, *place.relative_to(self.path).parts)
        if traceback:
            make_folder(place)
            write_atomically(place / TRACEBACK, traceback.encode(errors="backslashreplace"))
            sync_contents(place)
        if recording is not None:
            sync(place.parent)
        self._log.write(sealed(msgspec.json.encode(fit(attempt))) + b"\n")
        self._log.flush()
        os.fsync(self._log.fileno())
        self.attempts.append(attempt)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        # Workers that outlived a killed command may have written once more since the folder was opened.
        with suppress(OSError, UserError):
            remove_own(self.path, ASIDE)
        try:
            self._log.close()
        finally:
            self._lock.release()


def _repair(log: Path) -> None:
    """Cut a torn last line, which a kill in mid-write leaves."""
    if not log.is_file():
        return
    end, size = last_line_end(log)
    if end != size:
        with log.open("rb") as file:
            whole = file.read(end)
        write_atomically(log, whole)


def last_attempts(attempts: Iterable[Attempt]) -> dict[str, Attempt]:
    """The last attempt of each sample."""
    return {attempt.sample: attempt for attempt in attempts}


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run on disk with its samples, in order, loaded again, and the last attempt of each by its id."""

    path: Path
    file: RunFile
    task: Task
    samples: tuple[Sample, ...]
    attempts: dict[str, Attempt]

    def recording_path(self, attempt: Attempt) -> Path:
        """Where the recording of an attempt is."""
        return own_place(self.path, *recording_parts(self.file, attempt.sample, attempt.attempt))

    def timeline_path(self, sample: str, attempt: str) -> Path:
        """Where the timeline of an attempt is cached; an attempt is named as its recording's folder is."""
        return own_place(self.path, *timeline_parts(self.file, sample, attempt))

    def valid(self) -> list[Attempt]:
        """The attempts to score, in the order of the samples."""
        last = (self.attempts.get(sample.id) for sample in self.samples)
        return [attempt for attempt in last if attempt is not None and attempt.outcome is Outcome.VALID]


def open_run(path: Path) -> StoredRun:
    """Load a run and its samples; raises `UserError` for no run, and for data that moved or changed."""
    return open_runs([path])[0]


def open_runs(paths: Iterable[Path], data: Path | None = None, planned: Iterable[RunPlan] = ()
) -> list[StoredRun]:  # fmt: skip
    """Load runs as `open_run` does; what runs have in common is loaded and checked once.

    ``data`` is the folder in which their data is now. Runs on the data of one ``planned`` have its samples.
    """
    known: dict[str, tuple[Task, tuple[Sample, ...]]] = {}
    for plan in planned:
        if not plan.config.replay_user:  # its samples are played otherwise
            known.setdefault(_data_of(plan.config), (run_task(plan.config), plan.samples))
    return [_opened(path, known, data) for path in paths]


def _data_of(config: RunConfig) -> str:
    """What runs that have the same samples have in common."""
    return repr((config.task_source, config.clock, config.selection, config.dataset_sha256))


def _opened(path: Path, known: dict[str, tuple[Task, tuple[Sample, ...]]], moved: Path | None) -> StoredRun:
    file = read_run(path)
    if moved is not None:
        if not file.config.data:
            raise UserError(f"{path} was made with the mini set, which ships", "score it without --data")
        config = msgspec.structs.replace(file.config, data=str(moved))
        file = msgspec.structs.replace(file, config=config)
    config = file.config
    data = _data_of(config)
    if data not in known:
        task = run_task(config)
        samples = tuple(run_samples(task, config))
        if not is_same_data(config.dataset_sha256, samples, config.selection.data):
            raise UserError(
                f"{path} was made with other data than is now in {config.data or 'the mini set'}",
                "put the data back, give where it is now to score --data, or run again",
            )
        known[data] = task, samples
    task, samples = known[data]
    # Sessions end in another order with more processes; what is made of them must not.
    places = {sample.id: place for place, sample in enumerate(samples)}
    last = last_attempts(read_lines(path / "attempts.jsonl", Attempt))
    attempts = dict(sorted(last.items(), key=lambda one: places.get(one[0], len(places))))
    return StoredRun(path, file, task, samples, attempts)


def run_samples(task: Task, config: RunConfig) -> list[Sample]:
    """The samples of a run, loaded again from where its data is."""
    if config.clock == "imported":
        found = admitted_imports(task, Path(config.data), allow_outside=config.allow_outside)
        return [imported.sample for imported in found]
    return config.selection.of(task)
