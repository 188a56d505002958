"""Scoring one recording of ProactiveVideoQA.

Replies are utterances: speech with no silence of ``SILENCE_S`` or more inside, and at least one word.
Times are of the video: session time minus the video's start; what begins before it is no reply. An onset
within ``ONSET_TOLERANCE_S`` before an expected span opens counts as at its opening.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tml_bench.errors import BadSampleError
from tml_bench.metrics.pauc import OMEGAS, Reply, pauc, within
from tml_bench.perception.timeline import Timeline, Word, WordSource
from tml_bench.samples import Sample
from tml_bench.task import Mark, Score, Value
from tml_bench.tasks.proactive_video_qa.annotation import Turn
from tml_bench.tasks.proactive_video_qa.judge import Judge
from tml_bench.tasks.proactive_video_qa.loader import Expected
from tml_bench.tasks.proactive_video_qa.measures import METRICS, pauc_name

SILENCE_S = 0.8
"""Silence that separates replies."""
ONSET_TOLERANCE_S = 0.1
"""95 % of onset detection errors are smaller; a reply at the very moment must not fall out of its span."""
NO_WORDS = (
    "speech without words: the adapter gives no transcript and no speech recognition is at hand; "
    "install tml-bench[speech]"
)
_WORD_SLACK_S = 0.3
Row = dict[str, str | float | None]


class Utterance(NamedTuple):
    """A reply as heard.

    Attributes:
        start_s: its onset, seconds of the video.
        end_s: its end.
        text: what was said.
    """

    start_s: float
    end_s: float
    text: str


class Judged(NamedTuple):
    """The replies of one expected turn.

    Attributes:
        replies: kept and judged, by the reply's time.
        duplicates: how many repeated an earlier one and were left out.
        undecided: how many the judge could not decide.
    """

    replies: tuple[Reply, ...]
    duplicates: int
    undecided: int


def annotation_of(sample: Sample) -> Expected:
    """The sample's annotation.

    Raises:
        BadSampleError: the sample has none.
    """
    found = sample.reference.annotation
    if not isinstance(found, Expected):
        raise BadSampleError(sample.problem or f"{sample.id}: not a sample of ProactiveVideoQA")
    return found


def marks(sample: Sample) -> tuple[Mark, ...]:
    """The video and the expected spans."""
    item = annotation_of(sample)
    at = item.video_at_s
    spans = (Mark(at + t.span[0], at + t.span[1], f"reply {k}") for k, t in enumerate(item.turns, start=1))
    return (Mark(at, at + item.length_s, "video"), *spans)


def utterances(timeline: Timeline, video_at_s: float) -> list[Utterance]:
    """The replies in a recording, on the video's clock; speech without any word (a cough) is none."""
    spans: list[tuple[float, float]] = []
    for segment in timeline.segments:
        if spans and segment.start_s - spans[-1][1] < SILENCE_S:
            spans[-1] = (spans[-1][0], max(spans[-1][1], segment.end_s))
        else:
            spans.append((segment.start_s, segment.end_s))
    texts: list[list[str]] = [[] for _ in spans]
    for word in timeline.words:
        k = _place(word, spans)
        if k is not None and word.text.strip():
            texts[k].append(word.text.strip())
    return [
        Utterance(a - video_at_s, b - video_at_s, " ".join(text))
        for (a, b), text in zip(spans, texts, strict=True)
        if text and a >= video_at_s - ONSET_TOLERANCE_S
    ]


def _place(word: Word, spans: Sequence[tuple[float, float]]) -> int | None:
    """The span nearest to a word's middle; None if there is none or the word has no time."""
    if word.start_s is None or not spans:
        return None
    middle = (word.start_s + (word.start_s if word.end_s is None else word.end_s)) / 2
    return min(range(len(spans)), key=lambda k: max(spans[k][0] - middle, middle - spans[k][1], 0.0))


