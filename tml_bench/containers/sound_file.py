"""Opening sound files, with the one length that everything believes: that of what can be heard.

A header's length is taken where something cheap confirms it: of uncompressed files the bytes that are there,
of FLAC the packets, of Ogg that it is one stream with its last page. MP3 has none, or a guess: it is decoded
to its end. Where header and file differ

- a file that ends before its header says is refused as truncated: a user would hear only part of it;
- a file that goes on behind the length its header states is read whole, with a note that names both lengths;
- a header that leaves the length open (pipes) is no contradiction, and the file is read to its end.

libsndfile reads what it can to the end, FFmpeg the rest (M4A, AAC, WebM, chained Ogg, MP3 without an index).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from numpy.typing import NDArray

from tml_bench.containers.apart import apart
from tml_bench.containers.ffmpeg import UnknownFormatError
from tml_bench.containers.limits import PIECE, check_channels, check_length, check_rate
from tml_bench.containers.ogg import OggPages, read_pages
from tml_bench.containers.sample_chunk import SampleChunk, after_id3, find_samples
from tml_bench.containers.sound_track import SoundBlocks, SoundTrack, counted_s, measure, placed
from tml_bench.data_folder import check_within
from tml_bench.errors import BadSampleError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_READ = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "FLAC", "OGG", "MP3", "CAF", "NIST")
"""Formats of libsndfile whose length can be confirmed."""
_CAN = "WAV, FLAC, OGG, MP3, M4A and WebM can"
_REWRITE = "write it again, for instance as FLAC"
_COUNTABLE = 2**60
"""More samples than this stand for a length that the header leaves open."""
_PADDING = 2 * 1152
"""Samples of an MP3 by which two decoders that take off padding at both ends may differ."""
_INDEX_WITHIN = 4096
"""Bytes after tags in which an MP3's index stands, which states its length."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What an audio file holds: ``frames`` samples per channel, ``duration_s`` = ``frames / rate``.

    ``notes`` are remarks that do not make it unusable, such as ``2 channels averaged`` or ``8-bit``, or that
    its header states another length.
    """

    rate: int
    channels: int
    frames: int
    duration_s: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """How a file is read: by libsndfile, through a chunk of samples where one is given, or by FFmpeg."""

    info: AudioInfo
    chunk: SampleChunk | None = None
    track: SoundTrack | None = None


def inspect(path: Path) -> AudioInfo:
    """Look at an audio file, at as little of it as tells its length for sure; the last results are kept.

    Raises:
        BadSampleError: the file is missing, empty, not audio, shorter than its header promises, has a rate
            outside 2-384 kHz, or exceeds another of ``tml_bench.containers.limits``; or looking at it takes
            more than it may (``tml_bench.containers.apart``).
    """
    return _found(path).info


class SoundFileBlocks:
    """Blocks of a file, its channels averaged."""

    def __init__(self, path: Path) -> None:
        """Open a file; raises BadSampleError as ``inspect``."""
        found = _found(path)
        self.name = str(path)
        self.rate = found.info.rate
        self.frames = found.info.frames
        self._decoded: SoundBlocks | None = None
        self._stack = ExitStack()
        if found.track is not None:
            self._decoded = SoundBlocks(self.name, self.rate, self.frames, placed(path, self.rate))
            self._stack.callback(self._decoded.close)
        else:
            self._file = self._stack.enter_context(_opened(path, found.chunk))
            # Else soundfile seeks after each read, and an MP3 decoder forgets what it needs for the next.
            self._file.seekable = lambda: False

    def block(self, start: int, n: int) -> NDArray[np.float32]:
        """Samples ``start`` to ``start + n``, shape (n,); calls follow each other without a gap."""
        if self._decoded is not None:
            return self._decoded.block(start, n)
        most = PIECE // self._file.channels
        parts = [self._part(at, min(most, start + n - at)) for at in range(start, start + n, most)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _part(self, start: int, n: int) -> NDArray[np.float32]:
        try:
            frames: NDArray[np.float32] = self._file.read(n, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise BadSampleError(f"{self.name} cannot be decoded after sample {start} ({error})") from error
        if len(frames) < n:
            there = f"{start + len(frames)} of {self.frames} samples"
            raise BadSampleError(f"{self.name} is truncated: it ends after {there}")
        return frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1)

    def close(self) -> None:
        """Close the file."""
        self._stack.close()


class _Excerpt(io.RawIOBase):
    """A header, then the samples of a file; for libsndfile."""

    def __init__(self, path: Path, chunk: SampleChunk) -> None:
        self._file = path.open("rb")
        self._head, self._start, self._size = chunk.head, chunk.start, len(chunk.head) + chunk.there
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, out: Buffer) -> int:
        view = memoryview(out)
        head = self._head[self._at : self._at + len(view)]
        view[: len(head)] = head
        wanted = min(len(view), self._size - self._at) - len(head)
        body = b""
        if wanted > 0:
            self._file.seek(self._start + self._at + len(head) - len(self._head))
            body = self._file.read(wanted)
            view[len(head) : len(head) + len(body)] = body
        self._at += len(head) + len(body)
        return len(head) + len(body)

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _opened(path: Path, chunk: SampleChunk | None) -> Iterator[soundfile.SoundFile]:
    """A file for libsndfile, or the samples in it with a header that is right."""
    with ExitStack() as stack:
        source: Path | _Excerpt = path
        if chunk is not None:
            source = stack.enter_context(_Excerpt(path, chunk))
        yield stack.enter_context(soundfile.SoundFile(source))


def _found(path: Path) -> _Found:
    check_within(path)
    if not path.is_file():
        raise BadSampleError(f"{path} does not exist or is not a file")
    stat = path.stat()
    if stat.st_size == 0:
        raise BadSampleError(f"{path} is empty (0 bytes)")
    return _looked(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4096)
def _looked(path: Path, size: int, modified_ns: int) -> _Found:
    return apart(look_at, path)


def look_at(path: Path) -> _Found:
    """Look at a file in this process, which it may end; raises BadSampleError as ``inspect``."""
    chunk = find_samples(path)
    if chunk is not None:
        _check_whole(path, chunk)
    agrees = chunk is None or chunk.stated == chunk.there
    reason = ""
    for part in dict.fromkeys((None if agrees else chunk, chunk)):
        try:
            with _opened(path, part) as file:
                return _judged(path, file, part)
        except soundfile.LibsndfileError as error:
            reason = str(error.error_string)
    if chunk is not None and not agrees and chunk.stated is not None:
        what = f"{path} has {chunk.there} bytes of audio, its header says {chunk.stated}"
        raise BadSampleError(f"{what}; {_REWRITE}")
    return _by_ffmpeg(path, reason)


def _check_whole(path: Path, chunk: SampleChunk) -> None:
    if chunk.stated is not None and chunk.stated > chunk.there:
        promised = f"{chunk.there} of the {chunk.stated} bytes of audio promised"
        raise BadSampleError(f"{path} is truncated: it has {promised}")
    if chunk.there <= 0:
        raise BadSampleError(f"{path} holds no samples")


def _judged(path: Path, file: soundfile.SoundFile, chunk: SampleChunk | None) -> _Found:
    check_rate(str(path), file.samplerate)
    check_channels(str(path), file.channels)
    if file.format in ("FLAC", "OGG", "MP3"):
        judge = {"FLAC": _flac, "OGG": _ogg, "MP3": _mp3}[file.format]
        return judge(path, file)
    if file.format not in _READ:
        raise BadSampleError(f"{path} is {file.format_info}, whose length nothing confirms; {_CAN} be read")
    if not file.seekable():
        if chunk is None or chunk.stated == chunk.there:
            return _by_ffmpeg(path)
        raise BadSampleError(f"{path} states another length than it has, and cannot be searched; {_REWRITE}")
    _check_last(path, file)
    stated_s = None
    if chunk is not None and chunk.stated is not None and chunk.stated != chunk.there:
        stated_s = file.frames / file.samplerate * chunk.stated / chunk.there
    return _Found(_info(path, file, stated_s), chunk)


def _flac(path: Path, file: soundfile.SoundFile) -> _Found:
    if file.frames > _COUNTABLE:
        return _by_ffmpeg(path)
    counted = int(counted_s(path) * file.samplerate)
    if counted > file.frames:
        return _by_ffmpeg(path, stated_s=file.frames / file.samplerate)
    if counted < file.frames:
        raise _cut(path, counted, file)
    _check_last(path, file)
    return _Found(_info(path, file))


def _ogg(path: Path, file: soundfile.SoundFile) -> _Found:
    pages = _pages(path)
    if pages is None or pages.streams > 1 or not 0 < file.frames < _COUNTABLE:
        return _by_ffmpeg(path)
    _check_last(path, file)
    more = () if pages.ended else (f"{path.name}: its last page is not marked as such, it may be cut off",)
    return _Found(_info(path, file, more=more))


def _pages(path: Path) -> OggPages | None:
    with path.open("rb") as opened:
        begin = after_id3(opened)
    return read_pages(path, begin)


def _mp3(path: Path, file: soundfile.SoundFile) -> _Found:
    track = measure(path)
    with path.open("rb") as opened:
        opened.seek(after_id3(opened))
        start = opened.read(_INDEX_WITHIN)
    indexed = any(mark in start for mark in (b"Xing", b"Info", b"VBRI"))
    apart = track.frames - file.frames
    if apart == 0 or (indexed and abs(apart) <= _PADDING and _reaches_last(file)):
        return _Found(_info(path, file))
    if indexed and apart < 0:
        raise _cut(path, track.frames, file)
    return _by_ffmpeg(path, stated_s=file.frames / file.samplerate if indexed else None, track=track)


def _by_ffmpeg(
    path: Path, reason: str = "", stated_s: float | None = None, track: SoundTrack | None = None
) -> _Found:
    try:
        track = track or measure(path)
    except UnknownFormatError:
        why = f" ({reason})" if reason else ""
        raise BadSampleError(f"{path} is not audio that can be read{why}; {_CAN}") from None
    check_rate(str(path), track.rate)
    check_channels(str(path), track.channels)
    notes = _averaged(track.channels)
    if stated_s is not None:
        notes += (_differs(path, stated_s, track.frames / track.rate),)
    info = AudioInfo(track.rate, track.channels, track.frames, track.frames / track.rate, notes)
    return _Found(info, track=track)


def _check_last(path: Path, file: soundfile.SoundFile) -> None:
    """Make sure that libsndfile, which believes headers, reaches the last sample."""
    if file.frames <= 0:
        raise BadSampleError(f"{path} holds no samples")
    if not _reaches_last(file):
        raise BadSampleError(f"{path} is truncated: it ends before sample {file.frames}, its last")


def _reaches_last(file: soundfile.SoundFile) -> bool:
    if file.frames <= 0:
        return False
    try:
        file.seek(file.frames - 1)
        return len(file.read(1)) == 1
    except (soundfile.LibsndfileError, ValueError):  # the latter where it goes behind the end
        return False


def _cut(path: Path, there: int, file: soundfile.SoundFile) -> BadSampleError:
    seconds = f"{there / file.samplerate:.3f} s of the {file.frames / file.samplerate:.3f} s promised"
    return BadSampleError(f"{path} is truncated: it has {seconds}")


def _info(
    path: Path, file: soundfile.SoundFile, stated_s: float | None = None, more: tuple[str, ...] = ()
) -> AudioInfo:
    duration_s = file.frames / file.samplerate
    check_length(str(path), duration_s)
    notes = _averaged(file.channels)
    if file.subtype in ("PCM_U8", "PCM_S8"):
        notes += ("8-bit",)
    if stated_s is not None:
        notes += (_differs(path, stated_s, duration_s),)
    return AudioInfo(file.samplerate, file.channels, file.frames, duration_s, notes + more)


def _averaged(channels: int) -> tuple[str, ...]:
    return (f"{channels} channels averaged",) if channels > 1 else ()


def _differs(path: Path, stated_s: float, there_s: float) -> str:
    return f"{path.name}: its header says {stated_s:.3f} s, {there_s:.3f} s are there: all is played"
