"""What did the model do about the overlap? The question to judges, and the rule that decides offline.

The four answers are those of Full-Duplex-Bench v1.5 (arXiv 2507.23159); the wording is our own.

The rule, version 2. "Said after" are the model's lines from the overlap's start on; what runs on from before
it without a pause of ``BREATH_S`` is the *tail*, the rest is *new*.
    1. Nothing said after: UNKNOWN.
    2. Hits are content words of the overlap that are said after and are neither in the user's question, nor
       in the clean answer, nor said before. They count if there are two, or if they are at least
       ``HIT_SHARE`` of such words. A general repair phrase ("could you repeat", "I didn't catch that")
       before any hit that counts: UNCERTAIN.
    3. Hits that count: RESPOND.
    4. The tail goes on until ``KEPT_S`` after the overlap's end, or at least ``KNOWN_SHARE`` of the content
       words of what is new are from the clean answer, the question, or before: RESUME.
    5. The overlap has no content words ("right"), and what is new quotes all of it that is not said anyway:
       RESPOND.
    6. Else UNKNOWN.

Limits, plainly: it knows no synonyms and no paraphrase, so an answer that takes up the overlap in other words
is RESUME or UNKNOWN; a bare "Okay, I will" is UNKNOWN, and so is "Glad you like it" after "Oh, nice"; it does
not know whether what was said is right. It needs the words' times.
"""

import re
from collections.abc import Iterator, Sequence

from tml_bench.metrics.turn_taking import KEPT_S
from tml_bench.plain_text import plain
from tml_bench.questions import Decision, Question, QuestionLine, Rubric, Rule
from tml_bench.tasks._common.words import content_words, words as plain_words
from tml_bench.tasks.fd_bench_v15.loader import OverlapAnnotation
from tml_bench.timeline import Timeline, Word

RESPOND, RESUME, UNCERTAIN, UNKNOWN = ANSWERS = ("RESPOND", "RESUME", "UNCERTAIN", "UNKNOWN")

USER_CLEAN, MODEL_CLEAN = "user without the overlap", "model without the overlap"
USER, OVERLAP, MODEL = "user with the overlap", "overlap", "model with the overlap"

RUBRIC = Rubric(
    name="overlap-behaviour",
    version=1,
    text="""\
A user asks a voice model something, and the model begins to answer. Then somebody speaks: the overlap. It may
be the user who interrupts, the user who merely shows that they listen, the user who talks to another person,
or somebody in the background. You are not told which. The same conversation was also played without the
overlap. You read both as lines with their start and end in seconds. A line of the model that begins where its
previous line ends, within half a second, is the same stretch of speech going on.

Decide what the model did about the overlap. Look at the first thing it says from the overlap's start on
that is new: it takes up the overlap, changes the subject, comments on the conversation, or starts over. The
rest of a sentence that was under way when the overlap began is not new.

RESPOND: what it says takes up what was said in the overlap. It answers it, does what it asks, confirms its
  content, or asks back about its content.
RESUME: it does not take up the overlap, and goes on with, repeats or completes its answer to the user's
  question, after a pause or without one. Talking on through the overlap and beyond it is RESUME too.
UNCERTAIN: it says that it did not hear or understand, or asks in general to repeat or explain, without
  showing what it heard.
UNKNOWN: none of these. It says nothing more, or only ends the sentence that was under way; or what it says
  belongs to neither the overlap nor its earlier answer; or it is too little to tell.""",
    answers=ANSWERS,
)

BREATH_S = 0.5
"""Model speech that begins within this of its previous words is the same stretch."""
HIT_SHARE, KNOWN_SHARE = 0.3, 0.3
_PHRASE_GAP_S = 0.3
_REPAIR = re.compile(
    r"\b(?:repeat|rephrase|say (?:that|it) again|come again|pardon|what was that|speak up"
    r"|(?:didn't|did not|couldn't|could not|can't|cannot|can not)(?: \w+)? (?:catch|hear|understand|get)"
    r"|not sure (?:what|i)|what do you mean|what did you (?:say|mean))\b"
)
_CHATTER = frozenset(
    content_words(
        "okay sure right please thank thanks sorry wait oh well let actually hold instead want tell know "
        "mean meant thing anything minute yeah hey uh huh mm hm hmm got get see nice great good really need "
        "in on up down off out over about more most only even still say said"
    )
)


def ask(item: OverlapAnnotation, timeline: Timeline, clean: Timeline) -> Question:
    """The question about one item, from what was heard with the overlap and, in ``clean``, without it."""
    begins, ends = item.overlap
    return Question(
        "behaviour",
        RUBRIC,
        (
            *(
                _lines(USER_CLEAN, item.user_clean)
                if item.user_clean is not None
                else _question_line(USER_CLEAN, item, clean)
            ),
            *_lines(MODEL_CLEAN, clean.words),
            *(_lines(USER, item.user) if item.user is not None else _question_line(USER, item, timeline)),
            QuestionLine(OVERLAP, item.overlap_text, begins, ends),
            *_lines(MODEL, timeline.words, begins),
        ),
    )


