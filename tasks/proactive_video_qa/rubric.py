"""What a judge decides about replies, and how the offline rule decides it.

A question holds what the user asked, the answer expected of one turn, and the replies in its span so far,
oldest first; no times, for timing is not the judge's business. Answers "1", "2" and "3" are the scores 0
(incorrect or irrelevant), 1 (partly covered) and 2 (covered).
"""

from __future__ import annotations

from collections.abc import Sequence

from tml_bench.questions import Decision, Question, QuestionLine, Rubric, Rule
from tml_bench.tasks.proactive_video_qa.coverage_rule import CoverageRule

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

_BY_RULE = CoverageRule()


def coverage(key: str, question: str, expected: str, replies: Sequence[str]) -> Question:
    """The question whether the replies so far, oldest first, cover an expected answer."""
    said = (QuestionLine(REPLY, text) for text in replies)
    return Question(
        key, COVERAGE, (QuestionLine(QUESTION, question), QuestionLine(EXPECTED, expected), *said)
    )


def _decide(asked: Question) -> Decision:
    (question,), (expected,) = asked.texts(QUESTION), asked.texts(EXPECTED)
    score = _BY_RULE(question, expected, asked.texts(REPLY))
    return Decision(
        COVERAGE.answers[score], "overlap of content words, numbers, colours, opposites, polarity"
    )


RULES = {COVERAGE.name: Rule(1, _decide)}
