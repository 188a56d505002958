"""How long the functions of a session take, drawn anew for each call by the session's seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tml_bench.errors import UserError
from tml_bench.timebase import NS


@dataclass(frozen=True, slots=True)
class ToolLatency:
    """How long a function takes: whole milliseconds, each from ``low_ms`` to ``high_ms`` as likely.

    Attributes:
        low_ms: the shortest.
        high_ms: the longest, itself included; at least ``low_ms``.
        growth: by which both are multiplied for each call before, of whatever function, in the session.
    """

    low_ms: int = 0
    high_ms: int = 0
    growth: float = 1.0

    def draw_ns(self, seed: int, call: int) -> int:
        """The latency of a call in nanoseconds; ``call`` counts the calls of the session from 0."""
        factor = self.growth**call
        drawn_ms = random.Random(f"{seed}/tool call {call}").randint(self.low_ms, self.high_ms)
        return round(drawn_ms * factor * NS / 1000)


INSTANT = ToolLatency()
FAST = ToolLatency(50, 200)
NORMAL = ToolLatency(200, 800)
TOOL_LATENCIES = {
    "instant": INSTANT,
    "fast": FAST,
    "normal": NORMAL,
    "slow": ToolLatency(1000, 3000),
    "degraded": ToolLatency(500, 2000, 1.5),
    "timeout_risk": ToolLatency(3000, 8000),
    "reference": INSTANT,
}
"""Profiles of Full-Duplex-Bench v3 by name. With ``reference`` a function takes what its task says that it
takes in that benchmark's own harness (``Tool.reference_latency``), and no time where it says nothing."""


def check_tool_latency(name: str) -> str:
    """The name of a profile itself, or empty for what each function's task says.

    Raises:
        UserError: there is no such profile.
    """
    if name and name not in TOOL_LATENCIES:
        raise UserError(f"there is no latency of tools {name!r}", f"use one of {', '.join(TOOL_LATENCIES)}")
    return name
