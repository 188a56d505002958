"""People as judges: their answers are read from a sheet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from tml_bench.errors import UserError
from tml_bench.judges.sheet import SheetRow, from_csv, row_id
from tml_bench.questions import Question, Verdict

KIND = "human"


def read_sheet(path: Path) -> list[SheetRow]:
    """Read a sheet from disk; raises `UserError` where it cannot be read, or is no sheet."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}", "give the sheet that was filled in"
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8", "save the sheet as CSV in UTF-8") from None
    return from_csv(text, str(path))


class HumanJudge:
    """Answers as people did on a sheet; raises as `read_sheet`."""

    def __init__(self, path: Path) -> None:
        self._rows = {row.id: row for row in read_sheet(path)}
        labels = "\n".join(sorted(f"{row.id} {row.answer}" for row in self._rows.values() if row.answer))
        self.version = hashlib.sha256(labels.encode()).hexdigest()[:12]

    @property
    def id(self) -> str:
        """``human`` with a hash of all answers: other answers are another judge."""
        return f"{KIND} {self.version}"

    def answer(
        self, questions: Sequence[Question], advance: Callable[[], None] = lambda: None
    ) -> list[Verdict]:
        """Look the questions up; those without an answer are missing."""
        found = []
        for question in questions:
            found.append(self._verdict(question))
            advance()
        return found

    def _verdict(self, question: Question) -> Verdict:
        row = self._rows.get(row_id(question))
        if row and row.answer in question.rubric.answers:
            return Verdict(row.answer, row.explanation, judge=KIND, version=self.version)
        why = "not an answer of the rubric" if row and row.answer else "not filled in"
        return Verdict(None, judge=KIND, version=self.version, missing=why if row else "not on the sheet")
