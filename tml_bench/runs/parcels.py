"""Jobs for workers on other machines, and what comes back: all that a session needs and leaves, as bytes.

A worker there may see none of the driver's files. A parcel names those that its job needs; a worker that does
not see one of them, by size and time of change, asks for it and gets its content with the second parcel. What
a session has recorded goes back as the content of its files: only the driver writes to the folder of a run.
"""

import os
import pickle
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from tml_bench.files import sync_contents
from tml_bench.names import is_safe_name
from tml_bench.recording import LOG, MANIFEST, MODEL_TRACK, USER_TRACK
from tml_bench.runs.identity import own_files
from tml_bench.runs.jobs import JobResult, SessionJob
from tml_bench.samples import Waveform
from tml_bench.scenario import Scenario
from tml_bench.users.staged import staged_lines
from tml_bench.users.voicing import FILLERS, stored_files

Audio = TypeVar("Audio", Path, Path | Waveform, Path | Waveform | None)


@dataclass(frozen=True, slots=True)
class FileStamp:
    """A file of the driver, as a job names it and from the root, and what tells whether it is the same."""

    named: str
    absolute: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileStamp":
        """That of a file; raises OSError where there is none."""
        found = path.stat()
        return cls(str(path), os.path.abspath(path), found.st_size, found.st_mtime_ns)

    def seen_at(self) -> Path | None:
        """Where the same file is seen from here; None where it is not."""
        for place in (self.named, self.absolute):
            with suppress(OSError):
                found = os.stat(place)
                if (found.st_size, found.st_mtime_ns) == (self.size, self.mtime_ns):
                    return Path(place)
        return None


@dataclass(frozen=True, slots=True)
class Parcel:
    """A session job and the files that it needs.

    Attributes:
        job: pickled.
        stamps: of files that the worker may not see, and then is to ask for.
        contents: of files that it does not see, as the job names them.
    """

    job: bytes
    stamps: tuple[FileStamp, ...] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict)

    def filled(self, missing: Collection[str]) -> "Parcel":
        """The same with these files, those that can be read; nothing more is to be asked for."""
        contents = {}
        for named in missing:
            with suppress(OSError):
                contents[named] = Path(named).read_bytes()
        return replace(self, stamps=(), contents=contents)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What comes back for a parcel: how the session ended and its files by name, or what is missing."""

    result: JobResult | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceTree:
    """A plug-in's own Python files, for machines that do not have them.

    Attributes:
        named: how the plug-in's file is named, as given and from the root.
        root: the folder that it lies in.
        main: its path in that folder.
        files: what it and the modules it imports from there consist of, by path in the folder.
    """

    named: tuple[str, str]
    root: str
    main: str
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, target: str) -> "SourceTree":
        """That of ``FILE.py:CLASS``; raises OSError if it cannot be read."""
        file = Path(target.rpartition(":")[0])
        place = file.resolve()
        contents = {path.relative_to(place.parent).as_posix(): path.read_bytes() for path in own_files(place)}
        return cls((str(file), str(place)), str(place.parent), place.name, contents)

    def is_here(self) -> bool:
        """Whether all of its files are seen from here, with the same content."""
        try:
            return all(Path(self.root, name).read_bytes() == content for name, content in self.files.items())
        except OSError:
            return False

    def copy_to(self, folder: Path) -> dict[str, Path]:
        """Write it into a folder; gives where its file lies, by its names."""
        for name, content in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return dict.fromkeys(self.named, folder / self.main)


def packed(job: SessionJob) -> Parcel:
    """A job as a parcel, without the content of files."""
    stamps = []
    for path in _files(job):
        with suppress(OSError):  # a missing file is found by the session, as anywhere
            stamps.append(FileStamp.of(path))
    return Parcel(pickle.dumps(job), tuple(stamps))


def unpacked(parcel: Parcel, folder: Path) -> SessionJob | tuple[str, ...]:
    """The job of a parcel, its files where they are seen from here or in ``folder``; or what is missing.

    Raises whatever unpickling the job does, as where a package is not installed.
    """
    seen = {stamp.named: stamp.seen_at() for stamp in parcel.stamps}
    apart = {Path(named).parent for named, place in seen.items() if place is None}
    if apart:  # what lies together stays together, as the files of a recording do
        return tuple(named for named in seen if Path(named).parent in apart)
    places = {Path(named): place for named, place in seen.items() if place is not None}
    folders: dict[Path, Path] = {}
    for named, content in parcel.contents.items():
        path = Path(named)
        beside = folders.setdefault(path.parent, folder / str(len(folders)))
        beside.mkdir(parents=True, exist_ok=True)
        places[path] = beside / path.name
        places[path].write_bytes(content)
    job: SessionJob = pickle.loads(parcel.job)
    return _moved(job, places)


def recorded(folder: Path) -> dict[str, bytes]:
    """The files that a session has left in a folder, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def unload(files: Mapping[str, bytes], folder: Path) -> None:
    """Write what was recorded into an empty folder; raises OSError, and ValueError for names of no file."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        if not is_safe_name(name):
            raise ValueError(f"{name!r} names no file of a recording")
        (folder / name).write_bytes(content)
    sync_contents(folder)


def _files(job: SessionJob) -> Iterator[Path]:
    script = job.sample.script
    heard = [turn.audio for turn in script.turns] + [said.audio for said in script.history]
    paths = [audio for audio in heard if isinstance(audio, Path)] + [video.path for video in script.videos]
    if job.replay is not None:
        paths += [job.replay / LOG, job.replay / MANIFEST]
    if job.lines is not None:
        paths += [job.lines / name for name in (LOG, MANIFEST, USER_TRACK, MODEL_TRACK)]
    yield from dict.fromkeys([*paths, *_spoken(job.sample.scenario)])


def _spoken(scenario: Scenario | None) -> Iterator[Path]:
    """The files of a user's lines, of those that ship."""
    if scenario is not None and scenario.voiced is not None:
        lines = (*staged_lines(scenario), *FILLERS)
        yield from stored_files((scenario.voiced,), scenario.voice, lines).values()


def _moved(job: SessionJob, places: Mapping[Path, Path]) -> SessionJob:
    """The same job with its files in other places."""

    def at(named: Audio) -> Audio:
        return places.get(named, named) if isinstance(named, Path) else named

    script = job.sample.script
    moved = replace(
        script,
        turns=tuple(replace(turn, audio=at(turn.audio)) for turn in script.turns),
        history=tuple(replace(said, audio=at(said.audio)) for said in script.history),
        videos=tuple(replace(video, path=at(video.path)) for video in script.videos),
    )
    sample = replace(job.sample, script=moved, scenario=_revoiced(job.sample.scenario, places))
    replay, lines = (_recording(folder, places) for folder in (job.replay, job.lines))
    return replace(job, sample=sample, replay=replay, lines=lines)


def _recording(folder: Path | None, places: Mapping[Path, Path]) -> Path | None:
    log = places.get(folder / LOG) if folder is not None else None
    return folder if log is None else log.parent


def _revoiced(scenario: Scenario | None, places: Mapping[Path, Path]) -> Scenario | None:
    """The scenario with its lines where they are now."""
    if scenario is None or scenario.voiced is None:
        return scenario
    moved = {place.parent for named, place in places.items() if named.parent == scenario.voiced}
    return replace(scenario, voiced=min(moved)) if moved else scenario
