from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from fake_servers.chat import FakeChat
from hypothesis import given, strategies as st
from live_driver import Heard, drive, loudness, micro_turns, run
from wire_log import GOLDEN

from tml_bench.adapter import (
    AccountError,
    InfrastructureError,
    ProtocolError,
    ProviderEvent,
    QuotaError,
    SessionStart,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from tml_bench.adapters import chat
from tml_bench.adapters.chat import ChatCompletions, UserTurns
from tml_bench.adapters.chat.dialogue import ChatDialogue, samples, wav
from tml_bench.errors import UserError

SESSION = SessionStart("task/sample", 20_000_000, instructions="Be brief.", tools=(ToolSpec("add"),))
GOLDEN_TURNS = micro_turns(
    "..xx........................xx................",
    16000,
    {20: {"tool_results": (ToolResult("c0", "add", 3),)}, 26: {"texts": ("hi",)}},
)


async def golden_session(base_url: str = "http://127.0.0.1:1/v1") -> Heard:
    model = ChatCompletions("fake", base_url, silence_ms=100)
    return await drive(model, GOLDEN_TURNS, session=SESSION)


async def record_golden() -> None:
    """Write the golden log anew, from the fake server."""
    async with FakeChat(("call",)) as server:
        await golden_session(server.base_url)
    lines = [json.dumps({"request": r, "answer": a}, separators=(",", ":")) + "\n" for r, a in server.log]
    (GOLDEN / "chat.jsonl").write_text("".join(lines))


async def against(server: FakeChat, pattern: str = "xx" + "." * 25) -> Heard | Exception:
    async with server:
        try:
            return await drive(
                ChatCompletions("fake", server.base_url, silence_ms=100),
                micro_turns(pattern, 16000),
                session=SESSION,
            )
        except Exception as error:
            return error


def test_golden_session_replays_message_by_message(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [json.loads(line) for line in (GOLDEN / "chat.jsonl").read_text().splitlines()]
    left = list(lines)

    async def posted(client: object, url: str, body: Mapping[str, Any], refusals: object) -> dict[str, Any]:
        line = left.pop(0)
        assert body == line["request"]
        assert url == "http://127.0.0.1:1/v1/chat/completions"
        return dict(line["answer"])

    monkeypatch.setattr(chat, "post_json", posted)
    (heard,) = run(golden_session())
    assert left == []
    assert len(lines) == 4
    roles = [[m["role"] for m in line["request"]["messages"]] for line in lines]
    assert roles[0] == ["system", "user"]
    assert roles[1] == ["system", "user", "assistant", "tool"]
    assert roles[2] == [*roles[1], "assistant", "user"]
    assert roles[3] == [*roles[2], "assistant", "user"]
    assert lines[1]["request"]["messages"][3] == {"role": "tool", "tool_call_id": "c0", "content": "3"}
    assert lines[2]["request"]["messages"][4]["content"] == "A tone."
    assert lines[2]["request"]["messages"][5]["content"] == [{"type": "text", "text": "hi"}]
    outputs = heard.outputs
    assert outputs[0].tool_calls == (ToolCall("c0", "add", {"a": 1}),)
    spoken = [o for o in outputs if o.audio is not None]
    assert [o.item for o in spoken] == ["audio-1", "audio-2", "audio-3"]
    assert [[t.text for t in o.transcript] for o in spoken] == [["A tone."]] * 3
    assert [o.audio.shape for o in spoken if o.audio is not None] == [(1200,)] * 3
    ended = [e.body for _, e in heard.events if isinstance(e, ProviderEvent) and e.type == "turn.ended"]
    # 40 ms of speech, what there was of 200 ms before it, and the silence that ended it.
    assert [body["audio_ms"] for body in ended] == [40 + 40 + 100, 200 + 40 + 100]


def test_sessions_with_the_fake_server() -> None:
    good = [FakeChat(), FakeChat(("write",)), FakeChat(("half rate",)), FakeChat(("never",))]
    faults = ["garbage", "shape", "no audio", "quota", "denied", "hang", "moved"]
    results = run(
        *(against(server) for server in good),
        *(against(FakeChat((step,))) for step in faults),
    )
    for result in results[:4]:
        assert isinstance(result, Heard)
    spoken, written, half, never = results[:4]
    assert [o.audio.size for o in spoken.outputs if o.audio is not None] == [1200]
    assert [(o.text, o.item) for o in written.outputs] == [("written", "r0")]
    assert [o.audio.size for o in half.outputs if o.audio is not None] == [1200]
    assert never.outputs == []
    assert good[3].cut == 1, "closing the session ends its request"
    assert "Authorization" not in good[0].headers[0]
    kinds = [type(result) for result in results[4:]]
    refused = [QuotaError, AccountError, InfrastructureError, AccountError]
    assert kinds == [ProtocolError] * 3 + refused
    assert results[7].retry_after_s == 7
    assert "sk-planted" not in str(results[8])


def test_the_service_is_spoken_to_directly_and_its_answers_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setattr(chat, "MAX_ANSWER", 1000)
    written, spoken = run(against(FakeChat(("write",))), against(FakeChat()))
    assert isinstance(written, Heard)
    assert [o.text for o in written.outputs] == ["written"]
    assert isinstance(spoken, ProtocolError)
    assert "more than 1000 bytes" in str(spoken)


def test_a_silent_server_is_given_up() -> None:
    async def silence() -> object:
        async with FakeChat(("never",)) as server:
            said = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
            async with chat.new_client(server.base_url, {}, 0.1) as client:
                try:
                    return await chat.post_json(client, f"{server.base_url}/chat/completions", said)
                except Exception as error:
                    return error

    (error,) = run(silence())
    assert type(error) is InfrastructureError
    assert "ReadTimeout" in str(error)


@pytest.mark.parametrize("url", ["ftp://example.org", "example.org/v1", "https://", ""])
def test_an_address_that_is_none_of_a_web_server(url: str) -> None:
    with pytest.raises(UserError, match="not the address of a web server"):
        ChatCompletions(base_url=url)


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(UserError, match=r"tml-bench\[chat\]") as missing:
        ChatCompletions(base_url="http://127.0.0.1:1/v1")
    assert "httpx" in str(missing.value)


def test_an_answer_comes_in_when_it_was_sent() -> None:
    server = FakeChat()
    (heard,) = run(against(server, ("xx" + "." * 16) * 4))
    assert isinstance(heard, Heard)
    delays = heard.delays(server.answered)
    assert len(delays) == 4
    assert min(delays) < 0.01, "the least is what the adapter adds; the rest is a busy machine"


def test_nothing_is_asked_while_results_are_missing() -> None:
    dialogue = ChatDialogue(SESSION, {"model": "m"}, 24000)
    assert not dialogue.ready
    dialogue.say({"type": "text", "text": "add"})
    dialogue.request()
    calls = [
        {"id": name, "type": "function", "function": {"name": "add", "arguments": ""}} for name in ("a", "b")
    ]
    output = dialogue.take({"choices": [{"message": {"content": None, "tool_calls": calls}}]})
    assert [call.call_id for call in output.tool_calls] == ["a", "b"]
    dialogue.say({"type": "text", "text": "well?"})
    dialogue.answer(ToolResult("a", "add", 1))
    dialogue.answer(ToolResult("nobody asked", "add", 1))
    assert not dialogue.ready
    dialogue.answer(ToolResult("b", "add", "no", is_error=True))
    assert dialogue.ready
    tail = dialogue.request()["messages"][-3:]
    assert [m["role"] for m in tail] == ["tool", "tool", "user"]
    assert [m["content"] for m in tail[:2]] == ["1", '{"error": "no"}']


def test_turns_are_cut_at_silence_and_when_too_long() -> None:
    turns = UserTurns(16000, 100, 0.4)
    quiet = turns.push(loudness("." * 50, 16000))
    assert quiet == []
    (short,) = turns.push(loudness("xxx.....", 16000))
    assert short.shape == ((10 + 3 + 5) * 320,)
    ended = turns.push(loudness("x" * 20 + "." * 10, 16000))
    # The longest turn is 20 windows: 10 of lead and 10 of speech; the rest and its silence follow.
    assert [len(turn) // 320 for turn in ended] == [20, 10 + 5]


@given(st.integers(1, 4000), st.sampled_from([8000, 16000, 24000]))
def test_wav_there_and_back(n: int, rate: int) -> None:
    audio = np.linspace(-1, 1, n, dtype=np.float32)
    again = samples(wav(audio, rate), rate)
    assert again.shape == (n,)
    assert np.abs(again - audio).max(initial=0) <= 1 / 32768


@pytest.mark.parametrize("stated", [0, 200, 0xFFFFFFFF])
def test_a_reply_is_played_whole_whatever_its_header_states(stated: int) -> None:
    """Services write the header before they know the length; 200 bytes stated were 100 samples played."""
    data = bytearray(wav(np.full(2400, 0.25, np.float32), 24000))
    data[40:44] = stated.to_bytes(4, "little")
    assert samples(bytes(data), 24000).shape == (2400,)


def test_a_reply_that_is_cut_off_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="the reply is truncated"):
        samples(wav(np.zeros(2400, np.float32), 24000)[:-100], 24000)


def test_a_key_is_needed_where_one_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("TML_BENCH_KEYS", raising=False)
    with pytest.raises(UserError, match="OPENAI_API_KEY"):
        ChatCompletions()
    assert ChatCompletions("m", "https://example.org/v1").turn_based


if __name__ == "__main__":
    asyncio.run(record_golden())


def test_arguments_that_are_no_json_object_are_a_call_that_is_refused() -> None:
    """The model wrote them, and its session ended as a fault of its service."""
    dialogue = ChatDialogue(SESSION, {}, 24000)
    calls = [{"id": "a", "function": {"name": "add", "arguments": '{"a": '}}]
    output = dialogue.take({"choices": [{"message": {"content": None, "tool_calls": calls}}]})
    assert output.tool_calls == (ToolCall("a", "add", unreadable='{"a": '),)
    dialogue.answer(ToolResult("a", "add", "no JSON", is_error=True))
    assert dialogue.ready
