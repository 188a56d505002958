"""Respondents with known behaviour, as timelines: blind ones for the floor, the ideal one for the ceiling."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from tml_bench.samples import Sample
from tml_bench.tasks.fd_bench_v1.rubric import PLACEHOLDER
from tml_bench.tasks.fd_bench_v1.scoring import annotation_of
from tml_bench.timeline import Segment, Timeline, Word, WordSource

ANSWER_S, ANSWER_WORDS = 2.0, 5
BACKCHANNEL_S, BACKCHANNEL_WORDS = 0.4, 1
ONSETS = range(31)
"""Onsets of the constant answer in seconds; interruption clips, the longest to answer, last about 28 s."""
PERIODS = (2, 3, 5, 8)
"""Periods of the metronome in seconds."""

Utterance = tuple[float, float, int]
"""Start and end in seconds, number of words laid evenly over it."""


def blind(sample: Sample) -> dict[str, Timeline]:
    """Timelines of strategies that look at nothing, the same names for every sample.

    ``silent``; ``always-on``; ``constant@T``: one answer from T seconds on, cut at the clip's end;
    ``metronome@P``: a backchannel every P seconds.

    Raises:
        BadSampleError: the sample has a problem.
    """
    length = annotation_of(sample).duration_s
    found = {"silent": spoken(length, ()), "always-on": spoken(length, [(0.0, length, ceil(2.5 * length))])}
    for t in ONSETS:
        found[f"constant@{t}"] = spoken(length, [(t, t + ANSWER_S, ANSWER_WORDS)])
    for period in PERIODS:
        beats = range(period, ceil(length), period)
        found[f"metronome@{period}"] = spoken(
            length, [(t, t + BACKCHANNEL_S, BACKCHANNEL_WORDS) for t in beats]
        )
    return found


def ideal(sample: Sample) -> Timeline:
    """Timeline of a respondent that says what the reference asks for, in answers of 2 s.

    Raises:
        BadSampleError: the sample has a problem.
    """
    said = []
    for u in sample.reference.ideal:
        length, words = (
            (BACKCHANNEL_S, BACKCHANNEL_WORDS) if u.role == "backchannel" else (ANSWER_S, ANSWER_WORDS)
        )
        end = u.at_s + length
        said.append((u.at_s, end if u.until_s is None else min(end, u.until_s), words))
    return spoken(annotation_of(sample).duration_s, said)


def spoken(duration_s: float, utterances: Iterable[Utterance]) -> Timeline:
    """The timeline of utterances in order, cut at the clip's end; empty ones are left out."""
    segments, words = [], []
    for start, planned_end, count in utterances:
        end = min(planned_end, duration_s)
        if end <= start:
            continue
        segments.append(Segment(start, end))
        step = (planned_end - start) / count
        onsets = [start + i * step for i in range(count)]
        words += [Word(PLACEHOLDER, t, min(t + step, end)) for t in onsets if t < end]
    return Timeline(
        duration_s,
        tuple(segments),
        tuple(words),
        WordSource.ADAPTER if words else WordSource.SILENT,
        tuple(Segment(round(s.start_s, 1), round(s.end_s, 1)) for s in segments),
        "synthetic",
    )
