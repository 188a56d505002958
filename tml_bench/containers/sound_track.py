"""The sound of files that libsndfile cannot read, or not to their end, decoded by FFmpeg.

Lengths are counted, never believed. Pieces are laid one after the other from the first one on; what encoders
put before and after the sound (priming, pre-skip, padding) is left out as the file says. In MP4 and Matroska,
which time each piece, silence stands where time stamps leave a gap.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tml_bench.containers.ffmpeg import (
    UnknownFormatError,
    first_audio,
    in_fragments,
    open_container,
    packets,
)
from tml_bench.containers.limits import check_channels, check_length, check_rate
from tml_bench.containers.sample_chunk import after_id3
from tml_bench.errors import BadSampleError
from tml_bench.timebase import NS

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

DRIFT_NS = 50_000_000
"""Sound is laid piece to piece, for containers round its times; where they say that a piece lies this much
elsewhere, there is a gap or an overlap and it is put where they say."""
MISSING_S = 1.0
"""A file that ends this much (and a hundredth) before its header says is cut off; less is rounding."""
_TIMED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
_PLAIN = ("mp3", "aac", "flac", "ogg", "wav")
"""FFmpeg's names of what is read: nothing tells of the others whether they are whole."""
_GUESSED = ("mp3", "aac")
"""Formats without a header: some bytes of anything look like them."""


@dataclass(frozen=True, slots=True)
class SoundTrack:
    """The first audio track of a file: ``frames`` samples a channel, counted."""

    rate: int
    channels: int
    frames: int


def measure(path: Path) -> SoundTrack:
    """Decode a file's sound to its end.

    Raises:
        UnknownFormatError: it is not sound in a format that is read.
        BadSampleError: it is cut off, cannot be decoded throughout, or exceeds a limit.
    """
    with open_container(path) as container:
        stream = first_audio(container)
        kind = container.format.name
        if stream is None or kind not in (*_TIMED, *_PLAIN):
            raise UnknownFormatError(f"{path} is not sound that FFmpeg can read")
        rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
        stated = _stated_s(path, container, stream) if kind in _TIMED else None
    if kind in _GUESSED:
        _check_share(path)
    check_rate(str(path), rate)
    check_channels(str(path), channels)
    frames = 0
    for at, samples in placed(path, rate):
        frames = at + len(samples)
        check_length(str(path), frames / rate)
    if not frames:
        raise BadSampleError(f"{path} holds no samples")
    if stated is not None and stated - frames / rate > max(MISSING_S, stated / 100):
        raise BadSampleError(f"{path} is truncated: it ends at {frames / rate:.3f} s of {stated:.3f} s")
    return SoundTrack(rate, channels, frames)


def _stated_s(path: Path, container: InputContainer, stream: AudioStream) -> float | None:
    """Length in seconds from the track's start by its header; None where there is none."""
    if stream.duration and stream.time_base:
        # Of fragments FFmpeg tells the end for the length.
        start = (stream.start_time or 0) if in_fragments(path) else 0
        return float((stream.duration - start) * stream.time_base)
    if container.duration:
        return (container.duration - (container.start_time or 0)) / 1e6
    return None


def counted_s(path: Path) -> Fraction:
    """Length in seconds of the first audio track by its packets, without decoding; 0 where none has one."""
    with open_container(path) as container:
        stream = first_audio(container)
        if stream is None or stream.time_base is None:
            return Fraction(0)
        lengths = (packet.duration or 0 for packet in packets(path, container, stream) if packet.size)
        return sum(lengths) * stream.time_base


def placed(path: Path, rate: int) -> Generator[tuple[int, NDArray[np.float32]]]:
    """Decoded pieces, mono, with the index of their first sample; the first piece has index 0.

    Raises:
        BadSampleError: something between two pieces cannot be decoded, or the rate changes.
    """
    at, origin = 0, None
    for stamp_s, samples in _decoded(path, rate):
        if stamp_s is not None:
            origin = stamp_s if origin is None else origin
            stamped = round((stamp_s - origin) * rate)
            at = stamped if (stamped - at) * NS > DRIFT_NS * rate else at
        yield at, samples
        at += len(samples)


def _decoded(path: Path, rate: int) -> Generator[tuple[Fraction | None, NDArray[np.float32]]]:
    import av

    with open_container(path) as container:
        stream = first_audio(container)
        assert stream is not None
        timed = container.format.name in _TIMED
        failed_s: Fraction | None = None
        cut = False
        for packet in packets(path, container, stream):
            cut = bool(packet.is_corrupt) if packet.size else cut
            try:
                frames = stream.codec_context.decode(packet)
            except av.error.InvalidDataError:
                failed_s = (packet.pts or 0) * stream.time_base if stream.time_base else Fraction(0)
                continue
            except av.FFmpegError as error:
                raise BadSampleError(f"{path} cannot be decoded ({error.strerror})") from error
            if frames and failed_s is not None:
                raise BadSampleError(f"{path} cannot be decoded at {float(failed_s):.3f} s")
            for frame in frames:
                if frame.sample_rate != rate:
                    raise BadSampleError(f"{path} changes its rate to {frame.sample_rate} Hz midway")
                stamp_s = None
                if timed and frame.pts is not None and frame.time_base is not None:
                    stamp_s = frame.pts * frame.time_base
                planar, channels = frame.format.is_planar, len(frame.layout.channels)
                yield stamp_s, mono(frame.to_ndarray(), channels, planar)
        # Behind MP3 and AAC the last packet may be a tag.
        if cut or (failed_s is not None and container.format.name not in _GUESSED):
            where = "" if failed_s is None else f" at {float(failed_s):.3f} s"
            raise BadSampleError(f"{path} is truncated: it is cut off within a packet{where}")


def _check_share(path: Path) -> None:
    with open_container(path) as container:
        stream = first_audio(container)
        sound = sum(packet.size for packet in packets(path, container, stream)) if stream else 0
    with path.open("rb") as file:
        tags = after_id3(file)
    if 2 * sound < path.stat().st_size - tags:
        raise UnknownFormatError(f"{path} is not sound: half of it and more is something else")


class SoundBlocks:
    """Blocks of sound that comes in pieces: silence between them, what lies before index 0 left out."""

    def __init__(
        self, name: str, rate: int, frames: int, pieces: Generator[tuple[int, NDArray[np.float32]]]
    ) -> None:
        """Give pieces with the index of their first sample, ascending and without an overlap."""
        self.name = name
        self.rate = rate
        self.frames = frames
        self._pieces = pieces
        self._piece = next(pieces, None)

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
        self._pieces.close()


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
