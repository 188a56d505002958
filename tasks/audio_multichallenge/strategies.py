"""Respondents with known behaviour, as timelines: blind ones for the floor, the ideal one for the ceiling."""

from __future__ import annotations

from tml_bench.samples import Sample
from tml_bench.tasks._common.respondents import Speech, speaking
from tml_bench.tasks._common.scores import annotation_of
from tml_bench.tasks.audio_multichallenge.loader import IDEAL_S, QUIET_S, ConversationAnnotation
from tml_bench.tasks.audio_multichallenge.scoring import user_turns
from tml_bench.timeline import Segment, Timeline, WordSource

WORD_S = 0.3
SORRY = "I'm sorry, I can't help with that."
OKAY = "Okay, sure. I will do that."


def blind(sample: Sample) -> dict[str, Timeline]:
    """``silent``; ``refuses`` and ``agrees``, whatever was said; ``repeats`` the user's last turn."""
    item = annotation_of(sample, ConversationAnnotation)
    return {
        "silent": _saying(item, ""),
        "refuses": _saying(item, SORRY),
        "agrees": _saying(item, OKAY),
        "repeats": _saying(item, item.turns[-1].user),
    }


def ideal(sample: Sample) -> Timeline:
    """The conversation's own ideal reply; speech of unknown words, hence no ceiling, where there is none."""
    item = annotation_of(sample, ConversationAnnotation)
    if item.ideal:
        return _saying(item, item.ideal)
    at = _reply_s(item)
    unknown = (Segment(at, at + 1.0),)
    return Timeline(at - IDEAL_S + QUIET_S, unknown, (), WordSource.NONE, perceiver="synthetic")


def _reply_s(item: ConversationAnnotation) -> float:
    return user_turns(item, Timeline(0.0))[-1].end_s + IDEAL_S


def _saying(item: ConversationAnnotation, text: str) -> Timeline:
    at, words = _reply_s(item), text.split()
    end_s = at + len(words) * WORD_S
    turns = user_turns(item, Timeline(0.0))
    return speaking(end_s + QUIET_S, [Speech(at, end_s, words)] if words else [], turns=turns)
