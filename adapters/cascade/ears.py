"""Where the user's turns begin and end: voice activity frame by frame, and a silence that ends a turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapters._media import Frames
from tml_bench.perception.silero import FRAME, FRAME_S, NEG_THRESHOLD, RATE, THRESHOLD, load_network

LEAD_S = 0.3
"""Audio kept from before a turn's first frame of speech, and after its last."""


@dataclass(frozen=True, slots=True)
class SpeechBetweenSilences:
    """What was heard between two silences.

    Attributes:
        audio: shape (n,), float32, 16 kHz, with `LEAD_S` around the speech where there is that much.
        first_s: session time of its first sample.
        start_s: where its first frame of speech begins.
        end_s: where its last frame of speech ends.
    """

    audio: NDArray[np.float32]
    first_s: float
    start_s: float
    end_s: float


class Ears:
    """Follows the user's audio by Silero VAD, in frames of 32 ms.

    A frame of probability 0.5 starts speech, which goes on while the probability stays above 0.35; a turn
    ends when ``silence_s`` have passed without speech.

    Attributes:
        speaking: a turn is going on.
        voiced_s: speech in it so far.
        last_voice_s: session time at which speech was last heard to end; 0 before any.
    """

    def __init__(self, silence_s: float) -> None:
        self._network = load_network()
        self._silence_s = silence_s
        self._whole = Frames(FRAME)
        self._kept: list[NDArray[np.float32]] = []
        self._frames = 0
        self._voice = self.speaking = False
        self._start_s = self.voiced_s = self.last_voice_s = 0.0

    def feed(self, audio: NDArray[np.float32]) -> list[SpeechBetweenSilences]:
        """Take the next samples, shape (n,), 16 kHz; returns the turns that ended in them."""
        ended = (self._frame(frame) for frame in self._whole.push(audio))
        return [turn for turn in ended if turn is not None]

    def _forget(self) -> None:
        self._kept = self._kept[-round(LEAD_S / FRAME_S) :]

    def _frame(self, frame: NDArray[np.float32]) -> SpeechBetweenSilences | None:
        probability = self._network(frame)
        self._voice = probability >= (NEG_THRESHOLD if self._voice else THRESHOLD)
        self._kept.append(frame)
        self._frames += 1
        now_s = self._frames * FRAME_S
        if self._voice:
            if not self.speaking:
                self.speaking, self.voiced_s, self._start_s = True, 0.0, now_s - FRAME_S
            self.voiced_s += FRAME_S
            self.last_voice_s = now_s
            return None
        if not self.speaking:
            self._forget()
            return None
        return self._ended(now_s) if now_s - self.last_voice_s >= self._silence_s - 1e-9 else None

    def _ended(self, now_s: float) -> SpeechBetweenSilences:
        audio = np.concatenate(self._kept)
        first_s = now_s - len(audio) / RATE
        until = round((self.last_voice_s + LEAD_S - first_s) * RATE)
        self.speaking = False
        self._forget()
        return SpeechBetweenSilences(audio[:until], first_s, self._start_s, self.last_voice_s)
