"""What the agent hears: the user's turns, cut out of the audio by voice activity and an endpointer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapters._media import Frames
from tml_bench.perception.silero import FRAME_S, NEG_THRESHOLD, RATE, THRESHOLD
from tml_bench.perception.silero_network import FRAME, SileroNetwork

Samples = NDArray[np.float32]

LEAD_S = 0.3
"""Audio kept from before a turn's first frame of speech, and after its last, for recognition."""
KEPT_S = 0.5
"""Audio from before a turn's first frame of speech that an endpointer hears."""


class TurnEndpointer(Protocol):
    """Decides whether a pause of the user's ends the turn."""

    @property
    def name(self) -> str:
        """What it is, with versions and hashes of all that decides, for the record."""
        ...

    def warm_up(self) -> None:
        """Load what it needs."""
        ...

    def ends(self, silence_s: float, audio: Callable[[], Samples]) -> bool:
        """Whether the turn is over; asked at each frame of a pause that has lasted ``silence_s`` so far.

        ``audio`` gives the turn up to now, shape (n,), 16 kHz, pause and `KEPT_S` before it included.
        """
        ...


@dataclass(frozen=True, slots=True)
class SilenceEndpointer:
    """A turn ends when ``silence_s`` have passed without speech."""

    silence_s: float

    @property
    def name(self) -> str:
        """As ``vad:700``."""
        return f"vad:{self.silence_s * 1000:.0f}"

    def warm_up(self) -> None:
        """It needs nothing."""

    def ends(self, silence_s: float, audio: Callable[[], Samples]) -> bool:
        """Whether the pause is that long."""
        return silence_s >= self.silence_s - 1e-9


@dataclass(frozen=True, slots=True)
class SpeechBetweenSilences:
    """A turn of the user, shape (n,), 16 kHz, with `LEAD_S` around it if there is that much.

    ``first_s`` is the session time of the first sample; from ``start_s`` to ``end_s`` it is speech, of which
    ``voiced_s`` are no pauses.
    """

    audio: Samples
    first_s: float
    start_s: float
    end_s: float
    voiced_s: float


class Ears:
    """Follows the user's audio by Silero VAD, in frames of 32 ms.

    A frame of probability 0.5 starts speech, which goes on while the probability stays above 0.35; a turn
    ends with a pause that the endpointer takes for its end. While one goes on it is ``speaking``, so far for
    ``voiced_s``; ``last_voice_s`` is the session time at which speech last ended, 0 before any.
    """

    def __init__(self, endpointer: TurnEndpointer) -> None:
        self._network = SileroNetwork()
        self._endpointer = endpointer
        self._whole = Frames(FRAME)
        self._kept: list[Samples] = []
        self._before = 0
        self._frames = 0
        self._voice = self.speaking = False
        self._start_s = self.voiced_s = self.last_voice_s = 0.0

    def feed(self, audio: Samples) -> list[SpeechBetweenSilences]:
        """Take the next samples, shape (n,), 16 kHz; returns the turns that ended in them."""
        ended = (self._frame(frame) for frame in self._whole.push(audio))
        return [turn for turn in ended if turn is not None]

    def _frame(self, frame: Samples) -> SpeechBetweenSilences | None:
        probability = self._network(frame)
        self._voice = probability >= (NEG_THRESHOLD if self._voice else THRESHOLD)
        self._kept.append(frame)
        self._frames += 1
        now_s = self._frames * FRAME_S
        if self._voice:
            if not self.speaking:
                self.speaking, self.voiced_s, self._start_s = True, 0.0, now_s - FRAME_S
                self._before = len(self._kept) - 1
            self.voiced_s += FRAME_S
            self.last_voice_s = now_s
            return None
        if not self.speaking:
            self._forget()
            return None
        ended = self._endpointer.ends(now_s - self.last_voice_s, self._heard)
        return self._ended(now_s) if ended else None

    def _heard(self) -> Samples:
        return np.concatenate(self._kept)

    def _forget(self) -> None:
        self._kept = self._kept[-round(KEPT_S / FRAME_S) :]

    def _ended(self, now_s: float) -> SpeechBetweenSilences:
        audio = self._heard()[max(0, self._before - round(LEAD_S / FRAME_S)) * FRAME :]
        first_s = now_s - len(audio) / RATE
        until = round((self.last_voice_s + LEAD_S - first_s) * RATE)
        self.speaking = False
        self._forget()
        return SpeechBetweenSilences(audio[:until], first_s, self._start_s, self.last_voice_s, self.voiced_s)
