"""The sound of a video as a clip: mono, on the video's clock."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tml_bench.errors import BadSampleError
from tml_bench.media.container import first_audio, open_container, packets
from tml_bench.media.scan import scan
from tml_bench.timebase import NS, first_sample_at

DRIFT_NS = 50_000_000
"""Sound is laid piece to piece, for containers round its times; where they say that a piece lies this much
elsewhere, there is a gap or an overlap and it is put where they say."""


class VideoSound:
    """Blocks of a video's first audio track, from video time 0 to its end.

    Sample 0 is at video time 0: silence stands where the track begins later, and what lies before time 0 is
    left out. Channels are averaged. Memory does not grow with the length.
    """

    def __init__(self, path: Path) -> None:
        """Open a video's sound; raises BadSampleError as ``scan``, or where it has none."""
        found = scan(path)
        if found.audio is None:
            raise BadSampleError(f"{path} has no sound")
        self.name = f"the sound of {path}"
        self.rate = found.audio_rate
        self.frames = max(1, first_sample_at(found.audio.end_ns, self.rate))
        self._path = path
        self._track = found.audio
        self._container = open_container(path)
        self._pieces = self._placed()
        self._piece: tuple[int, NDArray[np.float32]] | None = next(self._pieces, None)

    def block(self, start: int, n: int) -> NDArray[np.float32]:
        """Samples ``start`` to ``start + n``, shape (n,); calls follow each other without a gap."""
        out = np.zeros(n, dtype=np.float32)
        while self._piece is not None and self._piece[0] < start + n:
            at, samples = self._piece
            first, last = max(at, start), min(at + len(samples), start + n)
            if first < last:
                out[first - start : last - start] = samples[first - at : last - at]
            if at + len(samples) > start + n:
                break
            self._piece = next(self._pieces, None)
        return out

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _placed(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Decoded pieces with the index of their first sample."""
        at: int | None = None
        for stamp, samples in self._decoded():
            stamped = (self._track.time_ns(stamp) * self.rate + NS // 2) // NS if stamp is not None else None
            if stamped is not None and (at is None or abs(stamped - at) * NS > DRIFT_NS * self.rate):
                at = stamped if at is None else max(stamped, at)
            at = at or 0
            yield at, samples
            at += len(samples)

    def _decoded(self) -> Iterator[tuple[int | None, NDArray[np.float32]]]:
        import av

        stream = first_audio(self._container)
        assert stream is not None
        for packet in packets(self._path, self._container, stream):
            try:
                frames = stream.codec_context.decode(packet)
            except av.error.InvalidDataError:
                # As players do: silence where nothing can be decoded.
                continue
            for frame in frames:
                if frame.sample_rate != self.rate:
                    raise BadSampleError(f"{self.name} changes its rate to {frame.sample_rate} Hz midway")
                yield frame.pts, mono(frame.to_ndarray(), len(frame.layout.channels), frame.format.is_planar)


def mono(samples: NDArray[np.generic], channels: int, planar: bool) -> NDArray[np.float32]:
    """The average of a decoded frame's channels, full scale [-1, 1].

    Samples are unsigned 8-bit, signed or float, of shape (channels, n) when planar, else (1, n * channels).
    """
    by_channel = samples if planar else samples.reshape(-1, channels).T
    mean: NDArray[np.float64] = by_channel.mean(axis=0, dtype=np.float64)
    if samples.dtype.kind == "u":
        mean = (mean - 128) / 128
    elif samples.dtype.kind == "i":
        mean = mean / 2.0 ** (8 * samples.dtype.itemsize - 1)
    return mean.astype(np.float32)
