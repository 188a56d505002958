"""The interaction measures of tau-voice, by its own rule on ticks of 200 ms.

For comparing with what tau-voice publishes; ``interaction`` holds the measures to rely on.

Conventions:
    Tick k is [k T, (k + 1) T), T = ``TICK_S``; a side speaks in a tick if any of its speech lies in it. Of
    the user's speech, turns (and ``shared`` ones) and backchannels are speech; vocal tics and undirected
    speech are *effects* on the track. Neighbouring ticks with speech are one segment, neighbouring ticks
    with an effect of one kind, and no speech of the user, one effect. A user's segment is a backchannel if
    that is what its first tick begins with; else a vocal tic, else undirected, if such an effect touches
    it. Latencies are whole ticks, in seconds; 1e-6 s of speech in a tick are none.

Events, the same records as of ``interaction``:
    * ``response`` (L_R, R_R): for each user's segment that is no backchannel, and in the tick after which
      the agent is silent. Right: the agent's next segment begins no later than the user's next such
      segment. Wrong: the user has to speak again before. None where neither comes.
    * ``yield`` (L_Y, R_Y): for each user's segment that begins in a tick in which the agent speaks, and is
      none of the three kinds. Right: the agent is silent in one of the 10 ticks from there (2.0 s); the
      latency is up to the first.
    * ``turn`` (I_A): one for each ``response``; `TickEvents.interrupts` counts agent's segments that begin
      in a tick in which the user speaks. I_A is their number over that of responses, and can exceed 1.
    * ``backchannel``, ``vocal-tic``, ``undirected`` (S_BC, S_VT, S_ND): segments of that kind that begin in
      a tick in which the agent speaks; wrong if it is silent in one of the 5 ticks from there (1.0 s).
      Effects apart from speech: where the agent speaks in the first tick, wrong if its segment ends at most
      5 ticks after that; where it does not, wrong if it begins a segment from then to 10 ticks (2.0 s)
      after the effect's end. Segments of vocal tics and undirected speech in silence: as effects.

Two oddities of the code are not followed: it counts an effect apart from speech over which the agent talks
on nowhere, although its table lists it as correct; and it drops a last tick in which the user begins to
speak, which is how its own simulator ends a session.

A rate over fewer than 10 events is hidden there, and selectivity is never read without R_Y: an agent that
ignores everything has selectivity 1.

Source: tau2-bench, ``docs/interaction-metrics.md`` and ``metrics/voice_interaction_metrics.py``, version
1.1.
"""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tml_bench.metrics.interaction import (
    BACKCHANNEL,
    RESPONSE,
    TURN,
    UNDIRECTED,
    VOCAL_TIC,
    YIELD,
    InteractionEvent,
    UserTalk,
)
from tml_bench.metrics.vocalisations import Interval

TICK_S = 0.2
NO_YIELD_TICKS, IGNORE_TICKS, ANSWER_TICKS = 10, 5, 10
_LEAST_S = 1e-6
_EFFECTS = (VOCAL_TIC, UNDIRECTED)
_Marks = NDArray[np.bool_]


class TickEvents(NamedTuple):
    """Events of a recording in order of time, and how often the agent began while the user spoke."""

    events: tuple[InteractionEvent, ...]
    interrupts: int


class _Segment(NamedTuple):
    """Ticks from ``start`` to before ``end``."""

    start: int
    end: int
    kind: str


