"""Turn score: one value for all that one exchange can show about turn taking, for one score a task.

Each subset of a turn-taking benchmark shows one half of a skill: a clip with a pause only that the model can
wait, a clip with a turn's end only that it answers. A respondent that does one thing always is perfect on one
half. So a score for the whole takes every subset in, at fixed weights, and gives each exchange a value in
[0, 1] that holds all that must go right *there*.

Conventions:
    Results are those of `tml_bench.metrics.turn_taking`, times seconds. "In time" is an onset at most
    ``IN_TIME_S`` after the end that it answers, and not early.

Values:
    * pause: 1 if the model takes the turn nowhere before the user's end, neither about the pause nor
      elsewhere. Backchannels are allowed.
    * story that wants backchannels: 0 if the model takes the turn. Else half for having stayed a listener,
      and half times the F1 of its backchannels in this clip (1 where none is wanted and none given).
    * turn end: 1 if the model takes the turn in time.
    * interruption: 1 if it stops before the interruption ends (or was not speaking), and then takes the turn
      in time.
    * overlap: 1 if the model took the turn in time after the question and before the overlap began, and then
      did what the overlap asks for (a judge says what it did); where that is to respond, also stopped before
      the overlap ended (or was not speaking) and responded in time.

The mean over subsets is the task's, at weights that do not depend on how many samples each has.

Source: the 1.5 s are the criterion for a repair in Full-Duplex-Bench v1.5 (arXiv 2507.23159); people leave
0.2 s between turns and need about 1.5 s to prepare a short phrase (Levinson and Torreira 2015). The
composite is our own.
"""

from collections.abc import Sequence

from tml_bench.metrics.turn_taking import (
    InterruptionResponse,
    OverlapResponse,
    PauseHandling,
    TurnEndResponse,
    turn_end,
)
from tml_bench.metrics.vocalisations import Vocalisation

IN_TIME_S = 1.5
"""An answer that begins later than this after what it answers is not in time."""
LISTENER = 0.5
"""What staying a listener is worth where backchannels are wanted; the rest is their F1."""


def held_back(result: PauseHandling) -> bool:
    """Whether the model left the turn to the user; true without vocalisations."""
    return not (result.pause_takeover or result.other_takeover)


def listened(took_turn: bool, hits: int, false_alarms: int, misses: int) -> float:
    """How well the model listened to a story, in [0, 1]; ``LISTENER`` for silence where windows are."""
    counted = 2 * hits + false_alarms + misses
    f1 = 2 * hits / counted if counted else 1.0
    return 0.0 if took_turn else LISTENER + (1.0 - LISTENER) * f1


def answered(result: TurnEndResponse) -> bool:
    """Whether the model took the turn in time; false without vocalisations."""
    return _in_time(result.latency_s)


def gave_way(result: InterruptionResponse) -> bool:
    """Whether the model stopped if it was speaking, and answered in time; false without vocalisations."""
    return result.yielded is not False and answered(result.turn)


def answered_before(vocalisations: Sequence[Vocalisation], question_end_s: float, overlap_s: float) -> bool:
    """Whether the model took the turn in time after a question, and before an overlap that begins then."""
    latency = turn_end(vocalisations, question_end_s).latency_s
    return _in_time(latency) and question_end_s + (latency or 0.0) < overlap_s


def responded(result: OverlapResponse) -> bool:
    """Whether the model stopped within the overlap if it was speaking, and responded to it in time."""
    return result.censored_stop is not True and _in_time(result.response_latency_s)


def _in_time(latency_s: float | None) -> bool:
    return latency_s is not None and latency_s <= IN_TIME_S
