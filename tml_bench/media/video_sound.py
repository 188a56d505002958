"""The sound of a video as a clip: mono, on the video's clock."""

from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tml_bench.containers.ffmpeg import first_audio, open_container, packets
from tml_bench.containers.limits import check_rate
from tml_bench.containers.sound_track import DRIFT_NS, SoundBlocks, mono
from tml_bench.errors import BadSampleError
from tml_bench.media.scan import ContainerTrack, scan
from tml_bench.timebase import NS, first_sample_at


class VideoSound(SoundBlocks):
    """Blocks of a video's first audio track, from video time 0 to its end.

    Sample 0 is at video time 0: silence stands where the track begins later, and what lies before time 0 is
    left out. Channels are averaged. Memory does not grow with the length.
    """

    def __init__(self, path: Path) -> None:
        """Open a video's sound; raises BadSampleError as ``scan``, or where it has none that can be read."""
        found = scan(path)
        if found.audio is None:
            raise BadSampleError(f"{path} has no sound")
        check_rate(f"the sound of {path}", found.audio_rate)
        frames = max(1, first_sample_at(found.audio.end_ns, found.audio_rate))
        pieces = _placed(path, found.audio, found.audio_rate)
        super().__init__(f"the sound of {path}", found.audio_rate, frames, pieces)


def _placed(path: Path, track: ContainerTrack, rate: int) -> Generator[tuple[int, NDArray[np.float32]]]:
    """Decoded pieces with the index of their first sample."""
    at: int | None = None
    for stamp, samples in _decoded(path, rate):
        stamped = (track.time_ns(stamp) * rate + NS // 2) // NS if stamp is not None else None
        if stamped is not None and (at is None or abs(stamped - at) * NS > DRIFT_NS * rate):
            at = stamped if at is None else max(stamped, at)
        at = at or 0
        yield at, samples
        at += len(samples)


def _decoded(path: Path, rate: int) -> Iterator[tuple[int | None, NDArray[np.float32]]]:
    import av

    with open_container(path) as container:
        stream = first_audio(container)
        assert stream is not None
        for packet in packets(path, container, stream):
            try:
                frames = stream.codec_context.decode(packet)
            except av.error.InvalidDataError:
                # As players do: silence where nothing can be decoded.
                continue
            except av.FFmpegError as error:
                raise BadSampleError(f"the sound of {path} cannot be decoded ({error.strerror})") from error
            for frame in frames:
                if frame.sample_rate != rate:
                    raise BadSampleError(
                        f"the sound of {path} changes its rate to {frame.sample_rate} Hz midway"
                    )
                yield frame.pts, mono(frame.to_ndarray(), len(frame.layout.channels), frame.format.is_planar)
