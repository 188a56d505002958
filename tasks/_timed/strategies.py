"""What respondents with known habits say in an item of TimeSpeak or CueSpeak.

Blind ones know the words and not the time. Where an event asks for a length of time they say `GUESS`; in
silent controls, where there are no words to know, they say `PLACEHOLDER` at their times. A turn's *edge* is
its start or its end; the turns are the first, the second (in most items the talk that holds the cues) and the
last.

* ``always-on`` talks without a pause from the start.
* ``delay d`` says the first event's words, once, d seconds after the last turn's end; ``once d from turn 2``
  (its start), ``once d after turn 1`` (its end) and so on after the other edges.
* ``each d from turn 2`` says every event's words once, in order: the first d seconds after the edge, the next
  d seconds later, and so on. ``each d, p from turn 2`` goes on every p seconds.
* ``metronome p`` says the words in order every p seconds from the end of the first turn on (after the last
  ones, those again), until the session ends; ``metronome p from q`` after q seconds first.
* ``answer n`` says n seconds, at the right time, wherever a length of time is asked for, and nothing else.
* ``talk n`` talks for n seconds, right after the last turn, wherever a length of talk is asked for, and says
  nothing else: the right words for a constant time.
* ``echo d`` says what the user says, d seconds later; ``parrot n`` says the user's words for n seconds, right
  after the last turn.
* ``hedge k, d`` says the first event's words and wrong ones in one breath, k candidates together, d seconds
  after the last turn.

One is no blind one and makes no floor: ``half-duplex e`` (`half_duplex`), who knows what to say and when, but
begins to speak only when the user has been silent for e seconds, and stops when the user speaks.
"""

import math
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import cycle, islice

from msgspec import structs

from tml_bench.samples import Sample, Utterance
from tml_bench.task import Strategy
from tml_bench.tasks._common.speech import Speech, speaking
from tml_bench.tasks._timed.expected import REACTION_S, SHORTEST_REPLY_S, TimedAnnotation, expected_of
from tml_bench.tasks._timed.items import ItemEvent
from tml_bench.timeline import Segment, Timeline

DELAYS_S = (0.5, 1.0, 2.0, 5.0, 8.0, 10.0)
PERIODS_S = (1.0, 2.0, 3.0, 5.0, 10.0)
"""Delays after the last turn, and periods, that are always played."""
EDGES = tuple((turn, after) for turn in ("turn 1", "turn 2", "last turn") for after in (False, True))
"""Edges of turns: which turn, and whether its end."""
SEARCHED_DELAYS_S = (0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, *range(3, 11), *range(12, 21, 2), 22, 25, 30)
"""Delays after an edge that are searched."""
SEARCHED_STEPS_S = (*range(1, 11), 12, 15)
"""Of those who say each event's words: the time to the first and from one to the next, or half of that."""
SEARCHED_FIRSTS_S, LONG_STEP_S = (4, 5), 7
"""The same for the first words alone, where the steps are at least as long."""
SEARCHED_PERIODS_S = (*(k / 2 for k in range(2, 21)), 12, 14, 16, 20, 30)
"""Periods of the metronomes that are searched; from `HALVED_S` on also with the first beat after half."""
HALVED_S = 3.0
SEARCHED_NUMBERS, SEARCHED_TALKS_S = range(3, 61), range(5, 41)
"""Numbers of seconds that are named, and lengths of talks."""
ECHOES_S = (0.3, 0.5, 1.0)
PARROTED_S = 12.0
HEDGED, HEDGED_AFTER_S = (2, 3, 5), (1.0, 5.0)
ENDPOINTS_S = (0.2, 0.3, 0.5, 0.7)
"""Silences of the user after which half-duplex ones begin to speak."""
CHATTER = "There is always one more thing to say about the weather and the garden behind the house"
CHATTER_WORD_S = 0.3
SOON_S = 0.5
"""How long after the last turn a talk begins."""
PLACEHOLDER = "Okay."
GUESS = "15"
"""The number of seconds that who knows no times says when asked for one: the best constant on these items."""


def spoken(item: TimedAnnotation, said: Iterable[Utterance]) -> Timeline:
    """The timeline of utterances, their words spread evenly."""
    planned = [
        Speech(u.at_s, u.at_s + SHORTEST_REPLY_S if u.until_s is None else u.until_s, u.text.split())
        for u in said
    ]
    return speaking(max([item.length_s, *(speech.end_s for speech in planned)]), planned)


