"""Turn taking: does the model answer when the user is done, wait when not, and yield when interrupted?

The repaired counterparts of Full-Duplex-Bench v1.0's transcript measures: each vocalisation is judged by
itself (see ``vocalisations``), where it starts matters, and latencies keep their sign.

Conventions:
    Times are seconds on the session clock. ``vocalisations`` are ordered. "Starts" is the onset.

Turn end, the user's turn ending at E:
    * ``early_start``: a takeover starts before E - ``ONSET_TOLERANCE_S``.
    * ``response``: a takeover starts at or after E - ``ONSET_TOLERANCE_S``, and there is no early start.
    * ``latency``: onset of the response - E. Never clipped, so it can be as low as
      -``ONSET_TOLERANCE_S``. A response begins with its opening: short vocalisations that start at or after
      E - ``ONSET_TOLERANCE_S`` and lead to the takeover with gaps of at most ``OPENING_GAP_S``. With the user
      done they are no backchannels ("Yes. ... It is my first time").
    * ``signed_latency``: the same for responses; onset of the first takeover - E, negative, for early starts.

Pause in the user's turn, from P0 to P1, the turn ending at E:
    * ``pause_takeover``: a takeover starts in [P0, min(P1 + ``PAUSE_REACTION_S``, E)].
    * ``pause_backchannel``: a backchannel starts there.
    * ``other_takeover``: a takeover starts before E outside that window; a greeting at the start of the clip
      is a fault, but not a failure to wait.

Interruption by the user, from I0 to I1:
    * ``yield``: only if the model is speaking at I0 (started at or before it, ends after it): that
      vocalisation ends before I1.
    * ``stop_latency``: end of that vocalisation - I0, whether or not it yielded. Only the end of the clip can
      cut it short.
    * ``early_start``, ``response``, ``latency``, ``signed_latency``: as at a turn end with E = I1, counting
      only what starts after I0; speech that merely runs on answers nothing.

Overlap of the model with other speech, from I0 to I1:
    * ``talked_over``: the model is speaking at I0 (it started at or before I0 and ends after it). Otherwise
      there is nothing to stop, and the three below have no value.
    * ``stop_latency``: end of that vocalisation - I0, where it ends before I1 (an observed stop).
    * ``censored_stop``: it is still speaking at I1. All that is known of its stop latency is that it exceeds
      I1 - I0; the reference records it as I1 - I0.
    * ``kept_talking``: it goes on until ``KEPT_S`` after I1, or to the clip's end. Between a censored stop
      and this lies the model that yields late, after an overlap as short as "mm-hm" is over.
    * ``early_start``: a takeover starts after I0 and before I1 - 0.1 s: it begins anew into the overlap.
    * ``response_latency``: onset of the first takeover at or after I1 - 0.1 s, minus I1; signed, without
      early starts, and without models that kept talking, which answer nothing by going on.

Differences from the references: v1.0 clips latency at 0, counts any speech anywhere in the clip as a
takeover, and gives a model that never yields latency 0. v1.5 lists every stretch of double talk of a clip and
averages nothing; here the event of interest is picked by its annotated times, and a stop that was never seen
is not taken for a fast one.

Source: definitions after Full-Duplex-Bench v1.0 (arXiv 2503.04721) and, for stop latency, ``t_stop`` and
``t_resp``, v1.5 (arXiv 2507.23159).
"""

from collections.abc import Sequence
from typing import NamedTuple

from tml_bench.metrics.vocalisations import Interval, Row, Vocalisation

ONSET_TOLERANCE_S = 0.1
"""An onset this little before the user's end is not early; 95 % of onset detection errors are smaller."""
OPENING_GAP_S = 1.0
"""A pause inside a turn lasts up to this: the upper end of the benchmark's own pauses in users' turns."""
PAUSE_REACTION_S = 1.0
"""Speech that starts up to this long after a pause is a reaction to it: turn-end detectors wait 0.3 to 0.8 s,
then the model computes, so the reaction to a pause of 0.4 to 1.0 s is often heard after it."""
KEPT_S = 1.0
"""A model that goes on this long after the overlap has not been stopped by it."""
_EDGE_S = 0.05


class TurnEndResponse(NamedTuple):
    """What the model did at the end of the user's turn; latencies are None where there is nothing to measure.

    Rows, one per vocalisation: ``early_start``, ``response``, ``opening`` (of the response), ``takeover``
    (a later one) or ``backchannel``, with ``start_s`` and ``end_s``.
    """

    early_start: bool
    response: bool
    latency_s: float | None
    signed_latency_s: float | None
    rows: tuple[Row, ...]


class PauseHandling(NamedTuple):
    """What the model did about a pause in the user's turn.

    Rows, one per vocalisation: the names of the fields, or ``after_turn`` and ``other_backchannel``.
    """

    pause_takeover: bool
    pause_backchannel: bool
    other_takeover: bool
    rows: tuple[Row, ...]


