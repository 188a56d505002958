"""One pass over a video file's packets: what is in it, and when.

Times are integer nanoseconds of *video time*, the same for pictures, sound, subtitles and annotations,
whatever the container. Time 0 is what players show as 0: the earliest time stamp of picture and sound, for
stamps begin anywhere in transport streams, in pieces of live streams and in what was cut out unchanged.
A picture that begins 0.5 s after the sound does so. Only an MP4 that says by an empty edit that nothing is
shown at first has time 0 before both. AVI has no presentation times; there, frames are shown in their order
at the decoding times.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tml_bench.containers.apart import apart
from tml_bench.containers.ffmpeg import begins_empty, decoded, first_audio, in_fragments, open_video, packets
from tml_bench.containers.limits import check_length
from tml_bench.data_folder import check_within
from tml_bench.errors import BadSampleError
from tml_bench.timebase import NS, seconds

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

MISSING_S = 1.0
"""A file that ends this much (and a hundredth) before its header says is cut off; less is rounding."""
LATEST_NS = 1 << 61
"""No clock is further from 0, which is 73 years."""


@dataclass(frozen=True, slots=True)
class ContainerTrack:
    """When the packets of one stream are presented.

    Attributes:
        stamps: time stamps in the stream's own units, ascending; at least one.
        time_base: seconds a unit.
        origin_ns: where video time 0 lies on the stream's own clock.
        length: how long the last packet is presented, in units.
    """

    stamps: NDArray[np.int64]
    time_base: Fraction
    origin_ns: int
    length: int

    def time_ns(self, stamp: int) -> int:
        """Video time of a time stamp."""
        return stamp_ns(stamp, self.time_base) - self.origin_ns

    def times_ns(self) -> NDArray[np.int64]:
        """Video times of all packets, ascending."""
        return np.array([self.time_ns(stamp) for stamp in self.stamps.tolist()], dtype=np.int64)

    @property
    def end_ns(self) -> int:
        """When the last packet has been presented."""
        return self.time_ns(int(self.stamps[-1]) + self.length)


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over a video file finds.

    Width and height are those of the frames as stored; to be shown they are turned counterclockwise by
    ``rotation`` degrees (0, 90, 180 or 270), and a pixel is ``pixel_aspect`` as wide as high. Interlaced
    frames are made of two fields; a stampless container has no presentation times. Without sound ``audio``
    is None and ``audio_rate`` 0.
    """

    codec: str
    width: int
    height: int
    rotation: int
    pixel_aspect: Fraction
    interlaced: bool
    stampless: bool
    video: ContainerTrack
    audio: ContainerTrack | None
    audio_rate: int


def stamp_ns(stamp: int, time_base: Fraction) -> int:
    """A time stamp in nanoseconds, to the nearest."""
    scaled = 2 * stamp * time_base.numerator * NS + time_base.denominator
    return scaled // (2 * time_base.denominator)


def scan(path: Path) -> Scan:
    """Read all packets of a video and decode its first frame; the last few results are kept.

    Raises:
        BadSampleError: the file is missing, not a video, cut off, without frames or time stamps, or its
            frames are too large or cannot be decoded; or looking at it takes more than it may
            (``tml_bench.containers.apart``); says which.
    """
    check_within(path)
    if not path.is_file():
        raise BadSampleError(f"{path} does not exist or is not a file")
    stat = path.stat()
    return _scanned(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)  # what one adapter has seen, the next sees soon; an hour takes 1 MB
def _scanned(path: Path, size: int, modified_ns: int) -> Scan:
    return apart(scan_here, path)


def scan_here(path: Path) -> Scan:
    """Scan a video in this process, which it may end; raises BadSampleError as ``scan``."""
    with open_video(path) as (container, stream):
        video, audio, midway = _tracks(path, container, stream)
        stampless = container.format.name == "avi"
        sound = first_audio(container) if audio else None
        rate = sound.codec_context.sample_rate if sound else 0
    with open_video(path) as (container, stream):
        frame = next(decoded(path, container, stream), None)
        if frame is None:
            raise BadSampleError(f"{path}: none of its {len(video.stamps)} video frames can be decoded")
        if midway and frame.pts is not None:
            # What comes before the first key frame is not decoded, nor counted by those who label frames.
            video = replace(video, stamps=video.stamps[video.stamps >= frame.pts])
        if not stampless:
            video, audio = _from_origin(path, container, video, audio)
        for track in (video, audio) if audio else (video,):
            check_length(str(path), seconds(track.end_ns))
        # Beyond a quarter and four it is a broken header rather than an odd camera.
        aspect = stream.sample_aspect_ratio
        return Scan(
            codec=stream.codec_context.name,
            width=frame.width,
            height=frame.height,
            rotation=90 * round(frame.rotation / 90) % 360,
            pixel_aspect=aspect if aspect and Fraction(1, 4) <= aspect <= 4 else Fraction(1),
            interlaced=bool(frame.interlaced_frame),
            stampless=stampless,
            video=video,
            audio=audio,
            audio_rate=rate,
        )