def fixed(sample: Sample) -> dict[str, Timeline]:
    """What the blind ones say that are played whatever the samples."""
    item = expected_of(sample)
    played = {"silent": spoken(item, []), "always-on": _talking(item)}
    played |= {f"delay {delay:g}": _once("last turn", True, delay, sample) for delay in DELAYS_S}
    return played | {f"metronome {period:g}": _metronome(period, 1.0, sample) for period in PERIODS_S}


def searched() -> dict[str, Strategy]:
    """All the others, of which the best on the samples are played; those that often do the same together."""
    found: dict[str, Strategy] = {}
    for delay in SEARCHED_DELAYS_S:
        for turn, after in EDGES:
            if (turn, after) != ("last turn", True):
                found[f"once {delay:g} {_edge(turn, after)}"] = partial(_once, turn, after, delay)
            elif delay not in DELAYS_S:
                found[f"delay {delay:g}"] = partial(_once, turn, after, delay)
    for step in SEARCHED_STEPS_S:
        for turn, after in EDGES:
            found[f"each {step} {_edge(turn, after)}"] = partial(_each, turn, after, step, step)
            found[f"each {step}, {step / 2:g} {_edge(turn, after)}"] = partial(
                _each, turn, after, step, step / 2
            )
            for first in SEARCHED_FIRSTS_S if LONG_STEP_S <= step < 12 else ():
                found[f"each {first}, {step} {_edge(turn, after)}"] = partial(_each, turn, after, first, step)
    for period in SEARCHED_PERIODS_S:
        if period not in PERIODS_S:
            found[f"metronome {period:g}"] = partial(_metronome, period, 1.0)
        if period >= HALVED_S:
            found[f"metronome {period:g} from {period / 2:g}"] = partial(_metronome, period, 0.5)
    found |= {f"answer {n}": partial(_answer, n) for n in SEARCHED_NUMBERS}
    found |= {f"talk {n}": partial(_talk, n) for n in SEARCHED_TALKS_S}
    found |= {f"echo {d:g}": partial(echo, d) for d in ECHOES_S}
    found[f"parrot {PARROTED_S:g}"] = partial(parrot, PARROTED_S)
    found |= {f"hedge {k}, {d:g}": partial(_hedge, k, d) for k in HEDGED for d in HEDGED_AFTER_S}
    return found


def _edge(turn: str, after: bool) -> str:
    return f"{'after' if after else 'from'} {turn}"


_TURNS = {"turn 1": 1, "turn 2": 2, "last turn": None}
"""The first so many turns, of which each is the last."""


def edge_s(item: TimedAnnotation, turn: str, after: bool) -> float:
    """When an edge is; the second turn is the last where there is but one."""
    by_start = sorted(item.turns, key=lambda said: said.start_s)
    said = by_start[: _TURNS[turn]][-1]
    return said.end_s if after else said.start_s


def _texts(item: TimedAnnotation) -> list[str]:
    return [due.event.accept[0].replace("{N}", GUESS) for due in item.due] or [PLACEHOLDER]


def _said(item: TimedAnnotation, onsets: Iterable[float], texts: Sequence[str]) -> Timeline:
    """The texts in order at these onsets, the last one again and again; short enough to stay apart."""
    return speaking(
        item.length_s,
        [
            Speech(at, at + SHORTEST_REPLY_S, texts[min(k, len(texts) - 1)].split())
            for k, at in enumerate(onsets)
            if at + SHORTEST_REPLY_S <= item.length_s
        ],
    )


def _once(turn: str, after: bool, delay_s: float, sample: Sample) -> Timeline:
    """Says the first words once, a time after an edge."""
    item = expected_of(sample)
    return _said(item, [edge_s(item, turn, after) + delay_s], _texts(item))


def _each(turn: str, after: bool, first_s: float, step_s: float, sample: Sample) -> Timeline:
    """Says each event's words once, the first a time after an edge and then in even steps."""
    item = expected_of(sample)
    texts = _texts(item)
    begins = edge_s(item, turn, after) + first_s
    return _said(item, [begins + k * step_s for k in range(len(texts))], texts)


