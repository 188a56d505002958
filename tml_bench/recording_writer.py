"""Write a recording: see `tml_bench.recording` for what it consists of."""

from collections import deque
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from tml_bench import events as ev
from tml_bench.bounded_files import LONGEST_LINE
from tml_bench.encoded_tracks import (
    LONGEST_BYTES,
    MOST_SILENCE,
    EncodedTracks,
    Pcm,
    is_silence,
    key_of,
    silence,
)
from tml_bench.event_texts import fit
from tml_bench.recording import LOG, MANIFEST, MANIFEST_SCHEMA, MODEL_TRACK, USER_TRACK, Manifest, entry_of
from tml_bench.samples import Waveform

if TYPE_CHECKING:
    from soundfile import SoundFile

BLOCK = 48_000
"""Audio is handed to the encoder in blocks of at least this many samples: 2 s at 24 kHz."""


class EventTooLongError(ValueError):
    """An event is longer than a recording may hold: a model or a service said more than anybody reads."""


class AudioWriter:
    """A mono 16-bit FLAC track; samples are scaled by 32768, so 16-bit sources come back bit for bit.

    ``encoder`` encodes beside the caller, one piece of work at a time; None to encode in ``write``. With
    ``known`` tracks a short one is encoded only if it is none of them, and then it becomes one; with
    ``known_silence`` only one of digital zeros, and any other at once. What is ``held`` is in memory as well,
    up to `LONGEST_BYTES`.
    """

    def __init__(
        self,
        path: Path,
        rate: int,
        encoder: Executor | None = None,
        known: EncodedTracks | None = None,
        known_silence: bool = False,
        held: bool = False,
    ) -> None:
        self.samples = 0
        """How many were written so far."""
        self._path, self._rate = path, rate
        self._known = known
        self._known_silence = known_silence
        self.holds = held
        """All of it is in memory as well."""
        self._pieces: list[Pcm] = []
        self._encoded = 0
        """How many of the pieces are in the file."""
        self._file: SoundFile | None = None
        if known is None:
            self._opened()  # what cannot be written is told at once
        self._is_closed = False
        self._held: list[NDArray[np.float32]] = []
        self._held_samples = 0
        self._encoder = encoder
        self._encoding: deque[Future[None]] = deque()

    def write(self, audio: NDArray[np.float32]) -> None:
        """Append samples, shape (n,), clipped to [-1, 1]. Raises OSError, for earlier ones too."""
        self._held.append(audio)
        self._held_samples += len(audio)
        self.samples += len(audio)
        if self._held_samples >= BLOCK:
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
        self._pieces.append(_pcm(np.concatenate(pieces)))
        if 2 * self.samples > LONGEST_BYTES:
            self._known, self.holds = None, False
        if self._known_silence and not is_silence(self._pieces[-1]):
            self._known = None
        if self._known is None:
            self._encode_pieces()

    def _opened(self) -> "SoundFile":
        import soundfile

        if self._file is None:
            self._file = soundfile.SoundFile(self._path, "w", self._rate, 1, "PCM_16", format="FLAC")
        return self._file

    def _encode_pieces(self) -> None:
        file = self._opened()
        for piece in self._pieces[self._encoded :]:
            file.write(piece)
        if not self.holds:
            self._pieces = []
        self._encoded = len(self._pieces)

    def close(self) -> None:
        """Write what is held and close the file, once. Raises OSError if something cannot be written."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            while self._encoding:
                self._encoding.popleft().result()
            if self._held:
                self._encode(self._held)
            if self._known is not None:
                self._write_known(self._known)
        finally:
            self._held, self._held_samples = [], 0
            self._pieces = self._pieces if self.holds else []
            if self._file is not None:
                self._file.close()

    def sound(self) -> Waveform:
        """What is in the file once it is closed, as reading it gives, where it is held."""
        samples, end = np.zeros(self.samples, np.float32), 0
        for piece in self._pieces:
            if not is_silence(piece):
                np.multiply(piece, np.float32(1 / 32768), out=samples[end : end + piece.size])
            end += piece.size
        return Waveform(samples, self._rate)

    def _write_known(self, known: EncodedTracks) -> None:
        key = key_of(self._rate, self._pieces)
        encoded = known.get(key)
        if encoded is None:
            self._encode_pieces()
            self._opened().close()
            written = self._path.read_bytes()
            known.keep(key, written, len(written))
        else:
            self._path.write_bytes(encoded)


def _pcm(audio: NDArray[np.float32]) -> Pcm:
    """Samples as they are encoded; of silence, as most of what models give is, one of `silence`."""
    if len(audio) <= MOST_SILENCE and not audio.any():
        return silence(len(audio))
    audio *= 32768
    np.rint(audio, out=audio)
    np.clip(audio, -32768, 32767, out=audio)
    return audio.astype(np.int16)


class RecordingWriter:
    """Writes a recording into a folder, made if missing, else empty; the caller renames it when complete.

    ``clock``, ``compute`` and ``config`` are those of ``Manifest``; ``opened`` is the first event.
    ``encoder`` encodes the tracks beside the caller, one piece of work at a time and in order; ``close`` may
    be called on it too. None to encode while writing. ``known`` are tracks of users, and silence. Tracks are
    ``held`` as ``AudioWriter`` does.
    """

    def __init__(
        self,
        folder: Path,
        opened: ev.SessionOpened,
        *,
        clock: str,
        compute: str,
        encoder: Executor | None = None,
        config: str = "",
        known: EncodedTracks | None = None,
        held: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.opened = opened
        self.log_bytes = 0
        """How many bytes of events were written so far."""
        self._clock = clock
        self._compute = compute
        self._config = config
        self._encode = msgspec.json.Encoder().encode
        self._log = (folder / LOG).open("wb", buffering=1 << 16)
        self.user = AudioWriter(folder / USER_TRACK, opened.rate, encoder, known, held=held)
        self.model = AudioWriter(folder / MODEL_TRACK, opened.rate, encoder, known, known is not None, held)
        self.event(opened)

    def event(self, event: ev.Event) -> None:
        """Append one event. Raises EventTooLongError if it could not be read again."""
        line = self._encode(fit(event)) + b"\n"
        if len(line) > LONGEST_LINE:
            raise EventTooLongError(
                f"an event of {len(line):,} bytes, and a recording holds {LONGEST_LINE:,}"
            )
        self._log.write(line)
        self.log_bytes += len(line)

    def close(self) -> Manifest:
        """Finish all files and write the manifest. Raises ValueError if the tracks differ in length."""
        from tml_bench import __version__

        self.abandon()
        if self.user.samples != self.model.samples:
            raise ValueError(f"tracks differ: user {self.user.samples}, model {self.model.samples} samples")
        names = (LOG, USER_TRACK, MODEL_TRACK)
        manifest = Manifest(
            schema=MANIFEST_SCHEMA,
            files={name: entry_of(self._folder / name) for name in names},
            rate=self.opened.rate,
            samples=self.user.samples,
            clock=self._clock,
            compute=self._compute,
            tml_bench=__version__,
            config=self._config,
        )
        (self._folder / MANIFEST).write_bytes(manifest.encode())
        return manifest

    @property
    def holds(self) -> bool:
        """Whether what is in both tracks is still in memory."""
        return self.user.holds and self.model.holds

    def sound(self, track: Path) -> Waveform:
        """What is in the file of a track, as reading it gives, where the recording is closed and held."""
        return self.user.sound() if track.name == USER_TRACK else self.model.sound()

    def abandon(self) -> None:
        """Close the files without a manifest: what is there is not a recording."""
        with ExitStack() as each:  # whichever cannot be finished, the others are closed
            for close in (self.model.close, self.user.close, self._log.close):
                each.callback(close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.abandon()
