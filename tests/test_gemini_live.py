from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import numpy as np
import pytest
from fake_servers.gemini import FakeGemini
from google.genai import types
from live_driver import Heard, drive, micro_turns, run
from wire_log import ReplaySocket, WireLog

from tml_bench.adapter import (
    AccountError,
    Frame,
    InfrastructureError,
    Output,
    ProtocolError,
    ProviderEvent,
    QuotaError,
    SessionStart,
    ToolCall,
    ToolResult,
    ToolSpec,
    Transcript,
)
from tml_bench.adapters import gemini_live
from tml_bench.adapters.gemini_live import GeminiLive
from tml_bench.errors import UserError

ADD = ToolSpec("add", "Adds.", {"type": "object", "properties": {"a": {"type": "number"}}})
RICH = SessionStart("task/rich", 20_000_000, instructions="Be brief.", tools=(ADD,))
IMAGE = np.zeros((48, 64, 3), np.uint8)
GOLDEN_TURNS = micro_turns(
    "..xx........xx..................",
    16000,
    {
        0: {"frames": (Frame(0, 0, IMAGE),), "texts": ("hi",)},
        9: {"tool_results": (ToolResult("c1", "add", 3),)},
        24: {"tool_results": (ToolResult("c1", "add", "no such call", is_error=True),)},
    },
)


async def golden_session(base_url: str = "ws://127.0.0.1:1") -> Heard:
    adapter = GeminiLive(
        base_url=base_url, voice="Kore", silence_ms=500, end_sensitivity="high", scheduling="when_idle"
    )
    return await drive(adapter, GOLDEN_TURNS, session=RICH)


async def record_golden() -> None:
    """Write the golden log anew, from the fake server."""
    async with FakeGemini(["call", "speak"], delay_ms=50, answer_ms=120) as server:
        await golden_session(server.url)
        server.log.write("gemini-live")


async def against(server: FakeGemini, pattern: str, **options: object) -> tuple[FakeGemini, object]:
    async with server:
        try:
            heard = await drive(
                GeminiLive(base_url=server.url, **options),  # type: ignore[arg-type]
                micro_turns(pattern, 16000),
            )
        except Exception as error:
            return server, error
        return server, heard


def test_golden_session_replays_message_by_message(monkeypatch: pytest.MonkeyPatch) -> None:
    log = WireLog.read("gemini-live")
    socket = ReplaySocket(log)

    async def opened(*_: object, **__: object) -> ReplaySocket:
        return socket

    monkeypatch.setattr(gemini_live, "open_socket", opened)
    (heard,) = run(golden_session())
    assert socket.left == 0
    types = [e.type for _, e in heard.events if isinstance(e, ProviderEvent) and not e.sent]
    assert types == ["+".join(sorted(json.loads(m))) for m in log.of("server")]
    assert sum(e.sent for _, e in heard.events if isinstance(e, ProviderEvent)) == len(log.of("client"))
    outputs = heard.outputs
    assert outputs[0].tool_calls == (ToolCall("c1", "add", {"a": 1, "b": 2}),)
    assert outputs[1].transcript == (Transcript("A tone."),)
    audio = [o for o in outputs if o.audio is not None]
    assert [o.item for o in audio] == ["reply-0"] * 3 + ["reply-1"] * 3 + ["reply-2"] * 3
    assert [(o.flush, o.item) for o in outputs if o.flush] == [(True, "")]
    for output in audio:
        assert output.audio is not None
        assert output.audio.dtype == np.int16
        assert output.audio.shape == (960,)
        assert np.abs(output.audio.astype(int)).max() == 8191


def test_calls_that_the_service_gives_up_are_given_up() -> None:
    live = GeminiLive(base_url="ws://localhost:1")
    message = {"toolCallCancellation": {"ids": ["c1", "c2"]}}
    types.LiveServerMessage.model_validate(message)
    (output,) = (o for o in live._understood(json.dumps(message)) if isinstance(o, Output))
    assert output == Output(cancelled_calls=("c1", "c2"))


def test_results_of_one_micro_turn_travel_together_and_functions_say_whether_they_block() -> None:
    results = tuple(ToolResult(f"c{n}", "add", n) for n in range(2))

    async def go() -> FakeGemini:
        async with FakeGemini(["call"], delay_ms=50) as server:
            live = GeminiLive(base_url=server.url, behavior="non_blocking")
            turns = micro_turns("xx............", 16000, {9: {"tool_results": results}})
            await drive(live, turns, session=RICH)
        return server

    (server,) = run(go())
    assert not server.violations
    (sent,) = (json.loads(m) for m in server.log.of("client") if "toolResponse" in json.loads(m))
    assert [r["id"] for r in sent["toolResponse"]["functionResponses"]] == ["c0", "c1"]
    (declared,) = server.setups[0].tools[0].function_declarations  # type: ignore[index, union-attr, misc]
    assert declared.behavior == "NON_BLOCKING"