class _Packets:
    """Packets of one stream as they come by: 24 bytes of each are kept."""

    def __init__(self, stream: Stream) -> None:
        assert stream.time_base is not None
        self._time_base = stream.time_base
        self._stamped = array("q")
        self.count = 0
        self.midway = False
        self.cut_off = False

    def add(self, packet: Packet[Stream]) -> None:
        self.midway = self.midway if self.count else not packet.is_keyframe
        self.count += 1
        self.cut_off = packet.is_corrupt
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is not None:
            decoded_at = stamp if packet.dts is None else packet.dts
            self._stamped.extend((stamp, packet.duration or 0, decoded_at))

    def track(self, path: Path, *, stampless: bool) -> ContainerTrack | None:
        """What came by; None when nothing had a time stamp. Raises BadSampleError for absurd ones."""
        if not self._stamped:
            return None
        shown, lengths, decoded_at = np.frombuffer(self._stamped, np.int64).reshape(-1, 3).T
        stamps = np.sort(shown)
        length = int(lengths[shown == stamps[-1]].max())
        if not length and len(stamps) > 1:
            length = int(np.median(np.diff(stamps)))
        ends = int(stamps[0]), int(stamps[-1]) + length, int(decoded_at.min())
        if any(abs(stamp_ns(stamp, self._time_base)) > LATEST_NS for stamp in ends):
            raise BadSampleError(f"{path} is damaged: it has time stamps that lie centuries apart")
        late = ends[0] - ends[2] if stampless else 0
        return ContainerTrack(stamps, self._time_base, stamp_ns(late, self._time_base), length)


def _tracks(
    path: Path, container: InputContainer, stream: VideoStream
) -> tuple[ContainerTrack, ContainerTrack | None, bool]:
    """Picture and sound, and whether the picture begins between two key frames."""
    sound = first_audio(container)
    streams: list[Stream] = [stream] if sound is None else [stream, sound]
    seen = {s.index: _Packets(s) for s in streams}
    for packet in packets(path, container, *streams):
        if packet.size and not packet.is_discard:
            seen[packet.stream_index].add(packet)
    picture = seen[stream.index]
    if not picture.count:
        raise BadSampleError(f"{path} holds no video frames")
    stampless = container.format.name == "avi"
    video = picture.track(path, stampless=stampless)
    audio = None if sound is None else seen[sound.index].track(path, stampless=False)
    if video is None:
        raise BadSampleError(
            f"{path} has no time stamps; put it into a container that has, "
            f"for instance with `ffmpeg -i {path.name} -c copy whole.mkv`"
        )
    if any(s.cut_off for s in seen.values()):
        raise BadSampleError(f"{path} is truncated: it is cut off at {seconds(video.end_ns):.3f} s")
    if not _begins_anywhere(container):
        _check_whole(path, container, streams, [video, audio] if audio else [video])
    return video, audio, picture.midway


def _begins_anywhere(container: InputContainer) -> bool:
    from av.format import Flags

    return bool(Flags(container.format.flags) & Flags.ts_discont)


def _from_origin(
    path: Path, container: InputContainer, video: ContainerTrack, audio: ContainerTrack | None
) -> tuple[ContainerTrack, ContainerTrack | None]:
    """The tracks on the clock whose 0 is what players show as 0."""
    if begins_empty(path):
        return video, audio
    origin_ns = min(track.time_ns(int(track.stamps[0])) for track in (video, audio) if track)
    # Where time stamps begin at 0, what lies before is an encoder's, or cut out by an edit list.
    origin_ns = origin_ns if _begins_anywhere(container) else max(0, origin_ns)
    return replace(video, origin_ns=origin_ns), audio and replace(audio, origin_ns=origin_ns)


def _check_whole(
    path: Path, container: InputContainer, streams: list[Stream], tracks: list[ContainerTrack]
) -> None:
    """Refuse a file that ends well before its header says; formats that only estimate it are not asked."""
    ends_ns = max(track.end_ns for track in tracks)
    pieces = in_fragments(path)
    promised = [
        # Of fragments FFmpeg tells the end for the length.
        stamp_ns(s.duration + (0 if pieces else s.start_time or 0), s.time_base)
        for s in streams
        if s.duration and s.time_base
    ]
    if not promised and container.duration:
        promised = [container.duration * 1000]
    limit_ns = max(promised, default=0)
    if limit_ns - ends_ns > max(MISSING_S * NS, limit_ns / 100):
        there = f"{seconds(ends_ns):.3f} s of {seconds(limit_ns):.3f} s"
        raise BadSampleError(f"{path} is truncated: it ends at {there}")
