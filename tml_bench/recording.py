"""A recording: a folder that holds everything a session was.

    session.jsonl   every event with its time (``tml_bench.events``), append-only
    user.flac       the user's audio, mono, 16 bit
    model.flac      the model's audio as heard: same rate, same length, same first sample
    manifest.json   SHA-256 and size of each, and how the session was run

A recording is immutable: it is written aside and renamed when complete, and reading checks the hashes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from operator import itemgetter
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from tml_bench import events as ev
from tml_bench.bounded_files import UNREADABLE, is_there, read_whole
from tml_bench.containers.flac_header import flac_shape
from tml_bench.declared_times import DeclaredTimes
from tml_bench.errors import UserError
from tml_bench.files import file_sha256
from tml_bench.heard_text import HeardText, HeardTexts
from tml_bench.seals import seal_holds, sealed
from tml_bench.session_log import EventLog
from tml_bench.split_times import SplitTimes, SplitWatch
from tml_bench.timebase import NS, seconds
from tml_bench.timed_calls import TimedCalls
from tml_bench.timeline import Segment, TimedCall, UserLine, Word
from tml_bench.user_lines import UserLines

MANIFEST_SCHEMA = "tml-bench/recording/1.1"
_UNSEALED = "tml-bench/recording/1.0"
_MOST = 1 << 53
"""Beyond it whole numbers are not all there as floats."""
LOG, USER_TRACK, MODEL_TRACK, MANIFEST = "session.jsonl", "user.flac", "model.flac", "manifest.json"
FILES = (LOG, USER_TRACK, MODEL_TRACK, MANIFEST)
"""All that a recording has."""


class FileEntry(msgspec.Struct, frozen=True):
    """Hash and size of a file of the recording."""

    sha256: str
    bytes: int


def entry_of(path: Path) -> FileEntry:
    """Hash and size of a file."""
    return FileEntry(sha256=file_sha256(path), bytes=path.stat().st_size)


class Manifest(msgspec.Struct, frozen=True):
    """What a recording consists of; the file holds a seal over all of it beside, see `tml_bench.seals`.

    Attributes:
        schema: name and version of this format.
        files: by name.
        rate: rate of both tracks in Hz.
        samples: length of both tracks.
        clock: ``simulated``, ``wall`` or ``imported``.
        compute: ``ideal``, ``charged``, ``recorded``; ``live`` on the wall clock, ``none`` when imported.
        tml_bench: version that wrote it.
        config: hash of the run's settings, see `tml_bench.runs.recorded`; empty where it is part of no run,
            and before version 1.1 of this format.
    """

    schema: str
    files: dict[str, FileEntry]
    rate: int
    samples: int
    clock: str
    compute: str
    tml_bench: str
    config: str = ""

    def encode(self) -> bytes:
        """Contents of ``manifest.json``."""
        return sealed(msgspec.json.format(msgspec.json.encode(self)))


class AudioTrack(msgspec.Struct, frozen=True):
    """One of the tracks, with its file's SHA-256."""

    path: Path
    sha256: str


class SessionFacts(msgspec.Struct, frozen=True):
    """What perceiving needs of a recording, gathered in one pass over its events.

    Attributes:
        user: the user's track.
        model: the model's track, as heard.
        imported: the imported transcript's words; None when there is none.
        timed: the adapter's words whose times are believed (``declared_times``), as heard, in order. A word
            that begins after the flush that dropped it, or after the session's end, was not heard and is
            left out.
        untimed: the adapter's texts without word times, as far as they were heard; see ``heard_text``.
        turns: when each of the user's turns was played, in order; times in seconds.
        clipped: share of the samples the model gave that were over full scale and clipped, in [0, 1].
        late: pieces of the adapter's transcript that came more than ``declared_times.LATE_S`` after the end
            of their audio.
        compute_s: compute charged to the session, in seconds.
        calls: functions called before the session's end, in order, each with what became of it.
        split: what a front and a background model took; None where there was none.
        lines: what a simulated user said, in order.
        ended: what ended the session.
    """

    user: AudioTrack
    model: AudioTrack
    imported: tuple[Word, ...] | None
    timed: tuple[Word, ...]
    untimed: tuple[HeardText, ...]
    turns: tuple[Segment, ...]
    clipped: float = 0.0
    late: int = 0
    compute_s: float = 0.0
    calls: tuple[TimedCall, ...] = ()
    split: SplitTimes | None = None
    lines: tuple[UserLine, ...] = ()
    ended: str = ""

    @property
    def claimed(self) -> str:
        """What the transcript, imported or the adapter's, says was heard; empty where there is none."""
        if self.imported is not None:
            return " ".join(word.text.strip() for word in self.imported)
        texts = [(word.start_s or 0.0, word.text.strip()) for word in self.timed]
        texts += [(text.start_s, text.text) for text in self.untimed]
        return " ".join(text for _, text in sorted(texts, key=itemgetter(0)))


