"""What the services behind a run say that it took, over all its attempts: those that failed cost too."""

from pathlib import Path

import msgspec

from tml_bench.runs.store import Attempt, read_lines
from tml_bench.turns import Usage


class RunUsage(msgspec.Struct, frozen=True):
    """The sum of what a run's sessions say that they took.

    Attributes:
        total: over every attempt, also those that failed or were repeated.
        told: how many sessions told anything.
        sessions: how many there were: attempts in which audio was exchanged, or that told anything.
        audio_s: seconds that all sessions lasted; 0 in summaries that were made before.
    """

    total: Usage
    told: int
    sessions: int
    audio_s: float = 0.0


def run_usage(run: Path) -> RunUsage | msgspec.UnsetType:
    """What the sessions of a run's folder say that they took; unset where none told anything.

    Raises:
        UserError: its ``attempts.jsonl`` is malformed.
    """
    attempts = read_lines(run / "attempts.jsonl", Attempt)
    told = [attempt.usage for attempt in attempts if attempt.usage is not msgspec.UNSET]
    if not told:
        return msgspec.UNSET
    sessions = sum(a.audio_s > 0 or a.usage is not msgspec.UNSET for a in attempts)
    lasted_s = sum(attempt.audio_s for attempt in attempts)
    return RunUsage(sum(told, Usage()), len(told), sessions, round(lasted_s, 3))
