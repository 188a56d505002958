"""Reading audio as mono float32 at any rate.

Conventions: full scale is [-1, 1]; several channels are averaged; rates are in Hz. A clip of n frames at
rate a has, at rate b, ``round(n * b / a)`` samples, halves rounded up; this is soxr's own rule, and
reading gives exactly that many. Resampling is soxr HQ, which adds no delay: sample k of the output is at
``k / b`` seconds of the input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import soxr
from numpy.typing import NDArray

from tml_bench.containers.limits import check_rate
from tml_bench.containers.sound_file import AudioInfo, SoundFileBlocks, inspect
from tml_bench.errors import BadSampleError
from tml_bench.media.ahead import BlocksAhead
from tml_bench.samples import Waveform

_BLOCK_S = 4
_AHEAD_BLOCK = 16_000  # samples of the clip, whatever its rate: two such blocks are held at a time
_SETTLED = 3  # so many steps of zeros after sound, a resampler gives and holds nothing else
WHOLE_MOST = 3600 * 48_000
"""Samples that are read at once into memory, which are 0.7 GB: an hour at 48 kHz."""
_FED_S = 0.2  # a resampler keeps room for the most that it was ever fed at once


def probe(path: Path) -> AudioInfo:
    """Look at an audio file; its length is that of what can be heard (``tml_bench.containers.sound_file``).

    Raises:
        BadSampleError: the file cannot be used; see ``tml_bench.containers.sound_file.inspect``.
    """
    return inspect(path)


def read_mono(path: Path, rate: int | None = None) -> tuple[NDArray[np.float32], int]:
    """Samples, shape (n,), of a whole file, and their rate, by default its own.

    Raises:
        BadSampleError: as ``probe``, or a sample is not a finite number, or there are more than `WHOLE_MOST`.
    """
    wanted = rate or probe(path).rate
    with ClipReader(path, wanted) as clip:
        if clip.length > WHOLE_MOST:
            length = f"{clip.length / wanted / 60:.0f} minutes at {wanted} Hz"
            raise BadSampleError(f"{path} lasts {length}, too long to be held in memory; cut it into parts")
        samples = np.empty(clip.length, np.float32)
        end = 0
        while (part := clip.read(_AHEAD_BLOCK)).size:
            samples[end : end + part.size] = part
            end += part.size
        return samples[:end], wanted


def clip_samples(clip: Path | Waveform, rate: int) -> NDArray[np.float32]:
    """A whole clip in memory, shape (n,), at a rate in Hz. Raises BadSampleError if it cannot be used."""
    if isinstance(clip, Path):
        return read_mono(clip, rate)[0]
    if clip.rate == rate:
        return clip.samples
    resampled: NDArray[np.float32] = soxr.resample(clip.samples, clip.rate, rate)
    return resampled


@dataclass(frozen=True, slots=True)
class ReplayedWaveform(Waveform):
    """A waveform that is played again and again, and need not be resampled each time.

    Attributes:
        at: gives its samples, shape (n,), at a rate in Hz.
    """

    at: Callable[[int], NDArray[np.float32]]


class BlockSource(Protocol):
    """Mono audio read in order, block by block: ``frames`` samples, at least 1; ``name`` is for messages."""

    name: str
    rate: int
    frames: int

    def block(self, start: int, n: int) -> NDArray[np.float32]:
        """Samples ``start`` to ``start + n``, shape (n,), calls without a gap. Raises BadSampleError."""

    def close(self) -> None:
        """Release what is open."""


ClipSource = Path | Waveform | BlockSource
"""What a clip is read from: a sound file, samples in memory, or anything else that gives blocks."""


def rate_of(clip: ClipSource) -> int:
    """A clip's own rate in Hz. Raises BadSampleError as `probe`."""
    return probe(clip).rate if isinstance(clip, Path) else clip.rate


