"""Waveforms, so that a page shows them before it has read the audio."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from tml_bench.viewer.sample_schema import ViewedTrack

STEP_S = 0.01
_BLOCK_STEPS = 6000


def viewed_track(path: Path, address: str) -> ViewedTrack:
    """Peaks of a mono track, lowest and highest sample of each 10 ms; read in pieces of a minute.

    Raises:
        soundfile.LibsndfileError: the file cannot be read.
    """
    with soundfile.SoundFile(path) as file:
        step = max(1, round(file.samplerate * STEP_S))
        blocks = file.blocks(blocksize=step * _BLOCK_STEPS, dtype="int16", always_2d=True)
        pairs = [_pairs(block[:, 0], step) for block in blocks]
        rate = int(file.samplerate)
    peaks = np.concatenate(pairs) if pairs else np.zeros((0, 2), np.int8)
    return ViewedTrack(address, rate, base64.b64encode(peaks.tobytes()).decode(), step / rate, len(peaks))


def _pairs(samples: NDArray[np.int16], step: int) -> NDArray[np.int8]:
    """Lowest and highest of each ``step`` samples, shape (steps, 2); what sounds at all is not 0."""
    edges = np.arange(0, len(samples), step)
    low = np.minimum.reduceat(samples, edges).astype(np.int32)
    high = np.maximum.reduceat(samples, edges).astype(np.int32)
    pairs = np.stack([np.floor_divide(low, 258), -np.floor_divide(-high, 258)], axis=1)
    peaks: NDArray[np.int8] = np.clip(pairs, -128, 127).astype(np.int8)
    return peaks
