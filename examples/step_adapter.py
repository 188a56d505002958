"""The smallest adapter that answers: ``tml-bench check-adapter examples/step_adapter.py:Beeper``.

It beeps for a second once the user has been silent for 400 ms. Put your model in the place of the beep; see
``docs/plug-in-in-30-minutes.md``.
"""

import numpy as np

from tml_bench.adapter import MicroTurn, Output, SessionStart, StepAdapter


class Beeper(StepAdapter):
    """Answers with a beep.

    Args:
        silence_ms: silence taken for the end of the user's turn.
    """

    audio_in = 16000
    audio_out = 24000

    def __init__(self, silence_ms: int = 400) -> None:
        self.silence_ms = silence_ms

    def warm_up(self) -> None:
        """Load the weights here."""
        t = np.arange(self.audio_out) / self.audio_out
        self.beep = (0.3 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)

    def start(self, session: SessionStart) -> None:
        """Forget the session before."""
        self.quiet_ms = 0.0
        self.spoken_to = False

    def step(self, turn: MicroTurn) -> Output | None:
        """Hear 200 ms of the user, and say what there is to say."""
        if np.abs(turn.audio).max(initial=0) > 0.02:
            self.spoken_to, self.quiet_ms = True, 0.0
            return None
        self.quiet_ms += 1000 * len(turn.audio) / self.audio_in
        if not self.spoken_to or self.quiet_ms < self.silence_ms:
            return None
        self.spoken_to = False
        return Output(audio=self.beep)
