"""Items of TimeSpeak and CueSpeak: who says what when, and what must be said back, as text.

An item file is JSON Lines in UTF-8, one `TimedItem` a line. Unknown fields are errors. Times are seconds. An
item knows no times of words: a `SpeechAnchor` names a turn or a word, and the rendering of the item
(``rendered.jsonl``) says when that was.

``python -m tml_bench.tasks._timed.items ITEMS.jsonl`` prints what is wrong and what looks doubtful.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from tml_bench.errors import UserError
from tml_bench.metrics import event_matching
from tml_bench.metrics.event_matching import EventTarget
from tml_bench.plain_text import plain
from tml_bench.tasks._common.records import StrictRecord
from tml_bench.tasks._common.tables import WrongLine, json_lines

TIMESPEAK = (
    "single_delay", "periodic_until_stop", "schedule", "elapsed_time", "silence_deadline", "after_event",
    "own_duration", "delay_while_talking", "correction",
)  # fmt: skip
"""Families of TimeSpeak: say it in d seconds; periodic until told to stop; countdown and schedule; how long
was that; if I say nothing for d seconds; d seconds after I do something; talk for d seconds; a delay while
the user talks on; a pending time that is changed."""
CUESPEAK = (
    "code_switch", "misused_word", "factual_error", "keyword_trigger", "running_count", "phrase_translation",
    "list_reaction", "arithmetic_slip", "filler_alarm",
)  # fmt: skip
"""Families of CueSpeak: the word in English; a mispronounced or misused word; a factual error; a keyword; a
running count; phrase-by-phrase translation; a reaction to each thing of a list; an arithmetic slip; filler
words."""
FAMILIES = {"ts": TIMESPEAK, "cs": CUESPEAK}
"""By the prefix of an item's id."""
CONTROLLED = tuple(family for family in (*TIMESPEAK, *CUESPEAK) if family != "elapsed_time")
"""Families that may have silent controls: what was asked for is called off, its condition never comes, or
there is no cue."""
OVERLAPPED = ("delay_while_talking", *CUESPEAK)
"""Families in which the user talks on while the reply is due, from the second turn on: there the voice makes
no pause in which an answer could start, and an answer must begin over the user's speech."""
NUMBERED, LASTING, STOPPED = ("elapsed_time",), ("schedule", "own_duration"), ("periodic_until_stop",)
"""Families whose events may have the field ``number``, ``speech``, and whose items ``quiet_after``."""
TALKS = ("own_duration",)
"""Families whose events must have the field ``speech``; those of `NUMBERED` must have ``number``."""
VOICES = ("us-f-1", "us-f-2", "us-m-1", "us-m-2", "gb-f-1", "gb-f-2", "gb-m-1", "gb-m-2")
REST_S = 4.0
"""The session goes on for at least so long after the latest right time."""

Silence = Annotated[float, Meta(ge=0, le=3600)]
Length = Annotated[float, Meta(gt=0, le=3600)]
"""Seconds; a slip of the pen must not fill the memory."""
Share = Annotated[float, Meta(ge=0)]
Spoken = Annotated[str, Meta(pattern=r"\w")]
Replies = Annotated[tuple[Spoken, ...], Meta(min_length=1)]


class SpeechAnchor(StrictRecord, frozen=True):
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
    nth: Annotated[int, Meta(ge=1)] = 1

    def __post_init__(self) -> None:
        """Refuse an occurrence of no word."""
        if self.nth > 1 and not self.word:
            raise ValueError("nth counts only with word")

    def places(self, words: Sequence[str]) -> list[int]:
        """Where the anchor's word stands among words (`spoken_words`); nowhere if it is no single word."""
        wanted = spoken_words(self.word)
        return [k for k, word in enumerate(words) if [word] == wanted]


class ItemTurn(StrictRecord, frozen=True):
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
    text: Spoken
    at_s: Silence | None = None
    after: str = ""
    gap_s: Silence = 0.0
    pace: Annotated[float, Meta(ge=0.8, le=1.25)] = 1.0

    def __post_init__(self) -> None:
        """Refuse a turn without a place, or with two."""
        if (self.at_s is None) == (not self.after):
            raise ValueError("a turn has at_s or else after and gap_s")
        if self.at_s is not None and self.gap_s:
            raise ValueError("gap_s counts only with after")


class ScheduledWindow(StrictRecord, frozen=True, tag_field="kind", tag="scheduled"):
    """Due at a time the user named; one of the two fields is given.

    Attributes:
        d_s: time since the moment the user named.
        period_s: period of a series that the event belongs to.
    """

    d_s: Length | None = None
    period_s: Length | None = None

    def __post_init__(self) -> None:
        """Refuse neither and both."""
        if (self.d_s is None) == (self.period_s is None):
            raise ValueError("a scheduled window has d_s or else period_s")


class CueWindow(StrictRecord, frozen=True, tag_field="kind", tag="cue"):
    """Due when a cue can be known.

    Attributes:
        w_s: how long after it is still on time: 1 for fixed replies of a word, 2, or 4 for translating and
            rephrasing.
        until: when it is too late in any case, such as at the next cue.
    """

    w_s: float
    until: SpeechAnchor | None = None

    def __post_init__(self) -> None:
        """Refuse other lengths."""
        if self.w_s not in (1.0, 2.0, 4.0):
            raise ValueError(f"w_s {self.w_s:g} is not 1, 2 or 4")