def tick_events(user: Sequence[UserTalk], model: Sequence[Interval], duration_s: float) -> TickEvents:
    """All events of a recording; the model's speech as ``(start, end)``. None without the user."""
    ticks = ceil(duration_s / TICK_S - _LEAST_S)
    agent = _marks(model, ticks)
    talks = {
        kind: _marks([u[:2] for u in user if u.kind == kind], ticks) for kind in (BACKCHANNEL, *_EFFECTS)
    }
    speech = _marks([u[:2] for u in user if u.kind not in _EFFECTS], ticks)
    segments = [_kinded(start, end, talks, user) for start, end in _runs(speech)]
    effects = [_Segment(a, b, kind) for kind in _EFFECTS for a, b in _runs(talks[kind] & ~speech)]
    starts = _runs(agent)
    found = [
        *_responses(segments, starts, agent),
        *_overlaps(segments, agent),
        *_alone([s for s in segments if s.kind in _EFFECTS and not agent[s.start]], starts),
        *_during(effects, starts),
        *_alone([e for e in effects if not agent[e.start]], starts),
    ]
    interrupts = sum(bool(speech[start]) for start, _ in starts)
    return TickEvents(tuple(sorted(found, key=lambda event: event.at_s)), interrupts)


def _marks(spans: Sequence[Interval], ticks: int) -> _Marks:
    marks = np.zeros(ticks, bool)
    for start, end in spans:
        if end - start > _LEAST_S:
            marks[int((start + _LEAST_S) / TICK_S) : ceil((end - _LEAST_S) / TICK_S)] = True
    return marks


def _runs(marks: _Marks) -> list[tuple[int, int]]:
    changes = np.flatnonzero(np.diff(np.concatenate([[0], marks.view(np.int8), [0]]))).tolist()
    return list(zip(changes[::2], changes[1::2], strict=True))


def _kinded(start: int, end: int, talks: dict[str, _Marks], user: Sequence[UserTalk]) -> _Segment:
    first = min(u for u in user if u.kind not in _EFFECTS and u.end_s > start * TICK_S + _LEAST_S)
    if first.kind == BACKCHANNEL:
        return _Segment(start, end, BACKCHANNEL)
    kinds = (kind for kind in _EFFECTS if talks[kind][start:end].any())
    return _Segment(start, end, next(kinds, TURN))


def _responses(
    segments: Sequence[_Segment], starts: Sequence[tuple[int, int]], agent: _Marks
) -> Iterator[InteractionEvent]:
    valid = [s for s in segments if s.kind != BACKCHANNEL and not agent[s.end : s.end + 1].any()]
    for k, segment in enumerate(valid):
        answer = next((start for start, _ in starts if start >= segment.end), None)
        again = next((later.start for later in valid[k + 1 :]), None)
        if answer is not None and (again is None or answer <= again):
            latency_s = (answer - segment.end) * TICK_S
            yield InteractionEvent(RESPONSE, segment.end * TICK_S, True, latency_s)
        elif again is not None:
            yield InteractionEvent(RESPONSE, segment.end * TICK_S, False)


def _overlaps(segments: Sequence[_Segment], agent: _Marks) -> Iterator[InteractionEvent]:
    """Segments that begin while the agent speaks."""
    for segment in segments:
        if not agent[segment.start]:
            continue
        at_s, real = segment.start * TICK_S, segment.kind == TURN
        window = agent[segment.start :][: NO_YIELD_TICKS if real else IGNORE_TICKS]
        silent = np.flatnonzero(~window)
        if not real:
            yield InteractionEvent(segment.kind, at_s, not silent.size)
        elif silent.size:
            yield InteractionEvent(YIELD, at_s, True, int(silent[0]) * TICK_S)
        else:
            yield InteractionEvent(YIELD, at_s, False)


def _during(effects: Sequence[_Segment], starts: Sequence[tuple[int, int]]) -> Iterator[InteractionEvent]:
    """Effects apart from speech while the agent speaks."""
    for effect in effects:
        for start, end in starts:
            if start <= effect.start < end:
                right = end - effect.start > IGNORE_TICKS
                yield InteractionEvent(effect.kind, effect.start * TICK_S, right)


def _alone(found: Sequence[_Segment], starts: Sequence[tuple[int, int]]) -> Iterator[InteractionEvent]:
    """Effects, and segments with one, that begin while the agent is silent."""
    for one in found:
        answered = any(one.start <= start <= one.end + ANSWER_TICKS for start, _ in starts)
        yield InteractionEvent(one.kind, one.start * TICK_S, not answered)
