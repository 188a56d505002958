"""Where the user speaks, for fake servers: by loudness, 20 ms at a time, or as Silero's network hears it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tml_bench.perception.silero_network import SileroNetwork

WINDOW_MS = 20
LOUD = 0.02
"""Root mean square of a window beyond which it is loud; full scale is 1."""


class VoiceDetector(Protocol):
    """What follows a stream of samples, full scale [-1, 1], and tells where the user speaks."""

    speaking: bool

    def feed(self, samples: np.ndarray) -> list[tuple[str, int]]:
        """What changed: ("started" | "stopped" | "loud", milliseconds of audio before it)."""
        ...


class EnergyVad:
    """Follows a stream of samples, full scale [-1, 1]."""

    def __init__(self, rate: int, silence_ms: int) -> None:
        self._window = rate * WINDOW_MS // 1000
        self._patience = silence_ms // WINDOW_MS
        self._rest = np.zeros(0)
        self._quiet = 0
        self.speaking = False
        self.heard_ms = 0
        """Audio taken so far."""

    def feed(self, samples: np.ndarray) -> list[tuple[str, int]]:
        """What changed: ("started" | "stopped" | "loud", milliseconds of audio before it)."""
        self._rest = np.concatenate([self._rest, samples])
        changes = []
        while len(self._rest) >= self._window:
            window, self._rest = self._rest[: self._window], self._rest[self._window :]
            loud = bool(np.sqrt(np.mean(window**2)) > LOUD)
            self._quiet = 0 if loud else self._quiet + 1
            if loud and not self.speaking:
                self.speaking = True
                changes.append(("started", self.heard_ms))
            self.heard_ms += WINDOW_MS
            if loud:
                changes.append(("loud", self.heard_ms))
            elif self.speaking and self._quiet >= self._patience:
                self.speaking = False
                changes.append(("stopped", self.heard_ms))
        return changes


class NeuralVad:
    """As `EnergyVad`, with Silero's network and the rule of its iterator, as services use it.

    Speech begins at a probability of 0.5 and ends once ``silence_ms`` have passed since it fell below 0.35
    without having reached 0.5 again.
    """

    FRAME, RATE = 512, 16000
    BEGINS, ENDS = 0.5, 0.35

    def __init__(self, rate: int, silence_ms: int) -> None:
        self._step = rate / self.RATE
        self._network = SileroNetwork()
        self._patience = silence_ms * self.RATE / 1000
        self._rest = np.zeros(0)
        self._heard = 0
        self._silent_at: int | None = None
        self.speaking = False

    def feed(self, samples: np.ndarray) -> list[tuple[str, int]]:
        """As `EnergyVad.feed`; chunks are resampled one by one, which is near enough."""
        at = np.arange(round(len(samples) / self._step)) * self._step
        self._rest = np.concatenate([self._rest, np.interp(at, np.arange(len(samples)), samples)])
        changes = []
        while len(self._rest) >= self.FRAME:
            frame, self._rest = self._rest[: self.FRAME], self._rest[self.FRAME :]
            if (change := self._take(self._network(frame.astype(np.float32)))) is not None:
                changes.append((change, 1000 * self._heard // self.RATE))
            self._heard += self.FRAME
        return changes

    def _take(self, probability: float) -> str | None:
        if probability >= self.BEGINS:
            self._silent_at = None
            if not self.speaking:
                self.speaking = True
                return "started"
        elif self.speaking and probability < self.ENDS:
            self._silent_at = self._heard if self._silent_at is None else self._silent_at
            if self._heard - self._silent_at >= self._patience:
                self.speaking, self._silent_at = False, None
                return "stopped"
        return None