class AnswerWindow(StrictRecord, frozen=True, tag_field="kind", tag="answer"):
    """Due after a question, and on time for ``w_s`` after it."""

    w_s: Length = 3.0


Window = ScheduledWindow | CueWindow | AnswerWindow


def target_of(window: Window, at_s: float, until_s: float | None = None) -> EventTarget:
    """When an event expected at ``at_s`` is on time; for a cue, until ``until_s`` at the latest.

    Raises:
        ValueError: ``until_s`` lies before the window opens.
    """
    if isinstance(window, CueWindow):
        return event_matching.cue(at_s, window.w_s, until_s)
    if isinstance(window, AnswerWindow):
        return event_matching.answer(at_s, window.w_s)
    if window.period_s is not None:
        return event_matching.periodic(at_s, window.period_s)
    return event_matching.scheduled(at_s, window.d_s or 0.0)


class NumberDemand(StrictRecord, frozen=True):
    """The reply must name the seconds between two moments.

    Attributes:
        from_: the first moment, ``from`` in the file.
        to: the second.
        relative: tolerance as a share of the truth.
        absolute: tolerance in seconds; the larger of the two counts.
    """

    from_: SpeechAnchor = msgspec.field(name="from")
    to: SpeechAnchor
    relative: Share = 0.15
    absolute: Length = 1.0

    def tolerance_s(self, truth_s: float) -> float:
        """How far off the seconds named may be."""
        return max(self.absolute, self.relative * truth_s)


class LengthDemand(StrictRecord, frozen=True):
    """The reply must last a time.

    Attributes:
        seconds: how long, from its onset to the end of the talk.
        relative: tolerance as a share of it.
        absolute: tolerance in seconds; the larger of the two counts.
    """

    seconds: Length
    relative: Share = 0.2
    absolute: Length = 2.0

    @property
    def tolerance_s(self) -> float:
        """How far off its length may be."""
        return max(self.absolute, self.relative * self.seconds)


class ItemEvent(StrictRecord, frozen=True):
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
        cue: the words of the user that decide, as the text has them; the anchor is the end of the last of
            them. For cues alone.
        language: of the replies, as an ISO 639-1 code; where it is not English, only a recogniser that knows
            it may write down what was said.
    """

    id: str
    meaning: Spoken
    accept: Replies
    reject: Replies
    anchor: SpeechAnchor
    window: Window
    after_s: Silence = 0.0
    number: NumberDemand | None = None
    speech: LengthDemand | None = None
    cue: str = ""
    language: Annotated[str, Meta(pattern=r"^[a-z]{2}\Z")] = "en"


class TimedItem(StrictRecord, frozen=True):
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

    id: Annotated[str, Meta(pattern=r"^(ts|cs)-[a-z0-9]+(-[a-z0-9]+)*-[0-9]{3}\Z")]
    split: Literal["dev", "test"]
    family: str
    difficulty: Literal[1, 2, 3]
    voice: str
    turns: Annotated[tuple[ItemTurn, ...], Meta(min_length=1)]
    tail_s: Length
    events: tuple[ItemEvent, ...]
    quiet_after: tuple[SpeechAnchor, ...] = ()
    note: str = ""

    @property
    def task(self) -> str:
        """``ts`` or ``cs``."""
        return self.id[:2]

    @property
    def talked_on(self) -> tuple[str, ...]:
        """Ids of the turns in which the voice makes no pause to be let in; see `OVERLAPPED`."""
        return tuple(turn.id for turn in self.turns[1:]) if self.family in OVERLAPPED else ()


class CheckedItems(NamedTuple):
    """The items of a file that break no rule, and what is wrong with its other lines."""

    items: tuple[TimedItem, ...]
    wrong: tuple[WrongLine, ...]


def checked_items(path: Path, split: str = "") -> CheckedItems:
    """Read and check an item file, of its items those of a split alone where one is named.

    Raises `UserError`: it cannot be read.
    """
    from tml_bench.tasks._timed.validate import problems

    read, wrong = json_lines(path, TimedItem, "give an items.jsonl")
    items = []
    for line, item in read:
        if split and item.split != split:
            continue
        broken = [WrongLine(line, item.id, f"{path}:{line}: {text}") for text in problems(item)]
        wrong += broken
        items += [] if broken else [item]
    return CheckedItems(tuple(items), tuple(wrong))


def load_items(path: Path) -> tuple[TimedItem, ...]:
    """Read and check an item file all of whose items are needed.

    Raises:
        UserError: the file cannot be read, or an item breaks a rule; names the file, the line, the item and
            the field.
    """
    items, wrong = checked_items(path)
    if wrong:
        problem = "\n".join(line.text for line in wrong)
        raise UserError(problem, f"see `python -m tml_bench.tasks._timed.items {path}`")
    return items


def spoken_words(text: str) -> list[str]:
    """The words of a turn as a voice says them, in the form of `plain` without punctuation around them.

    Words are what stands between spaces; a token without a letter or digit (a dash) is none.
    """
    return [*_spoken_words(text)]


@lru_cache(4096)
def _spoken_words(text: str) -> tuple[str, ...]:
    # A turn's text is asked for again with each event of its item.
    bare = (t if t.isalnum() else re.sub(r"^\W+|\W+$", "", t) for t in plain(text).split())
    return tuple(token for token in bare if token)


if __name__ == "__main__":
    from tml_bench.tasks._timed.validate import main

    main()
