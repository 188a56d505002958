"""Reading video by presentation time; see ``tml_bench.media.scan`` for what times are.

Frames are shown as a player shows them: turned upright, with square pixels, scaled down and never up, as
8-bit RGB. Interlaced frames come with both fields woven; colours of more than 8 bits are brought to 8
without tone mapping.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapter import Frame, VideoSpec
from tml_bench.containers.ffmpeg import decoded, open_container, video_stream
from tml_bench.errors import BadSampleError
from tml_bench.media.scan import Scan, scan
from tml_bench.timebase import NS, seconds

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame

Image = NDArray[np.uint8]
T = TypeVar("T")

STANDSTILL_NS = NS
"""A picture that stands still this long because frames cannot be decoded makes a video unusable."""
_AHEAD = 4
"""Pictures that are ready before they are asked for. The largest take 50 MB each."""
_REORDER = 16
"""Frames held to bring time stamps into order; no codec delays a frame by more."""
_SKIPPING = ("h264", "hevc")
"""Codecs whose decoders can be told for each frame to pass over it if no other needs it."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file holds; times are seconds of video time.

    Width and height are of a frame as shown, after rotation and with square pixels. The first frame is shown
    at ``first_s``, the last one has been at ``duration_s``. ``sound_s``, when the sound ends, and
    ``audio_rate`` are 0 without sound. A video is variable if the time between frames varies by more than a
    tenth. ``notes`` do not make it unusable, such as ``turned by 90 degrees``.
    """

    width: int
    height: int
    duration_s: float
    has_audio: bool
    codec: str
    variable: bool
    frames: int
    first_s: float
    sound_s: float
    audio_rate: int
    notes: tuple[str, ...] = ()


def probe_video(path: Path) -> VideoInfo:
    """Look at a video: all its packets are read, one frame is decoded. Raises as ``media.scan.scan``."""
    found = scan(path)
    times = found.video.times_ns()
    width, height = shown_size(found.width, found.height, found)
    gaps = np.diff(times)
    typical = float(np.median(gaps)) if len(gaps) else 0.0
    # Time stamps in whole milliseconds make equal gaps differ by one.
    variable = bool(np.any(np.abs(gaps - typical) > max(0.1 * typical, 1.5e6)))
    return VideoInfo(
        width=width,
        height=height,
        duration_s=seconds(found.video.end_ns),
        has_audio=found.audio is not None,
        codec=found.codec,
        variable=variable,
        frames=len(times),
        first_s=seconds(int(times[0])),
        sound_s=seconds(found.audio.end_ns) if found.audio else 0.0,
        audio_rate=found.audio_rate,
        notes=tuple(_notes(found, variable, int(times[0]))),
    )


def _notes(found: Scan, variable: bool, first_ns: int) -> Iterator[str]:
    if variable:
        yield "variable frame rate"
    if found.rotation:
        yield f"turned by {found.rotation} degrees"
    if found.pixel_aspect != 1:
        yield f"pixels are {found.pixel_aspect} as wide as high"
    if found.interlaced:
        yield "interlaced"
    if first_ns > 0:
        yield f"first frame at {seconds(first_ns):.3f} s"


def shown_size(width: int, height: int, found: Scan) -> tuple[int, int]:
    """Width and height at which a stored frame is shown in full size."""
    wide = max(1, round(width * found.pixel_aspect))
    return (height, wide) if found.rotation % 180 else (wide, height)


def scaled_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Width and height scaled down, never up, so that neither exceeds ``max_side``."""
    scale = min(1.0, max_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def instant_ns(k: int, fps: float) -> int:
    """Session time of the instant ``k / fps``, in nanoseconds, to the nearest."""
    return round(k * NS / fps)


class ReadAhead(Generic[T]):
    """The items of an iterator, in order; while one is used the next ``depth`` (at least 1) are made.

    Only the thread of this object touches the iterator, until ``close``; it should spend its time outside
    Python's lock. An error of the iterator is raised where its item would have come. The thread ends by
    itself when the object is no longer used.
    """

    def __init__(self, items: Iterator[T], depth: int) -> None:
        self._items = items
        self._thread = ThreadPoolExecutor(1, "ahead")
        self._coming: deque[Future[T | None]] = deque(self._order() for _ in range(depth))

    def _order(self) -> Future[T | None]:
        return self._thread.submit(next, self._items, None)

    def __iter__(self) -> Iterator[T]:
        """The object itself."""
        return self

    def __next__(self) -> T:
        """The next item."""
        if not self._coming:
            raise StopIteration
        item = self._coming.popleft().result()
        if item is None:
            self._coming.clear()
            raise StopIteration
        self._coming.append(self._order())
        return item

    def close(self) -> None:
        """Stop; waits for the item that is being made. Nothing more comes."""
        self._coming.clear()
        self._thread.shutdown(cancel_futures=True)


class FrameReader:
    """Gives the frame shown at each instant ``k / fps`` of the session: the last one not after it.

    It decodes in order and holds a handful of frames, whatever the video's length. Frames that are neither
    shown at an instant nor needed to decode others are passed over where the codec allows it. ``size`` is the
    width and height of what it gives.
    """

    def __init__(self, path: Path, spec: VideoSpec, at_ns: int = 0, *, ahead: bool = True) -> None:
        """Open a video whose time 0 is at ``at_ns`` of the session.

        With ``ahead`` the next frames are decoded in a thread meanwhile; else only when a frame is asked for.

        Raises:
            BadSampleError: as ``tml_bench.media.scan.scan``, or its first frames cannot be read.
        """
        from av.video.reformatter import VideoReformatter

        self._path = path
        self._spec = spec
        self._at_ns = at_ns
        self._scan = scan(path)
        self._times = self._scan.video.times_ns() + at_ns
        self.size = scaled_size(*shown_size(self._scan.width, self._scan.height, self._scan), spec.max_side)
        self.end_ns = at_ns + self._scan.video.end_ns
        """Session time at which the last frame has been shown."""
        self._instants = self._all_instants()
        self._scaler = VideoReformatter()
        self._container = open_container(path)
        self._ahead = ReadAhead(self._pictures(), _AHEAD) if ahead else None
        self._coming: Iterator[tuple[int, Image]] = self._ahead or self._pictures()
        self._shown: tuple[int, Image] | None = None
        try:
            self._next: tuple[int, Image] | None = next(self._coming, None)
        except BaseException:
            self.close()
            raise

    def at(self, k: int) -> Frame:
        """The frame at the instant ``k / fps``; black before the first, the last one after the end.

        ``k`` never falls from call to call.

        Raises:
            BadSampleError: the frames around it cannot be decoded.
        """
        t_ns = instant_ns(k, self._spec.fps)
        while self._next is not None and self._next[0] <= t_ns:
            self._shown = self._next
            self._next = next(self._coming, None)
        self._check(t_ns)
        if self._shown is None:
            return Frame(t_ns, None, black(*self.size))
        return Frame(t_ns, *self._shown)

    def _check(self, t_ns: int) -> None:
        due = int(np.searchsorted(self._times, t_ns, "right")) - 1
        if due < 0:
            return
        shown_ns = self._shown[0] if self._shown else int(self._times[0]) - STANDSTILL_NS
        if int(self._times[due]) - shown_ns >= STANDSTILL_NS:
            at_s = seconds(int(self._times[due]) - self._at_ns)
            raise BadSampleError(f"{self._path} is damaged: its frames up to {at_s:.3f} s cannot be decoded")

    def __iter__(self) -> Iterator[Frame]:
        """Frames at all instants from the video's time 0 to its end."""
        k = math.ceil(self._at_ns * self._spec.fps / NS)
        while instant_ns(k, self._spec.fps) < self.end_ns:
            yield self.at(k)
            k += 1

    def close(self) -> None:
        """Close the file."""
        if self._ahead is not None:
            self._ahead.close()
        self._container.close()

    def _all_instants(self) -> NDArray[np.int64]:
        """Session times of the instants from video time 0 to the first after its end, as ``instant_ns``."""
        fps = self._spec.fps
        first, last = math.ceil(self._at_ns * fps / NS), math.ceil(self.end_ns * fps / NS) + 1
        return np.rint(np.arange(first, last + 1) * NS / fps).astype(np.int64)

    def _pictures(self) -> Iterator[tuple[int, Image]]:
        """The frames shown at some instant with their session times, in order, ready to be handed over."""
        frames = self._timed_frames()
        frame = next(frames, None)
        while frame is not None:
            following = next(frames, None)
            instant = int(np.searchsorted(self._instants, frame[0]))
            shown = instant < len(self._instants) and following and self._instants[instant] < following[0]
            if following is None or shown:
                yield frame[0], self._picture(frame[1])
            frame = following

    def _timed_frames(self) -> Iterator[tuple[int, VideoFrame]]:
        """Frames with their session times, in order."""
        stream = video_stream(self._path, self._container)
        track = self._scan.video
        skipping = self._scan.codec in _SKIPPING and not self._scan.stampless
        wanted = self._wanted() if skipping else frozenset()

        def before(packet: Packet[Stream]) -> None:
            if skipping:
                needed = packet.pts is None or packet.pts in wanted
                stream.codec_context.skip_frame = "DEFAULT" if needed else "NONREF"

        frames = decoded(self._path, self._container, stream, before)
        stamped = ((frame.pts, frame) for frame in frames if frame.pts is not None)
        for stamp, frame in _in_order(stamped) if self._scan.stampless else stamped:
            yield track.time_ns(stamp) + self._at_ns, frame

    def _wanted(self) -> frozenset[int]:
        """Time stamps of the frames shown at some instant."""
        due = np.searchsorted(self._times, self._instants, "right") - 1
        shown = self._scan.video.stamps[np.unique(due[due >= 0])]
        return frozenset(shown.tolist())

    def _picture(self, frame: VideoFrame) -> Image:
        size = scaled_size(*shown_size(frame.width, frame.height, self._scan), self._spec.max_side)
        width, height = size[::-1] if self._scan.rotation % 180 else size
        # FFmpeg averages areas on the way to RGB, which takes a third of the time of OpenCV's INTER_AREA.
        small = self._scaler.reformat(frame, width, height, "rgb24", interpolation="AREA", threads=1)
        turned = np.rot90(small.to_ndarray().astype(np.uint8, copy=False), self._scan.rotation // 90)
        image: Image = np.ascontiguousarray(turned)
        image.flags.writeable = False
        return image


def _in_order(stamped: Iterator[tuple[int, VideoFrame]]) -> Iterator[tuple[int, VideoFrame]]:
    """Frames come in the order shown, their stamps do not: the stamps, in ascending order, to the frames."""
    stamps: list[int] = []
    held: list[VideoFrame] = []
    for stamp, frame in stamped:
        heapq.heappush(stamps, stamp)
        held.append(frame)
        if len(held) > _REORDER:
            yield heapq.heappop(stamps), held.pop(0)
    while held:
        yield heapq.heappop(stamps), held.pop(0)


def black(width: int, height: int) -> Image:
    """A black picture, read-only."""
    image: Image = np.zeros((height, width, 3), dtype=np.uint8)
    image.flags.writeable = False
    return image
