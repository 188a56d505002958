"""What the agent can be asked to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SayAt:
    """Say texts, each at its time in seconds after the user has finished asking."""

    due: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class RepeatPlan:
    """Say texts in turn, the first after ``first_s``, then every ``period_s``, until told to stop."""

    texts: tuple[str, ...]
    first_s: float
    period_s: float


@dataclass(frozen=True, slots=True)
class IfSilent:
    """Say a text when the user has been silent for ``seconds``; again after the next thing said."""

    seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class AfterWord:
    """Say a text, ``seconds`` after the user has said ``word``."""

    word: str
    seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class TalkPlan:
    """Talk for about ``seconds``; ``topic`` may be empty."""

    seconds: float
    topic: str


@dataclass(frozen=True, slots=True)
class HowLong:
    """Say how long ago something was; ``about`` names it and may be empty."""

    about: str


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """Change the time of what was asked last.

    Attributes:
        seconds: the new length, or how much more or less.
        relative: add ``seconds`` to the time there is.
        restart: count from now on and not from when it was asked.
    """

    seconds: float | None
    relative: bool = False
    restart: bool = False


@dataclass(frozen=True, slots=True)
class StopPlan:
    """Drop all that is pending."""


@dataclass(frozen=True, slots=True)
class OnWord:
    """Say a text each time the user says ``word``."""

    word: str
    text: str


@dataclass(frozen=True, slots=True)
class CountWord:
    """Count how often the user says ``word`` and say the number."""

    word: str


@dataclass(frozen=True, slots=True)
class TranslatePlan:
    """Say in English what the user says in another language, word by word."""


@dataclass(frozen=True, slots=True)
class Capitals:
    """Name the capital of each country the user mentions."""


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """Say a text now."""

    text: str


Plan = (
    SayAt | RepeatPlan | IfSilent | AfterWord | TalkPlan | HowLong | ChangePlan | StopPlan | OnWord
    | CountWord | TranslatePlan | Capitals | AnswerPlan
)  # fmt: skip
