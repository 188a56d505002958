"""Resident memory over a session of one hour: the peak, and whether it grows."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from pathlib import Path

import common

from tml_bench.adapter import MicroTurn, Output

SECONDS = 3600
RATE = 24000
TARGET_MB = 300
GROWTH_MB = 10
"""More than this between the second and the last reading is growth."""
STATM = Path("/proc/self/statm")


def resident_mb() -> float:
    """Resident memory of this process now."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


class Watched(common.Null):
    """The null model, noting resident memory every ten minutes of the session."""

    readings: tuple[float, ...] = ()

    def step(self, turn: MicroTurn) -> Output | None:
        """The user's audio."""
        if turn.index % 3000 == 0:
            Watched.readings += (resident_mb(),)
        return super().step(turn)


def main() -> None:
    """Print resident memory every ten minutes of session, and the peak."""
    if not STATM.is_file():
        sys.exit("memory.py reads /proc, which this system does not have")
    print(common.machine())
    with tempfile.TemporaryDirectory() as scratch:
        user = common.speech_file(Path(scratch) / "user.flac", RATE, SECONDS)
        common.record(user, Watched(RATE, speaks=True), Path(scratch) / "recording")
    readings = (*Watched.readings, resident_mb())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    growth = readings[-1] - readings[1]
    print("resident MB every 10 min of session:", ", ".join(f"{r:.0f}" for r in readings))
    print(f"peak {peak:.0f} MB (target {TARGET_MB}: {'ok' if peak < TARGET_MB else 'MISSED'})")
    print(f"growth after 10 min {growth:+.1f} MB ({'flat' if growth < GROWTH_MB else 'GROWS'})")


if __name__ == "__main__":
    main()
