"""Items of TimeSpeak and CueSpeak: who says what when, and what must be said back, as text.

An item file is JSON Lines in UTF-8, one `TimedItem` a line. Unknown fields are errors. Times are seconds. An
item knows no times of words: a `SpeechAnchor` names a turn or a word, and the rendering of the item
(``rendered.jsonl``) says when that was.

``python -m tml_bench.tasks._timed.items ITEMS.jsonl`` prints what is wrong, what looks doubtful, and counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from tml_bench.errors import UserError

TIMESPEAK = (
    "single_delay",
    "periodic_until_stop",
    "schedule",
    "elapsed_time",
    "silence_deadline",
    "after_event",
    "own_duration",
    "delay_while_talking",
    "correction",
)
"""Families of TimeSpeak: say it in d seconds; periodic until told to stop; countdown and schedule; how long
was that; if I say nothing for d seconds; d seconds after I do something; talk for d seconds; a delay while
the user talks on; a pending time that is changed."""
CUESPEAK = (
    "code_switch",
    "misused_word",
    "factual_error",
    "keyword_trigger",
    "running_count",
    "phrase_translation",
    "list_reaction",
    "arithmetic_slip",
    "filler_alarm",
)
"""Families of CueSpeak: the word in English; a mispronounced or misused word; a factual error; a keyword; a
running count; phrase-by-phrase translation; a reaction to each thing of a list; an arithmetic slip; filler
words."""
FAMILIES = {"ts": TIMESPEAK, "cs": CUESPEAK}
"""By the prefix of an item's id."""
CONTROLLED = CUESPEAK
"""Families with silent controls."""
NUMBERED, LASTING, STOPPED = ("elapsed_time",), ("schedule", "own_duration"), ("periodic_until_stop",)
"""Families whose events may have the field ``number``, ``speech``, and whose items ``quiet_after``."""
TALKS = ("own_duration",)
"""Families whose events must have the field ``speech``; those of `NUMBERED` must have ``number``."""
VOICES = ("us-f-1", "us-f-2", "us-m-1", "us-m-2", "gb-f-1", "gb-f-2", "gb-m-1", "gb-m-2")
SIZES = {"dev": 40, "test": 200}
"""Items of each split of a task."""
REST_S = 4.0
"""The session goes on for at least so long after the latest right time."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Fields that are not declared are errors."""


class SpeechAnchor(_Strict, frozen=True):
    """A moment of the user's speech.

    Attributes:
        turn: id of a turn.
        edge: its start or its end.
        word: a word of the turn, case and punctuation aside; empty for the turn as a whole.
        nth: which occurrence of the word in the turn, from 1.
    """

    turn: str
    edge: Literal["start", "end"] = "end"
    word: str = ""
    nth: int = 1


class ItemTurn(_Strict, frozen=True):
    """Something the user says.

    Attributes:
        id: unique in its item.
        text: what is said, English unless a word is meant to be foreign.
        at_s: when it starts; given for the first turn.
        after: id of an earlier turn whose end it follows; in place of ``at_s``.
        gap_s: silence between that turn's end and this one's start.
        pace: factor on the speech rate.
    """

    id: str
    text: str
    at_s: float | None = None
    after: str = ""
    gap_s: float = 0.0
    pace: float = 1.0


class ScheduledWindow(_Strict, frozen=True, tag_field="kind", tag="scheduled"):
    """Due at a time the user named; one of the two fields is given.

    Attributes:
        d_s: time since the moment the user named.
        period_s: period of a series that the event belongs to.
    """

    d_s: float | None = None
    period_s: float | None = None


class CueWindow(_Strict, frozen=True, tag_field="kind", tag="cue"):
    """Due when a cue can be known.

    Attributes:
        w_s: how long after it is still on time: 1 for fixed replies of a word, 2, or 4 for translating and
            rephrasing.
        until: when it is too late in any case, such as at the next cue.
    """

    w_s: float
    until: SpeechAnchor | None = None


class AnswerWindow(_Strict, frozen=True, tag_field="kind", tag="answer"):
    """Due after a question.

    Attributes:
        w_s: how long after it is still on time.
    """

    w_s: float = 3.0


Window = ScheduledWindow | CueWindow | AnswerWindow


class NumberDemand(_Strict, frozen=True):
    """The reply must name the seconds between two moments.

    Attributes:
        from_: the first moment, ``from`` in the file.
        to: the second.
        relative: tolerance as a share of the truth.
        absolute: tolerance in seconds; the larger of the two counts.
    """

    from_: SpeechAnchor = msgspec.field(name="from")
    to: SpeechAnchor
    relative: float = 0.15
    absolute: float = 1.0


