"""Opening video files safely, and decoding them as players do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tml_bench.errors import BadSampleError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_SIDE = 8192
"""Neither side of a video may have more pixels."""
MAX_PIXELS = 8192 * 4320
"""A frame may not have more: a decoder holds several frames, of 50 MB and more each at this size."""
THREADS = 4
"""Decoding threads. Each holds frames, so their number is the same however large the machine."""
_NOT_VIDEO = ("tty", "image2", "hls", "dash", "concat", "sdp", "lavfi")
"""FFmpeg's readers of text, pictures and playlists, which would take such files for videos."""


class UnknownFormatError(BadSampleError):
    """A file is in no format that is read."""


def open_container(path: Path) -> InputContainer:
    """Open a file with FFmpeg; it may not lead to network addresses.

    Raises:
        UnknownFormatError: it is not a video.
        BadSampleError: the file is missing, empty or cut off.
    """
    import av

    if not path.is_file():
        raise BadSampleError(f"{path} does not exist or is not a file")
    if path.stat().st_size == 0:
        raise BadSampleError(f"{path} is empty (0 bytes)")
    if _lacks_index(path):
        raise BadSampleError(
            f"{path} is truncated: it ends before or within its index (moov); copy or download it again"
        )
    try:
        # The prefix keeps a colon in a name from being taken for a protocol.
        container = av.open(
            f"file:{path}", "r", metadata_errors="replace", options={"protocol_whitelist": "file"}
        )
    except av.FFmpegError as error:
        raise UnknownFormatError(f"{path} is not a video that FFmpeg can read ({error.strerror})") from error
    form = container.format.name
    if form in _NOT_VIDEO or form.endswith("_pipe"):
        container.close()
        raise UnknownFormatError(f"{path} is not a video: FFmpeg takes it for {form!r}")
    return container


def _lacks_index(path: Path) -> bool:
    """Whether a file begins like an MP4 and its box that says where everything is is missing or cut off."""
    size = path.stat().st_size
    at = 0
    with path.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            header = file.read(16)
            length, kind = int.from_bytes(header[:4], "big"), header[4:8]
            if at == 0 and kind != b"ftyp":
                return False
            if length == 1:
                length = int.from_bytes(header[8:], "big")
            if kind == b"moov":
                return at + length > size
            if length < 8:
                return True
            at += length
    return at > 0


def begins_empty(path: Path) -> bool:
    """Whether a track of an MP4 begins with an empty edit: its first samples are to be shown later."""
    with path.open("rb") as file:
        index = next((box for kind, box in _boxes(file, 0, path.stat().st_size) if kind == b"moov"), None)
        return index is not None and any(_is_empty(file, at) for at in _edit_lists(file, *index))


def in_fragments(path: Path) -> bool:
    """Whether an MP4 is made of fragments, as pieces of live streams are."""
    with path.open("rb") as file:
        return any(kind == b"moof" for kind, _ in _boxes(file, 0, path.stat().st_size))


def _edit_lists(
    file: BinaryIO, start: int, end: int, within: tuple[bytes, ...] = (b"trak", b"edts")
) -> Iterator[int]:
    """Where the contents of the edit lists of an index begin, each track's first."""
    for kind, (inner, over) in _boxes(file, start, end):
        if within and kind == within[0]:
            yield from _edit_lists(file, inner, over, within[1:])
        elif not within and kind == b"elst":
            yield inner
            return


def _is_empty(file: BinaryIO, at: int) -> bool:
    """Whether the first edit of a list is empty."""
    file.seek(at)
    fields = file.read(28)
    # Version, flags, number of edits; the first one's duration and its time in the media, -1 if none.
    time = (slice(12, 16), slice(16, 24))[fields[:1] == b"\1"]
    return int.from_bytes(fields[4:8], "big") > 0 and set(fields[time]) == {0xFF}


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Kind, start of the content and end of the boxes of an MP4; none in other files."""
    while at + 8 <= end:
        file.seek(at)
        header = file.read(16)
        length, inner = int.from_bytes(header[:4], "big"), at + 8
        if length == 1:
            length, inner = int.from_bytes(header[8:], "big"), at + 16
        length = length or end - at
        if length < 8 or not header[4:8].isalnum():
            return
        yield header[4:8], (inner, min(at + length, end))
        at += length


def video_stream(path: Path, container: InputContainer) -> VideoStream:
    """The first video stream but cover pictures, to be decoded. Raises BadSampleError: none, too large."""
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            break
    else:
        what = "only sound" if container.streams.audio else "no picture"
        raise BadSampleError(f"{path} is not a video: it holds {what}")
    context = stream.codec_context
    if context is None:
        raise BadSampleError(f"{path}: FFmpeg has no decoder for its video")
    check_size(path, context.width, context.height)
    context.options = {**context.options, "max_pixels": str(MAX_PIXELS)}
    context.thread_type = "AUTO"
    context.thread_count = THREADS
    return stream


def first_audio(container: InputContainer) -> AudioStream | None:
    """The first audio stream that can be decoded; None when there is none."""
    return next((s for s in container.streams.audio if s.codec_context is not None), None)


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A file and its video stream, closed at the end; raises as ``open_container`` and ``video_stream``."""
    with open_container(path) as container:
        yield container, video_stream(path, container)


def check_size(path: Path, width: int, height: int) -> None:
    """Refuse, with a BadSampleError, frames of more than ``MAX_SIDE`` a side or ``MAX_PIXELS`` in all."""
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise BadSampleError(
            f"{path}: its frames of {width}x{height} pixels are too large; at most {MAX_SIDE} a side "
            f"and {MAX_PIXELS} in all can be used, so scale it down"
        )


def packets(path: Path, container: InputContainer, *streams: Stream) -> Iterator[Packet[Stream]]:
    """Packets of some streams in the file's order, each stream's last one empty, which drains its decoder.

    Raises:
        BadSampleError: the file cannot be read on.
    """
    import av

    try:
        yield from container.demux(*streams)
    except av.FFmpegError as error:
        raise BadSampleError(f"{path} is damaged: it cannot be read to its end ({error.strerror})") from error


def decoded(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    before: Callable[[Packet[Stream]], None] = lambda packet: None,
) -> Iterator[VideoFrame]:
    """Frames in the order shown. A packet that cannot be decoded is passed over, as players do.

    ``before`` is called before each packet is decoded.

    Raises:
        BadSampleError: the file cannot be read on, or a frame is too large.
    """
    import av

    for packet in packets(path, container, stream):
        before(packet)
        try:
            frames = stream.codec_context.decode(packet)
        except av.error.InvalidDataError:
            continue
        except av.FFmpegError as error:
            raise BadSampleError(f"{path} cannot be decoded ({error.strerror})") from error
        for frame in frames:
            check_size(path, frame.width, frame.height)
            yield frame
