"""How the model takes turns with the user, over all sessions of a run; the same measures in every task.

What is measured is defined in `tml_bench.metrics.interaction`, and by tau-voice's rule on ticks in
`tml_bench.metrics.interaction_ticks`. These are no scores of a task: there is no floor, and the board does
not know them. Every valid session counts, companions too, which belong to the unit of what they accompany.

A share has the interval of shares over events, a latency that of means, both in independent units
(`tml_bench.metrics.statistics`); shares of time are ratios of sums. Epochs of a run are more events of the
same units.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import msgspec
import numpy as np

from tml_bench.metrics.interaction import (
    IGNORABLE,
    RESPONSE,
    TO_MODEL,
    TO_USER,
    TURN,
    VERSION,
    YIELD,
    InteractionEvent,
    UserTalk,
    floor_time,
    interaction_events,
)
from tml_bench.metrics.interaction_ticks import tick_events
from tml_bench.metrics.statistics import Estimate, Observation, estimate, rounded
from tml_bench.metrics.turn_taking import OPENING_GAP_S
from tml_bench.metrics.vocalisations import Vocalisation, classify
from tml_bench.samples import Sample
from tml_bench.scoring.timelines import RunTimelines
from tml_bench.task import Direction, Kind, Metric, Task
from tml_bench.timeline import Segment, TalkStretch, Timeline, WordSource
from tml_bench.user_stretches import stretches_of

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Of latencies and offsets."""
NO_YIELD_RATE = "no yield rate to read it with: a model that ignores everything would have 100 %"
"""Why selectivity is withheld."""
TICKS = "tau-voice"
"""Family of the measures by tau-voice's rule."""
SOUNDS = frozenset(
    {"ah", "aha", "eh", "ehm", "er", "erm", "hm", "hmm", "huh"}
    | {"mhm", "mm", "mmhm", "mmm", "oh", "uh", "uhm", "um"}
)
"""Short speech of these alone is no answer: "Um.", "Mm-hm."."""
_OWN_WORDS = (WordSource.ADAPTER, WordSource.ALIGNED, WordSource.PROPORTIONAL)
"""A recogniser ends whatever it hears with a full stop."""
_SENTENCE_END = re.compile(r"""(?<![.\u2026])[.!?\u3002\uff01\uff1f]["'\u201d\u2019)]*$""")
Values = dict[str, list[float]]
"""By independent unit; of a ratio, numerators and denominators in turn."""

_LOWER, _NEITHER = Direction.LOWER, Direction.NONE
_measure = partial(Metric, family="interaction", version=VERSION)
_share = partial(_measure, unit="%", kind=Kind.RATE)
_time = partial(_measure, unit="s", direction=_LOWER)
_part = partial(_measure, unit="%", kind=Kind.RATIO, direction=_NEITHER)
_tick_share = partial(_share, family=TICKS)

