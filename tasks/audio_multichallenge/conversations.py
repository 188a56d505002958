"""Conversations as this task keeps them on disk: ``conversations.jsonl`` and audio files beside it.

The mini set ships in this form, and the official parquet is unpacked into it (see ``parquet``). One line a
conversation::

    {"id": "...", "axis": "INFERENCE_MEMORY", "items": [{"text": "..."}],
     "turns": [{"user": "...", "audio": "audio/ID/1.wav", "assistant": "..."},
               {"user": "...", "audio": "audio/ID/2.wav"}]}

The last turn has no ``assistant``: that reply is what the model is asked for.
"""

from pathlib import Path

from tml_bench.tasks._common.records import StrictRecord
from tml_bench.tasks._common.tables import json_lines

FILE = "conversations.jsonl"
AXES = ("INFERENCE_MEMORY", "INSTRUCTION_RETENTION", "SELF_COHERENCE", "VOICE_EDITING")
"""As in the official column ``axis``."""


class ReplyCheck(StrictRecord, frozen=True):
    """What the offline rule looks for in a reply; only the items of our own mini set have it.

    Attributes:
        all_of: every one of these must be said; alternatives of one are separated by ``|``.
        none_of: none of these may be said.
        most_words: the reply may have no more words than this; 0 sets no limit.
        fewest_words: it must have at least so many.
    """

    all_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    most_words: int = 0
    fewest_words: int = 1


class RubricItem(StrictRecord, frozen=True):
    """One item of a conversation's rubric.

    Attributes:
        text: what must hold of the last reply, as a judge reads it.
        check: the same for the offline rule; None leaves it to other judges.
    """

    text: str
    check: ReplyCheck | None = None


class ConversationTurn(StrictRecord, frozen=True):
    """What the user says, its audio below the folder, and the reply of reference; empty in the last turn."""

    user: str
    audio: str
    assistant: str = ""


class RubricConversation(StrictRecord, frozen=True):
    """One conversation.

    Attributes:
        id: unique.
        axis: one of ``AXES``.
        turns: the last one is to be answered.
        items: what must hold of the answer.
        speaker: who speaks the user's turns; empty when unknown.
        ideal: a reply that meets every item; empty when none is known.
        problem: why it cannot be used; empty when it can.
    """

    id: str
    axis: str
    turns: tuple[ConversationTurn, ...]
    items: tuple[RubricItem, ...]
    speaker: str = ""
    ideal: str = ""
    problem: str = ""


def read(folder: Path) -> list[RubricConversation]:
    """Read a folder's conversations; lines that are none come last, with their problem as the only content.

    Raises:
        UserError: the file cannot be read.
    """
    found, wrong = json_lines(folder / FILE, RubricConversation, "see the card of the task")
    unusable = [RubricConversation(line.name, AXES[0], (), (), problem=line.text) for line in wrong]
    return [*(conversation for _, conversation in found), *unusable]


def problem_of(found: RubricConversation) -> str:
    """Why a conversation cannot be used; empty when it can."""
    if found.problem:
        return found.problem
    if found.axis not in AXES:
        return f"axis is {found.axis!r}; the axes are {', '.join(AXES)}"
    if not found.turns:
        return "it has no user turn"
    if not found.items:
        return "its rubric has no items"
    unanswered = [n for n, turn in enumerate(found.turns[:-1], start=1) if not turn.assistant.strip()]
    return f"turn {unanswered[0]} has no assistant transcript" if unanswered else ""