def decide(question: Question) -> Decision:
    """The rule at the head of this module."""
    (overlap,) = (line for line in question.lines if line.role == OVERLAP)
    begins, ends = overlap.start_s or 0.0, overlap.end_s or 0.0
    lines = [line for line in question.lines if line.role == MODEL]
    before = [line for line in lines if _start(line) < begins]
    after = lines[len(before) :]
    if not after:
        return Decision(UNKNOWN, "nothing said after the overlap began")
    tail = _tail(before, after)
    earlier = " ".join((*question.texts(MODEL_CLEAN), *question.texts(USER_CLEAN), *_texts(before)))
    known = content_words(earlier)
    asked = content_words(overlap.text) - _CHATTER - known
    said = plain(" ".join(_texts(after)))
    hits = asked & content_words(said)
    counts = len(hits) >= 2 or (bool(hits) and len(hits) >= HIT_SHARE * len(asked))
    repair = _REPAIR.search(said)
    if repair and not (counts and asked & content_words(said[: repair.start()])):
        return Decision(UNCERTAIN, f"asks to repeat: {repair[0]!r}")
    if counts:
        return Decision(RESPOND, f"takes up {', '.join(sorted(hits))}")
    if tail and (tail[-1].end_s or 0.0) >= ends + KEPT_S:
        return Decision(RESUME, "talks on beyond the overlap")
    fresh = " ".join(_texts(after[len(tail) :]))
    new = content_words(fresh) - _CHATTER
    if new and len(new & known) >= KNOWN_SHARE * len(new):
        return Decision(RESUME, f"goes on about {', '.join(sorted(new & known))}")
    quoted = plain_words(overlap.text) - plain_words(earlier)
    if not asked and quoted and quoted <= plain_words(fresh):
        return Decision(RESPOND, f"quotes {', '.join(sorted(quoted))}")
    return Decision(UNKNOWN, "neither takes up the overlap nor goes on" if fresh else "nothing new said")


def _texts(lines: Sequence[QuestionLine]) -> list[str]:
    return [line.text for line in lines]


RULES = {RUBRIC.name: Rule(2, decide)}


def _question_line(role: str, item: OverlapAnnotation, timeline: Timeline) -> Iterator[QuestionLine]:
    """The user's question as one line, with the times of the user's speech before the overlap."""
    spans = [] if timeline.user is None else timeline.user.segments
    heard = [(s.start_s, s.end_s) for s in spans if s.end_s <= item.overlap[0]]
    if item.context is not None:
        heard = [item.context]
    start, end = (heard[0][0], heard[-1][1]) if heard else (None, None)
    yield QuestionLine(role, item.context_text, start, end)


def _lines(role: str, words: Sequence[Word], cut_s: float | None = None) -> Iterator[QuestionLine]:
    """Words as phrases: parted at pauses, ends of sentences, and at ``cut_s``; words without start run on."""
    phrase: list[Word] = []
    span: _Span = None
    for word in words:
        if phrase and _parted(phrase[-1], span, word, cut_s):
            yield _line(role, phrase, span)
            phrase, span = [], None
        phrase.append(word)
        span = _with(span, word)
    if phrase:
        yield _line(role, phrase, span)


_Span = tuple[float, float] | None
"""The earliest and the latest time of the words of a phrase; None where none has any."""


def _with(span: _Span, word: Word) -> _Span:
    start, end = word.start_s, word.end_s
    if span is not None and start is not None and end is not None:
        return min(span[0], start, end), max(span[1], start, end)
    times = [t for t in (*(span or ()), start, end) if t is not None]
    return (min(times), max(times)) if times else None


def _parted(last: Word, span: _Span, word: Word, cut_s: float | None) -> bool:
    if word.start_s is None:
        return False
    if plain(last.text).rstrip("\"')").endswith((".", "?", "!")):
        return True
    if span is None:
        return False
    return word.start_s - span[1] >= _PHRASE_GAP_S or (cut_s is not None and span[0] < cut_s <= word.start_s)


def _line(role: str, phrase: Sequence[Word], span: _Span) -> QuestionLine:
    text = " ".join(word.text.strip() for word in phrase)
    return QuestionLine(role, text, *(span or (None, None)))


def _tail(before: Sequence[QuestionLine], after: Sequence[QuestionLine]) -> list[QuestionLine]:
    """The lines that run on from before the overlap."""
    tail: list[QuestionLine] = []
    last = before[-1] if before else None
    for line in after:
        if last is None or last.end_s is None or _start(line) - last.end_s > BREATH_S:
            break
        tail.append(line)
        last = line
    return tail


def _start(line: QuestionLine) -> float:
    return 0.0 if line.start_s is None else line.start_s
