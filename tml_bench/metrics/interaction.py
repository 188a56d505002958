"""How two who talk together take turns, told from when each of them speaks.

Conventions:
    Times are seconds on the session clock. ``user`` is what the user says, as `UserTalk` in order: a turn
    with its pauses is one of them. ``model`` is the model's speech as `Vocalisation` in order, in which
    silences up to 0.5 s end nothing and short ones are backchannels (``vocalisations``). ``duration_s`` is
    the recording's length; what it cuts short is no event, neither right nor wrong.

    The model *takes the turn* with whatever it says, except short vocalisations that begin while a turn of
    the user is under way: these are backchannels, which are always welcome. After the turn they may be all
    that is to be said ("Four."), or an acknowledgement ("On it."). What is no word at all ("Um.") is to be
    left out of ``model`` where that is known: it answers nothing.

Events, each with whether it was handled right and with a latency where there is one:
    * ``response``: for each turn that awaits an answer and at whose end the model does not speak. Right if
      the model takes the turn at most ``RESPONSE_S`` after the end; up to ``ONSET_TOLERANCE_S`` before it
      is no matter. The latency is that of an answer however late, up to the user's next turn; signed. No
      event where nothing came and the user or the recording's end left less than ``RESPONSE_S``.
    * ``yield``: for each turn that begins while the model has the turn. Right if the model stops at most
      ``YIELD_S`` after; the latency is until then. It has not stopped if it goes on within ``RESUMED_S``
      and before the turn is over. Where both begin within ``REACTION_S`` neither could have heard the
      other: the model is to yield then too, counted from the later beginning.
    * ``turn``: for each turn. Wrong if the model takes the turn meanwhile: more than ``REACTION_S`` after
      it began and more than ``ONSET_TOLERANCE_S`` before it ends, its pauses included.
    * ``backchannel``, ``vocal-tic``, ``undirected``: for each such that begins while the model has the
      turn. Wrong if the model stops at most ``IGNORED_S`` after. Where the model has been silent for
      ``RESUMED_S`` and owes no answer, also for vocal tics and undirected speech: wrong if the model says
      anything from its beginning to ``RESPONSE_S`` after its end, or to the user's next turn.
    * ``to-model``, ``to-user``: for each transfer of the floor, with the floor transfer offset as its
      latency: beginning of the next speaker less end of the one before, negative for an overlap. Right if
      it is not negative. Speech that ends within the other's takes no floor, nor do backchannels, vocal
      tics and undirected speech.

    "While the model has the turn" is until ``STOPPING_S`` before its end: what would have ended there
    anyway has not stopped for anybody. Nor has who is known to have ``finished`` with what it was saying:
    that it ends at most ``IGNORED_S`` after a backchannel, a tic or an aside is no event. Where that is not
    known, whoever ends then by coincidence is charged with it, as by the rule of ``interaction_ticks``.

    Speech that is ``shared``, in which the model is asked to join, is no turn to wait for: it has no event,
    and ends the user's silence.

Floor shares: of all time, the user alone, the model alone, both, and nobody; from the speech itself, pauses
within turns being silence.

Sources: what is measured follows tau-voice (see ``interaction_ticks``); floor transfer offsets are those of
M. Heldner, J. Edlund, "Pauses, gaps and overlaps in conversations", Journal of Phonetics 38 (2010).
"""

import math
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from tml_bench.metrics.turn_taking import ONSET_TOLERANCE_S
from tml_bench.metrics.vocalisations import Interval, Vocalisation

VERSION = 1
"""Raised whenever a change of these rules changes an event."""
RESPONSE_S = 2.0
"""An answer is in time until so long after the turn."""
YIELD_S = 2.0
"""Who is interrupted has stopped by then."""
IGNORED_S = 1.0
"""Who stops so soon after a backchannel, a tic or an aside has not ignored it."""
REACTION_S = 0.2
"""Nobody reacts sooner to what they hear; the fastest vocal reaction to a tone takes as long."""
RESUMED_S = 1.0
"""A silence up to this may be a pause in what somebody says."""
STOPPING_S = 0.05
"""More than twice what edges of speech are off."""
TURN, BACKCHANNEL, VOCAL_TIC, UNDIRECTED, SHARED = "turn", "backchannel", "vocal-tic", "undirected", "shared"
RESPONSE, YIELD, TO_MODEL, TO_USER = "response", "yield", "to-model", "to-user"
IGNORABLE = (BACKCHANNEL, VOCAL_TIC, UNDIRECTED)
"""What the model should not take for a turn."""
_ROUNDING_S = 1e-6


