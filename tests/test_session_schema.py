"""The published schema is current, and what is recorded is valid under it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from fakes import Scripted, run_session, sample_of, silence, tone
from session_schema import session_schema

from tml_bench import events as ev
from tml_bench.adapter import Output, SpokenWord, ToolCall, Transcript
from tml_bench.samples import UserText, UserTurn
from tml_bench.session.checks import AdapterFaultError
from tml_bench.session.settings import Settings
from tml_bench.session_log import KINDS

FILE = Path(__file__).parent.parent / "docs" / "session.schema.json"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(FILE.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_file_in_docs_is_current() -> None:
    assert FILE.read_text() == session_schema(), "run docs/generate.py"


def test_every_line_recorded_is_valid(tmp_path: Path, validator: jsonschema.Draft202012Validator) -> None:
    word = SpokenWord("hello", 0.0, 0.5)
    outputs = {
        0: Output(tone(1.0), (Transcript("hello", (word,)),), "note", (ToolCall("1", "f", {"a": [1]}),)),
        2: Output(flush=True),
        4: Output(audio="beep"),  # type: ignore[arg-type]
    }
    sample = sample_of(UserTurn(silence(2.0), label="first"), texts=(UserText(0.1, "hi"),))
    with pytest.raises(AdapterFaultError):
        run_session(tmp_path / "r", sample, Scripted(outputs), Settings())
    lines = (tmp_path / "r" / "session.jsonl").read_bytes().splitlines()
    kinds = {json.loads(line)["kind"] for line in lines}
    said = {"model_audio", "model_transcript", "model_text", "tool_call", "flush"}
    assert {"session", "user_turn", "user_text", "step", "fault", "end"} | said <= kinds <= KINDS
    for line in lines:
        validator.validate(json.loads(line))


@pytest.mark.parametrize(
    "line", [{"kind": "smell"}, {"kind": "note"}, {"kind": "end", "t_ns": 0.5, "reason": "script"}, [], 3]
)
def test_what_is_no_event_is_not_valid(validator: jsonschema.Draft202012Validator, line: object) -> None:
    assert not validator.is_valid(line)


def test_the_schema_names_its_version() -> None:
    assert json.loads(session_schema())["$id"] == ev.SCHEMA
