"""Scoring one recording of ProactiveVideoQA; what PAUC computes is said in ``tml_bench.metrics.pauc``.

Replies are utterances: speech with no silence of ``SILENCE_S`` or more inside, and at least one word.
Times are of the video: session time minus the video's start; what begins before it is no reply. An onset
within ``ONSET_TOLERANCE_S`` before an expected span opens counts as at its opening.

A question to judges holds what the user asked, the answer expected of one turn, and the replies in its span
so far, oldest first; no times, for timing is not the judge's business. Answers "1", "2" and "3" are the
scores 0 (incorrect or irrelevant), 1 (partly covered) and 2 (covered).

The offline rule, version 2:
    * Content words: lower case, without function words, words of the question (unless nothing else is left
      of the answer), and endings (plural, -ing, -ed).
      Coverage is the share of the gold answer's content words that occur in the replies.
    * Numbers and colours of the gold answer must occur in the replies; numbers in words or digits.
    * Opposites: where the gold answer has one of "on, off", "in, out", "up, down", "open, close" and so on
      and not the other, the replies must not have only the other.
    * Polarity: the gold answer says no ("no", "not", "never", "without", "n't") exactly if the replies do.
    * 2: coverage >= 0.6 and all of these agree. 1: coverage >= 0.3 and they agree, or >= 0.6 and they do not.
      0: the rest, also with coverage 0 and no number in common.

Limits, plainly: it knows no synonyms ("car" is not "vehicle"), no paraphrase and no grammar ("the dog
bites the man" covers "the man bites the dog"), so it is stricter than a person on wording and laxer on
roles. It allows comparing systems on one set; its PAUC is not that of the paper, whose judge is GPT-4.1.
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from tml_bench.metrics.pauc import OMEGAS, RatedReply, pauc
from tml_bench.perception.numbers import numbers_in
from tml_bench.plain_text import plain
from tml_bench.questions import Decision, Question, QuestionLine, Rubric, Rule, Verdicts, verdict_of
from tml_bench.samples import Sample
from tml_bench.task import Axis, BoardScore, Direction, Kind, Mark, Metric, Overall, Value
from tml_bench.tasks._common import ScoreSheet, annotation_of, without_words
from tml_bench.tasks._common.speech import SpeechStretch, stretches
from tml_bench.tasks._common.words import content_words, negated, stem, words
from tml_bench.tasks.proactive_video_qa.loader import CATEGORIES, ExpectedTurn, ProactiveAnnotation
from tml_bench.tasks.proactive_video_qa.spans import ExpectedSpans, SortedTimes
from tml_bench.timeline import Timeline, WordSource

QUESTION, EXPECTED, REPLY = "question", "expected answer", "reply"

COVERAGE = Rubric(
    name="pvqa-coverage",
    version=1,
    text="""\
Somebody asked a question before a video, and a model that watches it is to speak up when it sees the \
answer. You are given the question, the answer expected at one point of the video, and what the model said \
there so far, oldest first. How much of the expected answer do the replies, taken together, tell?

1: Nothing of it, or nothing right: they are wrong, about something else, or too vague to tell.
2: A part: something essential of the expected answer is missing, or it is all there beside a statement that \
contradicts it.
3: All that is essential, in whatever words, and nothing that contradicts it.

