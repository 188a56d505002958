"""The oracle with a real voice, for tasks with functions: what a perfect model known by its sound gets.

``tml-bench run --task presence --task fd-bench-v3 --words asr --adapter FILE:SpokenTools``, FILE being this.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tml_bench.adapter import SessionStart, Transcript
from tml_bench.adapters.reference import Oracle, PlannedLine
from tml_bench.adapters.reference.voice import Clip
from tml_bench.samples import Reference
from tml_bench.timebase import first_sample_at, nanoseconds

sys.path.append(str(Path(__file__).resolve().parent))

from spoken_oracle import RATE, say

APART_S = 0.05
"""Silence between two lines that follow each other at once."""


class SpokenTools(Oracle):
    """Makes the ideal calls and says the ideal lines, one by one, with a transcript without word times."""

    def __init__(self) -> None:
        super().__init__(RATE, RATE)

    def start(self, session: SessionStart) -> None:
        """Plan the session."""
        self._free = 0
        super().start(session)

    def plan(self, reference: Reference) -> list[PlannedLine]:
        """The ideal utterances; a word of assent where any words will do."""
        return [PlannedLine(u.at_s, text=u.text or "Okay.", needs=u.needs) for u in reference.ideal]

    def _placed(self, line: PlannedLine) -> tuple[int, int, Clip]:
        audio = say(line.text)
        start = max(first_sample_at(nanoseconds(line.at_s), RATE), self._free)
        self._free = start + len(audio) + round(APART_S * RATE)
        return start, start + len(audio), Clip(line.text, (), audio)

    def _transcript(self, voice: Clip, offset: int, length: int) -> Transcript:
        return Transcript(f"{voice.text} ")