MEASURES = (
    _time(name="response_latency", title="Response latency",
          describes="From the end of a user's turn to the model's answer, signed."),
    _share(name="response_rate", title="Response rate",
           describes="User's turns that are answered within 2 s, of those that await an answer."),
    _time(name="yield_latency", title="Yield latency",
          describes="From where the user begins to speak into the model's turn to where the model stops."),
    _share(name="yield_rate", title="Yield rate",
           describes="User's turns begun while the model speaks at which it stops within 2 s."),
    _share(name="turns_interrupted", title="Turns interrupted", direction=_LOWER,
           describes="User's turns during which the model takes the turn; backchannels do not."),
    _share(name="selectivity_backchannel", title="Selectivity: backchannels",
           describes="User's backchannels at which the model talks on for 1 s."),
    _share(name="selectivity_vocal_tic", title="Selectivity: vocal tics",
           describes="Vocal tics at which it talks on for 1 s, or to which it says nothing within 2 s."),
    _share(name="selectivity_undirected", title="Selectivity: undirected speech",
           describes="The same of speech that is not meant for the model."),
    _measure(name="offset_to_model", title="Floor offset, user to model", unit="s", direction=_NEITHER,
             describes="Beginning of the model's turn less end of the user's; negative is overlap."),
    _share(name="overlap_to_model", title="Overlapped, user to model", direction=_NEITHER,
           describes="Transfers of the floor from the user to the model that overlap."),
    _measure(name="offset_to_user", title="Floor offset, model to user", unit="s", direction=_NEITHER,
             describes="Beginning of the user's turn less end of the model's; negative is overlap."),
    _share(name="overlap_to_user", title="Overlapped, model to user", direction=_NEITHER,
           describes="Transfers of the floor from the model to the user that overlap."),
    _part(name="floor_user", title="Floor: user", describes="Share of time in which the user alone speaks."),
    _part(name="floor_model", title="Floor: model", describes="The same of the model."),
    _part(name="floor_both", title="Floor: both", describes="Share of time in which both speak."),
    _part(name="floor_none", title="Floor: nobody", describes="Share of time in which nobody speaks."),
    _time(name="tau_l_r", title="L_R", family=TICKS, describes="Response latency on ticks of 200 ms."),
    _tick_share(name="tau_r_r", title="R_R", describes="Turns answered before the user spoke again."),
    _time(name="tau_l_y", title="L_Y", family=TICKS, describes="Yield latency on ticks of 200 ms."),
    _tick_share(name="tau_r_y", title="R_Y", describes="Interruptions at which it stops within 2 s."),
    _measure(name="tau_i_a", title="I_A", family=TICKS, direction=_LOWER, kind=Kind.RATIO,
             describes="Times the model began while the user spoke, for each response event."),
    _tick_share(name="tau_s_bc", title="S_BC", describes="Selectivity to backchannels."),
    _tick_share(name="tau_s_vt", title="S_VT", describes="Selectivity to vocal tics."),
    _tick_share(name="tau_s_nd", title="S_ND", describes="Selectivity to undirected speech."),
)  # fmt: skip
"""All measures, in the order in which they are shown."""

_RATES = {RESPONSE: "response_rate", YIELD: "yield_rate"} | dict(
    zip(
        IGNORABLE, ("selectivity_backchannel", "selectivity_vocal_tic", "selectivity_undirected"), strict=True
    )
)
_LATENCIES = {RESPONSE: "response_latency", YIELD: "yield_latency"}
_TRANSFERS = {
    TO_MODEL: ("offset_to_model", "overlap_to_model"),
    TO_USER: ("offset_to_user", "overlap_to_user"),
}
_TICK_RATES = {RESPONSE: "tau_r_r", YIELD: "tau_r_y"} | dict(
    zip(IGNORABLE, ("tau_s_bc", "tau_s_vt", "tau_s_nd"), strict=True)
)
_TICK_LATENCIES = {RESPONSE: "tau_l_r", YIELD: "tau_l_y"}
_READ_WITH = {
    **dict.fromkeys((_RATES[kind] for kind in IGNORABLE), "yield_rate"),
    **dict.fromkeys((_TICK_RATES[kind] for kind in IGNORABLE), "tau_r_y"),
}
"""Selectivity, by the yield rate without which it says nothing."""


class InteractionMeasure(msgspec.Struct, frozen=True):
    """One measure over a run.

    Attributes:
        metric: which.
        n: events, or for shares of time and I_A recordings with something to count.
        estimate: mean with interval; none where it is ``withheld``.
        quantiles: of latencies and offsets, at `QUANTILES`; empty for others.
        withheld: why there is no estimate although there are events; empty otherwise.
        values: what it is made of.
    """

    metric: Metric
    n: int
    estimate: Estimate
    quantiles: tuple[float, ...] = ()
    withheld: str = ""
    values: Values = {}


