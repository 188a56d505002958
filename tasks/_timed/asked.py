"""What a judge is asked about a recording: does this utterance say what that event asks for?

An utterance and an event make a pair where the utterance has words and its onset is within `REACH_S` of the
event's window. A pair has two texts:

* What decides credit is what was said *soon*: the words that begin within `SOON_S` and the length of the
  ideal reply (0.4 to 2.0 s) of the onset. So a lead-in of two seconds costs nothing, and who holds the floor
  with anything longer until the answer is known has not answered in time. Words without times of their own
  have those that were laid over the speech, and no word is said outside the sound of its utterance. Talks of
  a length are judged whole.
* What decides whether an event was said right at any time is the *whole* text.

There is a question for each; one where the texts are the same, and none for no words. Keys are stable:
``{utterance}-{event}`` for what was said soon, ``whole-{utterance}-{event}`` for the whole where it is
another text; utterances count from 0, events are named by their ids.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tml_bench.metrics.event_matching import EPSILON_S
from tml_bench.questions import Question
from tml_bench.samples import Sample
from tml_bench.tasks._common.speech import SpeechStretch, stretches, text_of
from tml_bench.tasks._timed.expected import DueEvent, TimedAnnotation, expected_of
from tml_bench.tasks._timed.meaning.rule import RUBRIC, lines
from tml_bench.timeline import Timeline, Word

REACH_S = 3.0
"""How far outside its window an utterance may still be meant for an event: the widest tolerance."""
SOON_S = 2.0
"""How much longer than the ideal reply an answer may take to be said, from its onset."""


class AskedPair(NamedTuple):
    """An utterance and an event that it may be meant for, by their indices.

    Attributes:
        id: names the pair in the keys of questions.
        soon: what is said soon, which decides credit; empty where no word is.
        whole: the whole text.
    """

    utterance: int
    event: int
    id: str
    soon: str
    whole: str

    def texts(self) -> Iterator["AskedText"]:
        """What is asked about."""
        if self.soon:
            yield AskedText(self.id, self.soon, True)
        if self.soon != self.whole:
            yield AskedText(f"whole-{self.id}", self.whole, False)


class AskedText(NamedTuple):
    """A text of a pair that there is a question about, its key, and whether it decides credit."""

    key: str
    text: str
    soon: bool


def said_soon(said: SpeechStretch, due: DueEvent) -> str:
    """Of an utterance, the words that decide whether it earns an event; see the module's docstring."""
    if due.event.speech:
        return said.text
    until_s = said.start_s + SOON_S + due.reply_s + EPSILON_S
    if said.end_s <= until_s:
        return said.text
    return text_of([word for word in said.words if begins_s(said, word) <= until_s])


def begins_s(said: SpeechStretch, word: Word) -> float:
    """When a word of an utterance begins, seconds: as declared, but nothing is said outside its sound."""
    declared_s = said.start_s if word.start_s is None else word.start_s
    return min(max(declared_s, said.start_s), said.end_s)


def asked(item: TimedAnnotation, said: Sequence[SpeechStretch]) -> Iterator[AskedPair]:
    """All pairs, in order of utterances, then of events."""
    for i, utterance in enumerate(said):
        for k, due in enumerate(item.due if utterance.words else ()):
            target = due.target
            if target.opens_s - REACH_S <= utterance.start_s <= target.closes_s + REACH_S:
                soon = said_soon(utterance, due)
                yield AskedPair(i, k, f"{i}-{due.event.id}", soon, utterance.text)


def question(item: TimedAnnotation, said: SpeechStretch, due: DueEvent, text: str, key: str) -> Question:
    """Whether a text of an utterance says what an event asks for; the judge sees the user's turns so far."""
    event = due.event
    user = [turn.text for turn in item.turns if turn.start_s < said.start_s]
    return Question(key, RUBRIC, lines(user, event.meaning, event.accept, event.reject, text))


def questions(sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
    """What must be decided about a recording."""
    item = expected_of(sample)
    said = stretches(timeline, item.silence_s)
    return tuple(
        question(item, said[pair.utterance], item.due[pair.event], one.text, one.key)
        for pair in asked(item, said)
        for one in pair.texts()
    )
