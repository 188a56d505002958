"""What crosses between tasks and judges: rubrics, questions, verdicts.

A task turns a sample and its timeline into questions (`tml_bench.task.Task.questions`), a judge answers them,
and the task's scoring reads the verdicts. Questions of a whole run are known before the first is asked, so
they can be counted, estimated, cached and asked side by side; scoring stays a pure function.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec


class Rubric(msgspec.Struct, frozen=True):
    """What a judge is asked to decide.

    Attributes:
        name: unique within its task, such as ``pvqa-coverage``.
        version: raised whenever the text or the answers change.
        text: the instruction, in our own words; complete without the harness.
        answers: the closed set of answers, each a short word; empty where the answer is a free one.
        ordered: the answers, as listed, are steps of one scale, so that a near miss is one.
        example: what a free answer looks like, a JSON object: any text that names all its keys is one, and
            the task reads it. Unset where answers are closed.
    """

    name: str
    version: int
    text: str
    answers: tuple[str, ...]
    ordered: bool = False
    example: str | msgspec.UnsetType = msgspec.UNSET

    @property
    def sha256(self) -> str:
        """Hash of everything a judge is told by the rubric, 64 hexadecimal digits."""
        told = self.example if isinstance(self.example, str) else self.answers
        return hashlib.sha256(msgspec.json.encode((self.name, self.text, told))).hexdigest()

    def takes(self, answer: str) -> bool:
        """Whether an answer is one of the rubric's."""
        if isinstance(self.example, str):
            return all(f'"{key}"' in answer for key in json.loads(self.example))
        return answer in self.answers


class QuestionLine(msgspec.Struct, frozen=True, gc=False):
    """One text a judge sees.

    Attributes:
        role: what it is, such as ``user``, ``model``, ``expected answer`` or ``rejected example``.
        text: the text.
        start_s: when it begins, seconds on the session clock; None where time does not matter.
        end_s: when it ends.
    """

    role: str
    text: str
    start_s: float | None = None
    end_s: float | None = None


Identity = tuple[str, str]
"""Hash of a rubric and hash of what is judged by it."""


class Question(msgspec.Struct, frozen=True):
    """One thing to decide.

    Attributes:
        key: unique among the questions about one recording.
        rubric: what to decide.
        lines: what to decide it from, in order.
        hint: machine-readable help for the rubric's rule, from the task's annotation; no other judge sees it.
    """

    key: str
    rubric: Rubric
    lines: tuple[QuestionLine, ...]
    hint: str = ""

    @property
    def input_sha256(self) -> str:
        """Hash of what is judged, without the rubric and the key, 64 hexadecimal digits."""
        return hashlib.sha256(msgspec.json.encode(self.lines)).hexdigest()

    @property
    def identity(self) -> Identity:
        """What is asked about what: two questions of one identity have one answer."""
        return self.rubric.sha256, self.input_sha256

    def texts(self, role: str) -> tuple[str, ...]:
        """The texts of a role, in order."""
        return tuple(line.text for line in self.lines if line.role == role)


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """A judge's answer to one question.

    Attributes:
        answer: one of the rubric's answers, or a free one; None when there is none, see ``missing``.
        explanation: why, in the judge's words; may be empty.
        raw: the judge's reply as it came; empty for rules.
        judge: kind of judge, such as ``rules`` or ``openai``.
        model: the model it used; empty for rules and people.
        version: version of the judge: of the rule, or of model and settings.
        prompt_tokens: tokens read, as far as the judge tells.
        completion_tokens: tokens written.
        cached: the answer comes from the cache; it cost nothing now.
        missing: why there is no answer; empty when there is one. Missing data, never a score.
    """

    answer: str | None
    explanation: str = ""
    raw: str = ""
    judge: str = ""
    model: str = ""
    version: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: bool = False
    missing: str = ""


Verdicts = Mapping[str, Verdict]
"""Verdicts about one recording, by the question's key."""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What a rule decides: one of the rubric's answers, or None when it cannot tell, and why."""

    answer: str | None
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """Decides a rubric offline by a pure function; its version is raised whenever a decision changes."""

    version: int
    decide: Callable[[Question], Decision]


class Judge(Protocol):
    """Answers questions."""

    @property
    def id(self) -> str:
        """Kind, model and version; scores of different judges never share a column."""

    def answer(self, questions: Sequence[Question], advance: Callable[[], None] = ...) -> list[Verdict]:
        """Answer questions, in their order; failures are verdicts with ``missing`` set, never exceptions.

        ``advance`` is called after each answer.
        """


def verdict_of(verdicts: Verdicts, key: str) -> Verdict:
    """The verdict on a question; one that says it was not asked when there is none."""
    return verdicts.get(key) or Verdict(None, missing="not judged")
