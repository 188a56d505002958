"""Answers on disk: found again, shared by processes, shipped, never a failure."""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fake_servers.judge import FakeJudge

from tml_bench.errors import UserError
from tml_bench.judges.budget import Budget
from tml_bench.judges.cache import JudgeCache
from tml_bench.judges.model_judge import Effort, ModelJudge
from tml_bench.judges.openai import OpenAIChat
from tml_bench.judges.spec import JudgeSetup
from tml_bench.questions import Question, QuestionLine, Rubric, Verdict

RUBRIC = Rubric("length", 1, "Is the text long or short?", ("short", "long"), ordered=True)
JUDGE = ("openai", "m", "prompt=1")


def question(text: str, rubric: Rubric = RUBRIC) -> Question:
    return Question(f"key of {text}", rubric, (QuestionLine("model", text, 1.0, 2.0),))


def answered(text: str = "long") -> Verdict:
    return Verdict(text, "why", '{"raw"}', "openai", "m-2026", "prompt=1", 7, 3)


def test_half_an_emoji_in_a_reply_is_stored_as_one_that_is_missing(tmp_path: Path) -> None:
    with FakeJudge(['say {"explanation": "cut \\ud83d", "answer": "long"}']) as fake:
        model = OpenAIChat("fake-judge", fake.base_url)
        (verdict,) = ModelJudge(model, JudgeCache(tmp_path / "cache.sqlite")).answer([question("a")])
    assert (verdict.answer, verdict.explanation, verdict.missing) == (
        "long",
        "cut \N{REPLACEMENT CHARACTER}",
        "",
    )
    kept = JudgeCache(tmp_path / "cache.sqlite").find(
        ("openai", "fake-judge", verdict.version), [question("a").identity]
    )
    assert [v.explanation for v in kept.values()] == ["cut \N{REPLACEMENT CHARACTER}"]


def test_an_answer_is_found_again_whole(tmp_path: Path) -> None:
    asked = question("a")
    first = JudgeCache(tmp_path / "deep" / "cache.sqlite")
    assert first.find(JUDGE, [asked.identity]) == {}
    assert not first.path.exists()
    assert first.keep(JUDGE, asked, answered()) == answered()
    again = JudgeCache(first.path).find(JUDGE, [asked.identity])
    expected = Verdict("long", "why", '{"raw"}', "openai", "m-2026", "prompt=1", 7, 3, cached=True)
    assert again == {asked.identity: expected}


@pytest.mark.parametrize(
    ("judge", "asked"),
    [
        (("rules", "m", "prompt=1"), question("a")),
        (("openai", "n", "prompt=1"), question("a")),
        (("openai", "m", "prompt=2"), question("a")),
        (JUDGE, question("b")),
        (JUDGE, question("a", Rubric("length", 1, "Is the text long, or is it short?", ("short", "long")))),
        (JUDGE, question("a", Rubric("length", 1, RUBRIC.text, ("short", "long", "empty")))),
        (JUDGE, Question("k", RUBRIC, (QuestionLine("user", "a", 1.0, 2.0),))),
        (JUDGE, Question("k", RUBRIC, (QuestionLine("model", "a", 1.0, 2.5),))),
    ],
)
def test_whatever_may_change_the_answer_changes_the_key(
    tmp_path: Path, judge: tuple[str, str, str], asked: Question
) -> None:
    cache = JudgeCache(tmp_path / "c.sqlite")
    cache.keep(JUDGE, question("a"), answered())
    assert cache.find(judge, [asked.identity]) == {}


def test_the_key_of_a_question_is_not_part_of_it(tmp_path: Path) -> None:
    cache = JudgeCache(tmp_path / "c.sqlite")
    cache.keep(JUDGE, question("a"), answered())
    other = Question("another key", RUBRIC, question("a").lines)
    assert cache.find(JUDGE, [other.identity])[other.identity].answer == "long"


def test_failures_are_never_kept(tmp_path: Path) -> None:
    cache = JudgeCache(tmp_path / "c.sqlite")
    with pytest.raises(ValueError, match="only answers"):
        cache.keep(JUDGE, question("a"), Verdict(None, missing="HTTP 500"))
    assert not cache.path.exists()


def test_the_first_answer_stays(tmp_path: Path) -> None:
    one, two = JudgeCache(tmp_path / "c.sqlite"), JudgeCache(tmp_path / "c.sqlite")
    one.keep(JUDGE, question("a"), answered("long"))
    assert two.keep(JUDGE, question("a"), answered("short")).answer == "long"


def test_thousands_are_found_in_one_go(tmp_path: Path) -> None:
    cache = JudgeCache(tmp_path / "c.sqlite")
    asked = [question(f"text {k}") for k in range(1000)]
    for q in asked[::2]:
        cache.keep(JUDGE, q, answered())
    assert cache.find(JUDGE, [q.identity for q in asked]).keys() == {q.identity for q in asked[::2]}
    (kept,) = cache.contents()
    assert (kept.judge, kept.rubric, kept.answers) == (JUDGE, RUBRIC, 500)
    assert (kept.prompt_tokens, kept.completion_tokens) == (3500, 1500)
    assert set(cache.answers(JUDGE).values()) == {"long"}


