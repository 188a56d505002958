"""Items of Presence: what the user asks for, what they say meanwhile, and what the work gives."""

from typing import Annotated, Literal

import msgspec

from tml_bench.samples import Sample
from tml_bench.tasks._common import annotation_of
from tml_bench.tasks._common.records import Seconds, StrictRecord
from tml_bench.tasks.presence.world import TableEntry

FILE = "items.jsonl"
ASKS, ADDS, CHANGES, CANCELS, CHATS, WAITS = BEHAVIOURS = (
    "asks_progress", "adds_constraint", "changes_mind", "cancels", "chats", "waits",
)  # fmt: skip
"""What the user does while the work is done."""
TOLD = tuple(name for name in BEHAVIOURS if name != CANCELS)
"""Behaviours with a result to be told."""
DROPPED = (CHANGES, CANCELS)
"""Behaviours with a result that is no longer wanted."""
SPOKEN = tuple(name for name in BEHAVIOURS if name != WAITS)
"""Behaviours with a turn of the user to be answered meanwhile."""
GAP_S = {2: 1.2, 5: 2.4, 10: 4.0}
"""From the end of the request to the next turn of the user, by the seconds that the work takes."""


class SpokenText(StrictRecord, frozen=True):
    """A word or a turn with its times in the turn's file, seconds."""

    text: str
    start_s: Seconds
    end_s: Seconds


class PresenceTurn(StrictRecord, frozen=True):
    """A turn of the user.

    Attributes:
        text: what is said.
        audio: the file, relative to the folder.
        start_s: where speech begins in the file.
        end_s: where it ends.
        duration_s: of the file.
        words: with their times in the file.
    """

    text: str
    audio: str
    start_s: Seconds
    end_s: Seconds
    duration_s: Seconds
    words: tuple[SpokenText, ...]


class PresenceItem(StrictRecord, frozen=True):
    """One item.

    Attributes:
        id: its name.
        behaviour: one of `BEHAVIOURS`.
        latency_s: how long each function takes.
        voice: who speaks.
        request: what the user asks for.
        call: the entry that the request asks for.
        keys: words of which a right answer to ``turn`` has one; where it is a wish, another may do too.
        turn: what the user says meanwhile; None if nothing.
        reply: what an ideal respondent says to it.
        then: the entry that is wanted in place of ``call`` after ``turn``; None if that does not change.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*\Z")]
    behaviour: Literal["asks_progress", "adds_constraint", "changes_mind", "cancels", "chats", "waits"]
    latency_s: Literal[2, 5, 10]
    voice: str
    request: PresenceTurn
    call: TableEntry
    keys: tuple[str, ...] = ()
    turn: PresenceTurn | None = None
    reply: str = ""
    then: TableEntry | None = None

    def __post_init__(self) -> None:
        """Refuse what does not fit the behaviour."""
        if (self.turn is None) == (self.behaviour in SPOKEN):
            raise ValueError(f"turn: {self.behaviour} has one just if the user speaks meanwhile")
        if (self.then is None) == (self.behaviour in (ADDS, CHANGES)):
            raise ValueError(f"then: {self.behaviour} has one just if another result is wanted")

    @property
    def wanted(self) -> TableEntry | None:
        """The entry whose result is to be told; None if none is."""
        return None if self.behaviour == CANCELS else self.then or self.call


class PresenceAnnotation(msgspec.Struct, frozen=True):
    """An item on the session clock; times are of the user's voice, seconds.

    Attributes:
        item: as written.
        request_start_s: when the request begins.
        request_end_s: when it ends.
        turn_start_s: when the next turn begins; None if there is none.
        turn_end_s: when it ends.
        length_s: of the session.
    """

    item: PresenceItem
    request_start_s: float
    request_end_s: float
    turn_start_s: float | None
    turn_end_s: float | None
    length_s: float

    @property
    def talking(self) -> tuple[tuple[float, float], ...]:
        """When the user speaks."""
        request = self.request_start_s, self.request_end_s
        if self.turn_start_s is None or self.turn_end_s is None:
            return (request,)
        return request, (self.turn_start_s, self.turn_end_s)


def expected_of(sample: Sample) -> PresenceAnnotation:
    """The annotation of a sample. Raises `BadSampleError`: it has none."""
    return annotation_of(sample, PresenceAnnotation)
