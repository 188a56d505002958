"""What was heard in a run's recordings, kept beside the run: scoring it again opens no recording.

``.heard/RUN.jsonl`` in the folder of the runs has a line for each recording that was perceived, with what
its events say and its timeline. It is a cache, and can be deleted. A line holds while the files that it was
made of are those it names, by inode, size and times of change, of which no program can set the last; once a
bit of them is written, or they are copied, the recording is opened and checked again. So it is with other
code, settings or data. What changes within the same tick of the file system's clock is not seen; meanwhile
the folder is locked. Where that clock has no fractions of a millisecond, nothing is kept.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from tml_bench.bounded_files import LONGEST_LINE, UNREADABLE, check_length, lines_of
from tml_bench.errors import UserError
from tml_bench.files import FileState, file_state, is_coarse, remove_left_aside, write_together
from tml_bench.own_folder import append_own, own_place
from tml_bench.perception.perceive import WordMode, hearing_id
from tml_bench.perception.recordings import timeline_files
from tml_bench.recording import FILES
from tml_bench.runs.config import RunFile
from tml_bench.runs.continuing import settings_sha256
from tml_bench.runs.heard_recording import HeardRecording
from tml_bench.runs.known_code import hearing_code_of
from tml_bench.runs.layout import recording_parts, timeline_parts
from tml_bench.samples import Sample
from tml_bench.seals import seal_holds, sealed
from tml_bench.stored_paths import text_of_path
from tml_bench.task import Task

FOLDER = ".heard"
"""Beside the runs."""


class _Line(msgspec.Struct, frozen=True):
    """Of which recording, made with what (``key``, ``settings``) from which files, and what was heard."""

    key: str
    settings: str
    sample: str
    attempt: int
    files: tuple[FileState | None, ...]
    facts: msgspec.Raw
    timeline: msgspec.Raw


_DECODER = msgspec.json.Decoder(_Line)


class HeardIndex:
    """What was heard of a run, one line a recording.

    Args:
        path: the run's folder.
        file: what the run is.
        task: its task.
        samples: all its samples.
        words: where words may come from.
    """

    def __init__(
        self, path: Path, file: RunFile, task: Task, samples: Sequence[Sample], words: WordMode
    ) -> None:
        self._run, self._file = path, file
        self._settings = settings_sha256(file.config)
        self._key = _key(path, file, task, samples, words)
        self._place = _place(path)

    def read(self, attempts: Mapping[str, int]) -> Iterator[tuple[str, HeardRecording]]:
        """What is kept of attempts, by sample, where nothing has changed; of a sample's the last counts."""
        for line in _lines(self._place, attempts) if self._key else ():
            if line.key == self._key and line.files == _states(self._run, self._file, line):
                yield line.sample, HeardRecording(bytes(line.facts), bytes(line.timeline))

    def append(self, sample: str, attempt: int, heard: HeardRecording) -> None:
        """Keep what was heard in a recording that is in its place.

        Nothing is kept of a task whose code is not known, nor where the folder cannot be written or is a
        link: the recording is then opened when it is scored, so nothing is lost or told.
        """
        if not (text := self._line(sample, attempt, heard)):
            return
        with suppress(OSError, UserError):
            self._place.parent.mkdir(exist_ok=True)
            folder = own_place(self._place.parent.parent, FOLDER)
            with append_own(folder, self._place.name) as file:
                file.write(text)

    def replace(self, heard: Iterable[tuple[str, int, HeardRecording]], began_ns: int) -> None:
        """Keep this, by sample and attempt, instead of all that is there.

        What was written since recordings began to be read, ``began_ns`` after the epoch, is not kept: it may
        be another than was read.
        """
        if not self._key:
            return
        with suppress(OSError, UserError):
            own_place(self._place.parent.parent, FOLDER)
            remove_left_aside(self._place.parent, self._place.name)
            write_together({self._place: (self._line(*one, began_ns) for one in heard)}, durable=False)

    def _line(self, sample: str, attempt: int, heard: HeardRecording, before_ns: float = math.inf) -> bytes:
        """A whole line; empty where nothing is kept, as of a recording that was not written before."""
        facts, timeline = map(msgspec.Raw, heard)
        line = _Line(self._key, self._settings, sample, attempt, (), facts, timeline)
        files = _states(self._run, self._file, line)
        if not self._key or any(state is not None and is_coarse(state[-1]) for state in files):
            return b""
        if any(state is not None and state[-1] >= before_ns for state in files[: len(FILES)]):
            return b""
        text = sealed(msgspec.json.encode(msgspec.structs.replace(line, files=files))) + b"\n"
        return text if len(text) < LONGEST_LINE else b""


def unchanged_recordings(path: Path, file: RunFile, attempts: Mapping[str, int]) -> set[str]:
    """The samples whose recordings of these attempts were whole and of this run, and have not changed."""
    settings = settings_sha256(file.config)
    found = (line for line in _lines(_place(path), attempts) if line.settings == settings)
    return {line.sample for line in found if line.files == _states(path, file, line)}


def forget(path: Path) -> None:
    """Remove what is kept of a run."""
    place = _place(path)
    with suppress(OSError, UserError):
        own_place(place.parent.parent, FOLDER)
        place.unlink(missing_ok=True)


def _place(path: Path) -> Path:
    run = path.resolve()
    return run.parent / FOLDER / f"{run.name}.jsonl"


def _key(path: Path, file: RunFile, task: Task, samples: Sequence[Sample], words: WordMode) -> str:
    """Of all that decides what is heard in a run's recordings; empty where that is not known."""
    code = hearing_code_of(task, file.config)
    if not code:
        return ""
    languages = [(sample.id, sample.languages) for sample in samples]
    try:
        perceivers = hearing_id(words, sorted({spoken for _, spoken in languages}))
    except UserError:
        return ""  # recognition is wanted and not there, which perceiving tells of each sample
    place, settings = text_of_path(path), settings_sha256(file.config)
    parts = code, perceivers, words, settings, file.config.dataset_sha256, place, languages
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _lines(place: Path, attempts: Mapping[str, int]) -> Iterator[_Line]:
    """The lines about these attempts; none of a file that is not there or cannot be read."""
    with suppress(OSError, ValueError):
        for text in lines_of(place):
            line = _decoded(text)
            if line is not None and attempts.get(line.sample) == line.attempt:
                yield line


def _decoded(text: bytes) -> _Line | None:
    """A line that is as it was written."""
    try:
        line = _DECODER.decode(check_length(text))
    except UNREADABLE:
        return None
    return line if seal_holds(text.rstrip(b"\n")) else None


def _states(run: Path, file: RunFile, line: _Line) -> tuple[FileState | None, ...]:
    """Of every file of a line's recording and of its timeline; None for one that is not there."""
    folder = run.joinpath(*recording_parts(file, line.sample, line.attempt))
    timeline = run.joinpath(*timeline_parts(file, line.sample, line.attempt))
    return tuple(file_state(path) for path in (*(folder / name for name in FILES), *timeline_files(timeline)))
