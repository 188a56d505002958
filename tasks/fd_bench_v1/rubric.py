"""What a judge decides about interruption items: does the answer fit what the user cut in with?

No rule decides it offline: that takes understanding. The wording is our own; the original's prompt and judge
(GPT-4 Turbo) are others.
"""

from __future__ import annotations

from tml_bench.questions import Question, QuestionLine, Rubric

RATING = Rubric(
    name="fdb-rating",
    version=1,
    text="""\
A user says something to a voice assistant (the context), and some seconds later cuts in with something else \
(the interruption). You are given both, and what the assistant says from the interruption's end on (the \
reply). How well does the reply respond to the interruption?

0: Not at all: it goes on with the context, is about something else, or makes no sense.
1: It shares a word or a theme with the interruption, but responds to something else.
2: It takes up the theme of the interruption, but not what the user says or asks there.
3: It responds to the interruption in the main, and misses or muddles a part of it.
4: It responds to all of the interruption, with a small lapse or detour.
5: It responds to exactly what the user says or asks in the interruption.

The reply comes from speech recognition and may begin or end in mid-sentence; that does not matter. Rate how \
well it fits, not whether its facts are right, nor its length, tone or grammar.""",
    answers=("0", "1", "2", "3", "4", "5"),
    ordered=True,
)
KEY = "rating"
PLACEHOLDER = "word"
"""What respondents say that are made of times alone; there is nothing to rate in it."""


def rating(context: str, interruption: str, reply: str) -> Question:
    """The question how well a reply, from the interruption's end on, responds to it."""
    lines = (
        QuestionLine("context", context),
        QuestionLine("interruption", interruption),
        QuestionLine("reply", reply),
    )
    return Question(KEY, RATING, lines)