def _metronome(period_s: float, phase: float, sample: Sample) -> Timeline:
    """Says the words in order at a fixed period; the first after a share of it, from the first turn's end."""
    item = expected_of(sample)
    begins = edge_s(item, "turn 1", True)
    count = int((item.length_s - begins) / period_s + 1.0 - phase)
    return _said(item, [begins + (k + phase) * period_s for k in range(count)], _texts(item))


def _hedge(candidates: int, delay_s: float, sample: Sample) -> Timeline:
    """Says several candidates for the first reply in one breath, once, a time after the last turn."""
    item = expected_of(sample)
    text = hedged(item.due[0].event, candidates) if item.due else PLACEHOLDER
    return _said(item, [edge_s(item, "last turn", True) + delay_s], [text])


def hedged(event: ItemEvent, candidates: int) -> str:
    """The accepted reply among so many candidates, or as many as the event has, in one sentence."""
    texts = [event.accept[0].replace("{N}", GUESS), *event.reject, *event.accept[1:]][:candidates]
    return ", or ".join(text.rstrip(".!?") for text in texts) + "?"


def _answer(seconds: int, sample: Sample) -> Timeline:
    """Names the same length of time, in time, wherever one is asked for."""
    item = expected_of(sample)
    asked = [due for due in item.due if due.event.number]
    texts = [due.event.accept[0].replace("{N}", str(seconds)) for due in asked]
    return _said(item, [due.target.at_s + REACTION_S for due in asked], texts)


def _talk(length_s: float, sample: Sample) -> Timeline:
    """Says the right words for the same time, right after the last turn, wherever a talk is asked for."""
    item = expected_of(sample)
    begins = edge_s(item, "last turn", True) + SOON_S
    texts = [due.event.accept[0] for due in item.due if due.event.speech][:1]
    return spoken(item, [Utterance(begins, until_s=begins + length_s, text=text) for text in texts])


def echo(delay_s: float, sample: Sample) -> Timeline:
    """Says what the user says, a time later, for as long as the session lasts."""
    item = expected_of(sample)
    said = [
        Utterance(turn.start_s + delay_s, until_s=turn.end_s + delay_s, text=turn.text)
        for turn in item.turns
        if turn.end_s + delay_s <= item.length_s
    ]
    return spoken(item, said)


def parrot(length_s: float, sample: Sample) -> Timeline:
    """Says the user's words for a time, right after the last turn, again and again if they are few."""
    item = expected_of(sample)
    words = " ".join(turn.text for turn in item.turns).split()
    begins = edge_s(item, "last turn", True) + SOON_S
    text = " ".join(islice(cycle(words), int(length_s / CHATTER_WORD_S)))
    return spoken(item, [Utterance(begins, until_s=begins + length_s, text=text)])


def _talking(item: TimedAnnotation) -> Timeline:
    n = int(item.length_s / CHATTER_WORD_S)
    words = speaking(
        item.length_s, [Speech(0.0, n * CHATTER_WORD_S, list(islice(cycle(CHATTER.split()), n)))]
    )
    return structs.replace(words, segments=(Segment(0.0, item.length_s),))


def half_duplex(endpoint_s: float, sample: Sample) -> Timeline:
    """Knows all right words and times, and speaks only in the user's silence.

    A reply begins when it is due, the user has been silent for ``endpoint_s`` seconds and the reply before is
    over; what cannot begin in its window is left out. It breaks off when the user speaks.
    """
    item = expected_of(sample)
    said: list[Utterance] = []
    free_s = 0.0
    for due, reply in zip(item.due, sample.reference.ideal, strict=True):
        length_s = (reply.until_s or reply.at_s + SHORTEST_REPLY_S) - reply.at_s
        begins, silent_until = next(
            (max(a + endpoint_s, reply.at_s, free_s), b)
            for a, b in _silences(item)
            if b > max(a + endpoint_s, reply.at_s, free_s)
        )
        if not due.target.holds(begins):
            continue
        ends = min(begins + length_s, silent_until)
        words = reply.text.split()
        finished = words[: math.ceil(len(words) * (ends - begins) / length_s)]
        said.append(Utterance(begins, until_s=ends, text=" ".join(finished)))
        free_s = ends + item.silence_s
    return spoken(item, said)


def _silences(item: TimedAnnotation) -> list[tuple[float, float]]:
    """When the user is silent; the first from before the session, the last without an end."""
    voiced = item.talking
    edges = [-math.inf, *(edge for span in voiced for edge in span), math.inf]
    return list(zip(edges[::2], edges[1::2], strict=True))
