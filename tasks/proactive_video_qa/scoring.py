"""Scoring one recording of ProactiveVideoQA.

Replies are utterances: speech with no silence of ``SILENCE_S`` or more inside, and at least one word.
Times are of the video: session time minus the video's start; what begins before it is no reply. An onset
within ``ONSET_TOLERANCE_S`` before an expected span opens counts as at its opening.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tml_bench.metrics.pauc import OMEGAS, RatedReply, pauc, within
from tml_bench.questions import Question, Verdicts, verdict_of
from tml_bench.samples import Sample
from tml_bench.task import Mark, Score, Value
from tml_bench.tasks._common.scores import ScoreSheet, annotation_of, without_words
from tml_bench.tasks._common.speech import SpeechStretch, stretches
from tml_bench.tasks.proactive_video_qa.annotation import ExpectedTurn
from tml_bench.tasks.proactive_video_qa.loader import ProactiveAnnotation
from tml_bench.tasks.proactive_video_qa.measures import END, METRICS, ONSET, pauc_name
from tml_bench.tasks.proactive_video_qa.rubric import SCORES, coverage
from tml_bench.timeline import Timeline, WordSource

SILENCE_S = 0.8
"""Silence that separates replies."""
ONSET_TOLERANCE_S = 0.1
"""95 % of onset detection errors are smaller; a reply at the very moment must not fall out of its span."""


class SpanReplies(NamedTuple):
    """The replies in the span of one expected turn.

    Attributes:
        said: time on the video's clock, and text, of those that count, in order of time.
        duplicates: how many repeated an earlier one and were left out.
    """

    said: tuple[tuple[float, str], ...]
    duplicates: int


class AssignedReplies(NamedTuple):
    """The replies of a recording, and which of them each expected turn gets.

    Attributes:
        item: what is expected.
        replies: all of them.
        onsets: onset and text of each; an onset just before a span is at its opening.
        by: per family of metrics (`ONSET`, `END`), the replies of each turn.
    """

    item: ProactiveAnnotation
    replies: tuple[SpeechStretch, ...]
    onsets: tuple[tuple[float, str], ...]
    by: dict[str, tuple[SpanReplies, ...]]


def marks(sample: Sample) -> tuple[Mark, ...]:
    """The video and the expected spans."""
    item = annotation_of(sample, ProactiveAnnotation)
    at = item.video_at_s
    spans = (Mark(at + t.span[0], at + t.span[1], f"reply {k}") for k, t in enumerate(item.turns, start=1))
    return (Mark(at, at + item.length_s, "video"), *spans)


def replies_in(timeline: Timeline, video_at_s: float) -> tuple[SpeechStretch, ...]:
    """The replies in a recording, on the video's clock; speech without any word (a cough) is none."""
    return tuple(
        SpeechStretch(said.start_s - video_at_s, said.end_s - video_at_s, said.words)
        for said in stretches(timeline, SILENCE_S)
        if said.words and said.start_s >= video_at_s - ONSET_TOLERANCE_S
    )


def kept(turn: ExpectedTurn, said: Sequence[tuple[float, str]]) -> SpanReplies:
    """The replies in a turn's span, without those that repeat an earlier one there.

    Args:
        turn: the expected turn.
        said: time on the video's clock, and text, of every reply, in order of time.
    """
    inside = [(at, text) for at, text in said if within(at, turn.span)]
    first: dict[str, tuple[float, str]] = {}
    for at, text in inside:
        first.setdefault(normalised(text), (at, text))
    return SpanReplies(tuple(first.values()), len(inside) - len(first))


def normalised(text: str) -> str:
    """A text for comparison: speech knows neither case nor punctuation."""
    return " ".join(re.findall(r"\w+", text.lower()))


def hear(sample: Sample, timeline: Timeline) -> AssignedReplies:
    """The replies of a recording by expected turn, once by their onset and once by their end.

    Raises:
        BadSampleError: the sample has no annotation.
    """
    item = annotation_of(sample, ProactiveAnnotation)
    replies = replies_in(timeline, item.video_at_s)
    onsets = tuple((_snapped(u.start_s, item.turns), u.text) for u in replies)
    ends = tuple((u.end_s, u.text) for u in replies)
    by = {family: tuple(kept(t, said) for t in item.turns) for family, said in ((ONSET, onsets), (END, ends))}
    return AssignedReplies(item, replies, onsets, by)