class InterruptionResponse(NamedTuple):
    """What the model did when interrupted; the first two are None if it was not speaking.

    Rows: ``yield`` or ``no_yield`` for the vocalisation interrupted, ``before`` for those ended by then, and
    those of ``turn``, what it did at the end of the interruption.
    """

    yielded: bool | None
    stop_latency_s: float | None
    turn: TurnEndResponse
    rows: tuple[Row, ...]


class OverlapResponse(NamedTuple):
    """What the model did about an overlap; rows are those of `InterruptionResponse`.

    ``stop_latency_s``, ``censored_stop`` and ``kept_talking`` are None where there was nothing to stop, the
    first also where no stop was seen; ``response_latency_s`` is where it kept talking or gave no response.
    """

    talked_over: bool
    stop_latency_s: float | None
    censored_stop: bool | None
    kept_talking: bool | None
    early_start: bool
    response_latency_s: float | None
    rows: tuple[Row, ...]


def turn_end(vocalisations: Sequence[Vocalisation], user_end_s: float) -> TurnEndResponse:
    """Judge the end of the user's turn at ``user_end_s``; without vocalisations there is no response."""
    events = ["takeover" if v.takeover else "backchannel" for v in vocalisations]
    signed = None
    early = False
    if "takeover" in events:
        taken = events.index("takeover")
        early = vocalisations[taken].start_s < user_end_s - ONSET_TOLERANCE_S
        opening = taken if early else _opening(vocalisations, taken, user_end_s)
        events[opening:taken] = ["opening"] * (taken - opening)
        events[taken] = "early_start" if early else "response"
        signed = vocalisations[opening].start_s - user_end_s
    response = signed is not None and not early
    rows = tuple(v.row(event) for v, event in zip(vocalisations, events, strict=True))
    return TurnEndResponse(early, response, signed if response else None, signed, rows)


def pause_handling(
    vocalisations: Sequence[Vocalisation], pause: Interval, user_end_s: float
) -> PauseHandling:
    """Judge a pause, ``(start, end)`` in seconds; without vocalisations nothing happened."""
    begins, ends = pause[0], min(pause[1] + PAUSE_REACTION_S, user_end_s)

    def event(v: Vocalisation) -> str:
        if begins <= v.start_s <= ends:
            return "pause_takeover" if v.takeover else "pause_backchannel"
        if not v.takeover:
            return "other_backchannel"
        return "other_takeover" if v.start_s < user_end_s else "after_turn"

    rows = tuple(v.row(event(v)) for v in vocalisations)
    seen = {row["event"] for row in rows}
    return PauseHandling(
        "pause_takeover" in seen, "pause_backchannel" in seen, "other_takeover" in seen, rows
    )


def interruption(vocalisations: Sequence[Vocalisation], interrupted: Interval) -> InterruptionResponse:
    """Judge an interruption, ``(start, end)``; without vocalisations neither yielding nor response."""
    begins, ends = interrupted
    before = [v for v in vocalisations if v.start_s <= begins]
    turn = turn_end(vocalisations[len(before) :], ends)
    held = before.pop() if before and before[-1].end_s > begins else None
    rows = tuple(v.row("before") for v in before)
    if held is None:
        return InterruptionResponse(None, None, turn, rows + turn.rows)
    yielded = held.end_s < ends
    rows += (held.row("yield" if yielded else "no_yield"), *turn.rows)
    return InterruptionResponse(yielded, held.end_s - begins, turn, rows)


def overlapped(
    vocalisations: Sequence[Vocalisation], overlap: Interval, duration_s: float
) -> OverlapResponse:
    """Judge an overlap, ``(start, end)``, in a clip of ``duration_s``.

    Without vocalisations nobody was talked over and nobody responded.
    """
    found = interruption(vocalisations, overlap)
    latency = found.turn.latency_s
    if found.stop_latency_s is None:
        return OverlapResponse(False, None, None, None, found.turn.early_start, latency, found.rows)
    stop_s = overlap[0] + found.stop_latency_s
    kept = stop_s >= min(overlap[1] + KEPT_S, duration_s - _EDGE_S)
    stopped_s, early = found.stop_latency_s if found.yielded else None, found.turn.early_start
    latency = None if kept else latency
    return OverlapResponse(True, stopped_s, not found.yielded, kept, early, latency, found.rows)


def _opening(vocalisations: Sequence[Vocalisation], taken: int, user_end_s: float) -> int:
    """Index of the vocalisation with which the response that takes the turn begins."""
    first = taken
    while (
        first > 0
        and vocalisations[first - 1].start_s >= user_end_s - ONSET_TOLERANCE_S
        and vocalisations[first].start_s - vocalisations[first - 1].end_s <= OPENING_GAP_S
    ):
        first -= 1
    return first