class Recording:
    """A recording on disk. Opening reads each of its files at most once; ``verify`` checks their hashes.

    Without ``tracks`` both tracks may be elsewhere: what is known of them is what the manifest says.

    Raises:
        UserError: a file is missing, was changed, or has an unknown version.
    """

    def __init__(self, folder: Path, *, verify: bool = True, tracks: bool = True) -> None:
        self.folder = Path(folder)
        self._tracks = tracks
        self.manifest = self._read_manifest()
        self._log = EventLog(self.folder / LOG)
        self._verified = verify
        if verify:
            self._verify()
        first = next(self.events(), None)
        if not isinstance(first, ev.SessionOpened):
            raise UserError(f"{self.folder / LOG}: the first line is not a session event")
        _check_schema(self.folder / LOG, first.schema, ev.SCHEMA)
        self.opened = first
        self._check_shape()

    @classmethod
    def just_written(cls, folder: Path) -> Recording:
        """One that this process has just written, whose hashes need no check. Raises as the class does."""
        recording = cls(folder, verify=False)
        recording._verified = True
        return recording

    def _read_manifest(self) -> Manifest:
        path = self.folder / MANIFEST
        try:
            content = read_whole(path)
            manifest = msgspec.json.decode(content, type=Manifest)
        except FileNotFoundError:
            raise UserError(
                f"{self.folder} is not a recording: it has no manifest.json",
                "give a folder such as RUN/TASK/SAMPLE/1",
            ) from None
        except UNREADABLE as error:
            raise UserError(f"{path}: {error}", "the recording is damaged; run the sample again") from error
        _check_schema(path, manifest.schema, MANIFEST_SCHEMA)
        if not (0 < manifest.rate < _MOST and 0 <= manifest.samples < _MOST):
            raise UserError(f"{path}: rate or samples is out of range", "run the sample again")
        self._sealed = seal_holds(content)
        if self._sealed is False or (self._sealed is None and manifest.schema != _UNSEALED):
            raise _changed(path, "it is not as its seal says")
        return manifest

    def _check_shape(self) -> None:
        """Hold rate and length against the log and, where no seal covers them, against the tracks."""
        found = [(LOG, self.opened.rate, self.manifest.samples)]
        if self._verified and not self._sealed:
            paths = self.user_path, self.model_path
            found += [(path.name, *shape) for path in paths if (shape := flac_shape(path))]
        for name, rate, samples in found:
            if (rate, samples) != (self.manifest.rate, self.manifest.samples):
                raise _changed(
                    self.folder / MANIFEST,
                    f"rate {self.manifest.rate} and samples {self.manifest.samples} are not those of {name}",
                )

    def _verify(self) -> None:
        for name, entry in self.manifest.files.items():
            path = self.folder / os.path.basename(name)
            if not is_there(path):
                if not self._tracks and name in (USER_TRACK, MODEL_TRACK):
                    continue
                raise _missing(path)
            found = FileEntry(*self._log.identity()) if name == LOG else entry_of(path)
            if found != entry:
                raise _changed(path, "its SHA-256 is not the one in manifest.json")

    @property
    def user_path(self) -> Path:
        """The user's track."""
        return self.folder / USER_TRACK

    @property
    def model_path(self) -> Path:
        """The model's track, as heard."""
        return self.folder / MODEL_TRACK

    @property
    def duration_s(self) -> float:
        """Length of both tracks in seconds."""
        return self.manifest.samples / self.manifest.rate

    def audio(self) -> tuple[NDArray[np.float32], int]:
        """Both tracks as heard, and their rate in Hz.

        Returns:
            Shape (2, n), float32 in [-1, 1]: the user's track, then the model's.
        """
        import soundfile

        tracks = [soundfile.read(path, dtype="float32")[0] for path in (self.user_path, self.model_path)]
        return np.stack(tracks), self.manifest.rate

    def events(self) -> Iterator[ev.AnyEvent]:
        """Events in the order written; kinds of a later minor version are skipped.

        Raises:
            UserError: a line is not a JSON object of this format; names the line.
        """
        return self._log.events()

    def compute_ns(self) -> tuple[int, ...]:
        """Compute charged to each micro-turn, for a replay."""
        return tuple(e.compute_ns for e in self.events() if isinstance(e, ev.StepDone))

    @cached_property
    def facts(self) -> SessionFacts:
        """What perceiving needs of it. Raises UserError as `events`, or if a track is missing."""
        imported: tuple[Word, ...] | None = None
        texts = HeardTexts()
        declared = DeclaredTimes()
        turns: list[Segment] = []
        said, ended = UserLines(), ""
        given_ns = clipped = compute_ns = 0
        calls, split = TimedCalls(), SplitWatch()
        for event in self.events():
            if isinstance(event, ev.StepDone):  # nearly all events are, and nothing else looks at them
                compute_ns += event.compute_ns
                continue
            split.take(event)
            for taken in declared.take(event):
                texts.take(taken)
            match event:
                case ev.ModelAudio():  # so are nearly all others
                    given_ns += event.end_ns - event.heard_ns
                    clipped += event.clipped
                case ev.UserTurnStarted():
                    said.take(event)
                    turns.append(Segment(seconds(event.t_ns), seconds(event.end_ns)))
                case ev.UserTurnCut():
                    said.take(event)
                case ev.SessionClosed():
                    ended = event.reason
                case ev.ModelToolCall():
                    calls.begin(event)
                case ev.ToolReturned():
                    calls.end(event)
                case ev.ImportedTranscript() if imported is None:
                    imported = tuple(Word(w.text, w.start_s, w.end_s) for w in event.words)
        end_ns = self.manifest.samples * NS // self.manifest.rate
        user, model = self._track(self.user_path), self._track(self.model_path)
        share = clipped / max(1.0, given_ns / NS * self.opened.audio_out)
        heard, untimed = _heard(declared.words, end_ns), texts.heard(end_ns)
        more = share, texts.late, compute_ns / NS, calls.found, split.found, said.found, ended
        return SessionFacts(user, model, imported, heard, untimed, tuple(turns), *more)

    def _track(self, path: Path) -> AudioTrack:
        entry = self.manifest.files.get(path.name) if self._verified else None
        if not path.is_file() and (self._tracks or entry is None):
            raise _missing(path)
        return AudioTrack(path, entry.sha256 if entry else file_sha256(path))


def _heard(words: Iterable[ev.TimedWord], end_ns: int) -> tuple[Word, ...]:
    """Those that begin before the session's end, in order."""
    heard = sorted((w for w in words if w.start_ns < end_ns), key=lambda w: w.start_ns)
    return tuple(Word(w.text, seconds(w.start_ns), seconds(min(w.end_ns, end_ns))) for w in heard)


def _missing(path: Path) -> UserError:
    return UserError(f"{path} is missing", "the recording is damaged; run the sample again")


def _changed(path: Path, how: str) -> UserError:
    return UserError(f"{path}: {how}", "the recording was changed after it was made; run the sample again")


def _check_schema(path: Path, found: str, known: str) -> None:
    if found.rpartition(".")[0] != known.rpartition(".")[0]:
        raise UserError(
            f"{path}: schema {found!r} is not {known!r}", "read it with the tml-bench version that wrote it"
        )
