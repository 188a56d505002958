"""What a model did with an item: calls, acknowledgement, reply, result, as facts without a judge.

A number is found in words however it is said: "384", "three hundred and eighty-four", "three eighty-four",
"three eight four".
"""

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache

from msgspec import structs

from tml_bench.metrics.presence import free_from, in_time, speaks_at, telling_onset
from tml_bench.perception.align import spell
from tml_bench.tasks._common.speech import SpeechStretch, stretches, text_of
from tml_bench.tasks._timed.meaning.wording import words
from tml_bench.tasks.presence.annotation import CANCELS, PresenceAnnotation
from tml_bench.tasks.presence.world import TableEntry
from tml_bench.timeline import TimedCall, Timeline, Word

UTTERANCE_S, PAUSE_S = 0.5, 0.2
"""Silence that separates utterances, and one after which a reply may begin."""
EARLY_S, REPLY_S = 0.5, 3.0
"""A reply begins from so long before the end of the user's turn, to so long after it."""
REPLY_LASTS_S = 6.0
"""What counts of a reply: words that begin within so long of it, or of the end of the user's turn, in
utterances that begin within `REPLY_S` of that."""
EDGE_S = 0.2
"""Who begins so shortly before the user's last sound does not speak over them."""
GRACE_S = 0.5
"""What is being said when the user changes their mind may be finished for so long."""
MOST_STRAYS = 1
"""Calls that nobody asked for, or for the same again, that are forgiven."""


class HeardPresence:
    """What was done, and when; ``None`` for what was not."""

    def __init__(self, item: PresenceAnnotation, timeline: Timeline) -> None:
        self.expected, self.item, self.timeline = item, item.item, timeline
        self.said = stretches(timeline, UTTERANCE_S)
        self.words = [_in_sound(word, s) for s in stretches(timeline, PAUSE_S) for word in s.words]

    @cached_property
    def onset_s(self) -> float | None:
        """The first speech after the request."""
        from_s = self.expected.request_end_s - EDGE_S
        return next((s.start_s for s in self.timeline.segments if s.start_s >= from_s), None)

    @property
    def acknowledged(self) -> bool:
        """Whether that is in time: `REPLY_S` after the request, or after a turn that begins by then."""
        if self.onset_s is None:
            return False
        by_s = self.expected.request_end_s + REPLY_S
        start_s, end_s = self.expected.turn_start_s, self.expected.turn_end_s
        if start_s is not None and end_s is not None and start_s <= by_s:
            by_s = end_s + REPLY_S
        return self.onset_s <= by_s

    @cached_property
    def reply_s(self) -> float | None:
        """When the reply to the user's turn begins: speech that begins then, and did not before."""
        end_s = self.expected.turn_end_s
        if end_s is None:
            return None
        onsets = (s.start_s for s in stretches(self.timeline, PAUSE_S))
        return next((at for at in onsets if end_s - EARLY_S <= at <= end_s + REPLY_S), None)

    @cached_property
    def reply(self) -> str:
        """What is said as a reply; empty for nothing."""
        if self.reply_s is None or self.expected.turn_end_s is None:
            return ""
        end_s, from_s = self.expected.turn_end_s, self.reply_s - EDGE_S
        until_s = max(self.reply_s, end_s) + REPLY_LASTS_S
        begun = (s.words for s in self.said if s.start_s <= end_s + REPLY_S)
        return text_of([w for some in begun for w in some if from_s <= (w.start_s or 0.0) <= until_s])

    def made(self, entry: TableEntry | None) -> TimedCall | None:
        """The first call for an entry."""
        return next((c for c in self.timeline.calls if entry and entry.is_asked_by(c)), None)

    @cached_property
    def called(self) -> bool:
        """Whether the call wanted in the end was made, before it is called off, and hardly another."""
        wanted = self.made(self.item.wanted or self.item.call)
        if wanted is None or self.strays > MOST_STRAYS:
            return False
        end_s = self.expected.turn_end_s
        return self.item.behaviour != CANCELS or end_s is None or wanted.at_s <= end_s + GRACE_S

    @property
    def strays(self) -> int:
        """How many calls nobody asked for, or for the same again; refused ones do not count."""
        taken = [c for c in self.timeline.calls if c.ended not in ("arguments", "unknown")]
        asked = [e for e in (self.item.call, self.item.then) if e and self.made(e)]
        return len(taken) - len(asked)

    @cached_property
    def arrival_s(self) -> float | None:
        """When the result to be told is there."""
        entry = self.item.wanted
        came = (
            c.returned_s
            for c in self.timeline.calls
            if entry and entry.is_asked_by(c) and not c.is_error and c.returned_s is not None
        )
        return min(came, default=None)

    @property
    def wait_end_s(self) -> float:
        """When the wait is over: the result is there, the user has called it off, or the session ends."""
        if self.item.behaviour == CANCELS and self.expected.turn_end_s is not None:
            return self.expected.turn_end_s
        return self.timeline.duration_s if self.arrival_s is None else self.arrival_s

    @cached_property
    def since_arrival(self) -> list[Word]:
        """The words that begin once the result is there; none if it never is."""
        at_s = self.arrival_s
        return [] if at_s is None else [w for w in self.words if w.start_s is not None and w.start_s >= at_s]

    @cached_property
    def number_s(self) -> float | None:
        """When the number of the result is said."""
        return None if self.item.wanted is None else _said_at(self.item.wanted.fact, self.since_arrival)

    @cached_property
    def told_s(self) -> float | None:
        """When the telling of the result begins."""
        if self.number_s is None or self.arrival_s is None:
            return None
        return telling_onset(self._utterance_at(self.number_s).start_s, self.number_s, self.arrival_s)

    def _utterance_at(self, moment_s: float) -> SpeechStretch:
        """The utterance nearest to a moment at which a word begins."""
        return min(self.said, key=lambda s: max(s.start_s - moment_s, moment_s - s.end_s, 0.0))

    @property
    def over_user(self) -> bool:
        """Whether the telling begins over the user's speech."""
        return self.told_s is not None and speaks_at(self.told_s, self.expected.talking, EDGE_S)

    @property
    def woven(self) -> bool:
        """Whether the result is told in time and in a gap."""
        if self.told_s is None or self.number_s is None or self.arrival_s is None:
            return False
        free_s = free_from(self.arrival_s, self.expected.talking)
        return not self.over_user and in_time(self.told_s, self.number_s, free_s, self.speech)

    @property
    def speech(self) -> list[tuple[float, float]]:
        """What either side says."""
        return [*((s.start_s, s.end_s) for s in self.timeline.segments), *self.expected.talking]

    @cached_property
    def dropped(self) -> TimedCall | None:
        """The call for what is no longer wanted, if it was made before the user said so."""
        end_s, call = self.expected.turn_end_s, self.made(self.item.call)
        return None if call is None or end_s is None or call.at_s > end_s + GRACE_S else call

    @cached_property
    def stale_s(self) -> float | None:
        """When the number that is no longer wanted is said after the user has said so."""
        end_s = self.expected.turn_end_s
        if end_s is None:
            return None
        after = [w for w in self.words if w.start_s is not None and w.start_s > end_s + GRACE_S]
        return _said_at(self.item.call.fact, after)

    @cached_property
    def waiting(self) -> tuple[str, ...]:
        """The utterances of the wait, as far as they are said by its end."""
        from_s, to_s = self.expected.request_end_s - EDGE_S, self.wait_end_s
        inside = (
            [w for w in s.words if w.start_s is not None and from_s <= w.start_s < to_s] for s in self.said
        )
        return tuple(text for some in inside if words(text := text_of(some)))


