"""A judge that knows talks on a subject from others, where rules cannot: it has the examples by heart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tml_bench.judges.rules import RuleJudge
from tml_bench.questions import Question, Verdict
from tml_bench.tasks._timed.meaning.rule import ACCEPTED, REPLY, RIGHT, RUBRIC, RULE, WRONG
from tml_bench.tasks._timed.meaning.wording import words


class UnderstandingJudge(RuleJudge):
    """Rules, and of talks whether one of the accepted is said, whole or in part."""

    def __init__(self) -> None:
        super().__init__({RUBRIC.name: RULE})

    @property
    def id(self) -> str:
        """No rules' id."""
        return "understanding"

    def answer(
        self, questions: Sequence[Question], advance: Callable[[], None] = lambda: None
    ) -> list[Verdict]:
        """The rules' verdicts, and those that they do not give."""
        found = super().answer(questions, advance)
        return [v if v.answer else _known(q) for q, v in zip(questions, found, strict=True)]


def _known(question: Question) -> Verdict:
    (reply,) = question.texts(REPLY)
    said = " ".join(words(reply))
    right = any(said in " ".join(words(text)) for text in question.texts(ACCEPTED)) if said else False
    return Verdict(RIGHT if right else WRONG, judge="understanding")
