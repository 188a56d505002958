"""Where somebody speaks in a clip and where they pause, by loudness alone: for what need not be exact."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tml_bench.media.audio import ClipReader
from tml_bench.samples import Waveform

RATE = 8000
WINDOW_MS = 20
BELOW_DB = 25.0
"""So far below its loud parts, the 95th percentile of its windows, a clip counts as silent."""
FLOOR = 1e-8
"""Mean square under which everything is silence: -80 dBFS."""
_WINDOWS = 1000
"""Windows that are read at a time."""


def spoken_parts(clip: Path | Waveform, pause_s: float) -> tuple[tuple[float, float], ...]:
    """Where a clip is not silent, as (start, end) in seconds; parts are at least ``pause_s`` apart.

    A clip that is silent throughout has none; noise that is louder than `BELOW_DB` makes it one part.

    Raises:
        BadSampleError: the clip cannot be used.
    """
    power = _power(clip)
    if not power.size:
        return ()
    threshold = max(FLOOR, float(np.percentile(power, 95)) * 10 ** (-BELOW_DB / 10))
    loud = np.flatnonzero(power > threshold)
    if not loud.size:
        return ()
    breaks = np.flatnonzero(np.diff(loud) > pause_s * 1000 / WINDOW_MS)
    first, last = np.r_[loud[0], loud[breaks + 1]], np.r_[loud[breaks], loud[-1]]
    step_s = WINDOW_MS / 1000
    return tuple((float(a) * step_s, float(b + 1) * step_s) for a, b in zip(first, last, strict=True))


def _power(clip: Path | Waveform) -> NDArray[np.float64]:
    """The mean square of each whole window."""
    size = RATE * WINDOW_MS // 1000
    parts = [np.empty(0)]
    with ClipReader(clip, RATE) as reader:
        while (samples := reader.read(_WINDOWS * size)).size:
            whole = samples[: len(samples) // size * size].astype(np.float64).reshape(-1, size)
            parts.append(np.mean(whole**2, axis=1))
    return np.concatenate(parts)
