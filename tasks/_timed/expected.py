"""What is expected in a rendered item, on the session clock."""

from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise

import msgspec

from tml_bench.errors import BadSampleError
from tml_bench.metrics.event_matching import EPSILON_S, EventTarget
from tml_bench.samples import Sample, Utterance
from tml_bench.tasks._common import annotation_of
from tml_bench.tasks._timed.items import (
    OVERLAPPED,
    REST_S,
    CueWindow,
    ItemEvent,
    ScheduledWindow,
    TimedItem,
    target_of,
)
from tml_bench.tasks._timed.rendered import RenderedItem, time_of

SILENCE_S = 0.5
"""Silence that separates utterances."""
SHORTEST_SILENCE_S = 0.2
TALK_SILENCE_S = 1.5
"""The same where the length of a talk is measured: a pause for breath or thought belongs to it."""
GRACE_S = 0.5
"""What is being said when the user says stop may be finished, where no period says how long."""
WORD_S, SHORTEST_REPLY_S, LONGEST_REPLY_S = 0.3, 0.4, 2.0
"""How long an ideal reply takes: per word, at least, at most."""
BRIDGED_S = 0.15
"""A gap between the user's words up to this is no pause: it is the closure of a plosive, or the aligner's."""
OVER_S = 0.3
"""Where an answer must begin over the user's speech, the user speaks within its first so many seconds."""
REACTION_S = 0.2
"""How long after a cue or a question the ideal respondent begins: the usual gap between speakers."""


class DueEvent(msgspec.Struct, frozen=True, dict=True):
    """An event of an item, when it is expected, and the length of time to be named; None where none is."""

    event: ItemEvent
    target: EventTarget
    truth_s: float | None

    @cached_property
    def reply_s(self) -> float:
        """How long the ideal reply takes to say, seconds; of no use where the length of a talk is asked."""
        return max(SHORTEST_REPLY_S, min(LONGEST_REPLY_S, WORD_S * len(self.event.accept[0].split())))


class UserSentence(msgspec.Struct, frozen=True):
    """Something the user says, from its onset to its end."""

    text: str
    start_s: float
    end_s: float


class TimedAnnotation(msgspec.Struct, frozen=True, dict=True):
    """A rendered item.

    Attributes:
        item: as written.
        turns: what the user says, in order.
        due: what is expected, in order of time.
        quiet_from: from each of these moments on nothing more may be said.
        length_s: of the session.
        talking: stretches ``(start, end)`` in which the user speaks, in order, gaps between words up to
            `BRIDGED_S` bridged.
    """

    item: TimedItem
    turns: tuple[UserSentence, ...]
    due: tuple[DueEvent, ...]
    quiet_from: tuple[float, ...]
    length_s: float
    talking: tuple[tuple[float, float], ...]

    def may_begin(self, onset_s: float) -> bool:
        """Whether an answer may begin here: where the user talks on, only within `OVER_S` of their speech."""
        if self.item.family not in OVERLAPPED:
            return True
        return any(start < onset_s + OVER_S and onset_s < end for start, end in self.talking)

    @cached_property
    def silence_s(self) -> float:
        """Silence that separates utterances in this item.

        Half a second, as pauses within a sentence are shorter and a listener hears two remarks beyond; but a
        quarter of the time between expected events where that is less (counts said every second), and
        1.5 s where the length of a talk is measured.
        """
        if any(due.event.speech for due in self.due):
            return TALK_SILENCE_S
        gaps = [b.target.at_s - a.target.at_s for a, b in pairwise(self.due)]
        return max(SHORTEST_SILENCE_S, min([SILENCE_S, *(gap / 4 for gap in gaps)]))


def expected(item: TimedItem, rendered: RenderedItem) -> TimedAnnotation:
    """Resolve the anchors of an item.

    The session lasts `Item.tail_s` after the last turn, and at least `REST_S` after the latest right time.

    Raises:
        BadSampleError: an anchor is not in the rendering, or a window closes before it opens.
    """
    due = sorted((_due(event, rendered) for event in item.events), key=lambda d: d.target.at_s)
    periods = [
        e.window.period_s for e in item.events if isinstance(e.window, ScheduledWindow) and e.window.period_s
    ]
    grace = min(periods) / 2 if periods else GRACE_S
    turns = tuple(
        UserSentence(turn.text, times.start_s, times.end_s)
        for turn, times in zip(item.turns, rendered.turns, strict=True)
    )
    end_s = max(turn.end_s for turn in turns) + item.tail_s
    return TimedAnnotation(
        item,
        turns,
        tuple(due),
        tuple(time_of(anchor, rendered) + grace for anchor in item.quiet_after),
        max([end_s, *(_latest_s(d) + REST_S for d in due)]),
        _joined((w.start_s, w.end_s) for turn in rendered.turns for w in turn.words),
    )


def _joined(words: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Words in order of time as stretches of speech; a gap up to `BRIDGED_S` is no pause."""
    found: list[tuple[float, float]] = []
    for start, end in words:
        if found and start - found[-1][1] <= BRIDGED_S + EPSILON_S:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return tuple(found)


def _latest_s(due: DueEvent) -> float:
    speech = due.event.speech
    return due.target.closes_s + (speech.seconds + speech.tolerance_s if speech else 0.0)


def _due(event: ItemEvent, rendered: RenderedItem) -> DueEvent:
    at_s = time_of(event.anchor, rendered) + event.after_s
    number = event.number
    truth = time_of(number.to, rendered) - time_of(number.from_, rendered) if number else None
    if truth is not None and truth <= 0:
        raise BadSampleError(f"{rendered.id}: {event.id}: number: the time asked for is not positive")
    until = event.window.until if isinstance(event.window, CueWindow) else None
    try:
        target = target_of(event.window, at_s, time_of(until, rendered) if until else None)
    except ValueError as error:
        raise BadSampleError(f"{rendered.id}: {event.id}: window: {error}; correct the item") from None
    return DueEvent(event, target, truth)


def expected_of(sample: Sample) -> TimedAnnotation:
    """The annotation of a sample. Raises `BadSampleError`: it has none."""
    return annotation_of(sample, TimedAnnotation)


def ideal(item: TimedAnnotation) -> tuple[Utterance, ...]:
    """What an ideal respondent says: first accepted replies when due, or a reaction after the cue."""
    return tuple(_ideal(item, k) for k in range(len(item.due)))


def _ideal(item: TimedAnnotation, k: int) -> Utterance:
    due = item.due[k]
    window = due.event.window
    onset = due.target.at_s if isinstance(window, ScheduledWindow) else due.target.at_s + REACTION_S
    onset = min(onset, due.target.closes_s)
    text = due.event.accept[0]
    if due.truth_s is not None:
        text = text.replace("{N}", str(max(1, round(due.truth_s))))
    if due.event.speech:
        return Utterance(onset, until_s=onset + due.event.speech.seconds, text=text)
    length = due.reply_s
    if k + 1 < len(item.due):
        # Two utterances in a row must stay apart, however fast they follow each other.
        room = item.due[k + 1].target.at_s - due.target.at_s - 1.5 * item.silence_s
        length = max(SHORTEST_REPLY_S, min(length, room))
    return Utterance(onset, until_s=onset + length, text=text)
