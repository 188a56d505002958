"""What is at an address of shared storage, fetched into its mirror as far as it is needed."""

from __future__ import annotations

import fnmatch
import glob
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from tml_bench.bounded_files import UNREADABLE
from tml_bench.errors import UserError
from tml_bench.files import write_atomically
from tml_bench.names import is_safe_name
from tml_bench.outcome import Outcome
from tml_bench.recording import LOG, MANIFEST, MODEL_TRACK, USER_TRACK, FileEntry, Manifest
from tml_bench.runs.config import RunFile
from tml_bench.runs.store import Attempt, last_attempts, read_lines, read_run
from tml_bench.storage.address import FileSystem, file_system, is_shared
from tml_bench.storage.attempt_log import ATTEMPTS
from tml_bench.storage.names import RUN, TIMELINES, recording_place, timeline_place
from tml_bench.storage.run_upload import RunMirror
from tml_bench.storage.store import RemoteStore
from tml_bench.terminal_text import show_as

FOR_REPORTS = ("agreement.json", "summary.json", "seals.json")
"""Beside ``run.json`` what reports read of a run."""
FOR_READERS = (ATTEMPTS, *FOR_REPORTS, "scores.jsonl", "verdicts.jsonl", "user_faults.jsonl")
"""What is read of a run to look at its samples."""
FOR_SCORING = (ATTEMPTS, "agreement.json")
_TRACKS = (USER_TRACK, MODEL_TRACK)
_mirrored: dict[Path, tuple[FileSystem, RemoteStore]] = {}
"""Which mirrors this process has opened."""


def _silent(_: str) -> None:
    """Tell nobody."""


class SharedPlace:
    """An address, open: a folder of runs, or a run.

    Args:
        address: such as ``s3://bucket/results``.
        max_wait_s: how long the store is waited for while it is away.
        tell: gets lines worth knowing.

    Raises:
        UserError: as `file_system`, and any method where the store refuses or is away for too long.
    """

    def __init__(self, address: str, max_wait_s: float = 60.0, tell: Callable[[str], None] = _silent) -> None:
        self._system, self.folder = file_system(address)
        self.path = self._system.path_of(self.folder)
        scheme = self._system.scheme
        name = f"{scheme}{self.folder.relative_to(self._system.mirror).parts[0]}"
        self.store = RemoteStore(self._system.fs, scheme, name, max_wait_s, tell)
        _mirrored[self._system.mirror] = self._system, self.store
        show_as(f"{self._system.mirror}/", scheme)

    def run(self, folder: Path) -> RunMirror:
        """The run that a folder mirrors, whether it is there or not."""
        aside = self._system.mirror.with_name(f"{self._system.mirror.name}.aside")
        return RunMirror(self.store, self._system.path_of(folder), folder, aside)

    def fetch_run(self, folder: Path, names: Sequence[str]) -> bool:
        """Fetch files of a run, with its ``run.json``; False where there is no run."""
        run = self.run(folder)
        config = self.store.read(f"{run.path}/{RUN}")
        if config is None:
            return False
        if ATTEMPTS in names:
            run.align()
        else:
            run.check()
            if not (folder / RUN).is_file():
                write_atomically(folder / RUN, config)
        self.store.each(
            lambda name: self.store.fetch(f"{run.path}/{name}", folder / name),
            (name for name in names if name != ATTEMPTS),
        )
        return True

    def fetch_runs(self, names: Sequence[str], pattern: str = "*") -> list[Path]:
        """Fetch files of all runs here; mirrors of runs that are not there any more are moved aside."""
        there = self.store.folders(self.path)
        if self.folder.is_dir():
            for child in self.folder.iterdir():
                if child.name not in there and (child / RUN).is_file():
                    self.run(child).check()
        wanted = [
            self.folder / name for name in there if is_safe_name(name) and fnmatch.fnmatch(name, pattern)
        ]
        self.store.each(lambda folder: self.fetch_run(folder, names), wanted)
        return [folder for folder in wanted if (folder / RUN).is_file()]

    def fetch_report(self, folder: Path) -> None:
        """Fetch what tells over which runs a report is; one that is not there any more is not here either."""
        path = self._system.path_of(folder)
        if not self.store.fetch(f"{path}/report.json", folder / "report.json"):
            shutil.rmtree(folder, ignore_errors=True)

    def fetch_reports(self) -> None:
        """As `fetch_report`, of every report of the runs here."""
        names = {name for name in self.store.folders(self.path) if is_safe_name(name)}
        names |= {child.name for child in self.folder.iterdir()} if self.folder.is_dir() else set()
        self.store.each(
            lambda name: self.fetch_report(self.folder / name),
            (name for name in names if name.startswith("report")),
        )

    def fetch_for_scoring(self, folder: Path) -> None:
        """Fetch timelines and what happened in each valid recording; its sound where there is no timeline."""
        run, file = self.run(folder), read_run(folder)
        cached = [
            n for n in self.store.tree(f"{run.path}/{TIMELINES}") if all(map(is_safe_name, n.split("/")))
        ]
        self.store.each(
            lambda name: self.store.fetch(f"{run.path}/{TIMELINES}/{name}", folder / TIMELINES / name),
            (name for name in cached if not (folder / TIMELINES / name).is_file()),
        )
        last = last_attempts(read_lines(folder / ATTEMPTS, Attempt)).values()
        self.store.each(
            partial(self._fetch_heard, folder, file), (a for a in last if a.outcome is Outcome.VALID)
        )

    def _fetch_heard(self, folder: Path, run: RunFile, attempt: Attempt) -> None:
        place = folder.joinpath(*recording_place(run, attempt))
        is_heard = folder.joinpath(*timeline_place(run, attempt)).is_file()
        _fetch_recording(self._system, self.store, place, () if is_heard else _TRACKS)