def judge_turn(turn: Turn, question: str, said: Sequence[tuple[float, str]], judge: Judge) -> Judged:
    """Judge the replies in a turn's span, each together with those before it there.

    Args:
        turn: the expected turn.
        question: what was asked.
        said: time on the video's clock, and text, of every reply, in order of time.
        judge: see ``judge``.
    """
    kept: list[str] = []
    seen: set[str] = set()
    replies: list[Reply] = []
    duplicates = undecided = 0
    for at, text in said:
        if not within(at, turn.span):
            continue
        if (plain := normalised(text)) in seen:
            duplicates += 1
            continue
        seen.add(plain)
        kept.append(text)
        score = judge(question, turn.content, tuple(kept))
        if score is None:
            undecided += 1
        else:
            replies.append(Reply(at, score))
    return Judged(tuple(replies), duplicates, undecided)


def normalised(text: str) -> str:
    """A text for comparison: speech knows neither case nor punctuation."""
    return " ".join(re.findall(r"\w+", text.lower()))


def score(task: str, sample: Sample, timeline: Timeline, judge: Judge) -> Score:
    """Score one recording.

    Args:
        task: the task's name.
        sample: what was played.
        timeline: what was heard.
        judge: says what the replies mean.

    Raises:
        BadSampleError: the sample has no annotation.
    """
    item = annotation_of(sample)
    if timeline.word_source is WordSource.NONE:
        missing = dict.fromkeys((m.name for m in METRICS), NO_WORDS)
        return Score(task, sample.subset, sample.id, sample.unit, {}, missing)
    replies = utterances(timeline, item.video_at_s)
    onsets = [(_snapped(u.start_s, item.turns), u.text) for u in replies]
    ends = [(u.end_s, u.text) for u in replies]
    by_onset = [judge_turn(turn, item.question, onsets, judge) for turn in item.turns]
    by_end = [judge_turn(turn, item.question, ends, judge) for turn in item.turns]
    values = _paucs(item.turns, by_onset, end=False) | _paucs(item.turns, by_end, end=True)
    values |= _beside(item, by_onset, onsets)
    undecided = sum(j.undecided for j in by_onset)
    notes = (f"the judge could not decide {undecided} replies: left out",) if undecided else ()
    rows = tuple(_rows(item, by_onset, replies))
    return Score(task, sample.subset, sample.id, sample.unit, values, {}, rows, notes)


def _snapped(at_s: float, turns: Sequence[Turn]) -> float:
    """An onset just before a span opens, moved to its opening, unless another span holds it."""
    if any(within(at_s, t.span) for t in turns):
        return at_s
    opening = (t.span[0] for t in turns if 0 < t.span[0] - at_s <= ONSET_TOLERANCE_S)
    return next(opening, at_s)


def _paucs(turns: Sequence[Turn], judged: Sequence[Judged], end: bool) -> dict[str, Value]:
    return {
        pauc_name(omega, end): Value(
            sum(pauc(j.replies, t.span, omega, t.related_end_s) for t, j in zip(turns, judged, strict=True)),
            len(turns),
        )
        for omega in OMEGAS
    }


def _beside(
    item: Expected, judged: Sequence[Judged], onsets: Sequence[tuple[float, str]]
) -> dict[str, Value]:
    inside = [sum(within(at, t.span) for at, _ in onsets) for t in item.turns]
    outside = sum(not any(within(at, t.span) for t in item.turns) for at, _ in onsets)
    return {
        "duplicates": Value(sum(j.duplicates for j in judged), sum(max(0, n - 1) for n in inside)),
        "out_of_span": Value(outside, len(onsets)),
        "replies_per_minute": Value(len(onsets), item.length_s / 60),
        "answered": Value(sum(n > 0 for n in inside), len(item.turns)),
    }


def _rows(item: Expected, judged: Sequence[Judged], replies: Sequence[Utterance]) -> list[Row]:
    at = item.video_at_s
    rows: list[Row] = [
        {"event": f"reply: {u.text}", "start_s": at + u.start_s, "end_s": at + u.end_s} for u in replies
    ]
    for k, (turn, found) in enumerate(zip(item.turns, judged, strict=True), start=1):
        rows.append({"event": f"turn {k}", "start_s": at + turn.span[0], "end_s": at + turn.span[1]})
        rows += [
            {"event": f"turn {k} judged", "start_s": at + r.at_s, "end_s": None, "score": float(r.score)}
            for r in found.replies
        ]
    return rows
