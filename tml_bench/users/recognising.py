"""What a simulated user hears where the model gives no transcript: local recognition of its sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tml_bench.errors import UserError
from tml_bench.perception import asr

PIECE = 28 * 16_000
"""So much is recognised at once."""


def recognised_words(sound: NDArray[np.float32]) -> str:
    """The words in audio of 16 kHz, shape (n,); empty where there are none.

    Raises:
        UserError: the extra ``speech`` is not installed.
    """
    if lacking := asr.missing(None):
        raise UserError(
            f"a user who answers must know what the model says: it gives no transcript, and {lacking}",
            "install tml-bench[speech], or let the adapter give the transcript of its speech",
        )
    pieces = (sound[k : k + PIECE] for k in range(0, len(sound), PIECE))
    return " ".join(filter(None, map(asr.transcribe, pieces)))
