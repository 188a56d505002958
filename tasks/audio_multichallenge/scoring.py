"""Scoring one recording of Audio MultiChallenge.

The reply is what the model says after the end of the last user turn. Nothing said meets no item, by rule and
without asking a judge, so that silence cannot pass on criteria that only forbid something.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, pairwise

from tml_bench.questions import Question, QuestionLine, Verdicts, verdict_of
from tml_bench.samples import Sample
from tml_bench.task import Mark
from tml_bench.tasks._common.scores import NO_WORDS, ScoreSheet, annotation_of
from tml_bench.tasks._common.speech import text_of
from tml_bench.tasks.audio_multichallenge.judging import MET, key, questions
from tml_bench.tasks.audio_multichallenge.loader import LEAD_S, ConversationAnnotation
from tml_bench.tasks.audio_multichallenge.measures import TURNS, audio_name, audio_range, turns_name
from tml_bench.timeline import Segment, Timeline, Word, WordSource

NOT_REACHED = "the session ended before the last user turn was over"


def user_turns(item: ConversationAnnotation, timeline: Timeline) -> tuple[Segment, ...]:
    """When the played user turns were heard; where a timeline does not say, one after the other."""
    edges = accumulate(item.audio_s, initial=LEAD_S)
    return timeline.turns or tuple(Segment(start, end) for start, end in pairwise(edges))


def ask(sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
    """One question per item of the rubric; none when nothing was said, or no words are known."""
    item = annotation_of(sample, ConversationAnnotation)
    spans = user_turns(item, timeline)
    reply = text_of(_words_from(timeline, spans[-1].end_s))
    if not reply or len(spans) < len(item.audio_s):
        return ()
    return tuple(questions(tuple(_said(item, timeline, spans)), reply, item.items))


def _said(
    item: ConversationAnnotation, timeline: Timeline, spans: Sequence[Segment]
) -> Iterator[QuestionLine]:
    """The conversation before the reply: of reference where it was history, else as it went."""
    for turn in item.turns[: item.played]:
        yield QuestionLine("user", turn.user)
        yield QuestionLine("assistant", turn.assistant)
    for turn, span, following in zip(item.turns[item.played :], spans, (*spans[1:], None), strict=True):
        yield QuestionLine("user", turn.user)
        if following is not None:
            own = [w for w in _words_from(timeline, span.start_s) if (w.start_s or 0.0) < following.start_s]
            yield QuestionLine("assistant", text_of(own))


def score(sample: Sample, timeline: Timeline, verdicts: Verdicts) -> ScoreSheet:
    """Score one recording."""
    item = annotation_of(sample, ConversationAnnotation)
    spans = user_turns(item, timeline)
    sheet = ScoreSheet()
    end_s = spans[-1].end_s
    if len(spans) < len(item.audio_s):
        sheet.lack(("answered", *_names(item)), NOT_REACHED)
        return sheet
    spoken = [s for s in timeline.segments if s.end_s > end_s]
    sheet.put(answered=bool(spoken))
    if spoken and spoken[0].start_s >= end_s:
        sheet.put(latency=spoken[0].start_s - end_s)
    words = _words_from(timeline, end_s)
    if spoken and timeline.word_source is WordSource.NONE:
        sheet.lack(_names(item), NO_WORDS)
    elif not words:
        _rate(sheet, item, [False] * len(item.items))
    else:
        sheet.put(reply_words=len(words))
        found = [verdict_of(verdicts, key(n)) for n in range(len(item.items))]
        undecided = [v.missing for v in found if v.answer is None]
        if undecided:
            sheet.lack(_names(item), undecided[0])
            sheet.notes.append("conversations with items that the judge could not decide")
        else:
            _rate(sheet, item, [v.answer == MET for v in found])
    for number, span in enumerate(spans, start=1):
        sheet.event(f"user turn {number}", span.start_s, span.end_s)
    for number, wanted in enumerate(item.items):
        answer = verdict_of(verdicts, key(number)).answer or "no verdict"
        sheet.event(f"item {number + 1}, {answer}: {wanted.text}", None)
    return sheet


def _names(item: ConversationAnnotation) -> tuple[str, ...]:
    """APR and ARS, under every name that holds for this conversation."""
    low, high = audio_range(item.user_audio_s)
    turns = [len(item.turns)] if len(item.turns) in TURNS else []
    by_score = ((s, *(turns_name(s, n) for n in turns), audio_name(s, low, high)) for s in ("apr", "ars"))
    return tuple(chain.from_iterable(by_score))


def _rate(sheet: ScoreSheet, item: ConversationAnnotation, met: Sequence[bool]) -> None:
    share = {"apr": all(met), "ars": sum(met) / len(met)}
    sheet.put(**{name: share[name[:3]] for name in _names(item)})


def annotated(sample: Sample) -> tuple[Mark, ...]:
    """The user's last turn, in fixed context."""
    end_s = sample.reference.user_end_s
    return () if end_s is None else (Mark(LEAD_S, end_s, "last user turn"),)


def _words_from(timeline: Timeline, from_s: float) -> list[Word]:
    return [w for w in timeline.words if w.start_s is not None and w.start_s >= from_s and w.text.strip()]
