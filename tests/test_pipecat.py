from __future__ import annotations

import asyncio
import json
import sys

import pytest
from fake_servers.pipecat import FakePipecat, Frame
from hypothesis import given, strategies as st
from live_driver import Heard, drive, micro_turns, run
from wire_log import ReplaySocket, WireLog

from tml_bench.adapter import (
    InfrastructureError,
    ProtocolError,
    QuotaError,
    SessionStart,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from tml_bench.adapters import pipecat
from tml_bench.adapters.pipecat import FRAMES, TYPES, Pipecat, Value, decode, encode, frame_class
from tml_bench.errors import UserError

GOLDEN_TURNS = micro_turns(
    "..xx........xx..................",
    16000,
    {0: {"texts": ("hi",)}, 9: {"tool_results": (ToolResult("c1", "add", {"sum": 3}),)}},
)
SESSION = SessionStart("task/sample", 20_000_000, instructions="Be brief.", tools=(ToolSpec("add"),))


async def golden_session(url: str = "ws://127.0.0.1:1") -> Heard:
    return await drive(Pipecat(url, rtvi=True), GOLDEN_TURNS, session=SESSION)


async def record_golden() -> None:
    """Write the golden log anew, from the fake server."""
    async with FakePipecat(["call"], delay_ms=50, answer_ms=120) as server:
        await golden_session(server.url)
        server.log.write("pipecat")


async def against(server: FakePipecat, pattern: str = "xx" + "." * 30) -> Heard | Exception:
    async with server:
        try:
            turns = micro_turns(pattern, 16000, {5: {"texts": ("hi",)}})
            return await drive(Pipecat(server.url), turns, session=SESSION)
        except Exception as error:
            return error


def test_golden_session_replays_message_by_message(monkeypatch: pytest.MonkeyPatch) -> None:
    log = WireLog.read("pipecat")
    socket = ReplaySocket(log)

    async def opened(*_: object, **__: object) -> ReplaySocket:
        return socket

    monkeypatch.setattr(pipecat, "open_socket", opened)
    (heard,) = run(golden_session())
    assert socket.left == 0
    sent = [Frame.FromString(m) for m in log.of("client")]
    rtvi = [json.loads(f.message.data) for f in sent if f.WhichOneof("frame") == "message"]
    assert [m["type"] for m in rtvi] == ["client-ready", "send-text", "llm-function-call-result"]
    assert rtvi[1]["data"] == {"content": "hi"}
    assert rtvi[2]["data"] == {
        "function_name": "add",
        "tool_call_id": "c1",
        "arguments": {"a": 1},
        "result": {"sum": 3},
    }
    outputs = heard.outputs
    assert outputs[0].tool_calls == (ToolCall("c1", "add", {"a": 1}),)
    assert [t.text for o in outputs for t in o.transcript] == ["A tone."] * 2
    assert [o.flush for o in outputs].count(True) == 1
    assert [o.audio.shape for o in outputs if o.audio is not None] == [(960,)] * 6
    assert heard.said == [
        "bot-ready",
        "llm-function-call",
        "transcription",
        "bot-tts-text",
        "audio",
        "interruption",
        "transcription",
        "bot-tts-text",
        "audio",
    ]


def test_sessions_with_the_fake_server() -> None:
    good = [FakePipecat(answer_ms=400), FakePipecat(["text"])]
    faults = ["rate", "json", "garbage", "huge", "quota", "hang"]
    results = run(
        against(good[0], "xx........xx......"),
        against(good[1]),
        *(against(FakePipecat([step])) for step in faults),
        against(FakePipecat(["stop"])),
    )
    assert [server.violations for server in good] == [[], []]
    assert isinstance(results[0], Heard)
    assert [o.flush for o in results[0].outputs].count(True) == 1
    assert isinstance(results[1], Heard)
    assert [o.text for o in results[1].outputs] == ["written"]
    assert [e for _, e in results[1].events if getattr(e, "type", "") == "unsupported"] != []
    kinds = [type(result) for result in results[2:]]
    assert kinds == [ProtocolError] * 4 + [QuotaError, InfrastructureError, InfrastructureError]


@pytest.mark.parametrize("paced", [False, True], ids=["burst", "paced"])
def test_an_answer_comes_in_when_it_was_sent(paced: bool) -> None:
    server = FakePipecat(answer_ms=60, paced=paced)
    (heard,) = run(against(server, ("xx" + "." * 20) * 6))
    assert isinstance(heard, Heard)
    delays = heard.delays(server.spoke)
    assert len(delays) == 6
    assert min(delays) < 0.005, "the least is what the adapter adds; the rest is a busy machine"


VALUES: dict[str, st.SearchStrategy[Value]] = {
    "uint32": st.integers(0, 2**32 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "string": st.text(max_size=300),
    "bytes": st.binary(max_size=300),
}
FRAME_VALUES = st.sampled_from(sorted(FRAMES)).flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        st.fixed_dictionaries({name: VALUES[TYPES.get(name, "string")] for name in FRAMES[kind]}),
    )
)


@given(FRAME_VALUES)
def test_frames_are_those_of_pipecat(frame: tuple[str, dict[str, Value]]) -> None:
    kind, fields = frame
    theirs = Frame()
    getattr(theirs, kind).SetInParent()
    for name, value in fields.items():
        setattr(getattr(theirs, kind), name, value)
    assert decode(theirs.SerializeToString()) == (kind, fields)
    assert Frame.FromString(encode(kind, **fields)) == theirs


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        kind, fields = decode(data)
    except ProtocolError:
        return
    assert (kind in FRAMES) == bool(fields)


@pytest.mark.parametrize("data", [b"\xff", b"\x12\x05", b"\x0a\x03\x1a\x01\xff"])
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="no protobuf message of Pipecat"):
        decode(data)


def test_the_bytes_of_a_frame() -> None:
    assert encode("audio", num_channels=1, sample_rate=16000, audio=b"ab") == b"\x12\t\x1a\x02ab \x80}(\x01"


def test_unknown_fields_are_skipped() -> None:
    known = encode("text", text="hi")
    fixed = bytes([15 << 3 | 1]) + bytes(8) + bytes([14 << 3 | 5]) + bytes(4) + bytes([13 << 3 | 0, 0x81, 1])
    assert decode(fixed + known) == ("text", {"id": 0, "name": "", "text": "hi"})
    assert decode(b"") == ("", {})


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.protobuf", None)
    frame_class.cache_clear()
    with pytest.raises(UserError, match=r"protobuf is not installed.*tml-bench\[pipecat\]"):
        Pipecat()


if __name__ == "__main__":
    asyncio.run(record_golden())
