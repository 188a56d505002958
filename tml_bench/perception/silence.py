"""Digital silence, found in a track's own samples and kept through resampling.

A resampler rings: around every sound it leaves residue in silence that was exact, -60 to -150 dB, which makes
frames that have a level where there is no sound. So silence is found before resampling, and kept after it.

Digital silence is a run of at least 10 ms of samples below half the last of 16 bits (-96 dB of full scale),
which a recording of 16 bits holds as zeros.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tml_bench.media.audio import ClipReader, ClipSource, rate_of

LEAST_S = 0.01
_HALF_A_BIT = 2.0**-16


class SilenceKeepingReader:
    """Reads a clip at a rate, in order, with memory that grows by 16 bytes per silence alone.

    ``read`` gives the samples as ``media.audio.ClipReader`` does; ``still`` tells which of the last block lie
    in digital silence. ``length`` counts samples at ``rate``. ``passes_silence`` is ``ClipReader``'s. Raises
    BadSampleError as ``ClipReader``.
    """

    def __init__(self, audio: ClipSource, rate: int, *, passes_silence: bool = False) -> None:
        self._source = _SilenceFinder(audio)
        self._clip = ClipReader(self._source, rate, passes_silence=passes_silence)
        self._ratio = rate / self._source.rate
        self.length = self._clip.length
        self._read = 0
        self._still: NDArray[np.bool_] = np.empty(0, bool)

    def read(self, n: int) -> NDArray[np.float32]:
        """The next ``n`` samples, shape (n,); fewer at the end, none after it."""
        block = self._clip.read(n)
        self._still = self._marks(self._read, self._read + block.size)
        self._read += block.size
        return block

    def still(self) -> NDArray[np.bool_]:
        """Of each sample of the last block read, whether it lies in digital silence, shape (n,)."""
        return self._still

    def _marks(self, first: int, end: int) -> NDArray[np.bool_]:
        marks = np.zeros(end - first, bool)
        for start, stop in self._source.since(first / self._ratio):
            # Only what lies wholly inside: a sample beside sound is sound.
            a, b = int(np.ceil(start * self._ratio)), int(np.ceil(stop * self._ratio))
            marks[max(a - first, 0) : max(b - first, 0)] = True
        return marks

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clip.close()


def read_without_residue(audio: Path, rate: int) -> NDArray[np.float32]:
    """A whole file at a rate, shape (n,), with zeros where it is digitally silent. Raises BadSampleError."""
    with SilenceKeepingReader(audio, rate) as clip:
        samples = clip.read(clip.length)
        return np.where(clip.still(), np.float32(0), samples)


class _SilenceFinder:
    """A clip's blocks at its own rate, noting the runs of silence in what has been read."""

    def __init__(self, audio: ClipSource) -> None:
        self.rate = rate_of(audio)
        self._clip = ClipReader(audio, self.rate)
        self.name = self._clip.name
        self.frames = self._clip.length
        self._least = round(LEAST_S * self.rate)
        self._runs: list[tuple[int, int]] = []
        self._open: int | None = None
        """Where the silence began that the last block ended in."""
        self._end = 0

    def block(self, start: int, n: int) -> NDArray[np.float32]:
        block = self._clip.read(n)
        if not block.any():
            self._open = start if self._open is None else self._open
            self._end = start + block.size
            return block
        quiet = np.zeros(block.size + 2, bool)
        np.less(np.abs(block), _HALF_A_BIT, out=quiet[1:-1])
        quiet[0] = self._open is not None
        changes = np.flatnonzero(quiet[1:] != quiet[:-1]) + start
        self._end = start + block.size
        if self._open is not None:
            changes = np.concatenate([[self._open], changes])
        starts, ends = changes[::2], changes[1::2]
        # What is silent to the block's end may go on.
        self._open = int(starts[-1]) if starts.size and ends[-1] == self._end else None
        kept = (ends - starts >= self._least) & (ends < self._end)
        self._runs += zip(starts[kept].tolist(), ends[kept].tolist(), strict=True)
        return block

    def since(self, at: float) -> list[tuple[int, int]]:
        """Silences that end after sample ``at``; later calls ask for nothing earlier."""
        while self._runs and self._runs[0][1] <= at:
            self._runs.pop(0)
        if self._open is not None and self._end - self._open >= self._least:
            return [*self._runs, (self._open, self._end)]
        return list(self._runs)

    def close(self) -> None:
        self._clip.close()
