"""A run's folder: written so that a kill at any instant loses at most the attempts in flight.

    run.json                          what the run is
    attempts.jsonl                    one line per attempt, appended when it has ended
    <task>/<sample>/<attempt>/        recordings; traceback.txt where the adapter raised
    timelines/<sample>-<attempt>.json what was perceived, a cache
    scores.jsonl, summary.json        results, rewritten whole

Only this process writes ``attempts.jsonl`` and puts recordings in place; workers write under ``.aside``. A
recording counts only once its line is in ``attempts.jsonl``.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar

import msgspec

from tml_bench.errors import UserError
from tml_bench.files import write_atomically
from tml_bench.outcome import Outcome
from tml_bench.runs.config import RunConfig, RunFile, difference, environment

T = TypeVar("T")

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


def read_json(path: Path, kind: type[T], remedy: str) -> T:
    """Read a typed JSON file.

    Raises:
        UserError: it is missing or malformed; names the file and the field.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path} does not exist", remedy) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}", remedy) from error


def read_lines(path: Path, kind: type[T]) -> list[T]:
    """Read a typed JSON-lines file; a torn last line (no line feed) is left out, a missing file is empty.

    Raises:
        UserError: another line is malformed; names it.
    """
    if not path.is_file():
        return []
    *lines, _torn = path.read_bytes().split(b"\n")
    decoder = msgspec.json.Decoder(kind)
    items: list[T] = []
    for number, line in enumerate(lines, 1):
        try:
            items.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UserError(
                f"{path}, line {number}: {error}", "remove the line to redo its sample"
            ) from error
    return items


def locked(path: Path) -> IO[str]:
    """Lock a run's folder until what is returned is closed.

    Raises:
        UserError: another process has locked it.
    """
    lock = (path / ".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise UserError(
            f"{path} is being written by another process", "wait for it, or give another --out"
        ) from None
    return lock


class RunFolder:
    """A run on disk, open for writing; use as a context manager.

    Args:
        path: the folder; created if missing.
        config: what the run is.

    Raises:
        UserError: the folder holds another run, something else, or is being written by another process.
    """

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path = path
        self.config = config
        path.mkdir(parents=True, exist_ok=True)
        self._lock = locked(path)
        try:
            self._adopt()
        except BaseException:
            self._lock.close()
            raise

    def _adopt(self) -> None:
        run_json = self.path / "run.json"
        if run_json.is_file():
            stored = read_json(run_json, RunFile, "remove the folder to start over").config
            differs = difference(self.config, stored)
            if differs:
                raise UserError(
                    f"{self.path} holds another run: {differs}",
                    "give another --out, or --fresh to replace it",
                )
        else:
            content = msgspec.json.encode(RunFile(config=self.config, environment=environment()))
            write_atomically(run_json, msgspec.json.format(content) + b"\n")
        shutil.rmtree(self.aside.parent, ignore_errors=True)
        self._repair_attempts()
        self.attempts = read_lines(self._attempts_path, Attempt)
        self._log = self._attempts_path.open("ab")

    @property
    def _attempts_path(self) -> Path:
        return self.path / "attempts.jsonl"

    @property
    def aside(self) -> Path:
        """Where recordings are written until complete; workers that outlive a killed command have another."""
        return self.path / ".aside" / str(os.getpid())

    def _repair_attempts(self) -> None:
        """Cut a torn last line, which a kill in mid-write leaves."""
        if not self._attempts_path.is_file():
            return
        content = self._attempts_path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            write_atomically(self._attempts_path, whole)

    def recording_path(self, sample: str, attempt: int) -> Path:
        """Where the recording of an attempt is."""
        return self.path / self.config.task / sample / str(attempt)

    def commit(self, attempt: Attempt, recording: Path | None, traceback: str = "") -> None:
        """Put a finished recording in place, then say so in ``attempts.jsonl``.

        Args:
            attempt: how it ended.
            recording: the folder written aside; None when there is none.
            traceback: of what was raised; kept beside the recording.
        """
        place = self.recording_path(attempt.sample, attempt.attempt)
        if recording is not None:
            shutil.rmtree(place, ignore_errors=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            recording.replace(place)
        if traceback:
            place.mkdir(parents=True, exist_ok=True)
            (place / TRACEBACK).write_text(traceback, encoding="utf-8", errors="backslashreplace")
        self._log.write(msgspec.json.encode(attempt) + b"\n")
        self._log.flush()
        os.fsync(self._log.fileno())
        self.attempts.append(attempt)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Workers that outlived a killed command may have written once more since the folder was opened.
        shutil.rmtree(self.aside.parent, ignore_errors=True)
        self._log.close()
        self._lock.close()


def last_attempts(attempts: list[Attempt]) -> dict[str, Attempt]:
    """The last attempt of each sample."""
    return {attempt.sample: attempt for attempt in attempts}