class UserTalk(NamedTuple):
    """Something the user says: a turn, or one of the other kinds; ``awaits``: an answer is due at its end."""

    start_s: float
    end_s: float
    kind: str = TURN
    awaits: bool = True


class InteractionEvent(NamedTuple):
    """Something that was handled right or wrong at a time, with a latency in seconds where there is one."""

    kind: str
    at_s: float
    right: bool
    latency_s: float | None = None


class FloorTime(NamedTuple):
    """Seconds in which the user alone, the model alone, both and nobody speaks."""

    user_s: float
    model_s: float
    both_s: float
    none_s: float


def interaction_events(
    user: Sequence[UserTalk], model: Sequence[Vocalisation], duration_s: float,
    finished: Collection[Vocalisation] = (),
) -> tuple[InteractionEvent, ...]:  # fmt: skip
    """All events of a recording in order of time, by the rules at this module's head; none for no user.

    ``finished`` are those of the model's vocalisations of which it is known that they ended of themselves.
    """
    return tuple(sorted(_Talk(user, model, duration_s, finished).events(), key=lambda event: event.at_s))


class _Talk:
    """A recording, asked for one kind of event after the other."""

    def __init__(
        self, user: Sequence[UserTalk], model: Sequence[Vocalisation], duration_s: float,
        finished: Collection[Vocalisation],
    ) -> None:  # fmt: skip
        self.turns = [u for u in user if u.kind == TURN]
        self.held = [u for u in user if u.kind in (TURN, SHARED)]
        self.ignorable = [u for u in user if u.kind in IGNORABLE]
        self.model, self.duration_s, self.finished = model, duration_s, finished
        self.floors = self._floors()

    def events(self) -> Iterator[InteractionEvent]:
        for turn in self.turns:
            yield self._turn(turn)
            yield from self._yield(turn)
            yield from self._response(turn)
        for talk in self.ignorable:
            yield from self._ignored(talk)
        yield from self._transfers()

    def _floors(self) -> list[Vocalisation]:
        """With what the model takes the turn, in order."""
        waits = [(u.start_s, u.end_s - ONSET_TOLERANCE_S) for u in self.held]
        return [v for v in self.model if v.takeover or not any(a <= v.start_s < b for a, b in waits)]

    def _next(self, at_s: float) -> float:
        """When the user's next turn begins after a time."""
        return min((u.start_s for u in self.held if u.start_s > at_s), default=math.inf)

    def _speaking(self, at_s: float, slack_s: float = 0.0) -> Vocalisation | None:
        """With what the model has the turn at a time, or takes it at most ``slack_s`` later."""
        for floor in self.floors:
            if floor.start_s <= at_s + slack_s and floor.end_s > at_s + STOPPING_S:
                return floor
        return None

    def _cut(self, end_s: float) -> bool:
        return end_s > self.duration_s - STOPPING_S

    def _turn(self, turn: UserTalk) -> InteractionEvent:
        first, last = turn.start_s + REACTION_S, turn.end_s - ONSET_TOLERANCE_S
        taken = any(first < f.start_s < last for f in self.floors if f.takeover)
        return InteractionEvent(TURN, turn.start_s, not taken)

    def _yield(self, turn: UserTalk) -> Iterator[InteractionEvent]:
        floor = self._speaking(turn.start_s, REACTION_S)
        if floor is None or not floor.takeover:
            return
        at_s, end_s = max(turn.start_s, floor.start_s), floor.end_s
        for later in self.floors:
            if end_s <= later.start_s < min(end_s + RESUMED_S, turn.end_s - ONSET_TOLERANCE_S):
                end_s = later.end_s
        if end_s - at_s > YIELD_S + _ROUNDING_S:
            yield InteractionEvent(YIELD, at_s, False)
        elif not self._cut(end_s):
            yield InteractionEvent(YIELD, at_s, True, end_s - at_s)

    def _response(self, turn: UserTalk) -> Iterator[InteractionEvent]:
        end_s = turn.end_s
        first = end_s - ONSET_TOLERANCE_S
        speaking = any(f.start_s < first and f.end_s > end_s + STOPPING_S for f in self.floors)
        if not turn.awaits or speaking:
            return
        until_s = min(self._next(turn.start_s), self.duration_s)
        answer = next((f.start_s for f in self.floors if first <= f.start_s < until_s), None)
        if answer is not None:
            latency_s = answer - end_s
            yield InteractionEvent(RESPONSE, end_s, latency_s <= RESPONSE_S + _ROUNDING_S, latency_s)
        elif until_s - end_s >= RESPONSE_S - _ROUNDING_S:
            yield InteractionEvent(RESPONSE, end_s, False)

    def _ignored(self, talk: UserTalk) -> Iterator[InteractionEvent]:
        if floor := self._speaking(talk.start_s):
            stopped_s = floor.end_s - talk.start_s
            if stopped_s > IGNORED_S + _ROUNDING_S:
                yield InteractionEvent(talk.kind, talk.start_s, True)
            elif floor.takeover and floor not in self.finished and not self._cut(floor.end_s):
                yield InteractionEvent(talk.kind, talk.start_s, False)
            return
        last_s = max((v.end_s for v in self.model if v.start_s < talk.start_s), default=-math.inf)
        if talk.kind == BACKCHANNEL or talk.start_s - last_s < RESUMED_S or self._owes(talk.start_s):
            return
        until_s = min(talk.end_s + RESPONSE_S, self._next(talk.start_s))
        if any(talk.start_s <= v.start_s <= until_s + _ROUNDING_S for v in self.model):
            yield InteractionEvent(talk.kind, talk.start_s, False)
        elif until_s <= self.duration_s + _ROUNDING_S:
            yield InteractionEvent(talk.kind, talk.start_s, True)

    def _owes(self, at_s: float) -> bool:
        """Whether a turn before a time awaits an answer that has not come by then."""
        before = [u for u in self.turns if u.start_s < at_s]
        if not before or not before[-1].awaits:
            return False
        return not any(before[-1].end_s - ONSET_TOLERANCE_S <= f.start_s <= at_s for f in self.floors)

    def _transfers(self) -> Iterator[InteractionEvent]:
        spans = [(u.start_s, u.end_s, TO_USER) for u in self.turns]
        spans += [(f.start_s, f.end_s, TO_MODEL) for f in self.floors]
        holder: tuple[float, float, str] | None = None
        for span in sorted(spans):
            if holder is None or (span[1] > holder[1] and span[2] == holder[2]):
                holder = span
            elif span[1] > holder[1]:
                offset_s = span[0] - holder[1]
                yield InteractionEvent(span[2], span[0], offset_s >= 0, offset_s)
                holder = span


def floor_time(user: Sequence[Interval], model: Sequence[Interval], duration_s: float) -> FloorTime:
    """How the time of a recording is shared; spans ``(start, end)`` in any order, which may overlap.

    What lies outside the recording is left out. All of an empty recording's are 0.
    """
    users, models = _union(user, duration_s), _union(model, duration_s)
    both = math.fsum(max(0.0, min(b, d) - max(a, c)) for a, b in users for c, d in models)
    user_s, model_s = (math.fsum(end - start for start, end in spans) for spans in (users, models))
    none_s = max(0.0, duration_s - user_s - model_s + both)
    return FloorTime(user_s - both, model_s - both, both, none_s)


def _union(spans: Sequence[Interval], duration_s: float) -> list[Interval]:
    joined: list[Interval] = []
    for start, end in sorted((max(0.0, a), min(b, duration_s)) for a, b in spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif end > start:
            joined.append((start, end))
    return joined