class InteractionSummary(msgspec.Struct, frozen=True):
    """Every measure over the sessions of a run, in the order of `MEASURES`; ``recordings`` is how many."""

    recordings: int
    measures: tuple[InteractionMeasure, ...]


def interaction_of(heard: RunTimelines) -> InteractionSummary:
    """All measures over a run as it was perceived."""
    task, found = heard.run.task, _Collected()
    units = {s.id: s.unit or s.id for s in heard.run.samples}
    units |= {c: units[s.id] for s in heard.run.samples for c in s.companions.values()}
    for sample in heard.run.samples:  # in their order, whatever that of perceiving was
        if (timeline := heard.timelines.get(sample.id)) is not None:
            found.take(units[sample.id], user_talk(task, sample, timeline), timeline)
    return InteractionSummary(len(heard.timelines), _measured(found.values))


def united_interaction(epochs: Sequence[InteractionSummary]) -> InteractionSummary | msgspec.UnsetType:
    """The epochs of a run as one: the events of all; unset for none, and of different versions."""
    if len({tuple((m.metric.name, m.metric.version) for m in one.measures) for one in epochs}) != 1:
        return msgspec.UNSET
    values: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in epochs:
        for m in one.measures:
            for unit, found in m.values.items():
                values[m.metric.name][unit] += found
    return InteractionSummary(sum(one.recordings for one in epochs), _measured(values))


def user_talk(task: Task, sample: Sample, timeline: Timeline) -> tuple[UserTalk, ...]:
    """What the user says in a recording, in order; empty where their track was not perceived.

    Where nothing tells turns apart, silences of less than 1 s are pauses within one.
    """
    segments = timeline.user.segments if timeline.user is not None else timeline.user_speech or ()
    if stretches := stretches_of(task, sample, timeline):
        return tuple(talk for s in stretches if (talk := _spoken(s, segments, bool(timeline.lines))))
    turns: list[UserTalk] = []
    for s in segments:
        if turns and s.start_s - turns[-1].end_s < OPENING_GAP_S:
            turns[-1] = turns[-1]._replace(end_s=s.end_s)
        else:
            turns.append(UserTalk(s.start_s, s.end_s))
    return tuple(turns)


class ModelTalk(NamedTuple):
    """What the model says, in order, and what of it is known to have ended of itself."""

    said: tuple[Vocalisation, ...]
    finished: frozenset[Vocalisation]


def model_talk(timeline: Timeline) -> ModelTalk:
    """What the model says, short `SOUNDS` left out where words are known.

    It has finished where its own transcript, as heard, ends a sentence: who is cut short seldom does.
    """
    timed = [(w.start_s, w.end_s, w.text.strip()) for w in timeline.words if w.text.strip()]
    words = [(a, a if b is None else b, text) for a, b, text in timed if a is not None]
    known = None if timeline.word_source is WordSource.NONE else [(a, b) for a, b, _ in words]
    said: list[Vocalisation] = []
    finished: set[Vocalisation] = set()
    for v in classify([(s.start_s, s.end_s) for s in timeline.segments], known):
        text = " ".join(text for a, b, text in words if v.start_s <= (a + b) / 2 <= v.end_s)
        spoken = re.findall(r"[^\W\d_]+|\d+", text.lower())
        if v.takeover or not spoken or not SOUNDS.issuperset(spoken):
            said.append(v)
        if timeline.word_source in _OWN_WORDS and _SENTENCE_END.search(text):
            finished.add(v)
    return ModelTalk(tuple(said), frozenset(finished))


_LEAST_S = 0.05


def _spoken(stretch: TalkStretch, segments: Iterable[Segment], said: bool) -> UserTalk | None:
    """From the first speech of a stretch to its last; of a line that was ``said`` all, if none is found."""
    start_s, end_s = stretch.start_s, stretch.end_s
    spans = [(max(s.start_s, start_s), min(s.end_s, end_s)) for s in segments]
    heard = [(a, b) for a, b in spans if b - a >= _LEAST_S] or [(start_s, end_s)] * said
    return UserTalk(heard[0][0], heard[-1][1], stretch.kind.value, stretch.awaits) if heard else None