Go by meaning, not by wording. Length, style, repetition and true details beyond the expected answer do not \
matter. A later reply may correct an earlier one; then the later one counts.""",
    answers=("1", "2", "3"),
    ordered=True,
)

SCORES = {answer: score for score, answer in enumerate(COVERAGE.answers)}
"""The score of each answer, 0 to 2."""

COVERED, PARTLY = 0.6, 0.3
_OPPOSITES = (
    "on off", "in out", "up down", "open close", "left right", "start stop", "begin end", "before after",
    "fast slow", "more less", "first last", "inside outside", "above below", "enter leave", "push pull",
    "hot cold",
)  # fmt: skip
_COLOURS = words("red orange yellow green blue purple pink brown black white grey gray silver gold beige")


def coverage(key: str, question: str, expected: str, replies: Sequence[str]) -> Question:
    """The question whether the replies so far, oldest first, cover an expected answer."""
    said = (QuestionLine(REPLY, text) for text in replies)
    return Question(
        key, COVERAGE, (QuestionLine(QUESTION, question), QuestionLine(EXPECTED, expected), *said)
    )


def covered(question: str, gold: str, replies: Sequence[str]) -> int:
    """How well the replies cover the gold answer: 0, 1 or 2."""
    said = " ".join(replies)
    wanted = content_words(gold) - content_words(question) or content_words(gold) or words(gold)
    there = content_words(said) or words(said)
    coverage = len(wanted & there) / len(wanted) if wanted else 0.0
    needed, given = set(numbers_in(gold)), set(numbers_in(said))
    if coverage == 0 and not needed & given:
        return 0
    agree = (
        needed <= given
        and _COLOURS & words(gold) <= words(said)
        and negated(gold) == negated(said)
        and not opposed(gold, said)
    )
    if coverage >= COVERED:
        return 2 if agree else 1
    return 1 if coverage >= PARTLY and agree else 0


def opposed(gold: str, said: str) -> bool:
    """Whether a text says only the opposite of something in the gold answer."""
    a, b = words(gold), words(said)
    pairs = [tuple(stem(w) for w in pair.split()) for pair in _OPPOSITES]
    pairs += [(y, x) for x, y in pairs]
    return any(x in a and y not in a and y in b and x not in b for x, y in pairs)


def _decide(asked: Question) -> Decision:
    (question,), (expected,) = asked.texts(QUESTION), asked.texts(EXPECTED)
    score = covered(question, expected, asked.texts(REPLY))
    return Decision(
        COVERAGE.answers[score], "overlap of content words, numbers, colours, opposites, polarity"
    )


RULES = {COVERAGE.name: Rule(2, _decide)}


ONSET, END = "reply time = onset", "reply time = end"
LOWER, NEITHER = Direction.LOWER, Direction.NONE


def pauc_name(omega: float, end: bool = False) -> str:
    """The metric PAUC at an omega; ``end`` for the family where a reply's time is its end."""
    return f"pauc{'_end' if end else ''}_{round(100 * omega):03}"


_metric = partial(Metric, unit="%", kind=Kind.RATIO)
_beside = partial(_metric, family="beside PAUC")

METRICS = (
    *(
        _metric(name=pauc_name(omega, family == END), title=f"PAUC ω={omega:g}{suffix}", family=family,
                judged=True,
                describes=f"Area under the score of the replies over the expected span; {family}.")
        for family, suffix in ((ONSET, ""), (END, ", end"))
        for omega in OMEGAS
    ),
    _beside(name="duplicates", title="Duplicate replies", direction=LOWER,
            describes="Replies in an expected span that repeat an earlier one there, of those after its "
            "first."),
    _beside(name="out_of_span", title="Replies out of span", direction=LOWER,
            describes="Replies since the video's start whose onset lies in no expected span."),
    _beside(name="replies_per_minute", title="Replies per minute", unit="1/min", direction=NEITHER,
            describes="Replies since the video's start per minute of video."),
    _beside(name="answered", title="Turns answered",
            describes="Expected turns with a reply in their span."),
)  # fmt: skip
HEADLINE = ("pauc_050", "duplicates", "out_of_span", "replies_per_minute")
OVERALL = (Overall("mean of categories", CATEGORIES, equal=True), Overall("all turns", CATEGORIES))
BOARD = BoardScore(
    "pauc_050",
    OVERALL[0].name,
    "Silence gets exactly 25, and talk that says nothing of what is asked for no more, however often it "
    "comes: what counts is what has been said by when, and a judge hears whether it is an answer.",
    axis=Axis.SEEING,
)
"""Both readings of "averaged over turns and categories"; the first is the headline."""


SILENCE_S = 0.8
"""Silence that separates replies."""
ONSET_TOLERANCE_S = 0.1
"""95 % of onset detection errors are smaller; a reply at the very moment must not fall out of its span."""


Reply = tuple[float, str]
"""When on the video's clock, and what."""


class AssignedReplies(NamedTuple):
    """The replies of a recording, and which of them each expected turn gets.

    Attributes:
        item: what is expected.
        replies: all of them.
        onsets: the same by their onset; one just before a span is at its opening.
        by: per family of metrics (`ONSET`, `END`) the replies in each turn's span, repetitions left out.
    """

    item: ProactiveAnnotation
    replies: tuple[SpeechStretch, ...]
    onsets: tuple[Reply, ...]
    by: dict[str, tuple[tuple[Reply, ...], ...]]


