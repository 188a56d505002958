"""The file of tasks as typed records: the official fields, and ``user``, which only our own tasks have.

A task has the prompts of a language model that plays its user, or ``user``, whose lines rules can play, or
both.
"""

import re
from dataclasses import replace
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from tml_bench.scenario import Manners
from tml_bench.synthesis.voices import VOICES
from tml_bench.tasks._common.records import Seconds, StrictRecord, Text, brief

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
GoalName = Literal["T1", "T2", "T3", "T4"]
ID = re.compile("[A-Za-z0-9][A-Za-z0-9._-]*")
END_PHRASE = "the conversation is over"
"""What ends a conversation, in the official data too."""


class Goals(StrictRecord, frozen=True):
    """What is to be revealed, in order."""

    T1: Text
    T2: Text
    T3: Text
    T4: Text


class StageWords(StrictRecord, frozen=True):
    """The words of one goal; see `tml_bench.scenario.Stage`."""

    lines: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    covered: tuple[Text, ...] = ()
    again: tuple[Text, ...] = ()
    values: tuple[Text, ...] = ()


class StagesWords(StrictRecord, frozen=True):
    """The words of all goals."""

    T1: StageWords
    T2: StageWords
    T3: StageWords
    T4: StageWords


class FactWords(StrictRecord, frozen=True):
    """See `tml_bench.scenario.Fact`."""

    name: Text
    asked: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    lines: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    values: tuple[Text, ...] = ()
    stage: GoalName | Literal[""] = ""


class OwnManners(StrictRecord, frozen=True):
    """What of a user's manners is its own, in any pacing; see `tml_bench.scenario.Manners`."""

    endpoint_s: Seconds | UnsetType = UNSET
    patience_s: Seconds | UnsetType = UNSET
    tries: Annotated[int, msgspec.Meta(ge=1)] | UnsetType = UNSET
    hesitation: Share | UnsetType = UNSET
    pause_s: Seconds | UnsetType = UNSET
    barge_in_s: Seconds | UnsetType | None = UNSET
    barge_in_on: tuple[Text, ...] | UnsetType = UNSET
    backchannel_s: Seconds | UnsetType | None = UNSET
    aside: Share | UnsetType = UNSET
    silent_at: tuple[GoalName, ...] | UnsetType = UNSET
    yield_s: Seconds | UnsetType | None = UNSET

    def over(self, pacing: Manners) -> Manners:
        """These manners, and the rest as in a pacing."""
        given = {
            name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET
        }
        return replace(pacing, **given)


class UserWords(StrictRecord, frozen=True):
    """A user whose lines are written; see `tml_bench.scenario.Scenario` and `StagedGoals`.

    Attributes:
        manners: what of its manners is not as in its pacing.
        replies: what an ideal respondent answers to the four goals.
        forgotten: what one answers that loses the correction.
    """

    persona: Text
    voice: Text
    stages: StagesWords
    closing: Text
    replies: tuple[Text, Text, Text, Text]
    manners: OwnManners = OwnManners()
    facts: tuple[FactWords, ...] = ()
    deferrals: tuple[Text, ...] = ()
    unknown: tuple[Text, ...] = ()
    backchannels: tuple[Text, ...] = ()
    asides: tuple[Text, ...] = ()
    hang_up: str = ""
    final: tuple[Text, ...] = ()
    never: tuple[Text, ...] = ()
    forgotten: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be played."""
        if self.voice not in VOICES:
            raise ValueError(f"voice: there is no {self.voice!r}, only {', '.join(VOICES)}")
        if not self.closing.lower().rstrip(".!?").endswith(END_PHRASE):
            raise ValueError(f"closing: does not end with {END_PHRASE!r}")
        if len(self.forgotten) not in (0, len(self.replies)):
            raise ValueError(f"forgotten: has {len(self.forgotten)} answers, not one for each goal")


class PromptTask(msgspec.Struct, frozen=True):
    """A task; what the official file says more is not read."""

    id: Text
    split: Text
    class_id: Text
    class_name: Text
    scenario_title: Text
    staged_reveal: Goals
    examiner_system_prompt: Text | None = None
    examiner_task_prompt: Text | None = None
    skills_tested: tuple[Text, ...] = ()
    allow_barge_in: bool = True
    metrics_focus: tuple[Text, ...] = ()
    user: UserWords | None = None

    def __post_init__(self) -> None:
        """Refuse a task that names no folder, or that nobody can play."""
        if not ID.fullmatch(self.id):
            raise ValueError(
                f"id: {brief(self.id)} has other characters than letters, digits, '.', '-' and '_'"
            )
        for name in ("examiner_system_prompt", "examiner_task_prompt"):
            if self.user is None and getattr(self, name) is None:
                raise ValueError(f"{name} is missing, and there is no user whose lines are written")


class PromptSplit(msgspec.Struct, frozen=True):
    """A split; its tasks are checked one by one."""

    tasks: list[object]


class PromptFile(msgspec.Struct, frozen=True):
    """The file."""

    splits: dict[str, PromptSplit]
