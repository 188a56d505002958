"""What a simulated user hears where the model gives no transcript: local recognition of its sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tml_bench.perception import asr

PIECE = 28 * 16_000
"""So much is recognised at once."""


def recognised_words(sound: NDArray[np.float32]) -> str:
    """The words in audio of 16 kHz, shape (n,).

    Empty where there are none, and where the extra ``speech`` is not installed: such a user understands
    nothing, and what depends on the model's words is missing from the scores.
    """
    if asr.missing(None):
        return ""
    pieces = (sound[k : k + PIECE] for k in range(0, len(sound), PIECE))
    return " ".join(filter(None, map(asr.transcribe, pieces)))
