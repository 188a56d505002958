"""What the agent can be asked to do."""

import msgspec


class SayAt(msgspec.Struct, frozen=True):
    """Say texts, each at its time in seconds after the user has finished asking."""

    due: tuple[tuple[float, str], ...]


class RepeatPlan(msgspec.Struct, frozen=True):
    """Say texts in turn, the first after ``first_s``, then every ``period_s``, until told to stop."""

    texts: tuple[str, ...]
    first_s: float
    period_s: float


class IfSilent(msgspec.Struct, frozen=True):
    """Say a text when the user has been silent for ``seconds``; again after the next thing said."""

    seconds: float
    text: str


class AfterWord(msgspec.Struct, frozen=True):
    """Say a text, ``seconds`` after the user has said ``word``."""

    word: str
    seconds: float
    text: str


class TalkPlan(msgspec.Struct, frozen=True):
    """Talk for about ``seconds``; ``topic`` may be empty."""

    seconds: float
    topic: str


class HowLong(msgspec.Struct, frozen=True):
    """Say how long ago something was; ``about`` names it and may be empty."""

    about: str


class ChangePlan(msgspec.Struct, frozen=True):
    """Change the time of what was asked last to ``seconds``; by so many if ``relative``.

    With ``restart`` it counts from now on and not from when it was asked.
    """

    seconds: float | None
    relative: bool = False
    restart: bool = False


class StopPlan(msgspec.Struct, frozen=True):
    """Drop all that is pending."""


class OnWord(msgspec.Struct, frozen=True):
    """Say a text each time the user says ``word``."""

    word: str
    text: str


class CountWord(msgspec.Struct, frozen=True):
    """Count how often the user says ``word`` and say the number."""

    word: str


class TranslatePlan(msgspec.Struct, frozen=True):
    """Say in English what the user says in another language, word by word."""


class Capitals(msgspec.Struct, frozen=True):
    """Name the capital of each country the user mentions."""


class AnswerPlan(msgspec.Struct, frozen=True):
    """Say a text now."""

    text: str


Plan = (
    SayAt | RepeatPlan | IfSilent | AfterWord | TalkPlan | HowLong | ChangePlan | StopPlan | OnWord
    | CountWord | TranslatePlan | Capitals | AnswerPlan
)  # fmt: skip