def _fetch_recording(system: FileSystem, store: RemoteStore, place: Path, tracks: Sequence[str]) -> None:
    """Fetch a recording, the manifest last; files that are not as it says are left out, and told."""
    manifest, path = place / MANIFEST, system.path_of(place)
    content = manifest.read_bytes() if manifest.is_file() else store.read(f"{path}/{MANIFEST}")
    if content is None:
        return
    try:
        entries = msgspec.json.decode(content, type=Manifest).files
    except UNREADABLE:
        entries = {}
    for name in (LOG, *tracks):
        if (place / name).is_file() or name not in entries:
            continue
        file = store.read(f"{path}/{name}")
        if file is not None and FileEntry(hashlib.sha256(file).hexdigest(), len(file)) == entries[name]:
            write_atomically(place / name, file)
        else:
            store.tell(f"{store.address(path)}/{name} is not what its manifest.json says")
    if not manifest.is_file():
        write_atomically(manifest, content)


def _mirror_of(path: Path) -> tuple[FileSystem, RemoteStore] | None:
    """Where what a path mirrors is; None for no mirror, and for a path that steps out of one."""
    for root, known in _mirrored.items():
        if path.is_relative_to(root):
            return known if all(map(is_safe_name, path.relative_to(root).parts)) else None
    return None


def is_partial(recording: Path) -> bool:
    """Whether a recording's tracks may be on shared storage and not here."""
    found = _mirror_of(recording) is not None
    return found and not all((recording / name).is_file() for name in _TRACKS)


def need_recording(recording: Path) -> None:
    """Fetch what is not here of a recording that is on shared storage; nothing happens to any other.

    Raises:
        UserError: the store refuses, or is away for too long.
    """
    found = _mirror_of(recording)
    if found is not None:
        _fetch_recording(*found, recording, _TRACKS)


def need_file(path: Path) -> None:
    """Fetch a file of a run that is on shared storage and not here; nothing happens to any other.

    Raises:
        UserError: as `need_recording`.
    """
    found = _mirror_of(path)
    if found is not None and not path.is_file():
        found[1].fetch(found[0].path_of(path), path)


def local_place(
    place: str | os.PathLike[str], names: Sequence[str] = FOR_REPORTS, tell: Callable[[str], None] = _silent
) -> str | os.PathLike[str]:
    """A place as it is, or the mirror of an address, with these files of the runs there fetched.

    The last part of an address may be a pattern, as of folders.

    Raises:
        UserError: as `SharedPlace`.
    """
    if not is_shared(place):
        return place
    head, _, last = os.fspath(place).rstrip("/").rpartition("/")
    if glob.has_magic(head):
        raise UserError(f"{place}: only the last part may be a pattern", "name the folder before it")
    if glob.has_magic(last):
        folder = SharedPlace(head, tell=tell)
        folder.fetch_runs(names, last)
        return os.fspath(folder.folder / last)
    one = SharedPlace(os.fspath(place), tell=tell)
    if not one.fetch_run(one.folder, names):
        one.fetch_runs(names)
    return one.folder
