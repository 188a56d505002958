"""A sample's score and what judges said of it, as they were last stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

import msgspec

from tml_bench.bounded_files import LONGEST_LINE, UNREADABLE
from tml_bench.errors import UserError
from tml_bench.metric import Score
from tml_bench.outcome import Outcome
from tml_bench.questions import QuestionLine
from tml_bench.redact import cut
from tml_bench.runs.store import Attempt
from tml_bench.scoring.judging import QuestionVerdict
from tml_bench.scoring.result_seals import check_result
from tml_bench.scoring.summary_file import VERDICTS
from tml_bench.scoring.user_faults import USER_FAULTS, SampleFault
from tml_bench.viewer.run_files import MetricHead, SummaryHead, ViewedRun, run_file
from tml_bench.viewer.sample_schema import LONGEST_EVENT
from tml_bench.viewer.score_schema import JudgedLine, ScoredRow, ScoredValue, ViewedJudgement, ViewedScore

T = TypeVar("T")
_Places = dict[str, list[tuple[int, int]]]


_MODELS = ("reply", "model", "assistant")
"""Roles of lines that are the model's begin so."""


class _SampleOf(msgspec.Struct, frozen=True):
    sample: str = ""


def stored_score(run: ViewedRun, sample: str) -> Score | None:
    """A sample's line of ``scores.jsonl``; None where it has none. Raises UserError for a malformed one."""
    found = _lines(run, "scores.jsonl", sample, Score)
    return found[-1] if found else None


def ending(run: ViewedRun, last: Attempt) -> tuple[Outcome, str]:
    """How a sample ended and why, with every line in which a simulated user did wrong.

    Raises:
        UserError: a line about it is malformed.
    """
    faults = _lines(run, USER_FAULTS, last.sample, SampleFault) if last.outcome is Outcome.VALID else []
    if not faults:
        return last.outcome, last.reason
    return Outcome.USER_FAULT, "; ".join(f"{f.at_s:.1f} s, {f.kind}: “{f.text}” {f.reason}" for f in faults)


def judgements(run: ViewedRun, sample: str, score: Score | None) -> tuple[ViewedJudgement, ...]:
    """What was asked about a sample, in the order asked; nothing where the task asks nothing.

    The stretch judged is that of the question's timed lines, of the model's where there are any; a question
    without times gets those of the row of the score that has the text judged.

    Raises:
        UserError: a line is malformed.
    """
    rows = [_row(dict(row)) for row in score.rows] if score else []
    return tuple(_judgement(asked, rows) for asked in _lines(run, VERDICTS, sample, QuestionVerdict))


def _lines(run: ViewedRun, name: str, sample: str, kind: type[T]) -> list[T]:
    """The lines about a sample, of which only these are decoded whole."""
    path = run_file(run.path, name)
    if path is None:
        return []
    stat = path.stat()
    places = _places(path, stat.st_size, stat.st_mtime_ns).get(sample, [])
    decoder = msgspec.json.Decoder(kind)
    try:
        with path.open("rb") as file:
            found = []
            for begin, length in places:
                file.seek(begin)
                found.append(decoder.decode(file.read(length)))
    except UNREADABLE as error:
        raise UserError(f"{path}, sample {sample}: {error}", "score the run again") from error
    return found


@lru_cache(maxsize=64)
def _places(path: Path, size: int, changed_ns: int) -> Mapping[str, list[tuple[int, int]]]:
    """Begin and length of each sample's lines in a file of such size, last changed then.

    Raises:
        UserError: it is not as scoring wrote it.
    """
    check_result(path)
    decoder = msgspec.json.Decoder(_SampleOf)
    places: _Places = {}
    begin = 0
    with path.open("rb") as file:
        for line in iter(partial(file.readline, LONGEST_LINE + 1), b""):
            try:
                sample = decoder.decode(line).sample
            except UNREADABLE:
                sample = ""  # torn, or of another kind: it belongs to no sample
            if sample:
                places.setdefault(sample, []).append((begin, len(line)))
            begin += len(line)
    return places


def viewed_score(score: Score, summary: SummaryHead | None) -> ViewedScore:
    """Values with what they mean, those of the board and headline first, then those missing; and the rows."""
    told = {m.metric.name: m.metric for m in summary.metrics} if summary else {}
    first = [summary.board.metric] if summary and summary.board else []
    first += summary.headline if summary else ()
    names = [*score.values, *(name for name in score.missing if name not in score.values)]
    order = {name: k for k, name in enumerate(dict.fromkeys((*first, *told)))}
    names.sort(key=lambda name: order.get(name, len(order)))
    values = tuple(_value(name, score, told.get(name), name in first) for name in names)
    rows = tuple(_row(dict(row)) for row in score.rows)
    return ViewedScore(values, rows, score.notes)


def _value(name: str, score: Score, metric: MetricHead | None, headline: bool) -> ScoredValue:
    found = score.values.get(name)
    about = metric or MetricHead(name, name, direction="none", family="")
    value = found.numerator / found.denominator if found is not None and found.denominator else None
    return ScoredValue(
        name, about.title, about.unit, about.direction, about.family, headline, about.describes, value,
        found.numerator if found else None, found.denominator if found else None,
        score.missing.get(name, ""),
    )  # fmt: skip


def _row(row: dict[str, str | float | None]) -> ScoredRow:
    event, start, end = row.pop("event", ""), row.pop("start_s", None), row.pop("end_s", None)
    return ScoredRow(str(event), _number(start), _number(end), row)


def _number(value: str | float | None) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _stretch(lines: Sequence[QuestionLine], rows: Sequence[ScoredRow]) -> tuple[float | None, float | None]:
    """Start and end of what is judged, seconds; None where that is not known."""
    timed = [(line.role, line.start_s, line.end_s) for line in lines if line.start_s is not None]
    models = [one for one in timed if one[0].startswith(_MODELS) and "without" not in one[0]]
    chosen = models or timed
    if chosen:
        ends = [start if end is None else end for _, start, end in chosen]
        return min(start for _, start, _ in chosen), max(ends)
    texts = {line.text for line in lines if line.role.startswith(_MODELS)}
    said = (row for row in rows if row.start_s is not None and row.event.partition(": ")[2] in texts)
    first = next(said, None)
    return (None, None) if first is None else (first.start_s, first.end_s)


def _judgement(asked: QuestionVerdict, rows: Sequence[ScoredRow]) -> ViewedJudgement:
    question, verdict, rubric = asked.question, asked.verdict, asked.question.rubric
    start, end = _stretch(question.lines, rows)
    return ViewedJudgement(
        key=question.key,
        rubric=f"{rubric.name} {rubric.version}",
        instruction=rubric.text,
        answers=rubric.answers,
        lines=tuple(JudgedLine(line.role, line.text, line.start_s, line.end_s) for line in question.lines),
        start_s=start,
        end_s=end,
        answer=verdict.answer,
        explanation=verdict.explanation,
        raw=cut(verdict.raw, LONGEST_EVENT),
        judge=" ".join(filter(None, (verdict.judge, verdict.model, verdict.version))),
        missing=verdict.missing,
    )
