"""Where the user speaks, for fake servers: loud or not, 20 ms at a time."""

from __future__ import annotations

import numpy as np

WINDOW_MS = 20
LOUD = 0.02
"""Root mean square of a window beyond which it is loud; full scale is 1."""


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