def test_a_closed_cache_is_one_file(tmp_path: Path) -> None:
    cache = JudgeCache(tmp_path / "c.sqlite")
    cache.keep(JUDGE, question("a"), answered())
    cache.close()
    assert os.listdir(tmp_path) == ["c.sqlite"]


def test_a_shipped_cache_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = JudgeCache(tmp_path / "c.sqlite")
    made.keep(JUDGE, question("a"), answered())
    made.close()
    made.path.chmod(0o444)
    tmp_path.chmod(0o555)
    if os.access(made.path, os.W_OK):  # root may write everywhere
        monkeypatch.setattr("tml_bench.judges.cache.os.access", lambda path, mode: False)
    try:
        cache = JudgeCache(made.path)
        assert cache.find(JUDGE, [question("a").identity])[question("a").identity].answer == "long"
        assert os.listdir(tmp_path) == ["c.sqlite"]
        with pytest.raises(UserError, match="give another --judge-cache"):
            cache.keep(JUDGE, question("b"), answered())
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.parametrize("content", [b"not a database, whatever its name says" * 40, b"PK"])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c.sqlite").write_bytes(content)
    with pytest.raises(UserError, match=r"c\.sqlite cannot be used"):
        JudgeCache(tmp_path / "c.sqlite").find(JUDGE, [question("a").identity])


