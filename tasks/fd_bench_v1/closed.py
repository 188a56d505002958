"""The closed-loop form of FD-bench v1: the interruption waits for the model to speak.

In the recordings the user interrupts seven seconds after the context, whatever the model did: a third of the
interruptions hit a model that has finished, or has not begun, and then there is nothing to give way to.
"""

from dataclasses import replace
from pathlib import Path

from msgspec import structs

from tml_bench.errors import BadSampleError
from tml_bench.media.audio import probe
from tml_bench.metrics.vocalisations import Interval
from tml_bench.samples import At, Cue, IntoModelSpeech, Reference, Sample, Script, UserTurn, Utterance
from tml_bench.tasks._common import annotation_of
from tml_bench.tasks._fd_bench import audio_file, place_of
from tml_bench.tasks.fd_bench_v1.loader import REACTION_S, InterruptionAnnotation
from tml_bench.timeline import Timeline

BARGE_IN_S = 1.0
"""How long after its first sound the model is interrupted; what is shorter than this takes no turn."""


def closed_loop(sample: Sample) -> Sample:
    """The sample with the user's turns apart, each where the model's own turn puts it.

    An interruption begins ``BARGE_IN_S`` into the model's answer to the context, so that it hits every answer
    that takes the turn; a model that does not answer is addressed when it is in the recording. What follows
    the interruption is as long as there. Reference and annotation are those of the conversation with the
    ideal respondent; any other's times are in its timeline. Other samples have one turn: they stay as they
    are.
    """
    item = sample.reference.annotation
    turn = next(iter(sample.script.turns), None)
    if not isinstance(item, InterruptionAnnotation) or turn is None or not isinstance(turn.audio, Path):
        return sample
    folder = turn.audio.parent
    try:
        parts = tuple(audio_file(folder, stem) for stem in ("context", "interrupt"))
        context_s, interrupt_s = (probe(part).duration_s for part in parts)
        patience_s = item.interruption[0] - context_s
        if patience_s <= 0:
            raise place_of(folder / "interrupt.json").bad(
                "[0].timestamp[0]", "the interruption begins before the context ends", "correct it"
            )
    except BadSampleError as error:
        return Sample(sample.id, sample.subset, unit=sample.unit, problem=str(error))
    cues: tuple[Cue, ...] = (At(), IntoModelSpeech(BARGE_IN_S, patience_s))
    tail_s = max(0.0, item.duration_s - item.interruption[1])
    turns = tuple(UserTurn(part, cue) for part, cue in zip(parts, cues, strict=True))
    begins = context_s + REACTION_S + BARGE_IN_S
    ends = begins + interrupt_s
    ideal = (
        Utterance(context_s + REACTION_S, until_s=begins + REACTION_S),
        Utterance(ends + REACTION_S),
    )
    item = structs.replace(item, interruption=(begins, ends))
    return replace(sample, script=Script(turns, tail_s=tail_s), reference=Reference(None, ideal, item))


def played_interruption(sample: Sample, timeline: Timeline) -> Interval | None:
    """When the interruption was played; None where the session ended before.

    In open loop that is annotated. In closed loop the timeline says it, or for one that tells no turns, as of
    a strategy that looks at nothing, the model's first sound after the context does.
    """
    item = annotation_of(sample, InterruptionAnnotation)
    turns = sample.script.turns
    if len(turns) < 2:
        return item.interruption
    if timeline.turns:
        return (timeline.turns[1].start_s, timeline.turns[1].end_s) if len(timeline.turns) > 1 else None
    begins, ends = item.interruption
    # So far the ideal conversation goes: the context ends where the ideal answer is heard, less a reaction.
    context_s = begins - BARGE_IN_S - REACTION_S
    cue = turns[1].cue
    assert isinstance(cue, IntoModelSpeech)
    over_s = context_s + cue.timeout_s
    onsets = (s.start_s for s in timeline.segments if context_s <= s.start_s < over_s)
    at = next((onset + cue.after_s for onset in onsets), over_s)
    return at, at + ends - begins