def questions(sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
    """What must be judged: the replies in each span, after each of them; nothing where words are unknown.

    Raises:
        BadSampleError: the sample has no annotation.
    """
    heard = hear(sample, timeline)
    if timeline.word_source is WordSource.NONE:
        return ()
    return tuple(
        coverage(_key(family, k, n), heard.item.question, turn.content, [text for _, text in found.said[:n]])
        for family, turns in heard.by.items()
        for k, (turn, found) in enumerate(zip(heard.item.turns, turns, strict=True), start=1)
        for n in range(1, len(found.said) + 1)
    )


def _key(family: str, turn: int, replies: int) -> str:
    return f"{'end' if family == END else 'onset'} turn {turn} reply {replies}"


def score(task: str, sample: Sample, timeline: Timeline, verdicts: Verdicts) -> Score:
    """Score one recording.

    Args:
        task: the task's name.
        sample: what was played.
        timeline: what was heard.
        verdicts: what the replies mean, by `questions`.

    Raises:
        BadSampleError: the sample has no annotation.
    """
    heard = hear(sample, timeline)
    if timeline.word_source is WordSource.NONE:
        return without_words(task, sample, METRICS)
    sheet = ScoreSheet(_beside(heard))
    judged = {family: _judged(heard, family, verdicts) for family in heard.by}
    for family, (replies, lost) in judged.items():
        if lost:
            sheet.lack((pauc_name(omega, family == END) for omega in OMEGAS), lost)
        else:
            sheet.values |= _paucs(heard.item.turns, replies, end=family == END)
    _enter_rows(sheet, heard, judged[ONSET].replies)
    return sheet.score(task, sample)


class _Judged(NamedTuple):
    """Judged replies per turn; ``lost`` says why one has no verdict."""

    replies: list[list[RatedReply]]
    lost: str


def _judged(heard: AssignedReplies, family: str, verdicts: Verdicts) -> _Judged:
    replies: list[list[RatedReply]] = []
    lost = ""
    for k, found in enumerate(heard.by[family], start=1):
        replies.append([])
        for n, (at, _) in enumerate(found.said, start=1):
            verdict = verdict_of(verdicts, _key(family, k, n))
            if verdict.answer is None:
                lost = lost or verdict.missing
            else:
                replies[-1].append(RatedReply(at, SCORES[verdict.answer]))
    return _Judged(replies, lost)


def _snapped(at_s: float, turns: Sequence[ExpectedTurn]) -> float:
    """An onset just before a span opens, moved to its opening, unless another span holds it."""
    if any(within(at_s, t.span) for t in turns):
        return at_s
    opening = (t.span[0] for t in turns if 0 < t.span[0] - at_s <= ONSET_TOLERANCE_S)
    return next(opening, at_s)


def _paucs(
    turns: Sequence[ExpectedTurn], judged: Sequence[Sequence[RatedReply]], end: bool
) -> dict[str, Value]:
    return {
        pauc_name(omega, end): Value(
            sum(pauc(said, t.span, omega, t.related_end_s) for t, said in zip(turns, judged, strict=True)),
            len(turns),
        )
        for omega in OMEGAS
    }


def _beside(heard: AssignedReplies) -> dict[str, Value]:
    item, onsets = heard.item, heard.onsets
    inside = [sum(within(at, t.span) for at, _ in onsets) for t in item.turns]
    outside = sum(not any(within(at, t.span) for t in item.turns) for at, _ in onsets)
    return {
        "duplicates": Value(sum(k.duplicates for k in heard.by[ONSET]), sum(max(0, n - 1) for n in inside)),
        "out_of_span": Value(outside, len(onsets)),
        "replies_per_minute": Value(len(onsets), item.length_s / 60),
        "answered": Value(sum(n > 0 for n in inside), len(item.turns)),
    }


def _enter_rows(sheet: ScoreSheet, heard: AssignedReplies, judged: Sequence[Sequence[RatedReply]]) -> None:
    at = heard.item.video_at_s
    for said in heard.replies:
        sheet.event(f"reply: {said.text}", at + said.start_s, at + said.end_s)
    for k, (turn, replies) in enumerate(zip(heard.item.turns, judged, strict=True), start=1):
        sheet.event(f"turn {k}", at + turn.span[0], at + turn.span[1])
        for reply in replies:
            sheet.event(f"turn {k} judged", at + reply.at_s, score=float(reply.score))
