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


class AmendedPlan(msgspec.Struct, frozen=True):
    """A request, and what the same turn changes of it."""

    first: "Plan"
    then: ChangePlan | StopPlan


class OnWord(msgspec.Struct, frozen=True):
    """Say a text each time the user says ``word``."""

    word: str
    text: str


class OnWords(msgspec.Struct, frozen=True):
    """Say a text each time the user says a word, for pairs of a word and a text."""

    replies: tuple[tuple[str, str], ...]


class CountWord(msgspec.Struct, frozen=True):
    """Count how often the user says ``word`` and say the number."""

    word: str


class TranslatePlan(msgspec.Struct, frozen=True):
    """Say in English what the user says in ``language``, word by word; in any that is known if empty."""

    language: str = ""


class AssociatePlan(msgspec.Struct, frozen=True):
    """Say what belongs to each thing that the user mentions, by a kind of ``lore.BELONGS``."""

    kind: str


class DoublePlan(msgspec.Struct, frozen=True):
    """Say the double of each number."""


class CheckSums(msgspec.Struct, frozen=True):
    """Say the right result of each sum that is wrong."""


class CheckFacts(msgspec.Struct, frozen=True):
    """Say what is right for each fact that is wrong."""


class AnswerPlan(msgspec.Struct, frozen=True):
    """Say a text now."""

    text: str


StandingOrder = (
    OnWord | OnWords | CountWord | TranslatePlan | AssociatePlan | DoublePlan | CheckSums | CheckFacts
)
"""What is to be done again and again, at something in what the user says."""

Plan = (
    SayAt | RepeatPlan | IfSilent | AfterWord | TalkPlan | HowLong | ChangePlan | StopPlan | AnswerPlan
    | AmendedPlan | StandingOrder
)  # fmt: skip
