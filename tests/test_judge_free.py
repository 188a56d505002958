"""Rubrics with a free answer: what is sent, what is taken for an answer, and what becomes of it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from fake_servers.judge import FakeJudge

from tml_bench.judges.cache import JudgeCache
from tml_bench.judges.model_judge import Effort, ModelJudge
from tml_bench.judges.openai import OpenAIChat
from tml_bench.judges.prompt import INSTRUCTION, prompt_of, read_reply
from tml_bench.judges.rules import RuleJudge
from tml_bench.judges.sheet import row_id, rows_of
from tml_bench.questions import Question, QuestionLine, Rubric, Verdict
from tml_bench.scoring.judge_labels import JudgeLabels, compare

FREE = Rubric("notes", 1, "Note when the {model} is loud.", (), example='{"loud": [[0.5, 1.0]], "n": 1}')
CLOSED = Rubric("length", 1, "Long?", ("short", "long"))
ASKED = Question("k", FREE, (QuestionLine("model", "HELLO"),))
REPLY = '{"loud": [[0.1, 0.9]],\n "n": 1}'


def judge(fake: FakeJudge, cache: Path | None = None, *, in_turn: bool = False) -> ModelJudge:
    model = OpenAIChat("fake-judge", fake.base_url, timeout_s=5.0)
    effort = Effort(1) if in_turn else None
    return ModelJudge(model, JudgeCache(cache) if cache else None, effort=effort)


def test_an_answer_is_what_names_every_key_of_the_example() -> None:
    assert FREE.takes(REPLY)
    assert FREE.takes('"loud": never, "n": 0')
    assert not FREE.takes('{"loud": []}')
    assert CLOSED.takes("long")
    assert not CLOSED.takes("longer")


def test_what_is_sent_holds_rubric_and_example_and_no_schema() -> None:
    sent = prompt_of(ASKED)
    assert FREE.text in sent.system
    assert sent.system.endswith(str(FREE.example))
    assert sent.system.startswith(INSTRUCTION.partition("{rubric}")[0])
    assert sent.schema == {}
    with FakeJudge([f"say {REPLY}"]) as fake:
        judge(fake).answer([ASKED])
    assert "response_format" not in fake.requests[0]


def test_a_free_question_says_nothing_of_whether_schemas_are_taken() -> None:
    closed = Question("c", CLOSED, (QuestionLine("model", "a rather long text"),))
    with FakeJudge([f"say {REPLY}"], takes_schema=False) as fake:
        free, other = judge(fake, in_turn=True).answer([ASKED, closed])
    assert (free.answer, other.answer) == (REPLY, "long")


def test_the_answer_is_the_whole_reply_without_thoughts_and_is_cached(tmp_path: Path) -> None:
    cache = tmp_path / "c.sqlite"
    with FakeJudge([f"say <think>It may be loud.</think> {REPLY}"]) as fake:
        first = judge(fake, cache)
        (verdict,) = first.answer([ASKED])
        first.close()
        (again,) = judge(fake, cache).answer([ASKED])
        assert len(fake.requests) == 1
    assert verdict.answer == again.answer == REPLY
    assert again.cached


def test_a_reply_of_another_form_is_asked_for_again_and_then_missing() -> None:
    with FakeJudge(["say I cannot tell.", "say {}"]) as fake:
        (verdict,) = judge(fake).answer([ASKED])
        assert len(fake.requests) == 2
    assert verdict.answer is None
    assert verdict.missing
    assert read_reply("", FREE) is None


def test_rules_without_a_rule_and_people_do_not_answer_it() -> None:
    (verdict,) = RuleJudge({}).answer([ASKED])
    assert verdict.answer is None
    assert rows_of([ASKED]) == []


def test_nobody_is_compared_on_free_answers() -> None:
    labels = [JudgeLabels("a"), JudgeLabels("b")]
    for one in labels:
        one.add(FREE, row_id(ASKED), REPLY)
    assert compare(labels) == ([], [])


def test_it_is_part_of_the_hash_and_closed_rubrics_are_written_as_ever() -> None:
    other = msgspec.structs.replace(FREE, example='{"loud": [], "n": 0}')
    assert other.sha256 != FREE.sha256
    assert json.loads(msgspec.json.encode(CLOSED)).keys() == {"name", "version", "text", "answers", "ordered"}
    for rubric in (FREE, CLOSED):
        assert msgspec.json.decode(msgspec.json.encode(rubric), type=Rubric) == rubric
    assert Verdict(REPLY).answer == REPLY
