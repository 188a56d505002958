"""Scoring one recording of Audio MultiChallenge: does the last reply meet the items of the rubric?

The reply is what the model says after the end of the last user turn. Nothing said meets no item, by rule and
without asking a judge, so that silence cannot pass on criteria that only forbid something.

APR (average pass rate): the share of conversations whose items are all met. ARS (average rubric score): the
mean over conversations of the share of items met. Source: Audio MultiChallenge (arXiv 2512.14865), section
on evaluation.

The offline rule, version 2, decides only items that carry a check, as those of our own mini set do:

* every entry of ``all_of`` must occur in the reply (one of its alternatives, in whole words, case and
  punctuation aside; numbers in words or digits), none of ``none_of`` may;
* the number of words must lie between ``fewest_words`` and ``most_words``.

It knows no paraphrase beyond the alternatives that are written down. Items of the official data have no
check: there the rule gives no verdict, and the metrics are missing until a language model judges.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate, chain, pairwise

import msgspec

from tml_bench.perception.numbers import numbers_in
from tml_bench.plain_text import plain
from tml_bench.questions import Decision, Question, QuestionLine, Rubric, Rule, Verdicts, verdict_of
from tml_bench.samples import Sample
from tml_bench.task import Axis, BoardScore, Direction, Kind, Mark, Metric, Overall
from tml_bench.tasks._common import ScoreSheet, annotation_of, no_words
from tml_bench.tasks._common.speech import text_of
from tml_bench.tasks.audio_multichallenge.conversations import AXES, ReplyCheck, RubricItem
from tml_bench.tasks.audio_multichallenge.loader import LEAD_S, ConversationAnnotation
from tml_bench.timeline import Segment, Timeline, Word, WordSource

MET, NOT_MET = "met", "not_met"
RUBRIC = Rubric(
    name="audiomc-item",
    version=1,
    text="""\
You read a spoken conversation between a user and an assistant, in order, and one criterion. Decide whether
the assistant's final reply, and only that reply, meets the criterion in full, given everything said before
it.

Answer "met" if it does and "not_met" if it does not, or does so only in part. Judge what is said, not how
well it is put: the reply is a transcript of speech, so spelling, punctuation, upper case and slips of the
transcription do not count for or against it. Take the criterion literally; do not add demands of your own.
A criterion that asks for the absence of something is met when that thing is absent.
""",
    answers=(MET, NOT_MET),
)


def key(number: int) -> str:
    """The key of the question about an item, counted from 0."""
    return f"item-{number}"


def questions(said: Sequence[QuestionLine], reply: str, items: Sequence[RubricItem]) -> Iterator[Question]:
    """One question an item, on the final reply and what ``user`` and ``assistant`` said before."""
    for number, item in enumerate(items):
        lines = (*said, QuestionLine("final reply", reply), QuestionLine("criterion", item.text))
        hint = msgspec.json.encode(item.check).decode() if item.check is not None else ""
        yield Question(key(number), RUBRIC, lines, hint)


def decide(question: Question) -> Decision:
    """The offline rule."""
    if not question.hint:
        return Decision(None, "only a language model or a person can judge this item")
    check = msgspec.json.decode(question.hint, type=ReplyCheck)
    [reply] = question.texts("final reply")
    count = len(reply.split())
    if count < check.fewest_words:
        return Decision(NOT_MET, f"{count} words, at least {check.fewest_words} are asked for")
    if check.most_words and count > check.most_words:
        return Decision(NOT_MET, f"{count} words, at most {check.most_words} are allowed")
    for wanted in check.all_of:
        if not any(says(reply, phrase) for phrase in wanted.split("|")):
            return Decision(NOT_MET, f"does not say {wanted!r}")
    for unwanted in check.none_of:
        if any(says(reply, phrase) for phrase in unwanted.split("|")):
            return Decision(NOT_MET, f"says {unwanted!r}")
    return Decision(MET, "all that is asked for is there")


def says(text: str, phrase: str) -> bool:
    """Whether a phrase occurs in a text in whole words; a number also in its other spelling."""
    said, wanted = _plain(text), _plain(phrase)
    if f" {wanted} " in f" {said} ":
        return True
    pieces = re.split("[ -]+", plain(phrase))
    return all(numbers_in(piece) for piece in pieces) and numbers_in(phrase)[0] in numbers_in(text)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", plain(text).replace("'", "")))


RULES = {RUBRIC.name: Rule(2, decide)}


TURNS = range(2, 9)
"""Numbers of user turns in the official data."""
AUDIO_S = ((0, 20), (20, 40), (40, 80), (80, None))
"""Ranges of the length of the user's audio in seconds: from, up to but not including."""


def turns_name(score: str, turns: int) -> str:
    """``apr`` or ``ars`` of conversations with so many user turns."""
    return f"{score}_turns_{turns}"


def audio_name(score: str, low: int, high: int | None) -> str:
    """``apr`` or ``ars`` of conversations with so much user audio."""
    return f"{score}_audio_{low}_{high}" if high is not None else f"{score}_audio_from_{low}"


def audio_range(seconds: float) -> tuple[int, int | None]:
    """The range of ``AUDIO_S`` a length lies in."""
    return next((low, high) for low, high in AUDIO_S if high is None or seconds < high)


def _range(low: int, high: int | None) -> str:
    return f"{low}–{high} s" if high is not None else f"from {low} s"


def _both(name: str, title: str, family: str, where: str) -> tuple[Metric, ...]:
    score = partial(Metric, unit="%", family=family, judged=True)
    return (
        score(name=f"apr{name}", title=f"APR{title}", kind=Kind.RATE,
              describes=f"Share of conversations{where} whose rubric items are all met."),
        score(name=f"ars{name}", title=f"ARS{title}",
              describes=f"Share of a conversation's rubric items that are met, averaged over "
              f"conversations{where}."),
    )  # fmt: skip


_reply = partial(Metric, family="the reply")

METRICS = (
    *_both("", "", "rubric", ""),
    _reply(name="answered", title="Answered", unit="%", kind=Kind.RATE,
           describes="The model speaks after the last user turn."),
    _reply(name="latency", title="Latency", unit="s", direction=Direction.LOWER,
           describes="From the end of the last user turn to the onset of the reply; none for who is "
           "speaking then."),
    _reply(name="reply_words", title="Words", direction=Direction.NONE,
           describes="Words of the reply, where there is one."),
    *(
        m
        for n in TURNS
        for m in _both(f"_turns_{n}", f", {n} turns", "by number of user turns", f" of {n} user turns")
    ),
    *(
        m
        for low, high in AUDIO_S
        for m in _both(audio_name("", low, high), f", {_range(low, high)}", "by the user's audio",
                       f" with {_range(low, high)} of user audio")
    ),
)  # fmt: skip
HEADLINE = ("apr", "ars", "answered", "latency")
BOARD = BoardScore(
    "apr",
    "all",
    "A conversation counts only where the reply fulfils every item of its rubric. Silence, a refusal, an "
    "agreement and the user's own words fulfil an item here and there, which is why the mean share of items "
    "is not the score, and hardly ever all of a conversation's.",
    axis=Axis.KNOWING,
    latency="latency",
)
OVERALL = (Overall("all", AXES),)


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
        sheet.lack(_names(item), no_words(timeline))
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
