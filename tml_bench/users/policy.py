"""What a simulated user says next: the contract of its policies, and the conversation that they decide by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tml_bench.scenario import Scenario
from tml_bench.timeline import UserAct


class Prompted(StrEnum):
    """What makes a user take the turn."""

    OPENING = "opening"
    """The session has begun."""
    ANSWERED = "answered"
    """The model's turn is over."""
    SILENCE = "silence"
    """The model has said nothing for as long as the user has patience."""
    BARGE_IN = "barge-in"
    """The user does not let the model finish."""


@dataclass(frozen=True, slots=True)
class HeardTurn:
    """What one side said without the other.

    Attributes:
        by_user: who.
        text: what was heard of it.
        start_s: its first sound, seconds on the session clock.
        end_s: its last.
        act: what the user did by it; None for the model.
        stage: name of the goal that the user was about; empty for the model.
        cut: the user stopped before the end of it; ``text`` is what it had in mind.
    """

    by_user: bool
    text: str
    start_s: float
    end_s: float
    act: UserAct | None = None
    stage: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class UserMove:
    """Something to say.

    Attributes:
        text: in words, in pieces with ``/`` between them where one may pause.
        act: what it does.
        stage: name of the goal that it is about.
        ends: the conversation is over once it is said.
    """

    text: str
    act: UserAct
    stage: str = ""
    ends: bool = False


class UserPolicy(Protocol):
    """Decides what to say; one of them is made for each session.

    It is a function of its scenario, its seed and what it is told: the same, whenever it is asked.
    """

    def next_move(self, turns: Sequence[HeardTurn], prompted: Prompted) -> UserMove:
        """What to say now, given all that was said so far and was heard; backchannels and asides left out.

        Raises:
            InfrastructureError: what it needs cannot be reached.
        """
        ...


class PolicyMaker(Protocol):
    """Makes the policy of a session."""

    def __call__(self, scenario: Scenario, seed: int) -> UserPolicy:
        """The policy of a session of this scenario."""
        ...