class _Collected:
    """Values by measure and unit."""

    def __init__(self) -> None:
        self.values: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def take(self, unit: str, talk: Sequence[UserTalk], timeline: Timeline) -> None:
        """Take a recording."""
        speech = [(s.start_s, s.end_s) for s in timeline.segments]
        length_s = timeline.duration_s
        said, finished = model_talk(timeline)
        self._add(unit, interaction_events(talk, said, length_s, finished), _RATES, _LATENCIES)
        ticks = tick_events(talk, speech, length_s)
        self._add(unit, ticks.events, _TICK_RATES, _TICK_LATENCIES)
        responses = sum(event.kind == RESPONSE for event in ticks.events)
        if responses or ticks.interrupts:
            self.values["tau_i_a"][unit] += [float(ticks.interrupts), float(responses)]
        user = timeline.user.segments if timeline.user is not None else timeline.user_speech or ()
        shares = floor_time([(s.start_s, s.end_s) for s in user], speech, length_s)
        for name, seconds in zip(("user", "model", "both", "none"), shares, strict=True):
            self.values[f"floor_{name}"][unit] += [round(seconds, 4), round(length_s, 4)]

    def _add(
        self, unit: str, events: Iterable[InteractionEvent], rates: Mapping[str, str],
        latencies: Mapping[str, str],
    ) -> None:  # fmt: skip
        for event in events:
            if event.kind in _TRANSFERS and event.latency_s is not None:
                offset, overlap = _TRANSFERS[event.kind]
                self.values[offset][unit].append(round(event.latency_s, 4))
                self.values[overlap][unit].append(float(not event.right))
            elif event.kind == TURN:
                self.values["turns_interrupted"][unit].append(float(not event.right))
            else:
                self.values[rates[event.kind]][unit].append(float(event.right))
                if event.latency_s is not None:
                    self.values[latencies[event.kind]][unit].append(round(event.latency_s, 4))


def _measured(values: Mapping[str, Mapping[str, list[float]]]) -> tuple[InteractionMeasure, ...]:
    known = {m.name: _one(m, values.get(m.name, {})) for m in MEASURES}
    without = {name for name, needed in _READ_WITH.items() if known[name].n and not known[needed].n}
    nothing = estimate((), Kind.RATE)
    withheld = {"estimate": nothing, "withheld": NO_YIELD_RATE}
    return tuple(
        msgspec.structs.replace(m, **withheld) if name in without else m for name, m in known.items()
    )


def _one(metric: Metric, values: Mapping[str, list[float]]) -> InteractionMeasure:
    found = estimate(_observations(metric, values), metric.kind)
    if metric.kind is Kind.RATIO and found.n:
        # Also what was counted where there is nothing to divide it by.
        sums = (math.fsum(x for some in values.values() for x in some[k::2]) for k in (0, 1))
        found = rounded(found, next(sums) / next(sums))
    quantiles: tuple[float, ...] = ()
    if metric.kind is Kind.MEAN and found.n:
        every = [value for some in values.values() for value in some]
        quantiles = tuple(round(float(q), 4) for q in np.quantile(every, QUANTILES))
    return InteractionMeasure(
        metric, found.n, found, quantiles, values={u: list(v) for u, v in values.items()}
    )


def _observations(metric: Metric, values: Mapping[str, list[float]]) -> Iterator[Observation]:
    for unit, found in values.items():
        pairs = [(value, 1.0) for value in found]
        if metric.kind is Kind.RATIO:
            pairs = list(zip(found[::2], found[1::2], strict=True))
        for k, (numerator, denominator) in enumerate(pairs):
            yield Observation(f"{unit}#{k}", unit, numerator, denominator)
