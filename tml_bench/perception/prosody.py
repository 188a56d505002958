"""Pitch and intensity of stretches of a track, by Praat (the extra ``[prosody]``).

The settings are those of Full-Duplex-Bench v1.5's before/after measures:
    * A stretch is cut from the track at 16 kHz, digital silence kept zero (``perception.silence``), and its
      silence removed: Silero (probability >= 0.5) finds the speech, which is joined; stretches of at most
      60 ms are dropped, and 50 ms of silence end one.
    * Pitch: Praat's autocorrelation every 10 ms, 50 to 600 Hz; mean and standard deviation (n - 1) over
      voiced frames, in Hz.
    * Intensity: every 10 ms, in dB relative to 2e-5, frames above -200 dB; mean and standard deviation
      (n - 1).

Values that do not exist (no speech, no voiced frame, a stretch too short for Praat) are None. The reference
measures the silence where there is no speech (-100 dB for digital zeros with a few samples of sound), writes
0 or -200 where Praat gives nothing, and masks some of that in its significance test alone.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tml_bench.perception import silero
from tml_bench.perception.silence import read_without_residue
from tml_bench.perception.silero import RATE, ProbabilityTrack
from tml_bench.perception.silero_network import FRAME, NETWORK
from tml_bench.timeline import Voice

RULE = "voices 2"
"""Name and version of the rules in this module."""
REMEDY = "pitch and intensity need Praat; install it with `pip install 'tml-bench[prosody]'`"

_MIN_SPEECH = RATE * 60 // 1000
_MIN_SILENCE = RATE * 50 // 1000
_STEP_S = 0.01
_FLOOR_HZ, _CEILING_HZ = 50.0, 600.0
_SILENT_DB = -200.0


def installed() -> bool:
    """Whether Praat is there."""
    return find_spec("parselmouth") is not None


def voices_key(audio_sha256: str, stretches: Sequence[tuple[float, float]]) -> str:
    """Identifies what ``voices`` gives: 64 hexadecimal digits, hash of all that decides it."""
    praat = _praat() if installed() else "no Praat"
    parts = (RULE, NETWORK, silero.RULE, praat, audio_sha256, stretches)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


@cache
def _praat() -> str:
    return f"praat-parselmouth {version('praat-parselmouth')}"


def voices(audio: Path, stretches: Sequence[tuple[float, float]]) -> tuple[Voice, ...]:
    """Describe the voice in each stretch of a track, ``(start, end)`` in seconds; without Praat not measured.

    Raises:
        BadSampleError: the file cannot be read.
    """
    if not installed():
        return tuple(Voice(start, end, measured=False) for start, end in stretches)
    track = read_without_residue(audio, RATE)
    return tuple(
        Voice(start, end, *describe(without_silence(track[int(start * RATE) : int(end * RATE)])))
        for start, end in stretches
    )


def without_silence(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The speech of a stretch, joined; empty where there is none."""
    track = ProbabilityTrack()
    track.add(np.pad(samples, (0, -samples.size % FRAME)))
    spans = silero.speech_spans(track.values(), samples.size, _MIN_SPEECH, _MIN_SILENCE)
    return np.concatenate([samples[:0], *(samples[a:b] for a, b in spans)])


def describe(samples: NDArray[np.float32]) -> tuple[float | None, float | None, float | None, float | None]:
    """Mean and standard deviation of pitch in Hz, then of intensity in dB, at 16 kHz; needs Praat."""
    import parselmouth

    if not samples.any():
        return None, None, None, None
    sound = parselmouth.Sound(samples.astype(np.float64), RATE)
    try:
        hertz = sound.to_pitch(_STEP_S, _FLOOR_HZ, _CEILING_HZ).selected_array["frequency"]
        pitch = _mean_and_std(hertz[hertz > 0])
    except parselmouth.PraatError:
        # Praat refuses sounds shorter than its window: there is no pitch to speak of.
        pitch = (None, None)
    try:
        levels = sound.to_intensity(time_step=_STEP_S).values
        intensity = _mean_and_std(levels[levels > _SILENT_DB])
    except parselmouth.PraatError:
        intensity = (None, None)
    return *pitch, *intensity


def _mean_and_std(values: Any) -> tuple[float | None, float | None]:
    if not values.size:
        return None, None
    return float(np.mean(values)), float(np.std(values, ddof=1)) if values.size > 1 else None
