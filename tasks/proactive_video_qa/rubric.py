"""What a judge decides about replies, and how the offline rule decides it.

A question holds what the user asked, the answer expected of one turn, and the replies in its span so far,
oldest first; no times, for timing is not the judge's business. Answers "1", "2" and "3" are the scores 0
(incorrect or irrelevant), 1 (partly covered) and 2 (covered).

The offline rule, version 1:
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

from __future__ import annotations

from collections.abc import Sequence

from tml_bench.perception.numbers import numbers_in
from tml_bench.questions import Decision, Question, QuestionLine, Rubric, Rule
from tml_bench.tasks._common.words import content_words, negated, stem, words

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


RULES = {COVERAGE.name: Rule(1, _decide)}
