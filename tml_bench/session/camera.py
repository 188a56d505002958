"""What the user's camera shows: the script's videos on the session clock."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tml_bench.adapter import Frame, VideoSpec
from tml_bench.errors import BadSampleError, UserError
from tml_bench.media.subtitles import check_drawable, subtitled
from tml_bench.media.video import FrameReader, Image, VideoInfo, black, instant_ns, probe_video, scaled_size
from tml_bench.samples import UserVideo
from tml_bench.timebase import nanoseconds, seconds

MAX_FPS = 120.0
SIDES = range(16, 4097)
"""Values of ``VideoSpec.max_side`` that make sense."""


@dataclass(frozen=True, slots=True)
class PlacedVideo:
    """Video number ``index`` of the script on the session clock.

    Its time 0 is ``start_ns``, its last frame has been shown at ``end_ns``; at ``over_ns`` its sound, unless
    muted, is over too.
    """

    index: int
    video: UserVideo
    info: VideoInfo
    start_ns: int
    end_ns: int
    over_ns: int

    @property
    def sounds(self) -> bool:
        """Its audio track is sent."""
        return self.video.sound and self.info.has_audio

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks about it that do not make it unusable."""
        silent = ("no sound to send",) if self.video.sound and not self.info.has_audio else ()
        return self.info.notes + silent


def place_videos(videos: Sequence[UserVideo]) -> tuple[PlacedVideo, ...]:
    """Place a script's videos.

    Raises:
        BadSampleError: a file cannot be used, or the videos overlap, are out of order or ill described.
    """
    placed: list[PlacedVideo] = []
    for index, video in enumerate(videos):
        _check(video)
        info = probe_video(video.path)
        start_ns = nanoseconds(video.at_s)
        end_ns = start_ns + nanoseconds(info.duration_s)
        heard_s = info.sound_s if video.sound else 0.0
        over_ns = max(end_ns, start_ns + nanoseconds(heard_s))
        if placed and start_ns < placed[-1].over_ns:
            over = f"{placed[-1].video.path} is over at {seconds(placed[-1].over_ns):.3f} s"
            raise BadSampleError(f"{video.path} starts at {video.at_s:g} s, before {over}")
        placed.append(PlacedVideo(index, video, info, start_ns, end_ns, over_ns))
    return tuple(placed)


def _check(video: UserVideo) -> None:
    if not (math.isfinite(video.at_s) and video.at_s >= 0):
        raise BadSampleError(f"{video.path}: at_s is {video.at_s}, it must be at least 0")
    if video.after not in ("black", "frozen"):
        raise BadSampleError(f"{video.path}: after is {video.after!r}, it must be 'black' or 'frozen'")
    for line in video.subtitles:
        if not line.start_s < line.end_s:
            times = f"from {line.start_s} to {line.end_s} s"
            raise BadSampleError(f"{video.path}: subtitle {line.text!r} lasts {times}")


class Camera:
    """Frames at the instants ``k / fps``, k = 0, 1, 2, ..., of at least one video.

    Black before the first video and from a video's ``at_s`` to its first frame; from a video's end to the
    next one black or its last frame, as the script says. A subtitle is drawn over whatever is shown from its
    ``start_s`` on and before its ``end_s``, counted from the video's ``at_s``. With ``ahead`` the next frames
    are decoded while the last ones are used.

    Raises:
        UserError: the adapter wants what cannot be had.
        BadSampleError: a subtitle cannot be drawn.
    """

    def __init__(self, videos: Sequence[PlacedVideo], spec: VideoSpec, *, ahead: bool = True) -> None:
        _check_spec(spec)
        for line in (line for placed in videos for line in placed.video.subtitles):
            check_drawable(line.text)
        self._ahead = ahead
        self._spec = spec
        self._waiting = list(videos)
        self._current: PlacedVideo | None = None
        self._reader: FrameReader | None = None
        info = videos[0].info
        self._black = black(*scaled_size(info.width, info.height, spec.max_side))
        self._drawn: tuple[Image, str, Image] | None = None
        self._k = 0

    def frames(self, end_ns: int) -> tuple[Frame, ...]:
        """Frames at all new instants before ``end_ns``. Raises BadSampleError if a video is damaged."""
        taken: list[Frame] = []
        while (t_ns := instant_ns(self._k, self._spec.fps)) < end_ns:
            self._change(t_ns)
            taken.append(self._with_subtitle(self._plain(t_ns)))
            self._k += 1
        return tuple(taken)

    def close(self) -> None:
        """Close the video that is open."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _change(self, t_ns: int) -> None:
        while self._waiting and self._waiting[0].start_ns <= t_ns:
            self.close()
            self._current = self._waiting.pop(0)
            path, start_ns = self._current.video.path, self._current.start_ns
            self._reader = FrameReader(path, self._spec, start_ns, ahead=self._ahead)
            self._black = black(*self._reader.size)

    def _plain(self, t_ns: int) -> Frame:
        ended = self._current is not None and t_ns >= self._current.end_ns
        if self._reader is None or (ended and self._current and self._current.video.after == "black"):
            return Frame(t_ns, None, self._black)
        return self._reader.at(self._k)

    def _with_subtitle(self, frame: Frame) -> Frame:
        if self._current is None:
            return frame
        since_s = seconds(frame.t_ns - self._current.start_ns)
        lines = [s.text for s in self._current.video.subtitles if s.start_s <= since_s < s.end_s]
        if not lines:
            return frame
        text = "\n".join(lines)
        if self._drawn is None or self._drawn[0] is not frame.image or self._drawn[1] != text:
            self._drawn = (frame.image, text, subtitled(frame.image, text))
        return Frame(frame.t_ns, frame.pts_ns, self._drawn[2])


def _check_spec(spec: object) -> None:
    if not isinstance(spec, VideoSpec):
        raise UserError(f"the adapter's video_in is {type(spec).__name__}", "give a VideoSpec or None")
    asked = "the adapter's video_in"
    if not 0 < spec.fps <= MAX_FPS:
        raise UserError(f"{asked}.fps is {spec.fps}", f"give more than 0 and at most {MAX_FPS:g}")
    if spec.max_side not in SIDES:
        raise UserError(f"{asked}.max_side is {spec.max_side}", f"give {SIDES.start} to {SIDES.stop - 1}")
