"""Answers of judges on disk, in one SQLite file that many processes may share and that can be shipped.

An answer is found again by the judge (kind, model, version), the hash of the rubric and the hash of what was
judged. Only answers are kept, never failures. Each is committed by itself, so a kill loses none; of two
processes that ask the same question at once the first answer stays and both use it. A table of its own seals
each answer: one that is not as it was sealed is as good as not there. Earlier versions sealed none.
"""

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tml_bench.bounded_files import UNREADABLE
from tml_bench.errors import UserError
from tml_bench.questions import Identity, Question, Rubric, Verdict

_SCHEMA = 1
_APPLICATION = 0x746D6C6A  # "tmlj", so that another program's file is told from ours
_BUSY_S = 60.0
"""How long to wait for another process to finish writing."""
_BATCH = 300

_TABLES = """
CREATE TABLE IF NOT EXISTS rubrics (
    sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, text TEXT NOT NULL,
    answers TEXT NOT NULL, ordered INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    kind TEXT NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL, rubric TEXT NOT NULL, input TEXT NOT NULL,
    answer TEXT NOT NULL, explanation TEXT NOT NULL, raw TEXT NOT NULL, replied TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    PRIMARY KEY (kind, model, version, rubric, input)
) WITHOUT ROWID;
"""
_SEALS = """
CREATE TABLE IF NOT EXISTS seals (
    kind TEXT NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL, rubric TEXT NOT NULL, input TEXT NOT NULL,
    sha256 TEXT NOT NULL, PRIMARY KEY (kind, model, version, rubric, input)
) WITHOUT ROWID
"""
_COLUMNS = "answer, explanation, raw, replied, prompt_tokens, completion_tokens"

JudgeKey = tuple[str, str, str]
"""Kind, model and version of a judge."""
_Row = tuple[Any, ...]
"""Rubric and input, then `_COLUMNS`."""


def _seal(values: _Row) -> str:
    return hashlib.sha256(msgspec.json.encode(values)).hexdigest()


class CachedAnswer(NamedTuple):
    """What a cache holds of one judge on one rubric: how many answers, and the tokens that they took."""

    judge: JudgeKey
    rubric: Rubric
    answers: int
    prompt_tokens: int
    completion_tokens: int


