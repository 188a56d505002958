"""Write and read a recording: a folder that holds everything a session was.

    session.jsonl   every event with its time (``tml_bench.events``), append-only
    user.flac       the user's audio, mono, 16 bit
    model.flac      the model's audio as heard: same rate, same length, same first sample
    manifest.json   SHA-256 and size of each, and how the session was run

A recording is immutable: it is written aside and renamed when complete, and reading checks the hashes.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from tml_bench import events as ev
from tml_bench.errors import UserError
from tml_bench.timebase import NS, seconds
from tml_bench.timeline import Segment, Word

MANIFEST_SCHEMA = "tml-bench/recording/1.0"
BLOCK_S = 4
"""Audio is handed to the encoder in blocks of this many seconds."""


class FileEntry(msgspec.Struct, frozen=True):
    """Hash and size of a file of the recording."""

    sha256: str
    bytes: int


class Manifest(msgspec.Struct, frozen=True):
    """What a recording consists of.

    Attributes:
        schema: name and version of this format.
        files: by name.
        rate: rate of both tracks in Hz.
        samples: length of both tracks.
        clock: ``simulated``, ``wall`` or ``imported``.
        compute: ``ideal``, ``charged``, ``recorded``; ``live`` on the wall clock, ``none`` when imported.
        tml_bench: version that wrote it.
    """

    schema: str
    files: dict[str, FileEntry]
    rate: int
    samples: int
    clock: str
    compute: str
    tml_bench: str


class AudioWriter:
    """A mono 16-bit FLAC track; samples are scaled by 32768, so 16-bit sources come back bit for bit.

    Args:
        path: of the file.
        rate: samples per second.
        encoder: encodes beside the caller, one piece of work at a time; None to encode in ``write``.
    """

    def __init__(self, path: Path, rate: int, encoder: Executor | None = None) -> None:
        import soundfile

        self.samples = 0
        """How many were written so far."""
        self._file = soundfile.SoundFile(path, "w", rate, 1, "PCM_16", format="FLAC")
        self._block = BLOCK_S * rate
        self._held: list[NDArray[np.float32]] = []
        self._held_samples = 0
        self._encoder = encoder
        self._encoding: deque[Future[None]] = deque()

    def write(self, audio: NDArray[np.float32]) -> None:
        """Append samples, shape (n,), float32 in [-1, 1]; what lies beyond is clipped.

        Raises:
            OSError: these or earlier ones cannot be written.
        """
        self._held.append(audio)
        self._held_samples += len(audio)
        self.samples += len(audio)
        if self._held_samples >= self._block:
            self._drain()

    def _drain(self) -> None:
        held, self._held, self._held_samples = self._held, [], 0
        if self._encoder is None:
            self._encode(held)
            return
        while self._encoding and self._encoding[0].done():
            self._encoding.popleft().result()
        self._encoding.append(self._encoder.submit(self._encode, held))

    def _encode(self, pieces: list[NDArray[np.float32]]) -> None:
        audio = np.concatenate(pieces)
        audio *= 32768
        np.rint(audio, out=audio)
        np.clip(audio, -32768, 32767, out=audio)
        self._file.write(audio.astype(np.int16))

    def close(self) -> None:
        """Write what is held and close the file; does nothing when it is closed.

        Raises:
            OSError: something cannot be written.
        """
        if self._file.closed:
            return
        try:
            while self._encoding:
                self._encoding.popleft().result()
            if self._held:
                self._encode(self._held)
        finally:
            self._held, self._held_samples = [], 0
            self._file.close()


class RecordingWriter:
    """Writes a recording into an empty folder; the caller renames it when complete.

    Args:
        folder: created if missing.
        opened: the first event.
        clock: as in ``Manifest``.
        compute: as in ``Manifest``.
        encoder: encodes the tracks beside the caller, one piece of work at a time and in order; ``close`` may
            be called on it too. None to encode while writing.
    """

    def __init__(
        self,
        folder: Path,
        opened: ev.SessionOpened,
        *,
        clock: str,
        compute: str,
        encoder: Executor | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.opened = opened
        self.log_bytes = 0
        """How many bytes of events were written so far."""
        self._clock = clock
        self._compute = compute
        self._encode = msgspec.json.Encoder().encode
        self._log = (folder / "session.jsonl").open("wb", buffering=1 << 16)
        self.user = AudioWriter(folder / "user.flac", opened.rate, encoder)
        self.model = AudioWriter(folder / "model.flac", opened.rate, encoder)
        self.event(opened)

    def event(self, event: ev.Event) -> None:
        """Append one event."""
        line = self._encode(event) + b"\n"
        self._log.write(line)
        self.log_bytes += len(line)

    def close(self) -> Manifest:
        """Finish all files and write the manifest.

        Raises:
            ValueError: the two tracks do not have the same length.
        """
        from tml_bench import __version__

        self.abandon()
        if self.user.samples != self.model.samples:
            raise ValueError(f"tracks differ: user {self.user.samples}, model {self.model.samples} samples")
        names = ("session.jsonl", "user.flac", "model.flac")
        manifest = Manifest(
            schema=MANIFEST_SCHEMA,
            files={name: _entry(self._folder / name) for name in names},
            rate=self.opened.rate,
            samples=self.user.samples,
            clock=self._clock,
            compute=self._compute,
            tml_bench=__version__,
        )
        (self._folder / "manifest.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"
        )
        return manifest

    def abandon(self) -> None:
        """Close the files without a manifest: what is there is not a recording."""
        with ExitStack() as each:  # whichever cannot be finished, the others are closed
            for close in (self.model.close, self.user.close, self._log.close):
                each.callback(close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abandon()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _entry(path: Path) -> FileEntry:
    return FileEntry(sha256=file_sha256(path), bytes=path.stat().st_size)


def _check_schema(path: Path, found: str, known: str) -> None:
    if found.rpartition(".")[0] != known.rpartition(".")[0]:
        raise UserError(
            f"{path}: schema {found!r} is not {known!r}", "read it with the tml-bench version that wrote it"
        )


class Recording:
    """A recording on disk.

    Args:
        folder: where it is.
        verify: check the hashes of all files (reads them once).

    Raises:
        UserError: a file is missing, was changed, or has an unknown version.
    """

    def __init__(self, folder: Path, *, verify: bool = True) -> None:
        self.folder = Path(folder)
        self.manifest = self._read_manifest()
        if verify:
            self._verify()
        first = next(iter(self.events()), None)
        if not isinstance(first, ev.SessionOpened):
            raise UserError(f"{self.folder / 'session.jsonl'}: the first line is not a session event")
        _check_schema(self.folder / "session.jsonl", first.schema, ev.SCHEMA)
        self.opened = first

    def _read_manifest(self) -> Manifest:
        path = self.folder / "manifest.json"
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        except FileNotFoundError:
            raise UserError(
                f"{self.folder} is not a recording: it has no manifest.json",
                "give a folder such as RUN/TASK/SAMPLE/1",
            ) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: {error}", "the recording is damaged; run the sample again") from error
        _check_schema(path, manifest.schema, MANIFEST_SCHEMA)
        return manifest

    def _verify(self) -> None:
        for name, entry in self.manifest.files.items():
            path = self.folder / os.path.basename(name)
            if not path.is_file():
                raise UserError(f"{path} is missing", "the recording is damaged; run the sample again")
            if _entry(path) != entry:
                raise UserError(
                    f"{path}: its SHA-256 is not the one in manifest.json",
                    "the recording was changed after it was made; run the sample again",
                )

    @property
    def user_path(self) -> Path:
        """The user's track."""
        return self.folder / "user.flac"

    @property
    def model_path(self) -> Path:
        """The model's track, as heard."""
        return self.folder / "model.flac"

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
        decoder = msgspec.json.Decoder(ev.AnyEvent)
        path = self.folder / "session.jsonl"
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    if not _is_of_later_version(line):
                        raise UserError(f"{path}, line {number}: {error}") from error

    def compute_ns(self) -> tuple[int, ...]:
        """Compute charged to each micro-turn, for a replay."""
        return tuple(e.compute_ns for e in self.events() if isinstance(e, ev.StepDone))

    def imported_words(self) -> tuple[Word, ...] | None:
        """The imported transcript's words; None when there is none."""
        for event in self.events():
            if isinstance(event, ev.ImportedTranscript):
                return tuple(Word(w.text, w.start_s, w.end_s) for w in event.words)
        return None

    def timed_words(self) -> tuple[Word, ...] | None:
        """The adapter's words as heard, in order; None when some of its transcript has no times.

        A word that begins after the flush that dropped it, or after the session's end, was not heard and is
        left out.
        """
        words: list[ev.TimedWord] = []
        for event in self.events():
            if isinstance(event, ev.ModelTranscript):
                if event.text.strip() and not event.words:
                    return None
                words.extend(event.words)
            elif isinstance(event, ev.Flush):
                words = [w for w in words if w.start_ns < event.t_ns]
        end_ns = self.manifest.samples * NS // self.manifest.rate
        heard = sorted((w for w in words if w.start_ns < end_ns), key=lambda w: w.start_ns)
        return tuple(Word(w.text, seconds(w.start_ns), seconds(min(w.end_ns, end_ns))) for w in heard) or None

    def turns(self) -> tuple[Segment, ...]:
        """When each of the user's turns was played, in order; times in seconds."""
        placed = (e for e in self.events() if isinstance(e, ev.UserTurnStarted))
        return tuple(Segment(seconds(e.t_ns), seconds(e.end_ns)) for e in placed)

    def transcript(self) -> str:
        """The adapter's own transcript of its speech, pieces joined; empty when it gave none."""
        return "".join(e.text for e in self.events() if isinstance(e, ev.ModelTranscript)).strip()


KINDS = frozenset(str(kind.__struct_config__.tag) for kind in ev.AnyEvent.__args__)
"""Kinds of event this version knows."""


def _is_of_later_version(line: bytes) -> bool:
    try:
        event = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return isinstance(event, dict) and isinstance(event.get("kind"), str) and event["kind"] not in KINDS
