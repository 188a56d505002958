"""A prefix cache: tracks that begin alike are gone through once, as far as they are alike.

A user says the same to every model up to where their answers change its course, and a ruler that always
speaks says the same to every user: of what sounds when rulers are run, half is that. A track of which a block
sounds as another's did, after the same blocks before it, leaves what it is in memory up to its end; any other
leaves its beginning. What is found there is what going through it gives, bit for bit.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import count
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tml_bench.perception.levels import LevelTrack, padded
from tml_bench.perception.silero import ProbabilityTrack
from tml_bench.perception.silero_network import FRAME

MOST_BLOCKS = 192
"""So many blocks of 2.56 s are kept, the last used, in 45 MB."""
_ENDS = 64

Samples = NDArray[np.float32]
Marks = NDArray[np.bool_]


@dataclass(slots=True)
class HeardBlocks:
    """What has been heard of a track at 16 kHz, float32 in [-1, 1], in blocks; nothing at first."""

    probabilities: ProbabilityTrack = field(default_factory=ProbabilityTrack)
    levels: LevelTrack = field(default_factory=LevelTrack)

    def add(self, block: Samples, still: Marks) -> None:
        """Take the next samples, and which of them lie in digital silence, both of shape (n,).

        Of all blocks but the last n is a multiple of 512 and of 80, the frames of network and levels.
        """
        self.levels.add(np.where(still, np.float32(0), block))
        self.probabilities.add(padded(block, FRAME))

    def copy(self) -> "HeardBlocks":
        """One that has heard the same, and hears on by itself."""
        return HeardBlocks(self.probabilities.copy(), self.levels.copy())


class _Sound(NamedTuple):
    """Samples of a block and which of them are still, as bytes: these are compared in no time."""

    block: bytes
    still: bytes

    @classmethod
    def of(cls, block: Samples, still: Marks) -> "_Sound":
        return cls(block.tobytes(), still.tobytes())

    @property
    def ends(self) -> tuple[bytes, bytes]:
        """What tells most blocks apart."""
        return self.block[:_ENDS], self.block[-_ENDS:]


class _KnownBlock(NamedTuple):
    """A block, and what has been heard up to its end; ``number`` tells it from all others."""

    number: int
    sound: _Sound
    heard: HeardBlocks


class PrefixCache:
    """What was heard up to the ends of blocks, by the blocks before them: of the ``most`` last used."""

    def __init__(self, most: int = MOST_BLOCKS) -> None:
        self._most = most
        self._numbers = count(1)
        self._known: OrderedDict[tuple[int, tuple[bytes, bytes]], _KnownBlock] = OrderedDict()
        self._lock = Lock()

    def find(self, before: int, sound: _Sound) -> _KnownBlock | None:
        """A block that comes after the one of a number, 0 for none; None where it is not known."""
        place = before, sound.ends
        with self._lock:
            found = self._known.get(place)
            if found is None or found.sound != sound:
                return None
            self._known.move_to_end(place)
            return found

    def keep(self, before: int, sound: _Sound, heard: HeardBlocks) -> _KnownBlock:
        """Remember what was heard up to its end, which nobody adds to any more."""
        with self._lock:
            known = _KnownBlock(next(self._numbers), sound, heard)
            self._known[before, sound.ends] = known
            while len(self._known) > self._most:
                self._known.popitem(last=False)
            return known


class TrackListener:
    """Hears one track, as far as it is known from what was heard of others."""

    def __init__(self, known: PrefixCache) -> None:
        self._known = known
        self._last: _KnownBlock | None = None
        self._own: HeardBlocks | None = None
        """What comes after the last known block too; None where nothing does."""
        self._is_kept = True
        self._is_alike = False

    def add(self, block: Samples, still: Marks) -> None:
        """As `HeardBlocks.add`."""
        if not self._is_kept:
            self._own = self.heard()
            self._own.add(block, still)
            return
        number, sound = 0 if self._last is None else self._last.number, _Sound.of(block, still)
        sounds = not still.all()
        if (found := self._known.find(number, sound)) is not None:
            self._last, self._own = found, None
            self._is_alike |= sounds
            return
        own = self._own = self.heard()
        own.add(block, still)
        self._last = self._known.keep(number, sound, own.copy())
        self._is_kept = self._is_alike or not sounds

    def heard(self) -> HeardBlocks:
        """What has been heard of all that was added; to be added to here alone."""
        if self._own is not None:
            return self._own
        return HeardBlocks() if self._last is None else self._last.heard.copy()
