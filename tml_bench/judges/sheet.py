"""People as judges, and the sheets they fill in: questions of scored runs, once each, without who is judged.

A sheet is a CSV file with one question a row and the columns of `COLUMNS`. People fill in ``answer`` with one
of ``allowed`` and, if they like, ``explanation``; a blank answer is missing. A question is found again by its
``id``, which is made of the hashes of rubric and texts, so a sheet holds for every run with the same texts.
Within a rubric, rows stand in the order of these hashes: mixed, and the same every time.
"""

import base64
import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import structs

from tml_bench.bounded_files import read_whole
from tml_bench.csv_text import FORMULA, NUMBER, csv_text, read_cell
from tml_bench.errors import UserError
from tml_bench.plain_text import plain
from tml_bench.questions import Question, QuestionLine, Verdict
from tml_bench.redact import cut

COLUMNS = ("id", "rubric", "version", "instruction", "texts", "allowed", "ordered", "answer", "explanation")
_BETWEEN = " | "
_DELIMITERS = ",;\t"
_LONGEST_CELL = 10_000_000


class SheetRow(msgspec.Struct, frozen=True):
    """One question of a sheet, with the name, version and text of its rubric.

    Attributes:
        id: identifies the question, see `row_id`.
        texts: what is to be judged, readable.
        allowed: the answers to choose from.
        ordered: ``yes`` where these are steps of one scale, else empty.
        answer: the one chosen; empty while none is.
        explanation: why; may be empty.
    """

    id: str
    rubric: str
    version: str
    instruction: str
    texts: str
    allowed: tuple[str, ...]
    ordered: str = ""
    answer: str = ""
    explanation: str = ""


ROW_ID = re.compile("[0-9a-f]{16}-[0-9a-f]{16}")
"""What `row_id` gives."""


def row_id(question: Question) -> str:
    """The id of a question: 16 digits of each of its hashes."""
    rubric, texts = question.identity
    return f"{texts[:16]}-{rubric[:16]}"


def rows_of(questions: Iterable[Question]) -> list[SheetRow]:
    """The rows of questions, each once, in the order of their ids; of those with answers to choose from."""
    found = {row_id(q): q for q in questions if q.rubric.answers}
    return [
        SheetRow(
            id=key,
            rubric=found[key].rubric.name,
            version=str(found[key].rubric.version),
            instruction=found[key].rubric.text.strip(),
            texts="\n\n".join(map(_readable, found[key].lines)),
            allowed=found[key].rubric.answers,
            ordered="yes" if found[key].rubric.ordered else "",
        )
        for key in sorted(found)
    ]


def _readable(line: QuestionLine) -> str:
    times = [f"{t:.2f}" for t in (line.start_s, line.end_s) if t is not None]
    when = f" [{' to '.join(times)} s]" if times else ""
    # Indented, so that no text can pass for the next line.
    return f"{line.role}{when}: " + "\n    ".join(line.text.splitlines())


def to_csv(rows: Sequence[SheetRow]) -> str:
    """The sheet as CSV."""
    cells = (structs.asdict(row) | {"allowed": _BETWEEN.join(row.allowed)} for row in rows)
    return csv_text(COLUMNS, ([row[name] for name in COLUMNS] for row in cells))


def from_csv(text: str, where: str) -> list[SheetRow]:
    """Read a sheet, in messages ``where``; separated by commas, semicolons or tabs, as spreadsheets save it.

    Raises:
        UserError: a column is missing, an answer is none of those allowed, or a question is there twice.
    """
    table = _table(text, where)
    names = [name.strip() for name in next(table, [])]
    if missing := [name for name in COLUMNS if name not in names]:
        raise UserError(f"{where} has no column {missing[0]!r}", "keep the columns of the sheet")
    found: dict[str, SheetRow] = {}
    for number, cells in enumerate(table, 2):
        if not any(cell.strip() for cell in cells):
            continue
        row = _row(dict(zip(names, [*cells, *[""] * len(names)], strict=False)), f"{where}, row {number}")
        if row.id in found:
            raise UserError(f"{where}, row {number}: {row.id} is there twice", "remove one of the two")
        found[row.id] = row
    return list(found.values())


def _table(text: str, where: str) -> Iterator[list[str]]:
    """The rows of a CSV file; one at a time, for lists of cells take far more memory than their text."""
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    except csv.Error as error:
        raise UserError(f"{where} is no CSV file: {error}", "save the sheet as CSV") from None
    finally:
        csv.field_size_limit(limit)


def _row(cells: dict[str, str], where: str) -> SheetRow:
    given = {name: read_cell(cells[name]) for name in COLUMNS}
    allowed = tuple(answer.strip() for answer in given["allowed"].split(_BETWEEN.strip()))
    wanted = given["answer"].strip()
    matching = [answer for answer in allowed if plain(answer) == plain(wanted)]
    if wanted and len(matching) != 1:
        raise UserError(
            f"{where}, answer: {cut(wanted, 40)!r} is not one of {', '.join(allowed)}",
            "correct it, or leave it empty",
        )
    kept = {name: cell if name in ("instruction", "texts") else cell.strip() for name, cell in given.items()}
    return msgspec.convert(kept | {"allowed": allowed, "answer": matching[0] if matching else ""}, SheetRow)


def merged(old: Sequence[SheetRow], new: Sequence[SheetRow], limit: int = 0) -> list[SheetRow]:
    """A sheet with further questions: all old rows with their answers, then at most ``limit`` that are new.

    A limit of 0 adds all.
    """
    known = {row.id for row in old}
    unknown = sorted((row for row in new if row.id not in known), key=lambda row: row.id)
    added = unknown[:limit] if limit else unknown
    return [*old, *sorted(added, key=lambda row: (row.rubric, row.version, row.id))]


def to_page(rows: Sequence[SheetRow], name: str, sounds: Mapping[str, str] | None = None) -> str:
    """A sheet as one local HTML page that is filled in with the keyboard; ``name`` is that of its CSV.

    ``sounds`` are the addresses, as seen from the page, of what is heard beside a question, by its id.
    Nothing else is fetched and nothing sent: style and script are inline, and a content security policy
    allows nothing else. The sheet is JSON in a script element that is never executed, the template escapes
    every text, and the script puts texts into the page as text. Answers are kept in the browser until they
    are downloaded as the filled-in CSV.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    files = PackageLoader("tml_bench", "judges")
    pages = Environment(loader=files, autoescape=True, undefined=StrictUndefined)
    style, script = (files.get_source(pages, f"sheet.{kind}")[0] for kind in ("css", "js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    heard = sounds or {}
    asked = [structs.asdict(row) | {"sound": heard.get(row.id, "")} for row in rows]
    return pages.get_template("sheet.html").render(
        # A page opened from a disk has no origin of its own in some browsers.
        policy=f"default-src 'none'; img-src data:; media-src 'self' file:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'",
        title=name,
        style=Markup(style),
        script=Markup(script),
        sheet={"name": name, "columns": COLUMNS, "formula": FORMULA, "number": NUMBER, "rows": asked},
    )


KIND = "human"


def read_sheet(path: Path) -> list[SheetRow]:
    """Read a sheet from disk; raises `UserError` where it cannot be read, or is no sheet."""
    try:
        text = read_whole(path, piped=True).decode("utf-8-sig")
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}", "give the sheet that was filled in"
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8", "save the sheet as CSV in UTF-8") from None
    except ValueError as error:
        raise UserError(f"{path} cannot be read: {error}", "give the sheet that was filled in") from None
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
