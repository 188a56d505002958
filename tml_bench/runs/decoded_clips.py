"""The short clips of tasks, decoded and resampled once for all adapters that play them."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tml_bench.errors import BadSampleError
from tml_bench.kept_by_task import KeptByTask
from tml_bench.media.audio import ClipReader, ReplayedWaveform, probe, read_mono
from tml_bench.samples import Sample, UserTurn, Waveform

MOST_BYTES = 128 << 20
"""So much is kept at a time: half of it as decoded, 17 minutes at 16 kHz, half at the rates of sessions."""
LONGEST_S = 60.0
_BYTES = 4

_File = tuple[Path, int, int]
_Samples = NDArray[np.float32]


class DecodedClips:
    """Keeps what the user's clips sound like, in one process.

    What no longer fits is decoded each time.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._clips = KeptByTask[_File, ReplayedWaveform](most_bytes // 2)
        self._resampled = KeptByTask[tuple[_File, int], _Samples](most_bytes // 2)

    def decoded(self, task: str, sample: Sample) -> Sample:
        """A task's sample with waveforms for its short clips as far as they are kept; it plays the same.

        A clip that cannot be read stays a file, so that playing it tells what is wrong with it.
        """
        self._clips.turn_to(task)
        self._resampled.turn_to(task)
        turns = tuple(map(self._turn, sample.script.turns))
        return replace(sample, script=replace(sample.script, turns=turns))

    def _turn(self, turn: UserTurn) -> UserTurn:
        if isinstance(turn.audio, Waveform):
            return turn
        try:
            clip = self._clip(turn.audio)
        except (BadSampleError, OSError):
            return turn
        return turn if clip is None else replace(turn, audio=clip)

    def _clip(self, path: Path) -> ReplayedWaveform | None:
        stat = path.stat()
        file = (path, stat.st_size, stat.st_mtime_ns)
        kept = self._clips.get(file)
        if kept is not None:
            return kept
        info = probe(path)
        size = info.frames * _BYTES
        if info.duration_s > LONGEST_S or not self._clips.has_room(size):
            return None
        samples, rate = read_mono(path)
        samples.flags.writeable = False
        clip = ReplayedWaveform(samples, rate, partial(self._at, file, Waveform(samples, rate)))
        self._clips.keep(file, clip, size)
        return clip

    def _at(self, file: _File, clip: Waveform, rate: int) -> _Samples:
        if rate == clip.rate:
            return clip.samples
        samples = self._resampled.get((file, rate))
        if samples is None:
            with ClipReader(clip, rate) as reader:
                samples = reader.read(reader.length)
            samples.flags.writeable = False
            self._resampled.keep((file, rate), samples, samples.nbytes)
        return samples