def marks(sample: Sample) -> tuple[Mark, ...]:
    """The video and the expected spans."""
    item = annotation_of(sample, ProactiveAnnotation)
    at = item.video_at_s
    spans = (Mark(at + t.span[0], at + t.span[1], f"reply {k}") for k, t in enumerate(item.turns, start=1))
    return (Mark(at, at + item.length_s, "video"), *spans)


def hear(sample: Sample, timeline: Timeline) -> AssignedReplies:
    """The replies of a recording by expected turn, once by their onset and once by their end."""
    item = annotation_of(sample, ProactiveAnnotation)
    replies = tuple(
        said._replace(start_s=said.start_s - item.video_at_s, end_s=said.end_s - item.video_at_s)
        for said in stretches(timeline, SILENCE_S)
        if said.words and said.start_s >= item.video_at_s - ONSET_TOLERANCE_S
    )
    spans = ExpectedSpans([turn.span for turn in item.turns])
    onsets = tuple((_snapped(u.start_s, spans), u.text) for u in replies)
    ends = tuple((u.end_s, u.text) for u in replies)
    said = {ONSET: onsets, END: ends}
    # Speech knows neither case nor punctuation.
    same = [" ".join(re.findall(r"\w+", plain(reply.text))) for reply in replies]
    by = {family: _kept(item.turns, some, same) for family, some in said.items()}
    return AssignedReplies(item, replies, onsets, by)


def _kept(
    turns: Sequence[ExpectedTurn], said: Sequence[Reply], same: Sequence[str]
) -> tuple[tuple[Reply, ...], ...]:
    """The replies in each turn's span, without those that repeat an earlier one there, the ``same`` text."""
    times = SortedTimes([at for at, _ in said])
    found: list[tuple[Reply, ...]] = []
    for turn in turns:
        first: dict[str, Reply] = {}
        for place in times.inside(turn.span):
            first.setdefault(same[place], said[place])
        found.append(tuple(first.values()))
    return tuple(found)


def questions(sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
    """What must be judged: the replies in each span, after each of them; nothing where words are unknown."""
    heard = hear(sample, timeline)
    if timeline.word_source is WordSource.NONE:
        return ()
    return tuple(
        coverage(_key(family, k, n), heard.item.question, turn.content, [text for _, text in said[:n]])
        for family, turns in heard.by.items()
        for k, (turn, said) in enumerate(zip(heard.item.turns, turns, strict=True), start=1)
        for n in range(1, len(said) + 1)
    )


def _key(family: str, turn: int, replies: int) -> str:
    return f"{'end' if family == END else 'onset'} turn {turn} reply {replies}"


def score(sample: Sample, timeline: Timeline, verdicts: Verdicts) -> ScoreSheet:
    """Score one recording."""
    heard = hear(sample, timeline)
    if timeline.word_source is WordSource.NONE:
        return without_words(METRICS, timeline)
    sheet = ScoreSheet(_counts(heard))
    for family, turns in heard.by.items():
        judged = [
            [(at, verdict_of(verdicts, _key(family, k, n))) for n, (at, _) in enumerate(said, start=1)]
            for k, said in enumerate(turns, start=1)
        ]
        lost = next((verdict.missing for said in judged for _, verdict in said if verdict.missing), "")
        rated = [[RatedReply(at, SCORES[v.answer]) for at, v in said if v.answer] for said in judged]
        if lost:
            sheet.lack((pauc_name(omega, family == END) for omega in OMEGAS), lost)
        else:
            sheet.values |= _paucs(heard.item.turns, rated, end=family == END)
        if family == ONSET:
            _enter_rows(sheet, heard, rated)
    return sheet


def _snapped(at_s: float, spans: ExpectedSpans) -> float:
    """An onset just before a span opens, moved to its opening, unless another span holds it."""
    opening = None if spans.hold(at_s) else spans.opening_after(at_s, ONSET_TOLERANCE_S)
    return at_s if opening is None else opening


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


def _counts(heard: AssignedReplies) -> dict[str, Value]:
    """What was said, whatever it means."""
    item, onsets = heard.item, heard.onsets
    times, spans = SortedTimes([at for at, _ in onsets]), ExpectedSpans([t.span for t in item.turns])
    inside = [times.count(turn.span) for turn in item.turns]
    outside = sum(not spans.hold(at) for at, _ in onsets)
    return {
        "duplicates": Value(sum(inside) - sum(map(len, heard.by[ONSET])), sum(max(0, n - 1) for n in inside)),
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
