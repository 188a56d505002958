"""Reading audio as mono float32 at any rate.

Conventions: full scale is [-1, 1]; several channels are averaged; rates are in Hz. A clip of n frames at
rate a has, at rate b, ``round(n * b / a)`` samples, halves rounded up; this is soxr's own rule, and
reading gives exactly that many. Resampling is soxr HQ, which adds no delay: sample k of the output is at
``k / b`` seconds of the input.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol, Self

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from tml_bench.errors import BadSampleError
from tml_bench.samples import Waveform

_BLOCK_S = 4
_MEMORY_BLOCK_S = 0.2  # short, so that a live session never resamples much at once
_RATES = range(2000, 384_001)
_SIZE_UNKNOWN = 0x7FFFF000  # ffmpeg writes 0xFFFFFFFF, sox 0x7FFFF000, when the length is not known yet


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What an audio file holds: ``frames`` samples per channel, ``duration_s`` = ``frames / rate``.

    ``notes`` are remarks that do not make it unusable, such as ``2 channels averaged`` or ``8-bit``.
    """

    rate: int
    channels: int
    frames: int
    duration_s: float
    notes: tuple[str, ...] = ()


def probe(path: Path) -> AudioInfo:
    """Look at an audio file without reading all of it.

    Raises:
        BadSampleError: the file is missing, empty, not audio, shorter than its header promises, or has a
            rate outside 2-384 kHz.
    """
    with _open_audio(path) as file:
        averaged = (f"{file.channels} channels averaged",) if file.channels > 1 else ()
        notes = (*averaged, "8-bit") if file.subtype in ("PCM_U8", "PCM_S8") else averaged
        duration_s = file.frames / file.samplerate
        return AudioInfo(file.samplerate, file.channels, file.frames, duration_s, notes)


def read_mono(path: Path, rate: int | None = None) -> tuple[NDArray[np.float32], int]:
    """Samples, shape (n,), of a whole file that libsndfile reads, and their rate, by default its own.

    Raises:
        BadSampleError: as ``probe``, or a sample is not a finite number.
    """
    wanted = rate or probe(path).rate
    with ClipReader(path, wanted) as clip:
        return clip.read(clip.length), wanted


def clip_samples(clip: Path | Waveform, rate: int) -> NDArray[np.float32]:
    """A whole clip in memory, shape (n,), at a rate in Hz. Raises BadSampleError if it cannot be used."""
    if isinstance(clip, Path):
        return read_mono(clip, rate)[0]
    if clip.rate == rate:
        return clip.samples
    resampled: NDArray[np.float32] = soxr.resample(clip.samples, clip.rate, rate)
    return resampled


@dataclass(frozen=True, slots=True)
class ResampledWaveform(Waveform):
    """A waveform that has been resampled beforehand, for readers that must be quick; ``at`` is by rate."""

    at: Mapping[int, Waveform]

    @classmethod
    def of(cls, waveform: Waveform, rates: Iterable[int]) -> ResampledWaveform:
        """Resample to these rates. Raises BadSampleError if the waveform cannot be used."""
        return cls(waveform.samples, waveform.rate, {rate: _at_rate(waveform, rate) for rate in rates})


def _at_rate(waveform: Waveform, rate: int) -> Waveform:
    with ClipReader(waveform, rate) as clip:
        return Waveform(clip.read(clip.length), rate)


class BlockSource(Protocol):
    """Mono audio read in order, block by block: ``frames`` samples, at least 1; ``name`` is for messages."""

    name: str
    rate: int
    frames: int

    def block(self, start: int, n: int) -> NDArray[np.float32]:
        """Samples ``start`` to ``start + n``, shape (n,), calls without a gap. Raises BadSampleError."""

    def close(self) -> None:
        """Release what is open."""


class ClipReader:
    """Streams a clip at any rate, in order, with memory that does not grow with its length.

    The resampler is fed by reading ahead in the clip, so what ``read`` gives equals, to within rounding,
    the same part of the whole clip resampled at once, whatever the sizes asked for. ``length`` counts
    samples at the wanted rate, ``round(frames * rate / source rate)``, halves up.
    """

    def __init__(self, source: Path | Waveform | BlockSource, rate: int) -> None:
        """Open a file that libsndfile reads, a waveform, or anything else that gives blocks.

        Raises:
            BadSampleError: the clip cannot be used; see ``probe``. A waveform must be of shape (n,), n > 0.
        """
        if isinstance(source, ResampledWaveform):
            source = source.at.get(rate, source)
        self._source: BlockSource = (
            _WaveformSource(source)
            if isinstance(source, Waveform)
            else _FileSource(source)
            if isinstance(source, Path)
            else source
        )
        self.rate = rate
        self.length = (2 * self._source.frames * rate + self._source.rate) // (2 * self._source.rate)
        self._blocks = self._resampled()
        self._block: NDArray[np.float32] = np.empty(0, np.float32)
        self._used = 0

    def read(self, n: int) -> NDArray[np.float32]:
        """The next ``n`` samples, shape (n,); fewer at the clip's end, none after it.

        Raises:
            BadSampleError: a sample is not a finite number, or the file ends early.
        """
        end = self._used + n
        if end <= self._block.size:
            part = self._block[self._used : end]
            self._used = end
            return part
        parts = [self._block[self._used :]]
        missing = n - parts[0].size
        self._block, self._used = self._block[:0], 0
        for block in self._blocks:
            parts.append(block[:missing])
            if block.size >= missing:
                self._block, self._used = block, missing
                break
            missing -= block.size
        return np.concatenate(parts)

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _resampled(self) -> Iterator[NDArray[np.float32]]:
        source = self._source
        if source.rate == self.rate:
            yield from _finite_blocks(source)
            return
        stream = soxr.ResampleStream(source.rate, self.rate, 1, dtype="float32", quality="HQ")
        fed = 0
        for block in _finite_blocks(source):
            fed += block.size
            yield stream.resample_chunk(block, last=fed == source.frames)