def _in_sound(word: Word, said: SpeechStretch) -> Word:
    """A word whose onset lies in the sound of its stretch, whatever is declared."""
    start_s = said.start_s if word.start_s is None else word.start_s
    return structs.replace(word, start_s=min(max(start_s, said.start_s), said.end_s))


@lru_cache(maxsize=256)
def spoken_forms(number: int) -> frozenset[tuple[str, ...]]:
    """How a number of three digits is said: 384 is three hundred eighty four, three eighty four, ..."""
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    texts = (
        spell(number),
        f"{spell(hundreds)} {spell(rest)}",
        f"{spell(hundreds)} {spell(tens)} {spell(ones)}",
        f"{spell(10 * hundreds + tens)} {spell(ones)}",
    )
    return frozenset(tuple(w for w in words(text) if w != "and") for text in texts)


def says(text: str, number: int) -> bool:
    """Whether a text names a number."""
    return _said_at(number, [Word(text, 0.0, 0.0)]) is not None


def _said_at(number: int, said: Sequence[Word]) -> float | None:
    """Onset of the first of some words that say a number; None if they do not."""
    tokens = [(token, word.start_s) for word in said for token in words(word.text) if token != "and"]
    found = (
        tokens[k][1]
        for k in range(len(tokens))
        for form in spoken_forms(number)
        if tuple(token for token, _ in tokens[k : k + len(form)]) == form
    )
    return next(found, None)


def numbers_of_three(text: str) -> frozenset[int]:
    """The numbers from 221 to 999 without a zero in them that a text names, of those that tables hold."""
    return frozenset(_named(tuple(w for w in words(text) if w != "and")))


def _named(said: tuple[str, ...]) -> Iterator[int]:
    forms = _all_forms()
    for k in range(len(said)):
        for length in (4, 3, 2):
            number = forms.get(said[k : k + length]) if k + length <= len(said) else None
            if number is not None:
                yield number
                break


@lru_cache(maxsize=1)
def _all_forms() -> dict[tuple[str, ...], int]:
    numbers = (n for n in range(221, 1000) if "0" not in str(n) and n // 10 % 10 > 1)
    return {form: n for n in numbers for form in spoken_forms(n)}
