"""The user's lines at one rate: each from its place, until its end or where it was cut."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from tml_bench.timebase import first_sample_at, sample_time_ns
from tml_bench.users.voicing import RATE

FADE_S = 0.01
"""A line that is cut fades out over so long, before the cut."""


class SpokenTrack:
    """Renders lines that are placed before they begin."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._at = 0
        self._lines: dict[int, tuple[int, NDArray[np.float32]]] = {}

    @property
    def decided_ns(self) -> int:
        """Up to when it was rendered."""
        return sample_time_ns(self._at, self._rate)

    def place(self, number: int, start_ns: int, line: NDArray[np.float32]) -> None:
        """Put a line of 16 kHz here."""
        audio = line if self._rate == RATE else soxr.resample(line, RATE, self._rate)
        self._lines[number] = first_sample_at(start_ns, self._rate), np.asarray(audio, np.float32)

    def cut(self, number: int, t_ns: int) -> None:
        """End a line at an instant that was not rendered yet."""
        start, audio = self._lines[number]
        audio = audio[: max(0, first_sample_at(t_ns, self._rate) - start)].copy()
        fade = min(round(FADE_S * self._rate), len(audio))
        audio[len(audio) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        self._lines[number] = start, audio

    def render(self, end_ns: int) -> NDArray[np.float32]:
        """From the last call's end up to ``end_ns``; shape (n,)."""
        end = first_sample_at(end_ns, self._rate)
        out = np.zeros(end - self._at, np.float32)
        for number, (start, audio) in list(self._lines.items()):
            a, b = max(start, self._at), min(start + len(audio), end)
            if a < b:
                out[a - self._at : b - self._at] += audio[a - start : b - start]
            if start + len(audio) <= end:
                del self._lines[number]
        self._at = end
        return out
