"""Respondents with known behaviour, as timelines: blind ones for the floor, the ideal one for the ceiling."""

from __future__ import annotations

from tml_bench.samples import Sample
from tml_bench.tasks.audio_multichallenge.loader import IDEAL_S, QUIET_S, ConversationAnnotation
from tml_bench.tasks.audio_multichallenge.scoring import annotation_of, user_turns
from tml_bench.timeline import Segment, Timeline, Word, WordSource

WORD_S = 0.3
SORRY = "I'm sorry, I can't help with that."
OKAY = "Okay, sure. I will do that."


def blind(sample: Sample) -> dict[str, Timeline]:
    """``silent``; ``refuses`` and ``agrees``, whatever was said; ``repeats`` the user's last turn.

    Raises:
        BadSampleError: the sample has a problem.
    """
    item = annotation_of(sample)
    return {
        "silent": _saying(item, ""),
        "refuses": _saying(item, SORRY),
        "agrees": _saying(item, OKAY),
        "repeats": _saying(item, item.turns[-1].user),
    }


def ideal(sample: Sample) -> Timeline:
    """The conversation's own ideal reply; speech of unknown words, hence no ceiling, where there is none.

    Raises:
        BadSampleError: the sample has a problem.
    """
    item = annotation_of(sample)
    if item.ideal:
        return _saying(item, item.ideal)
    end_s = user_turns(item, Timeline(0.0))[-1].end_s
    segments = (Segment(end_s + IDEAL_S, end_s + IDEAL_S + 1.0),)
    return Timeline(end_s + QUIET_S, segments, (), WordSource.NONE, perceiver="synthetic")


def _saying(item: ConversationAnnotation, text: str) -> Timeline:
    spans = user_turns(item, Timeline(0.0))
    at = spans[-1].end_s + IDEAL_S
    words = tuple(Word(w, at + k * WORD_S, at + (k + 1) * WORD_S) for k, w in enumerate(text.split()))
    end_s = at + len(words) * WORD_S
    segments = (Segment(at, end_s),) if words else ()
    source = WordSource.ADAPTER if words else WordSource.SILENT
    return Timeline(end_s + QUIET_S, segments, words, source, perceiver="synthetic", turns=spans)
