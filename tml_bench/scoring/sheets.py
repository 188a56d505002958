"""What judges need of runs on disk: the questions that were asked, and the verdicts on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tml_bench.errors import UserError
from tml_bench.files import write_atomically
from tml_bench.judges.human import read_sheet
from tml_bench.judges.sheet import merged, rows_of, to_csv, to_page
from tml_bench.runs.store import NOT_A_RUN, read_lines
from tml_bench.scoring.judging import QuestionVerdict
from tml_bench.scoring.summary_file import VERDICTS


class SheetFiles(NamedTuple):
    """A sheet on disk: the CSV to fill in, the same as a page, and how many questions it holds.

    ``added`` of them are new, ``answered`` have an answer.
    """

    csv: Path
    page: Path
    rows: int
    added: int
    answered: int


def judged_of(run: Path) -> list[QuestionVerdict]:
    """The questions about a run with their verdicts, as it was last scored.

    Raises:
        UserError: it is not a run, it was not scored, or its task asks nothing.
    """
    if not (run / "run.json").is_file():
        raise UserError(f"{run / 'run.json'} does not exist", NOT_A_RUN)
    if not (run / VERDICTS).is_file():
        raise UserError(
            f"{run / VERDICTS} does not exist",
            f"score the run first: tml-bench score {run}; tasks whose scores need no judge have none",
        )
    return read_lines(run / VERDICTS, QuestionVerdict)


def make_sheet(runs: Sequence[Path], out: Path, rubrics: Sequence[str] = (), limit: int = 0) -> SheetFiles:
    """Write the questions of runs to a sheet and a page; a sheet that exists keeps its rows and answers.

    Args:
        runs: folders of scored runs.
        out: the CSV; the page stands beside it, under the same name with ``.html``.
        rubrics: only these; empty means all.
        limit: add at most so many questions, a random choice that is the same every time; 0 for all.

    Raises:
        UserError: as `judged_of`, there are no questions, or ``out`` is something else than a sheet.
    """
    asked = [judged.question for run in runs for judged in judged_of(run)]
    chosen = [question for question in asked if not rubrics or question.rubric.name in rubrics]
    if not chosen:
        names = ", ".join(sorted({question.rubric.name for question in asked})) or "none"
        raise UserError("there is no question to put on a sheet", f"rubrics of these runs: {names}")
    page = out.with_suffix(".html")
    if page == out:
        raise UserError(f"--out {out}: the page stands there, beside the sheet", "give a name ending in .csv")
    old = read_sheet(out) if out.exists() else []
    rows = merged(old, rows_of(chosen), limit)
    # Spreadsheets take a file for UTF-8 only when it begins with a byte order mark.
    write_atomically(out, to_csv(rows).encode("utf-8-sig"))
    write_atomically(page, to_page(rows, out.name).encode())
    return SheetFiles(out, page, len(rows), len(rows) - len(old), sum(bool(row.answer) for row in rows))
