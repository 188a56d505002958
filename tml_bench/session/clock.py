"""The simulated clock: the grid of micro-turns and the queue that charges compute."""

from __future__ import annotations

from dataclasses import dataclass

MIN_TICK_MS = 20
MAX_TICK_MS = 1000


@dataclass(frozen=True, slots=True)
class Ticks:
    """The grid of micro-turns: number ``k`` covers ``[k * tick_ns, (k + 1) * tick_ns)``.

    Raises:
        ValueError: a micro-turn does not last 20 to 1000 ms.
    """

    tick_ns: int

    def __post_init__(self) -> None:
        if not MIN_TICK_MS * 1_000_000 <= self.tick_ns <= MAX_TICK_MS * 1_000_000:
            raise ValueError(
                f"a micro-turn lasts {MIN_TICK_MS} to {MAX_TICK_MS} ms, not {self.tick_ns / 1e6:g} ms"
            )

    def bounds(self, k: int) -> tuple[int, int]:
        """Start and end of micro-turn ``k`` in nanoseconds."""
        return k * self.tick_ns, (k + 1) * self.tick_ns


class ComputeQueue:
    """Charges compute by the real-time queue rule ``t_i = max(a_i, t_{i-1}) + c_i``.

    Micro-turn ``i`` is handed over at ``a_i`` and costs ``c_i``; its output exists at ``t_i``. A model slower
    than real time builds a backlog that shows in its latency, as it would in life.
    """

    def __init__(self) -> None:
        self.done_ns = 0
        """When the last output existed."""

    def charge(self, handed_ns: int, compute_ns: int) -> int:
        """When the output of a step exists that costs ``compute_ns``, handed over after the one before it."""
        self.done_ns = max(handed_ns, self.done_ns) + compute_ns
        return self.done_ns
