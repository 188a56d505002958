"""The user's voice in a session: puts its lines on the clock, at every rate at which they are wanted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tml_bench import events as ev
from tml_bench.timebase import sample_time_ns
from tml_bench.users.policy import UserMove
from tml_bench.users.spoken_track import SpokenTrack
from tml_bench.users.staged import unpieced
from tml_bench.users.voicing import RATE


class UserVoice:
    """Says lines, one after the other.

    Attributes:
        lines: how many were begun.
        quiet_ns: when the last of them is over.
    """

    def __init__(self, rates: tuple[int, ...]) -> None:
        self._tracks = {rate: SpokenTrack(rate) for rate in rates}
        self.lines = self.quiet_ns = 0

    @property
    def earliest_ns(self) -> int:
        """When the next line may begin."""
        return max(self.quiet_ns, *(track.decided_ns for track in self._tracks.values()))

    def say(self, start_ns: int, move: UserMove, why: str, audio: NDArray[np.float32]) -> ev.UserTurnStarted:
        """Begin a line, spoken at 16 kHz."""
        number, self.lines = self.lines, self.lines + 1
        for track in self._tracks.values():
            track.place(number, start_ns, audio)
        self.quiet_ns = start_ns + sample_time_ns(len(audio), RATE)
        text = unpieced(move.text)
        return ev.UserTurnStarted(
            start_ns, self.quiet_ns, number, text, text=text, act=move.act.value, stage=move.stage, why=why
        )

    def stop(self, number: int, t_ns: int) -> ev.UserTurnCut:
        """Stop a line before its end."""
        for track in self._tracks.values():
            track.cut(number, t_ns)
        self.quiet_ns = t_ns
        return ev.UserTurnCut(t_ns, number)

    def render(self, rate: int, end_ns: int) -> NDArray[np.float32]:
        """What is heard of them from the last call's end up to ``end_ns``; shape (n,)."""
        return self._tracks[rate].render(end_ns)
