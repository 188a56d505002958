"""The wire protocol's messages and frames, the schema, and what is refused."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st
from websockets.asyncio.client import connect

from tml_bench.adapter import (
    Frame,
    InfrastructureError,
    MicroTurn,
    Output,
    ProtocolError,
    QuotaError,
    SessionStart,
    SpokenWord,
    ToolCall,
    ToolResult,
    ToolSpec,
    Transcript,
)
from tml_bench.adapters.wire import Wire, WireLockstep
from tml_bench.adapters.wire.control_json import MAX_DEPTH
from tml_bench.adapters.wire.session import PROBE, Inbox, Replies, Sender, checked_url, hello_of
from tml_bench.errors import UserError
from tml_bench.wire.messages import AUDIO, JPEG, BinaryFrame, Interruption
from tml_bench.wire.schema import schema

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = json.loads((ROOT / "docs" / "wire-protocol.schema.json").read_text())


def way(name: str) -> dict[str, object]:
    return {**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{name}"}]}


def turn(**parts: object) -> MicroTurn:
    return MicroTurn(3, 600_000_000, 800_000_000, np.zeros(3200, np.float32), **parts)  # type: ignore[arg-type]


def test_the_schema_is_that_of_the_code() -> None:
    assert json.loads(msgspec.json.encode(schema())) == SCHEMA, "run docs/generate.py"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_frame_to_the_byte() -> None:
    data = bytes.fromhex("01 00 0200 03000000 40e2010000000000 00c0 ff7f")
    chunk = BinaryFrame.unpack(data)
    assert (chunk.kind, chunk.item, chunk.seq, chunk.t_us) == (AUDIO, 2, 3, 123456)
    assert chunk.samples.tolist() == [-16384, 32767]
    assert chunk.pack() == data


@given(st.integers(0, 255), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_frames_come_back(kind: int, item: int, seq: int, t_us: int) -> None:
    chunk = BinaryFrame(kind, item, seq, t_us, b"\1\2")
    assert BinaryFrame.unpack(chunk.pack()) == chunk


def test_a_micro_turn_in_order() -> None:
    frame = Frame(700_000_000, None, np.full((32, 48, 3), 200, np.uint8))
    given = turn(
        texts=("hi",), frames=(frame,), tool_results=(ToolResult("c", "f", {"a": 1}),), heard_ms=12.5
    )
    sent = list(Sender().messages(given))
    audio, image = BinaryFrame.unpack(sent[0].data), BinaryFrame.unpack(sent[1].data)  # type: ignore[arg-type]
    assert (audio.kind, audio.item, audio.seq, audio.t_us, len(audio.samples)) == (AUDIO, 0, 0, 600_000, 3200)
    assert (image.kind, image.seq, image.t_us, image.payload[:2]) == (JPEG, 1, 700_000, b"\xff\xd8")
    assert [json.loads(message.data) for message in sent[2:]] == [
        {"type": "text", "text": "hi", "t_ms": 800.0},
        {"type": "tool_result", "call_id": "c", "name": "f", "output": {"a": 1}, "is_error": False},
        {"type": "tick", "n": 3, "t_ms": 800.0, "heard_ms": 12.5},
    ]
    for message in sent[2:]:
        jsonschema.validate(json.loads(message.data), way("FromHarness"))
    assert [m.event.type for m in sent] == ["media", "media", "text", "tool_result", "tick"]
    assert all(m.event.sent for m in sent)


def test_the_hello() -> None:
    session = SessionStart("t/s", 200_000_000, 7, "be kind", (ToolSpec("f", "does"),))
    hello = json.loads(msgspec.json.encode(hello_of(session, "lockstep")))
    jsonschema.validate(hello, way("FromHarness"))
    assert (hello["protocol"], hello["minor"]) == ("1", 2)
    assert (hello["mode"], hello["tick_ms"]) == ("lockstep", 200.0)
    parameters = {"type": "object", "properties": {}}
    assert hello["tools"] == [{"name": "f", "description": "does", "parameters": parameters}]


def outputs(*given: dict | bytes) -> list[Output]:  # type: ignore[type-arg]
    inbox, replies = Inbox(), Replies()
    found = []
    for message in given:
        if isinstance(message, dict):
            jsonschema.validate(message, way("FromModel"))
        data = message if isinstance(message, bytes) else json.dumps(message)
        found += replies.outputs(inbox.read(data).message)
    return found


def test_what_a_model_says_becomes_outputs() -> None:
    audio = BinaryFrame(AUDIO, 5, 0, 0, b"\x00\x40").pack()
    found = outputs(
        audio,
        {"type": "text", "text": "written"},
        {"type": "tool_call", "call_id": "c", "name": "f", "arguments": {"x": [1]}},
        {"type": "interrupted"},
        {"type": "tick_done", "n": 0},
        {"type": "tool_cancel", "call_ids": ["c", "d"]},
    )
    assert found[0].audio is not None
    assert (found[0].audio.tolist(), found[0].item) == ([16384], "5")
    assert found[1].text == "written"
    assert found[2].tool_calls == (ToolCall("c", "f", {"x": [1]}),)
    assert found[3].flush
    assert (found[4].cancelled_calls, len(found)) == (("c", "d"), 5)


def test_words_count_from_their_reply_however_late_they_come() -> None:
    half = BinaryFrame(AUDIO, 1, 0, 0, bytes(2 * 500)).pack()
    said = [{"text": "b", "start_s": 0.6, "end_s": 0.9}]
    word = {"type": "transcript", "item": 1, "text": "b", "words": said}
    placed = Transcript("b", (SpokenWord("b", 0.6, 0.9),), of_reply=True)
    for before in ((), (half,), (half, {"type": "interrupted"})):
        last = outputs(*before, word)[-1]
        assert (last.transcript, last.item) == ((placed,), "1")


def test_replies_are_numbered_from_1() -> None:
    audio = BinaryFrame(AUDIO, 0, 0, 0, bytes(2)).pack()
    for message in (audio, {"type": "transcript", "item": 0, "text": "a"}):
        with pytest.raises(ProtocolError, match="numbered from 1"):
            outputs(message)


def test_the_numbers_of_replies_grow() -> None:
    """Those of audio; words may come when the next reply has begun, or before their own has."""
    first, second = (BinaryFrame(AUDIO, item, 0, 0, bytes(2)).pack() for item in (1, 7))
    early, late = ({"type": "transcript", "item": item, "text": "a"} for item in (9, 1))
    found = outputs(first, first, early, second, late, second)
    assert [output.item for output in found] == ["1", "1", "9", "7", "1", "7"]
    for between in ([], [{"type": "interrupted"}]):
        with pytest.raises(ProtocolError, match="audio of reply 1 comes after audio of reply 7"):
            outputs(first, second, *between, first)


def test_unknown_types_fields_and_kinds_are_kept_and_do_nothing() -> None:
    inbox = Inbox()
    state = inbox.read('{"type": "state", "listening": true}')
    assert (state.event.type, state.event.body["listening"], state.message) == ("state", True, None)
    assert inbox.read(BinaryFrame(9, 0, 0, 0, b"abc").pack()).message is None
    assert inbox.read('{"type": "interrupted", "why": "user"}').message == Interruption()


@pytest.mark.parametrize(
    "data",
    [
        "", "nonsense", "[]", "3", '"text"', "{}", '{"type": 3}', '{"type": "text"}',
        '{"type": "text", "text": 5}', '{"type": "ready"}', '{"type": "tick_done", "n": "1"}',
        '{"type": "tick_done", "n": 1, "compute_ms": -1}',
        '{"type": "tick_done", "n": 1, "compute_ms": 1e300}',
        '{"type": "tick_done", "n": 1, "compute_ms": NaN}',
        '{"type": "text", "text": "\\ud800", "t_ms": NaN}',
        '{"type": "transcript", "item": 70000, "text": ""}',
        '{"type": "transcript", "item": 1, "text": "a", "words": [{"text": "a", "start_s": -1, "end_s": 1}]}',
        '{"type": "tool_call", "call_id": "' + "c" * 257 + '", "name": "f"}',
        '{"type": "tool_call", "call_id": "c", "name": "f", "arguments": []}',
        '{"type": "tool_cancel"}',
        '{"type": "tool_cancel", "call_ids": "c"}',
        '{"type": "tool_cancel", "call_ids": [1]}',
        '{"type": "x", "deep": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", "[" * 500_000,
        b"", b"short",
    ],
    ids=lambda data: repr(data[:40]),
)  # fmt: skip
def test_malformed_messages_are_refused(data: str | bytes) -> None:
    with pytest.raises(ProtocolError):
        Inbox().read(data)


@given(st.text() | st.binary() | st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("type"), inner),
).map(json.dumps))  # fmt: skip
def test_anything_is_read_or_refused(data: str | bytes) -> None:
    try:
        Inbox().read(data)
    except (ProtocolError, InfrastructureError):
        return


def test_a_session_takes_so_much_and_no_more() -> None:
    inbox = Inbox(max_control=100, max_media=100)
    inbox.read('{"type": "a"}')
    with pytest.raises(ProtocolError, match="more control messages"):
        inbox.read('{"type": "a", "b": "' + "x" * 90 + '"}')
    with pytest.raises(ProtocolError, match="more media"):
        inbox.read(bytes(102))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("busy", QuotaError),
        ("quota", QuotaError),
        ("unavailable", InfrastructureError),
        ("oops", ProtocolError),
    ],
)
def test_an_error_says_whose_it_is(code: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"the model answers {code}: no more") as caught:
        Inbox().read(
            json.dumps({"type": "error", "code": code, "message": "no\nmore\x1b", "retry_after_s": 3})
        )
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    if isinstance(caught.value, QuotaError):
        assert caught.value.retry_after_s == 3


@pytest.mark.parametrize(
    "url",
    ["localhost:1", "http://h", "ws://", "", 7, "ws://user:secret@h", None, "ws://h:99999", "ws://[::1"],
)
def test_addresses_that_are_none(url: object) -> None:
    with pytest.raises(UserError):
        checked_url(url)


@pytest.mark.parametrize("answer_s", ["x", 0, -3, float("nan"), float("inf")])
def test_a_time_to_wait_that_is_none(answer_s: float) -> None:
    with pytest.raises(UserError, match="answer_s"):
        WireLockstep("ws://h:1", answer_s)


def test_both_adapters_take_an_address() -> None:
    assert Wire("ws://h:1").url == WireLockstep("ws://h:1").url == "ws://h:1"


def test_the_reference_server_bears_a_harness_that_is_stopped() -> None:
    server = [sys.executable, str(ROOT / "examples" / "wire_server.py"), "0"]
    with subprocess.Popen(server, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()

            async def drop() -> None:
                async with connect(url) as socket:
                    await socket.send(msgspec.json.encode(hello_of(PROBE, "realtime")).decode())
                    await socket.recv()
                    socket.transport.abort()
                async with connect(url) as socket:  # it has dealt with the other when it has answered this
                    await socket.send(msgspec.json.encode(hello_of(PROBE, "realtime")).decode())
                    await socket.recv()

            asyncio.run(drop())
        finally:
            process.terminate()
            _, complaints = process.communicate()
    assert complaints == ""
