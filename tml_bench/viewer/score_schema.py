"""What a sample scored and what judges said, for the viewer's page; see `tml_bench.viewer.sample_schema`."""

from __future__ import annotations

import msgspec


class ScoredValue(msgspec.Struct, frozen=True):
    """A metric's value on the sample.

    Attributes:
        metric: its name; ``title`` for people.
        unit: ``%`` for shares (values stay in [0, 1]), ``s``, ``1/min``, or empty.
        direction: ``higher``, ``lower`` or ``none``: which is better.
        family: metrics shown together; ``headline`` whether it is one of the few that matter.
        describes: one sentence.
        value: ``null`` where the metric has nothing to count here, or is missing: see ``missing``.
        numerator: what ``value`` is made of; ``denominator`` likewise.
        missing: why it could not be computed; empty when it could.
    """

    metric: str
    title: str
    unit: str
    direction: str
    family: str
    headline: bool
    describes: str
    value: float | None
    numerator: float | None
    denominator: float | None
    missing: str = ""


class ScoredRow(msgspec.Struct, frozen=True):
    """An event behind the values; ``details`` is what else the task tells of it."""

    event: str
    start_s: float | None
    end_s: float | None
    details: dict[str, str | float | None]


class ViewedScore(msgspec.Struct, frozen=True):
    """The sample's score: its values, headline metrics first, and the events behind them."""

    values: tuple[ScoredValue, ...]
    rows: tuple[ScoredRow, ...]
    notes: tuple[str, ...]


class JudgedLine(msgspec.Struct, frozen=True):
    """A text the judge saw; ``role`` is such as ``user``, ``reply`` or ``expected``."""

    role: str
    text: str
    start_s: float | None
    end_s: float | None


class ViewedJudgement(msgspec.Struct, frozen=True):
    """What a judge was asked and what it said.

    Attributes:
        key: of the question, unique on the sample.
        rubric: its name and version.
        instruction: what the judge is told to decide.
        answers: what it may answer.
        lines: what it decides it from.
        start_s: the stretch of the recording that is judged; ``null`` where the question has no times.
        end_s: its end.
        answer: ``null`` where there is none: see ``missing``.
        explanation: why, in the judge's words.
        raw: the judge's reply as it came, shortened where very long.
        judge: kind, model and version of who answered.
        missing: why there is no answer.
    """

    key: str
    rubric: str
    instruction: str
    answers: tuple[str, ...]
    lines: tuple[JudgedLine, ...]
    start_s: float | None
    end_s: float | None
    answer: str | None
    explanation: str
    raw: str
    judge: str
    missing: str
