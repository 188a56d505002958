"""The contract of what produces the user's side of a session, given only what has been heard so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tml_bench import events as ev


class SessionEnd(NamedTuple):
    """When the user ends the session, and why; see ``events.SessionClosed``."""

    t_ns: int
    reason: str


class UserSide(ABC):
    """What the user does, in micro-turns.

    Of each the harness calls ``hear`` with what was heard in it, then ``schedule`` and ``end`` with its end,
    and then ``render``. ``note`` tells what the model gave, which may be heard later: an event of time
    ``t_ns`` may only change what the user does after ``t_ns``.
    """

    @abstractmethod
    def hear(self, heard: NDArray[np.float32]) -> None:
        """Take the next stretch of heard model audio, shape (n,), at the model's rate."""

    @abstractmethod
    def note(self, event: ev.AnyEvent) -> None:
        """Take what the model gave: its audio's place, a piece of transcript, or a flush."""

    @abstractmethod
    def schedule(self, known_ns: int) -> Iterator[ev.UserTurnStarted | ev.UserTurnCut]:
        """Decide what starts and stops before ``known_ns``; all heard before that time is known."""

    @abstractmethod
    def render(self, rate: int, end_ns: int) -> NDArray[np.float32]:
        """The user's audio at ``rate`` from the last call's end up to ``end_ns``; shape (n,)."""

    @abstractmethod
    def end(self, known_ns: int) -> SessionEnd | None:
        """When and why the session ends; None where that is not decided by ``known_ns``."""

    @abstractmethod
    def texts(self, end_ns: int) -> list[tuple[int, str]]:
        """Text messages due before ``end_ns`` that were not returned yet, with their times."""

    @abstractmethod
    def open_clips(self) -> None:
        """Do beforehand what takes a while; raises BadSampleError."""

    @abstractmethod
    def close(self) -> None:
        """Close the files that are open; nothing can be rendered any more."""