def test_a_database_of_another_program_or_version(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.sqlite") as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(UserError, match="is no cache of judgements"):
        JudgeCache(tmp_path / "other.sqlite").contents()
    newer = JudgeCache(tmp_path / "newer.sqlite")
    newer.keep(JUDGE, question("a"), answered())
    newer.close()
    with sqlite3.connect(newer.path) as changed:
        changed.execute("PRAGMA user_version = 9")
    with pytest.raises(UserError, match="is a cache of format 9"):
        newer.contents()


def test_a_file_that_is_refused_is_not_left_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def remembered(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        opened.append(connect(*args, **kwargs))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", remembered)
    (tmp_path / "c.sqlite").write_bytes(b"not a database" * 40)
    with pytest.raises(UserError, match=r"c\.sqlite cannot be used"):
        JudgeCache(tmp_path / "c.sqlite").contents()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


# ---- with a judge


def judge(fake: FakeJudge, path: Path, calls: int | None = None) -> ModelJudge:
    return ModelJudge(OpenAIChat("m", fake.base_url), JudgeCache(path), Budget(calls), Effort(1, tries=1))


def test_the_second_run_asks_nothing(tmp_path: Path) -> None:
    asked = [question(f"text {k}") for k in range(5)]
    with FakeJudge() as fake:
        first = judge(fake, tmp_path / "c.sqlite").answer(asked)
        assert len(fake.requests) == 5
        again = judge(fake, tmp_path / "c.sqlite")
        assert again.estimate(asked).calls == 0
        second = again.answer(asked)
        assert len(fake.requests) == 5
    assert [v.answer for v in second] == [v.answer for v in first]
    assert [v.cached for v in first + second] == [False] * 5 + [True] * 5


def test_what_the_budget_left_is_asked_by_the_next_command(tmp_path: Path) -> None:
    asked = [question(f"text {k}") for k in range(5)]
    with FakeJudge() as fake:
        first = judge(fake, tmp_path / "c.sqlite", calls=2).answer(asked)
        assert sum(v.answer is not None for v in first) == 2
        assert judge(fake, tmp_path / "c.sqlite").estimate(asked).calls == 3
        second = judge(fake, tmp_path / "c.sqlite").answer(asked)
        assert len(fake.requests) == 5
    assert all(v.answer for v in second)


def test_failures_are_asked_again_by_the_next_command(tmp_path: Path) -> None:
    with FakeJudge(["500", "say nothing"]) as fake:
        asked = [question("a"), question("b")]
        assert [bool(v.missing) for v in judge(fake, tmp_path / "c.sqlite").answer(asked)] == [True, True]
        assert [v.answer for v in judge(fake, tmp_path / "c.sqlite").answer(asked)] == ["short", "short"]


def test_others_score_again_without_key_client_or_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [question("a"), question("b")]
    with FakeJudge() as fake:
        judge(fake, tmp_path / "c.sqlite").answer(asked[:1])
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setitem(sys.modules, "openai", None)
    judging = JudgeSetup("openai:model=m", tmp_path / "c.sqlite")
    assert judging.model is not None
    found = judging.model.answer(asked)
    assert (found[0].answer, found[0].cached) == ("short", True)
    assert found[1].missing.startswith("not in the cache, and the official client is not installed")


def test_a_cache_serves_where_an_event_loop_is_running(tmp_path: Path) -> None:
    async def notebook(fake: FakeJudge) -> list[Verdict]:
        asking = judge(fake, tmp_path / "c.sqlite")
        return asking.answer([question("a")]) + asking.answer([question("a"), question("b")])

    with FakeJudge() as fake:
        found = asyncio.run(notebook(fake))
        assert len(fake.requests) == 2
    assert [v.answer for v in found] == ["short"] * 3


def test_a_cache_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with FakeJudge() as fake, pytest.raises(UserError, match="cannot be used"):
        judge(fake, tmp_path / "file" / "c.sqlite").answer([question("a"), question("b")])


def test_an_interruption_loses_no_answer_that_came(tmp_path: Path) -> None:
    asked = [question(f"text {k}") for k in range(6)]
    ticks = 0

    def advance() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 4:
            raise KeyboardInterrupt

    with FakeJudge() as fake:
        with pytest.raises(KeyboardInterrupt):
            judge(fake, tmp_path / "c.sqlite").answer(asked, advance)
        gc.collect()  # what asyncio has to say about the task is said here, not within some other test
        judge(fake, tmp_path / "c.sqlite").answer(asked)
        assert len(fake.requests) == 6


WORKER = """
import sys
from pathlib import Path
from typing import Any
from tml_bench.judges.model_judge import Effort, ModelJudge
from tml_bench.judges.cache import JudgeCache
from tml_bench.questions import Question, QuestionLine, Rubric
from tml_bench.judges.openai import OpenAIChat

url, path, first, last = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
rubric = Rubric("length", 1, "Is the text long or short?", ("short", "long"), ordered=True)
asked = [Question(f"{k}", rubric, (QuestionLine("model", f"text {k}", 1.0, 2.0),))
         for k in range(first, last)]
found = ModelJudge(OpenAIChat("m", url), JudgeCache(path), effort=Effort(4)).answer(asked)
sys.exit(not all(v.answer == "short" for v in found))
"""


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with FakeJudge() as fake:
        ranges = (("0", "60"), ("30", "90"))
        command = [sys.executable, "-P", "-c", WORKER, fake.base_url, str(path)]
        running = [subprocess.Popen([*command, *limits]) for limits in ranges]
        assert [process.wait(60) for process in running] == [0, 0]
        # Of two that close at the same instant neither may be the last, which tidies up; the next one does.
        cache = JudgeCache(path)
        assert cache.contents()
        cache.close()
        assert os.listdir(tmp_path) == ["c.sqlite"]
        served = len(fake.requests)
        asked = [question(f"text {k}") for k in range(90)]
        assert judge(fake, path).estimate(asked).calls == 0
        assert len(fake.requests) == served <= 120
    (kept,) = JudgeCache(path).contents()
    assert kept.answers == 90


def test_many_processes_that_create_the_cache_together(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tml_bench.judges.cache import JudgeCache;"
        "from tml_bench.questions import *; n = sys.argv[2];"
        "q = Question('k', Rubric('r', 1, 't', ('a',)), (QuestionLine('model', n),));"
        "[JudgeCache(Path(sys.argv[1])).keep(('k', 'm', str(i)), q, Verdict('a')) for i in range(20)]"
    )
    path = tmp_path / "c.sqlite"
    running = [subprocess.Popen([sys.executable, "-P", "-c", code, str(path), str(n)]) for n in range(4)]
    assert [process.wait(60) for process in running] == [0] * 4
    assert sum(kept.answers for kept in JudgeCache(path).contents()) == 80


def test_an_answer_that_was_changed_is_asked_again(tmp_path: Path) -> None:
    place, asked = tmp_path / "cache.sqlite", question("a")
    with closing(JudgeCache(place)) as cache:
        cache.keep(JUDGE, asked, answered())
    content = place.read_bytes()
    assert content.count(b"longwhy") == 1, "the answer, then the explanation"
    place.write_bytes(content.replace(b"longwhy", b"lungwhy"))
    with closing(JudgeCache(place)) as cache:
        assert cache.find(JUDGE, [asked.identity]) == {}
        assert cache.damaged == 1
        assert cache.answers(JUDGE) == {}
        assert cache.keep(JUDGE, asked, answered()) == answered()
        assert cache.find(JUDGE, [asked.identity])[asked.identity].answer == "long"


def test_a_cache_without_seals_is_read_as_ever(tmp_path: Path) -> None:
    place, asked = tmp_path / "cache.sqlite", question("a")
    with closing(JudgeCache(place)) as cache:
        cache.keep(JUDGE, asked, answered())
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("DROP TABLE seals")
        connection.commit()
    with closing(JudgeCache(place)) as cache:
        assert cache.find(JUDGE, [asked.identity])[asked.identity].answer == "long"
        cache.keep(JUDGE, question("b"), answered("short"))
        assert cache.find(JUDGE, [question("b").identity]).keys() == {question("b").identity}
