"""A recording of TimeSpeak or CueSpeak beside what was expected: what counts, what it means, what it hits."""

from collections.abc import Sequence, Set
from typing import NamedTuple

from tml_bench.metrics import event_matching as onsets
from tml_bench.metrics.event_matching import EventMatch, Right
from tml_bench.questions import Verdicts, verdict_of
from tml_bench.tasks._common.speech import SpeechStretch, stretches
from tml_bench.tasks._timed.asked import asked
from tml_bench.tasks._timed.expected import DueEvent, TimedAnnotation
from tml_bench.tasks._timed.foretold import foretells
from tml_bench.tasks._timed.meaning.rule import RIGHT
from tml_bench.tasks._timed.neutral import neutral
from tml_bench.tasks._timed.spoken_time import seconds_in
from tml_bench.timeline import Timeline

ON_TIME, EARLY, LATE, WRONG_LENGTH, FALSE_ALARM = "on time", "early", "late", "wrong length", "false alarm"
IN_PAUSE = "not over the user's speech"


class MatchedRecording(NamedTuple):
    """A recording beside what was expected in it.

    Attributes:
        item: what was expected.
        said: the utterances that count, in order.
        neutral: the acknowledgements.
        means: which utterance means, at any time, what which event asks for.
        right: of those, which says so soon, names the number right too, and tells no answer to a later cue.
        placed: of the utterances that mean what an event asks for, those that begin where an answer may.
        matches: utterances matched to events, by what they say soon and by time.
        anyhow: the same by what they say at any time.
    """

    item: TimedAnnotation
    said: tuple[SpeechStretch, ...]
    neutral: tuple[SpeechStretch, ...]
    means: Right
    right: Right
    placed: Set[int]
    matches: tuple[EventMatch, ...]
    anyhow: tuple[EventMatch, ...]

    def hit(self, match: EventMatch) -> bool:
        """Whether a match earns the event: on time and, where that is asked, as long as asked."""
        speech = self.item.due[match.target].event.speech
        return match.on_time and (not speech or abs(self.lasts_beyond(match)) <= speech.tolerance_s)

    def outcome(self, match: EventMatch) -> str:
        """What a match is: a hit, early, late, in a pause of the user's, or on time but of a wrong length."""
        if match.on_time:
            return ON_TIME if self.hit(match) else WRONG_LENGTH
        target, onset_s = self.item.due[match.target].target, self.said[match.utterance].start_s
        if target.holds(onset_s):
            return IN_PAUSE
        return EARLY if onset_s < target.opens_s else LATE

    def lasts_beyond(self, match: EventMatch) -> float:
        """How much longer a talk lasts than was asked, seconds; 0 where no length is asked."""
        speech = self.item.due[match.target].event.speech
        said = self.said[match.utterance]
        return said.end_s - said.start_s - speech.seconds if speech else 0.0


def hear(item: TimedAnnotation, timeline: Timeline, verdicts: Verdicts) -> MatchedRecording | str:
    """Put utterances, verdicts and expected events together.

    Returns:
        What was heard, or why it cannot be known.
    """
    everything = stretches(timeline, item.silence_s)
    meanings = _meanings(item, everything, verdicts)
    if isinstance(meanings, str):
        return meanings
    acknowledged = neutral(item, everything, {i for i, _ in meanings.means})
    counting = [i for i in range(len(everything)) if i not in acknowledged]
    spoken = tuple(everything[i] for i in counting)
    number = {utterance: k for k, utterance in enumerate(counting)}
    means, right, anyhow = ({(number[i], event) for i, event in pairs} for pairs in meanings)
    placed = {i for i, _ in anyhow if item.may_begin(spoken[i].start_s)}
    starts, targets = [said.start_s for said in spoken], [due.target for due in item.due]
    matches = tuple(onsets.match(starts, targets, right, placed))
    return MatchedRecording(
        item,
        spoken,
        tuple(everything[i] for i in sorted(acknowledged)),
        means,
        right,
        placed,
        matches,
        matches if right == anyhow else tuple(onsets.match(starts, targets, anyhow, placed)),
    )


class _Meanings(NamedTuple):
    """What utterances mean; ``anyhow`` is as ``right``, whenever it is said."""

    means: Right
    right: Right
    anyhow: Right


def _meanings(
    item: TimedAnnotation, everything: Sequence[SpeechStretch], verdicts: Verdicts
) -> _Meanings | str:
    """What all utterances mean, or why it cannot be known."""
    means, right, anyhow = set[_Pair](), set[_Pair](), set[_Pair]()
    for pair in asked(item, everything):
        place = pair.utterance, pair.event
        said, due = everything[pair.utterance], item.due[pair.event]
        for text in pair.texts():
            verdict = verdict_of(verdicts, text.key)
            if verdict.answer is None:
                return verdict.missing
            if verdict.answer != RIGHT:
                continue
            means.add(place)
            if names_the_time(due, text.text):
                anyhow.add(place)
                if text.soon and not foretells(item, said, due):
                    right.add(place)
    return _Meanings(means, right, anyhow)


_Pair = tuple[int, int]


def names_the_time(due: DueEvent, text: str) -> bool:
    """Whether every length of time in a reply is within the tolerance; true where none is asked for."""
    if due.truth_s is None or due.event.number is None:
        return True
    named = seconds_in(text)
    limit = due.event.number.tolerance_s(due.truth_s) + onsets.EPSILON_S
    return bool(named) and all(abs(seconds - due.truth_s) <= limit for seconds in named)