class ClipReader:
    """Streams a clip at any rate, in order, with memory that does not grow with its length.

    The resampler is fed by reading ahead in the clip, so what ``read`` gives equals, to within rounding,
    the same part of the whole clip resampled at once, whatever the sizes asked for. ``length`` counts
    samples at the wanted rate, ``round(frames * rate / source rate)``, halves up.
    """

    def __init__(
        self, source: ClipSource, rate: int, aside: Executor | None = None, *, passes_silence: bool = False
    ) -> None:
        """Open a sound file, a waveform, or anything else that gives blocks.

        With ``aside``, which does one piece of work at a time, the first block is read now and each other
        one beside the caller, who hardly ever waits; the samples are the same. What ``passes_silence`` gives
        zeros for digital zeros without resampling them, and differs elsewhere by rounding.

        Raises:
            BadSampleError: the clip cannot be used; see ``probe``. A waveform must be of shape (n,), n > 0.
        """
        if isinstance(source, ReplayedWaveform):
            source = Waveform(source.at(rate), rate)
        self._source: BlockSource = (
            _WaveformSource(source)
            if isinstance(source, Waveform)
            else SoundFileBlocks(source)
            if isinstance(source, Path)
            else source
        )
        self.name = self._source.name
        """What messages call it."""
        self.rate = rate
        self._passes_silence = passes_silence
        self.length = (2 * self._source.frames * rate + self._source.rate) // (2 * self._source.rate)
        self._blocks: Iterator[NDArray[np.float32]] = self._resampled(None if aside is None else _AHEAD_BLOCK)
        if aside is not None:
            try:
                self._blocks = BlocksAhead(self._blocks, aside)
            except BaseException:
                self._source.close()
                raise
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
        """Close the file, as soon as nobody reads it."""
        if isinstance(self._blocks, BlocksAhead):
            self._blocks.close(self._source.close)
        else:
            self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _resampled(self, size: int | None) -> Iterator[NDArray[np.float32]]:
        source = self._source
        if source.rate == self.rate:
            yield from _finite_blocks(source, size)
            return
        stream = soxr.ResampleStream(source.rate, self.rate, 1, dtype="float32", quality="HQ")
        step, fed = max(1, round(_FED_S * source.rate)), 0
        # What is passed over must be a whole number of samples on both sides.
        given, rest = divmod(step * self.rate, source.rate)
        zeros = np.zeros(given if self._passes_silence and not rest else 0, np.float32)
        silent = 0
        for block in _finite_blocks(source, size):
            pieces = []
            for at in range(0, block.size, step):
                piece = block[at : at + step]
                fed += piece.size
                silent = 0 if piece.any() or not zeros.size else silent + 1
                if silent > _SETTLED and piece.size == step and fed < source.frames:
                    pieces.append(zeros)
                else:
                    pieces.append(stream.resample_chunk(piece, last=fed == source.frames))
            yield np.concatenate(pieces)


class _WaveformSource:
    """Blocks of a waveform; copies, so that nobody downstream writes into the sample's own data."""

    def __init__(self, waveform: Waveform) -> None:
        self._samples = np.asarray(waveform.samples)
        self.name = "a waveform in memory"
        self.rate = waveform.rate
        self.frames = self._samples.size
        if self._samples.ndim != 1 or not self.frames:
            raise BadSampleError(f"{self.name} has shape {self._samples.shape} instead of (n,) with n > 0")
        check_rate(self.name, self.rate)

    def block(self, start: int, n: int) -> NDArray[np.float32]:
        return self._samples[start : start + n].astype(np.float32)

    def close(self) -> None:
        """Nothing is open."""


def _finite_blocks(source: BlockSource, size: int | None) -> Iterator[NDArray[np.float32]]:
    size = size or _BLOCK_S * source.rate
    for start in range(0, source.frames, size):
        block = source.block(start, min(size, source.frames - start))
        finite = np.isfinite(block)
        if not finite.all():
            at = start + int(np.argmin(finite))
            place = f"sample {at} ({at / source.rate:.3f} s)"
            raise BadSampleError(f"{source.name} has a value that is not a finite number at {place}")
        yield block
