"""When the user speaks, by Silero VAD."""

import numpy as np
from numpy.typing import NDArray

from tml_bench.adapters._media import Frames
from tml_bench.perception.silero import FRAME_S, NEG_THRESHOLD, THRESHOLD
from tml_bench.perception.silero_network import FRAME, SileroNetwork


class VoiceActivity:
    """Follows the user's audio in frames of 32 ms.

    A frame of probability 0.5 starts speech, which goes on while the probability stays above 0.35, and
    over silences shorter than ``pause_s``: so long it is ``speaking``, since the session time ``since_s``.
    ``last_voice_s`` is when its last frame so far ended, 0 before any.
    """

    def __init__(self, pause_s: float) -> None:
        self._network = SileroNetwork()
        self._pause_s = pause_s
        self._whole = Frames(FRAME)
        self._frames = 0
        self._voice = self.speaking = False
        self.since_s = self.last_voice_s = 0.0

    def feed(self, audio: NDArray[np.float32]) -> bool:
        """Take the next samples, shape (n,), 16 kHz; returns whether speech came to a pause in them."""
        paused = [self._pauses(frame) for frame in self._whole.push(audio)]
        return any(paused)

    def _pauses(self, frame: NDArray[np.float32]) -> bool:
        self._voice = self._network(frame) >= (NEG_THRESHOLD if self._voice else THRESHOLD)
        self._frames += 1
        now_s = self._frames * FRAME_S
        if self._voice:
            if not self.speaking:
                self.speaking, self.since_s = True, now_s - FRAME_S
            self.last_voice_s = now_s
        elif self.speaking and now_s - self.last_voice_s >= self._pause_s - 1e-9:
            self.speaking = False
            return True
        return False
