"""Was silence right? Where a model had answered and finished before the overlap began, it owes nothing more.

The original knows no such case: a model that says nothing from the overlap's start on is ``C_UNKNOWN``, also
where going on would mean to say again what was said. The repaired measures count it as resuming. Nothing is
owed if, with the overlap from I0 on,

    1. the model is silent: none of its vocalisations ends after I0;
    2. it had answered: it took the turn (a backchannel does not) after the question's end, in this session
       and in the one without the overlap;
    3. it had finished: without the overlap, too, it says nothing later than ``SLACK_S`` after I0.

A model that stays silent always answers nothing and gains nothing by this, nor does one that is stopped by
the overlap, or had not yet begun. One that says three words and is done gains; so does a blind strategy that
says anything between question and overlap, and the floor tells how much. An interruption always owes a
response. Where the end of the question is not known, silence is not taken for right.
"""

from tml_bench.metrics.turn_taking import ONSET_TOLERANCE_S
from tml_bench.tasks._common.speech import vocalisations_of
from tml_bench.tasks.fd_bench_v15.loader import OverlapAnnotation
from tml_bench.timeline import Timeline

SLACK_S = 0.5
"""Two sessions of one model do not end a sentence at the same instant."""


def nothing_owed(item: OverlapAnnotation, timeline: Timeline, clean: Timeline) -> bool:
    """Whether the model is silent with the overlap, and had answered and finished before it."""
    return _done(item, timeline, 0.0) and _done(item, clean, SLACK_S)


def _done(item: OverlapAnnotation, timeline: Timeline, slack_s: float) -> bool:
    asked_s = question_end(item, timeline)
    said = vocalisations_of(timeline)
    if asked_s is None or any(v.end_s > item.overlap[0] + slack_s for v in said):
        return False
    return any(v.takeover and v.start_s >= asked_s - ONSET_TOLERANCE_S for v in said)


def question_end(item: OverlapAnnotation, timeline: Timeline) -> float | None:
    """By the annotation, or else the end of the user's speech before the overlap; None where not known."""
    if item.context is not None:
        return item.context[1]
    spans = () if timeline.user is None else timeline.user.segments
    return max((s.end_s for s in spans if s.end_s <= item.overlap[0]), default=None)
