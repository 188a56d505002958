"""Respondents with known behaviour, as timelines: blind ones for the floor, the ideal one for the ceiling."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from msgspec import structs

from tml_bench.samples import Sample
from tml_bench.tasks._common.respondents import Speech, speaking
from tml_bench.tasks._common.scores import annotation_of
from tml_bench.tasks.fd_bench_v1.annotation import ClipAnnotation
from tml_bench.tasks.fd_bench_v1.rubric import PLACEHOLDER
from tml_bench.timeline import Segment, Timeline

ANSWER_S, ANSWER = 2.0, (PLACEHOLDER,) * 5
BACKCHANNEL_S, BACKCHANNEL = 0.4, (PLACEHOLDER,)
ONSETS = range(31)
"""Onsets of the constant answer in seconds; interruption clips, the longest to answer, last about 28 s."""
PERIODS = (2, 3, 5, 8)
"""Periods of the metronome in seconds."""


def blind(sample: Sample) -> dict[str, Timeline]:
    """Timelines of strategies that look at nothing, the same names for every sample.

    ``silent``; ``always-on``; ``constant@T``: one answer from T seconds on, cut at the clip's end;
    ``metronome@P``: a backchannel every P seconds.
    """
    length = annotation_of(sample, ClipAnnotation).duration_s
    plans = {"silent": [], "always-on": [Speech(0.0, length, [PLACEHOLDER] * ceil(2.5 * length))]}
    plans |= {f"constant@{t}": [Speech(t, t + ANSWER_S, ANSWER)] for t in ONSETS}
    for period in PERIODS:
        beats = range(period, ceil(length), period)
        plans[f"metronome@{period}"] = [Speech(t, t + BACKCHANNEL_S, BACKCHANNEL) for t in beats]
    return {name: _heard(length, said) for name, said in plans.items()}


def ideal(sample: Sample) -> Timeline:
    """Timeline of a respondent that says what the reference asks for, in answers of 2 s."""
    said = []
    for u in sample.reference.ideal:
        length, words = (BACKCHANNEL_S, BACKCHANNEL) if u.role == "backchannel" else (ANSWER_S, ANSWER)
        end = u.at_s + length
        said.append(Speech(u.at_s, end if u.until_s is None else min(end, u.until_s), words))
    return _heard(annotation_of(sample, ClipAnnotation).duration_s, said)


def _heard(duration_s: float, said: Iterable[Speech]) -> Timeline:
    """As `speaking`, with the segments that the reference's voice activity detector would find."""
    found = speaking(duration_s, said)
    rounded = tuple(Segment(round(s.start_s, 1), round(s.end_s, 1)) for s in found.segments)
    return structs.replace(found, silero_segments=rounded)