class JudgeCache:
    """A cache on disk, a file created with the first answer; one that may not be written is only read.

    Every method raises `UserError` where it is no cache, one of another version, or cannot be used.

    Attributes:
        damaged: how many answers were looked for, and were not as they were sealed.
    """

    damaged = 0

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None

    def find(self, judge: JudgeKey, wanted: Iterable[Identity]) -> dict[Identity, Verdict]:
        """The answers of a judge that are there, marked ``cached``."""
        if not self.path.exists():
            return {}
        found: dict[Identity, Verdict] = {}
        todo = list(wanted)
        for start in range(0, len(todo), _BATCH):
            found |= self._find(judge, todo[start : start + _BATCH])
        return found

    def _find(self, judge: JudgeKey, wanted: Sequence[Identity]) -> dict[Identity, Verdict]:
        places = ", ".join(["(?, ?)"] * len(wanted))
        query = (
            f"SELECT rubric, input, {_COLUMNS} FROM answers WHERE kind = ? AND model = ? AND version = ? "
            f"AND (rubric, input) IN (VALUES {places})"
        )
        with self._reading() as connection:
            asked = [*judge, *(part for identity in wanted for part in identity)]
            rows = connection.execute(query, asked).fetchall()
            whole = self._whole(connection, judge, rows)
        self.damaged += len(rows) - len(whole)
        return {(row[0], row[1]): _verdict(judge, row[2:]) for row in whole}

    def _whole(self, connection: sqlite3.Connection, judge: JudgeKey, rows: Sequence[_Row]) -> list[_Row]:
        """The answers that are as they were sealed."""
        tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'seals'").fetchone()[0]
        query = "SELECT sha256 FROM seals WHERE (kind, model, version, rubric, input) = (?, ?, ?, ?, ?)"
        found: list[_Row] = []
        for row in rows:
            seal = connection.execute(query, (*judge, *row[:2])).fetchone() if tables else None
            if seal is None or seal[0] == _seal((*judge, *row)):
                found.append(row)
        return found

    def keep(self, judge: JudgeKey, question: Question, verdict: Verdict) -> Verdict:
        """Store an answer; returns the one to use, an earlier one where another process was first."""
        if verdict.answer is None or verdict.missing:
            raise ValueError("only answers are kept")
        rubric_sha, input_sha = question.identity
        values = (
            *judge, rubric_sha, input_sha, verdict.answer, verdict.explanation, verdict.raw, verdict.model,
            verdict.prompt_tokens, verdict.completion_tokens,
        )  # fmt: skip
        rubric = question.rubric
        described = (
            rubric_sha, rubric.name, rubric.version, rubric.text,
            msgspec.json.encode(rubric.answers).decode(), int(rubric.ordered),
        )  # fmt: skip
        with self._writing() as connection:
            connection.execute("INSERT OR IGNORE INTO rubrics VALUES (?, ?, ?, ?, ?, ?)", described)
            earlier = connection.execute(
                f"SELECT rubric, input, {_COLUMNS} FROM answers WHERE kind = ? AND model = ? AND version = ? "
                "AND rubric = ? AND input = ?", values[:5],
            ).fetchall()  # fmt: skip
            if not self._whole(connection, judge, earlier):
                places = ", ".join(["?"] * len(values))
                connection.execute(f"INSERT OR REPLACE INTO answers VALUES ({places})", values)
                connection.execute(_SEALS)
                seal = (*values[:5], _seal(values))
                connection.execute("INSERT OR REPLACE INTO seals VALUES (?, ?, ?, ?, ?, ?)", seal)
                return verdict
        return self._find(judge, [question.identity]).get(question.identity, verdict)

    def contents(self) -> list[CachedAnswer]:
        """What is in it, by judge and rubric."""
        if not self.path.exists():
            return []
        query = (
            "SELECT kind, model, a.version, name, r.version, text, r.answers, ordered, count(*), "
            "sum(prompt_tokens), sum(completion_tokens) FROM answers a JOIN rubrics r ON r.sha256 = a.rubric "
            "GROUP BY kind, model, a.version, a.rubric ORDER BY kind, model, a.version, name, r.version"
        )
        with self._reading() as connection:
            return [
                CachedAnswer(
                    (row[0], row[1], row[2]),
                    _rubric(row[3:8]),
                    *row[8:],
                )
                for row in connection.execute(query)
            ]

    def answers(self, judge: JudgeKey) -> Mapping[Identity, str]:
        """Every answer of a judge."""
        if not self.path.exists():
            return {}
        query = f"SELECT rubric, input, {_COLUMNS} FROM answers WHERE kind = ? AND model = ? AND version = ?"
        with self._reading() as connection:
            rows = self._whole(connection, judge, connection.execute(query, judge).fetchall())
            return {(row[0], row[1]): row[2] for row in rows}

    def close(self) -> None:
        """Leave one whole file behind, without a journal beside it, unless others still use it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._open()
        except (sqlite3.Error, OSError, TypeError, *UNREADABLE) as error:  # a damaged file may hold anything
            raise self._unusable(error) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._open()
            with connection:
                # A deferred transaction that turns into a writing one fails at once where another writes.
                connection.execute("BEGIN IMMEDIATE")
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connected()
        return self._connection

    def _connected(self) -> sqlite3.Connection:
        fresh = not self.path.exists()
        if fresh:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        reads = not fresh and not (os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK))
        # A reader of a file in WAL mode writes beside it, unless it is told that nobody else does.
        place = f"{self.path.resolve().as_uri()}?mode=ro&immutable=1" if reads else self.path
        # Where an event loop is running already, judging has a thread of its own; never two at a time.
        connection = sqlite3.connect(
            place, uri=reads, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            if fresh or not (self._check(connection) or reads):
                self._create(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        _patiently(lambda: connection.execute("PRAGMA journal_mode = WAL"))
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {_SCHEMA}")

    def _check(self, connection: sqlite3.Connection) -> bool:
        """Whether it is set up; False for an empty file, which another process may be about to fill."""
        with connection:  # one look, for another process may be setting it up
            connection.execute("BEGIN")
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if (application, version) == (_APPLICATION, _SCHEMA):
            return True
        if application == 0 and empty:
            return False
        what = f"a cache of format {version}" if application == _APPLICATION else "no cache of judgements"
        raise UserError(f"{self.path} is {what}", "give another --judge-cache")

    def _unusable(self, error: Exception) -> UserError:
        return UserError(
            f"the judge cache {self.path} cannot be used: {error}", "give another --judge-cache, or remove it"
        )


def _patiently(act: Callable[[], object]) -> None:
    """Do what SQLite refuses at once, without waiting, while another process does the same."""
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            act()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _rubric(row: Sequence[Any]) -> Rubric:
    answers = msgspec.json.decode(row[3], type=tuple[str, ...])
    fields = dict(zip(("name", "version", "text"), row, strict=False))
    return msgspec.convert(fields | {"answers": answers, "ordered": bool(row[4])}, Rubric)


def _verdict(judge: JudgeKey, row: Sequence[object]) -> Verdict:
    fields = _COLUMNS.replace("replied", "model").split(", ")
    known = {"judge": judge[0], "version": judge[2], "cached": True}
    return msgspec.convert(dict(zip(fields, row, strict=True)) | known, Verdict)