def test_golden_session_holds_no_bulk_and_is_valid() -> None:
    kinds = [json.loads(m) for m in WireLog.read("gemini-live").of("client")]
    assert kinds[0]["setup"]["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert kinds[0]["setup"]["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == ADD.parameters
    assert kinds[0]["setup"]["realtimeInputConfig"] == {
        "automaticActivityDetection": {
            "silenceDurationMs": 500,
            "endOfSpeechSensitivity": "END_SENSITIVITY_HIGH",
        }
    }
    responses = [k["toolResponse"]["functionResponses"][0] for k in kinds if "toolResponse" in k]
    assert [r["response"] for r in responses] == [{"output": 3}, {"error": "no such call"}]
    assert {r["scheduling"] for r in responses} == {"WHEN_IDLE"}


@pytest.mark.parametrize("paced", [False, True], ids=["burst", "paced"])
def test_an_answer_comes_in_when_it_was_sent(paced: bool) -> None:
    ((server, heard),) = run(against(FakeGemini(answer_ms=60, paced=paced), ("xx" + "." * 20) * 6))
    delays = heard.delays(server.spoke)
    assert len(delays) == 6
    assert min(delays) < 0.005, "the least is what the adapter adds; the rest is a busy machine"


def test_sessions_with_the_fake_server() -> None:
    """Side by side: barge-in, tools and media, moving, and every way of ending badly."""

    async def rich() -> FakeGemini:
        async with FakeGemini(["call"], delay_ms=50) as server:
            await golden_session(server.url)
        return server

    results = run(
        against(FakeGemini(answer_ms=400), "xx........xx......"),
        against(FakeGemini(["move", "speak"]), "xx..............xx............", compress=False),
        against(FakeGemini(["quota"]), "xx" + "." * 40),
        against(FakeGemini(["no credit"]), "xx" + "." * 40),
        against(FakeGemini(["garbage"]), "xx" + "." * 40),
        against(FakeGemini(["shape"]), "xx" + "." * 40),
        against(FakeGemini(["rate"]), "xx" + "." * 40),
        against(FakeGemini(["huge"]), "xx" + "." * 40),
        against(FakeGemini(["bye"]), "xx" + "." * 40),
        rich(),
    )
    assert [r[0].violations for r in results[:-1]] == [[]] * 9
    _, barged = results[0]
    assert [o.flush for o in barged.outputs if o.flush] == [True]
    server, moved = results[1]
    assert server.sessions == 2
    assert server.setups[1].session_resumption is not None
    assert server.setups[1].session_resumption.handle == "handle-1"
    assert server.setups[0].context_window_compression is None
    assert len(moved.delays(server.spoke)) == 2
    ends = [type(r[1]) for r in results[2:8]]
    assert ends == [
        QuotaError,
        AccountError,
        ProtocolError,
        ProtocolError,
        ProtocolError,
        ProtocolError,
    ]
    assert isinstance(results[8][1], InfrastructureError) or len(results[8][1].sent) < 42
    server = results[-1]
    assert server.violations == []
    assert server.texts == ["hi"]
    assert len(server.images) == 1
    assert server.results[0].response == {"output": 3}
    assert server.realtime[0].automatic_activity_detection is not None


@pytest.mark.parametrize("step", ["fail", "hang"])
def test_a_session_goes_on_after_its_connection_broke(step: str) -> None:
    """Without ``goAway`` it ended, though a handle to resume it was there."""
    pattern = "xx" + "." * 14 + "xx" + "." * 12
    ((server, heard),) = run(against(FakeGemini([step, "speak"]), pattern))
    assert isinstance(heard, Heard), heard
    assert server.violations == []
    assert server.sessions == 2
    assert server.setups[1].session_resumption is not None
    assert server.setups[1].session_resumption.handle == "handle-1"
    assert len(heard.delays(server.spoke)) == 1
    # All audio has arrived, but for what was under way when the connection broke.
    sent = [json.loads(m)["realtimeInput"] for m in server.log.of("client") if "realtimeInput" in str(m)]
    assert len(sent) >= len(pattern) - 2


def test_a_connection_that_breaks_at_once_is_not_resumed_again() -> None:
    class Breaks(FakeGemini):
        async def greet(self) -> None:
            await super().greet()
            if self.sessions > 1:
                self.ws.transport.abort()

        async def reply(self, **message: Any) -> None:
            if self.sessions == 1 or "setupComplete" in message:
                await super().reply(**message)

    ((server, error),) = run(against(Breaks(["hang"]), "xx" + "." * 40))
    assert type(error) is InfrastructureError
    assert server.sessions == 2


def test_a_reply_after_an_interruption_whose_turn_never_ended_is_heard() -> None:
    """All of it was dropped, to its ``turnComplete``."""

    async def heard() -> list[tuple[list[int], str]]:
        model = GeminiLive(base_url="ws://127.0.0.1")
        outputs = []
        for at_ms, message in (
            (0, content(modelTurn=part(1))),
            (200, content(interrupted=True)),
            (600, content(modelTurn=part(2))),
            (800, content(modelTurn=part(3))),
            (800, content(modelTurn=part(4), turnComplete=True)),
            (900, content(modelTurn=part(5))),
        ):
            model._now_ns = at_ms * 1_000_000
            outputs += [o for o in model.understand(message) if isinstance(o, Output)]
        return [(o.audio.tolist(), o.item) for o in outputs if o.audio is not None]

    (said,) = run(heard())
    assert said == [([1], "reply-0"), ([3], "reply-1"), ([4], "reply-1"), ([5], "reply-2")]


def test_what_is_refused_at_the_door() -> None:
    async def refused(base_url: str) -> None:
        with pytest.raises(InfrastructureError):
            await drive(GeminiLive(base_url=base_url), [])

    async def wrong_version() -> None:
        async with FakeGemini() as server:
            adapter = GeminiLive(base_url=server.url, version="v0")
            with pytest.raises(InfrastructureError, match="the path is not"):
                await adapter.connect(RICH)
            await adapter.close()

    run(refused("ws://127.0.0.1:1"), wrong_version())


def test_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "TML_BENCH_KEYS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="GEMINI_API_KEY"):
        GeminiLive()
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-a-planted-key")

    async def here() -> list[str]:
        async with FakeGemini() as server:
            await drive(GeminiLive(base_url=server.url), micro_turns("..", 16000))
            return server.keys

    assert run(here()) == [["AIza-a-planted-key"]]
    with pytest.raises(UserError, match=r"would go to gemini\.example:80 without TLS"):
        GeminiLive(base_url="ws://gemini.example:80")


def test_urlsafe_base64_without_padding_is_understood() -> None:
    adapter = GeminiLive(base_url="ws://127.0.0.1")
    blob = {"data": "_9!", "mimeType": "audio/pcm"}
    with pytest.raises(ProtocolError):
        list(
            adapter.understand(
                json.dumps({"serverContent": {"modelTurn": {"parts": [{"inlineData": blob}]}}})
            )
        )
    blob["data"] = "_9g"
    message = {"serverContent": {"modelTurn": {"parts": [{"inlineData": blob}, {"text": "t"}]}}}
    *_, output = adapter.understand(json.dumps(message))
    assert isinstance(output, Output)
    assert output.audio is not None
    assert output.audio.tolist() == [-9985]
    assert output.text == "t"


def content(**fields: object) -> str:
    return json.dumps({"serverContent": fields})


def part(level: int) -> dict[str, object]:
    data = base64.b64encode(np.full(1, level, "<i2").tobytes()).decode()
    return {"parts": [{"inlineData": {"data": data, "mimeType": "audio/pcm;rate=24000"}}]}


def heard_of(*messages: str) -> list[object]:
    """What becomes of messages: audio by its level with its reply, texts with theirs, flushes."""
    adapter = GeminiLive(base_url="ws://127.0.0.1")
    outputs = [o for message in messages for o in adapter.understand(message) if isinstance(o, Output)]
    lines: list[object] = []
    for output in outputs:
        lines += ["flush"] if output.flush else []
        lines += [(int(n), output.item) for n in ([] if output.audio is None else output.audio)]
        lines += [(piece.text, output.item) for piece in output.transcript]
    return lines


def test_what_comes_of_an_interrupted_turn_is_not_heard() -> None:
    """It played on for as long as it lasted: the model seemed to stop 7 s late."""
    late = content(modelTurn=part(3), outputTranscription={"text": "late"})
    assert heard_of(
        content(modelTurn=part(1), outputTranscription={"text": "one"}),
        content(interrupted=True, modelTurn=part(2)),
        late,
        content(turnComplete=True, modelTurn=part(4)),
        content(modelTurn=part(5), outputTranscription={"text": "two"}),
    ) == [(1, "reply-0"), ("one", "reply-0"), "flush", (5, "reply-1"), ("two", "reply-1")]


def test_a_turn_interrupted_by_its_only_message_is_not_heard() -> None:
    cut = content(interrupted=True, modelTurn=part(1))
    assert heard_of(cut, content(turnComplete=True), content(modelTurn=part(2))) == ["flush", (2, "reply-1")]
    both = content(interrupted=True, turnComplete=True, modelTurn=part(1))
    assert heard_of(both, content(modelTurn=part(2))) == ["flush", (2, "reply-1")]


def test_an_interruption_after_the_turn_s_end_takes_nothing_from_the_next() -> None:
    """What was still playing is dropped; no other end of a turn will follow."""
    assert heard_of(
        content(modelTurn=part(1)),
        content(turnComplete=True),
        content(interrupted=True),
        content(modelTurn=part(2)),
    ) == [(1, "reply-0"), "flush", (2, "reply-1")]


def test_unknown_messages_are_kept() -> None:
    adapter = GeminiLive(base_url="ws://127.0.0.1")
    message = {"somethingNew": {"data": "A" * 1000}, "serverContent": {"alsoNew": 1}}
    assert list(adapter.understand(json.dumps(message))) == [
        ProviderEvent(
            "serverContent+somethingNew",
            {"somethingNew": {"data": "[1000 base64 characters]"}, "serverContent": {"alsoNew": 1}},
        )
    ]


if __name__ == "__main__":
    asyncio.run(record_golden())