class _FileSource:
    """Blocks of a file."""

    def __init__(self, path: Path) -> None:
        self._file = _open_audio(path)
        self.name = str(path)
        self.rate: int = self._file.samplerate
        self.frames: int = self._file.frames

    def block(self, start: int, n: int) -> NDArray[np.float32]:
        try:
            frames: NDArray[np.float32] = self._file.read(n, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise BadSampleError(f"{self.name} cannot be decoded after sample {start} ({error})") from error
        if len(frames) < n:
            there = f"{start + len(frames)} of {self.frames} samples"
            raise BadSampleError(f"{self.name} is truncated: it ends after {there}")
        return frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1)

    def close(self) -> None:
        self._file.close()


class _WaveformSource:
    """Blocks of a waveform; copies, so that nobody downstream writes into the sample's own data."""

    def __init__(self, waveform: Waveform) -> None:
        self._samples = np.asarray(waveform.samples)
        self.name = "a waveform in memory"
        self.rate = waveform.rate
        self.frames = self._samples.size
        if self._samples.ndim != 1 or not self.frames:
            raise BadSampleError(f"{self.name} has shape {self._samples.shape} instead of (n,) with n > 0")
        _check_rate(self.name, self.rate)

    def block(self, start: int, n: int) -> NDArray[np.float32]:
        return self._samples[start : start + n].astype(np.float32)

    def close(self) -> None:
        """Nothing is open."""


def _finite_blocks(source: BlockSource) -> Iterator[NDArray[np.float32]]:
    seconds = _MEMORY_BLOCK_S if isinstance(source, _WaveformSource) else _BLOCK_S
    size = max(1, round(seconds * source.rate))
    for start in range(0, source.frames, size):
        block = source.block(start, min(size, source.frames - start))
        finite = np.isfinite(block)
        if not finite.all():
            at = start + int(np.argmin(finite))
            place = f"sample {at} ({at / source.rate:.3f} s)"
            raise BadSampleError(f"{source.name} has a value that is not a finite number at {place}")
        yield block


def _open_audio(path: Path) -> soundfile.SoundFile:
    """Open a file whose audio is all there; what is cut short or unfinished is told, not read."""
    if not path.is_file():
        raise BadSampleError(f"{path} does not exist or is not a file")
    if path.stat().st_size == 0:
        raise BadSampleError(f"{path} is empty (0 bytes)")
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise BadSampleError(
            f"{path} is not audio that can be read ({error.error_string}); WAV, FLAC, OGG and MP3 can"
        ) from error
    try:
        _check(path, file)
    except BaseException:
        file.close()
        raise
    return file


def _check(path: Path, file: soundfile.SoundFile) -> None:
    _check_rate(str(path), file.samplerate)
    promised = _riff_data_bytes(path)
    if promised is not None:
        size, there = promised
        if size > there:
            raise BadSampleError(f"{path} is truncated: it has {there} of the {size} bytes of audio promised")
        if size == 0 and there > 0:
            raise BadSampleError(
                f"{path} is unfinished: its header says 0 bytes of audio and {there} bytes follow; "
                f"rewrite it, for instance with `ffmpeg -i {path.name} whole.wav`"
            )
    if file.frames <= 0:
        raise BadSampleError(f"{path} holds no samples")
    # libsndfile believes a compressed file's header; only its last sample shows whether the rest is there.
    try:
        file.seek(file.frames - 1)
        whole = len(file.read(1)) == 1
        file.seek(0)
    except soundfile.LibsndfileError:
        whole = False
    if not whole:
        raise BadSampleError(f"{path} is truncated: it ends before sample {file.frames}, its last")


def _check_rate(name: str, rate: int) -> None:
    """Refuse a rate in Hz outside what is read, with a BadSampleError that names ``name``."""
    if rate not in _RATES:
        raise BadSampleError(f"{name} has a rate of {rate} Hz, outside {_RATES.start}-{_RATES.stop - 1} Hz")


def _riff_data_bytes(path: Path) -> tuple[int, int] | None:
    """Bytes of audio promised and present in a RIFF WAVE file; None for other files or unknown sizes."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] not in (b"RIFF", b"RIFX") or head[8:] != b"WAVE":
            return None
        size = _find_data_chunk(file, "little" if head[:4] == b"RIFF" else "big")
        if size is None or size >= _SIZE_UNKNOWN:
            return None
        return size, os.fstat(file.fileno()).st_size - file.tell()


def _find_data_chunk(file: BinaryIO, order: Literal["little", "big"]) -> int | None:
    """Move to the body of the ``data`` chunk and return the size its header states."""
    while len(header := file.read(8)) == 8:
        size = int.from_bytes(header[4:], order)
        if header[:4] == b"data":
            return size
        file.seek(size + size % 2, os.SEEK_CUR)
    return None
