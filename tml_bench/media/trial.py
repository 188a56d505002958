"""Whether a sample's sound and video can be played to their end, tried where it costs nothing but the try.

A session plays strangers' files in its own process, after a first look at them. Where that process crashes or
hangs, it may have been a file and not the model; who lost the process tries the files here.
"""

from pathlib import Path

from tml_bench.adapter import VideoSpec
from tml_bench.containers.apart import apart
from tml_bench.errors import BadSampleError
from tml_bench.media.audio import ClipReader, ClipSource
from tml_bench.media.video import FrameReader, probe_video
from tml_bench.media.video_sound import VideoSound
from tml_bench.samples import Sample

_RATE = 16_000


def unplayable(sample: Sample) -> str:
    """Why one of a sample's files cannot be played to its end; empty where all can.

    Everything is decoded, within the limits of ``tml_bench.containers.apart``.
    """
    script = sample.script
    spoken = (*(turn.audio for turn in script.turns), *(message.audio for message in script.history))
    try:
        for clip in dict.fromkeys(clip for clip in spoken if isinstance(clip, Path)):
            apart(play_sound, clip)
        for video in dict.fromkeys(video.path for video in script.videos):
            apart(play_video, video)
    except BadSampleError as error:
        return str(error)
    return ""


def play_sound(path: Path) -> None:
    """Decode a sound file to its end; raises BadSampleError where it cannot be."""
    _play(path)


def play_video(path: Path) -> None:
    """Decode a video to its end, with its sound; raises BadSampleError where it cannot be."""
    frames = FrameReader(path, VideoSpec(fps=1, max_side=16), ahead=False)
    try:
        for _ in frames:
            pass
    finally:
        frames.close()
    if probe_video(path).has_audio:
        _play(VideoSound(path))


def _play(source: ClipSource) -> None:
    with ClipReader(source, _RATE) as clip:
        while clip.read(_RATE).size:
            pass
