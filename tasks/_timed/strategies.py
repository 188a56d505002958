"""Respondents with known behaviour, as timelines: floors that know nothing of the time, and the ceiling.

* ``silent`` says nothing.
* ``always-on`` talks without a pause from the start.
* ``delay d`` says, once, what the first event asks for, d seconds after the user's last turn: it knows the
  words and not the time.
* ``metronome p`` knows the words too: every p seconds from the end of the user's first turn on it says what
  the next event asks for (after the last one, that again), until the session ends.

In silent controls, where there are no words to know, the last two say "Okay." at their times. No model can
know words and not their time; these are floors that a score must beat to show timing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle, islice

from msgspec import structs

from tml_bench.samples import Sample, Utterance
from tml_bench.tasks._common.respondents import Speech, speaking
from tml_bench.tasks._timed.expected import SHORTEST_REPLY_S, TimedAnnotation, expected_of
from tml_bench.timeline import Segment, Timeline

DELAYS_S = (0.5, 1.0, 2.0, 5.0, 8.0, 10.0)
PERIODS_S = (1.0, 2.0, 3.0, 5.0, 10.0)
CHATTER = "There is always one more thing to say about the weather and the garden behind the house"
CHATTER_WORD_S = 0.3
PLACEHOLDER = "Okay."
GUESS = "10"
"""What who knows no times says when asked for one."""


def blind(sample: Sample) -> dict[str, Timeline]:
    """Every strategy that does not know the time."""
    item = expected_of(sample)
    texts = [due.event.accept[0].replace("{N}", GUESS) for due in item.due] or [PLACEHOLDER]
    played = {"silent": spoken(item, []), "always-on": _talking(item)}
    last = max(turn.end_s for turn in item.turns)
    for delay in DELAYS_S:
        played[f"delay {delay:g}"] = spoken(item, _planned([last + delay], texts, item.length_s))
    first = item.turns[0].end_s
    for period in PERIODS_S:
        beats = [first + k * period for k in range(1, 1 + int((item.length_s - first) / period))]
        played[f"metronome {period:g}"] = spoken(item, _planned(beats, texts, item.length_s))
    return played


def ideal(sample: Sample) -> Timeline:
    """Says everything at its time."""
    return spoken(expected_of(sample), sample.reference.ideal)


def spoken(item: TimedAnnotation, said: Iterable[Utterance]) -> Timeline:
    """The timeline of utterances, their words spread evenly."""
    planned = [
        Speech(u.at_s, u.at_s + SHORTEST_REPLY_S if u.until_s is None else u.until_s, u.text.split())
        for u in said
    ]
    return speaking(max([item.length_s, *(speech.end_s for speech in planned)]), planned)


def _planned(onsets: Sequence[float], texts: Sequence[str], end_s: float) -> list[Utterance]:
    """The texts in order at these onsets, the last one again and again; short enough to stay apart."""
    said = ((at, texts[min(k, len(texts) - 1)]) for k, at in enumerate(onsets))
    return [
        Utterance(at, until_s=at + SHORTEST_REPLY_S, text=t)
        for at, t in said
        if at + SHORTEST_REPLY_S <= end_s
    ]


def _talking(item: TimedAnnotation) -> Timeline:
    n = int(item.length_s / CHATTER_WORD_S)
    words = speaking(
        item.length_s, [Speech(0.0, n * CHATTER_WORD_S, list(islice(cycle(CHATTER.split()), n)))]
    )
    return structs.replace(words, segments=(Segment(0.0, item.length_s),))
