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
        soon: the question that decides credit; None where no word is said soon.
        whole: the question on the whole text; the same one where the texts are the same.
    """

    utterance: int
    event: int
    soon: Question | None
    whole: Question


def said_soon(said: SpeechStretch, due: DueEvent) -> str:
    """Of an utterance, the words that decide whether it earns an event; see the module's docstring."""
    if due.event.speech:
        return said.text
    until_s = said.start_s + SOON_S + due.reply_s + EPSILON_S
    return text_of([word for word in said.words if begins_s(said, word) <= until_s])


def begins_s(said: SpeechStretch, word: Word) -> float:
    """When a word of an utterance begins, seconds: as declared, but nothing is said outside its sound."""
    declared_s = said.start_s if word.start_s is None else word.start_s
    return min(max(declared_s, said.start_s), said.end_s)


def asked(item: TimedAnnotation, said: Sequence[SpeechStretch]) -> Iterator[AskedPair]:
    """All pairs, in order of utterances, then of events."""
    for i, utterance in enumerate(said):
        for k, due in enumerate(item.due):
            target = due.target
            near = target.opens_s - REACH_S <= utterance.start_s <= target.closes_s + REACH_S
            if near and utterance.words:
                yield _pair(item, utterance, i, k)


def _pair(item: TimedAnnotation, said: SpeechStretch, i: int, k: int) -> AskedPair:
    due = item.due[k]
    key, text = f"{i}-{due.event.id}", said_soon(said, due)
    soon = question(item, said, due, text, key) if text else None
    if soon and text == said.text:
        return AskedPair(i, k, soon, soon)
    return AskedPair(i, k, soon, question(item, said, due, said.text, f"whole-{key}"))


def question(item: TimedAnnotation, said: SpeechStretch, due: DueEvent, text: str, key: str) -> Question:
    """Whether a text of an utterance says what an event asks for; the judge sees the user's turns so far."""
    event = due.event
    user = [turn.text for turn in item.turns if turn.start_s < said.start_s]
    return Question(key, RUBRIC, lines(user, event.meaning, event.accept, event.reject, text))


def questions(sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
    """What must be decided about a recording."""
    item = expected_of(sample)
    found = (
        question
        for pair in asked(item, stretches(timeline, item.silence_s))
        for question in (pair.soon, pair.whole)
        if question
    )
    return tuple({question.key: question for question in found}.values())