class LengthDemand(_Strict, frozen=True):
    """The reply must last a time.

    Attributes:
        seconds: how long, from its onset to the end of the talk.
        relative: tolerance as a share of it.
        absolute: tolerance in seconds; the larger of the two counts.
    """

    seconds: float
    relative: float = 0.2
    absolute: float = 2.0


class ItemEvent(_Strict, frozen=True):
    """Something the model must say.

    Attributes:
        id: unique in its item.
        meaning: what the reply says or does, in plain words.
        accept: replies that are right, the first as an ideal respondent gives it; ``{N}`` stands for the
            right number.
        reject: plausible replies that are wrong.
        anchor: the moment that ``after_s`` counts from.
        window: when it is on time.
        after_s: expected time since the anchor; 0 for cues and answers.
        number: the reply names an elapsed time; None otherwise.
        speech: the reply lasts a time; None otherwise.
    """

    id: str
    meaning: str
    accept: tuple[str, ...]
    reject: tuple[str, ...]
    anchor: SpeechAnchor
    window: Window
    after_s: float = 0.0
    number: NumberDemand | None = None
    speech: LengthDemand | None = None


class TimedItem(_Strict, frozen=True):
    """One item.

    Attributes:
        id: ``ts-`` or ``cs-``, a short name of the family, and a number of three digits from 001.
        split: ``dev`` is for looking at, ``test`` for results.
        family: what it asks for, see ``FAMILIES``.
        difficulty: 1 easy, 2 medium, 3 hard.
        voice: one of ``VOICES``.
        turns: what the user says, in order.
        tail_s: silence after the last turn.
        events: what the model must say, in order of their times; none for silent controls.
        quiet_after: after each of these, and half a period, nothing more may be said.
        note: for reviewers.
    """

    id: str
    split: Literal["dev", "test"]
    family: str
    difficulty: Literal[1, 2, 3]
    voice: str
    turns: tuple[ItemTurn, ...]
    tail_s: float
    events: tuple[ItemEvent, ...]
    quiet_after: tuple[SpeechAnchor, ...] = ()
    note: str = ""

    @property
    def task(self) -> str:
        """``ts`` or ``cs``."""
        return self.id[:2]


def load_items(path: Path) -> tuple[TimedItem, ...]:
    """Read and check an item file.

    Raises:
        UserError: the file cannot be read, or an item breaks a rule; names the file, the line, the item and
            the field.
    """
    from tml_bench.tasks._timed.validate import problems

    items, wrong = read_items(path)
    wrong += [f"{path}:{line}: {text}" for line, item in items for text in problems(item)]
    wrong += repeated_ids(path, items)
    if wrong:
        raise UserError("\n".join(wrong), f"see `python -m tml_bench.tasks._timed.items {path}`")
    return tuple(item for _, item in items)


def read_items(path: Path) -> tuple[list[tuple[int, TimedItem]], list[str]]:
    """Read an item file without checking what items say.

    Returns:
        Line numbers and items; and a message for every line that is no item.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})", "give an items.jsonl") from None
    found: list[tuple[int, TimedItem]] = []
    wrong: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append((number, msgspec.json.decode(line, type=TimedItem)))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            name = re.search(rb'"id"\s*:\s*"([^"]*)"', line)
            ident = name[1].decode(errors="replace") if name else "no id"
            wrong.append(f"{path}:{number}: {ident}: {error}; correct the line")
    return found, wrong


def repeated_ids(path: Path, items: Sequence[tuple[int, TimedItem]]) -> list[str]:
    """A message for every id that was there before."""
    seen: dict[str, int] = {}
    wrong = []
    for line, item in items:
        if item.id in seen:
            wrong.append(f"{path}:{line}: {item.id}: id: is on line {seen[item.id]} too; give each its own")
        seen.setdefault(item.id, line)
    return wrong


def spoken_words(text: str) -> list[str]:
    """The words of a turn as a voice says them, in lower case without punctuation around them.

    Words are what stands between spaces; a token without a letter or digit (a dash) is none.
    """
    bare = (t if t.isalnum() else re.sub(r"^\W+|\W+$", "", t).replace("’", "'") for t in text.split())
    return [token.lower() for token in bare if token]


if __name__ == "__main__":
    from tml_bench.tasks._timed.validate import main

    main()
