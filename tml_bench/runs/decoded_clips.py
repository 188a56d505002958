"""The short clips of a task, decoded once for all adapters that play them."""

from dataclasses import replace
from pathlib import Path

from tml_bench.errors import BadSampleError
from tml_bench.media.audio import probe, read_mono
from tml_bench.samples import Sample, UserTurn, Waveform

MOST_BYTES = 128 << 20
"""So much is kept at a time: about 23 minutes at 24 kHz."""
LONGEST_S = 60.0
_BYTES = 4

_File = tuple[Path, int, int]


class DecodedClips:
    """Keeps what the user's clips sound like, in one process.

    One adapter after the other plays the samples of a task in the same order, so what was decoded first is
    kept, and what no longer fits is decoded each time.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: dict[_File, Waveform] = {}
        self._bytes = 0

    def decoded(self, sample: Sample) -> Sample:
        """The sample with waveforms for its short clips as far as they are kept; it plays the same.

        A clip that cannot be read stays a file, so that playing it tells what is wrong with it.
        """
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

    def _clip(self, path: Path) -> Waveform | None:
        stat = path.stat()
        file = (path, stat.st_size, stat.st_mtime_ns)
        kept = self._kept.get(file)
        if kept is not None:
            return kept
        info = probe(path)
        size = info.frames * _BYTES
        if info.duration_s > LONGEST_S or self._bytes + size > self._most_bytes:
            return None
        samples, rate = read_mono(path)
        samples.flags.writeable = False
        self._bytes += size
        self._kept[file] = Waveform(samples, rate)
        return self._kept[file]
