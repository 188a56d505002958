"""A simulated user's lines out of a recording, as a script: the same sounds, cued as they were then.

The cues wait for the model of the new session as the user waited for that of the old one:

* The first line starts at its time.
* One that followed the model's turn or its silence waits until the model has been silent for as long as it
  had been then, and at most as long after the user's last line as it did then: a user waits no longer for an
  answer that does not come. One that followed an answer has at least the scenario's patience.
* One that began while the model spoke starts as long after the first sound of the model as it did then.
* A line that was cut off stays so. After the last the session goes on for as long as it did then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tml_bench.errors import BadSampleError
from tml_bench.recording import Recording
from tml_bench.samples import AfterModelStops, At, Cue, IntoModelSpeech, Sample, UserTurn, Waveform
from tml_bench.scenario import Manners
from tml_bench.session.user import ModelSpeech
from tml_bench.timebase import first_sample_at, nanoseconds, seconds

Spans = Sequence[tuple[int, int]]
"""When the model spoke, in nanoseconds."""


def replayed(sample: Sample, recording: Recording) -> Sample:
    """The sample with the lines of that recording as its script, and nobody left who answers.

    Raises:
        BadSampleError: no simulated user speaks in the recording.
    """
    lines = recording.facts.lines
    if sample.scenario is None or not lines:
        raise BadSampleError(f"{recording.folder} has no lines of a simulated user to replay")
    (user, model), rate = recording.audio()
    speech = ModelSpeech(rate)
    speech.hear(model)
    spans, manners = speech.spans_ns(0), sample.scenario.manners
    turns: list[UserTurn] = []
    last_ns = 0
    for line in lines:
        start_ns, end_ns = nanoseconds(line.start_s), nanoseconds(line.end_s)
        cue = _cue(start_ns, last_ns, spans, manners) if turns else At(line.start_s)
        turns.append(UserTurn(_cut(user, rate, start_ns, end_ns), cue, line=line))
        last_ns = end_ns
    tail_s = max(0.0, recording.duration_s - lines[-1].end_s)
    return replace(sample, scenario=None, script=replace(sample.script, turns=tuple(turns), tail_s=tail_s))


def _cut(user: NDArray[np.float32], rate: int, start_ns: int, end_ns: int) -> Waveform:
    return Waveform(user[first_sample_at(start_ns, rate) : first_sample_at(end_ns, rate)].copy(), rate)


def _cue(start_ns: int, last_ns: int, spans: Spans, manners: Manners) -> Cue:
    """What starts a line, the one before which ended at ``last_ns``."""
    waited_s = seconds(start_ns - last_ns)
    patient_s = max(waited_s, manners.patience_s)
    before = [(start, end) for start, end in spans if last_ns < end and start < start_ns]
    if not before:
        return AfterModelStops(manners.endpoint_s + manners.gap_median_s, waited_s)
    if before[-1][1] > start_ns:
        # What goes on from before the user's last line is no first sound: it counts from its next one.
        onset_ns = next((start for start, _ in before if start >= last_ns), start_ns)
        return IntoModelSpeech(seconds(start_ns - onset_ns), patient_s)
    return AfterModelStops(seconds(start_ns - before[-1][1]), patient_s)
