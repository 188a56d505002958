"""OpenAI Realtime and its dialects, without a socket: golden wire logs, and rules on hand-made messages."""

from __future__ import annotations

import base64
import inspect
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fake_servers.golden import meaning, read_golden, replay
from fake_servers.openai_realtime import PROFILES
from hypothesis import given, strategies as st

from tml_bench.adapter import (
    AccountError,
    InfrastructureError,
    Output,
    ProtocolError,
    ProviderEvent,
    QuotaError,
    SampleRefusedError,
    SessionStart,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from tml_bench.adapters._loudness import Endpointer
from tml_bench.adapters.openai_realtime import OpenAIRealtime, _address
from tml_bench.adapters.openai_realtime.conversation import RealtimeConversation
from tml_bench.adapters.openai_realtime.dialects import DIALECTS
from tml_bench.adapters.openai_realtime.messages import SessionWishes, UserStretch
from tml_bench.errors import UserError

URL = "ws://localhost:1/v1"
AUDIO = base64.b64encode(np.full(2400, 1000, "<i2").tobytes()).decode()


def adapter(dialect: str = "ga", **options: Any) -> OpenAIRealtime:
    return OpenAIRealtime(dialect, base_url=URL, **options)


def conversation(dialect: str = "ga", cuts: bool = True) -> RealtimeConversation:
    return RealtimeConversation(DIALECTS[dialect], 24000, cuts)


def tell(talk: RealtimeConversation, *messages: dict[str, Any]) -> list[str]:
    return [line for message in messages for line in meaning(talk.take(message))]


def replied(talk: RealtimeConversation) -> list[str]:
    said = [message["type"] for message in talk.replies]
    talk.replies.clear()
    return said


def audio(item: str = "i1", response: str = "r1") -> dict[str, Any]:
    return {"type": "response.output_audio.delta", "delta": AUDIO, "item_id": item, "response_id": response}


def began(response: str = "r1") -> dict[str, Any]:
    return {"type": "response.created", "response": {"id": response}}


def ended(response: str = "r1", status: str = "completed", **more: Any) -> dict[str, Any]:
    return {"type": "response.done", "response": {"id": response, "status": status, **more}}


def call(status: str = "completed", **more: Any) -> dict[str, Any]:
    item = {"id": "f1", "type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1}'}
    return {"type": "response.output_item.done", "item": {**item, "status": status, **more}}


SPEECH = {"type": "input_audio_buffer.speech_started", "item_id": "u1", "audio_start_ms": 0}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_golden_session_means_message_by_message_what_it_meant(dialect: str) -> None:
    lines = read_golden(f"openai-realtime-{dialect}")
    recorded = [line["means"] for line in lines if line["from"] == "service"]
    assert replay(adapter(dialect), lines) == recorded
    flat = [meant for means in recorded for meant in means]
    assert any(meant.startswith("audio ") for meant in flat)
    assert any(meant.startswith("says Hello there.") for meant in flat)
    assert ("flush" in flat) == (dialect != "minicpmo-v2")
    assert ('calls weather {"city": "Lima"}' in flat) == DIALECTS[dialect].tools


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_the_client_said_in_a_golden_session_is_valid(dialect: str) -> None:
    said = [line["message"] for line in read_golden(f"openai-realtime-{dialect}") if line["from"] == "client"]
    for message in said:
        PROFILES[dialect].check(message)
    kinds = [message["type"] for message in said]
    assert ("conversation.item.truncate" in kinds) == DIALECTS[dialect].truncates
    if DIALECTS[dialect].tools:
        result = next(
            i for i, m in enumerate(said) if m.get("item", {}).get("type") == "function_call_output"
        )
        assert "response.create" in kinds[result:]


def test_both_generations_of_names_are_understood() -> None:
    for name in ("response.output_audio.delta", "response.audio.delta"):
        assert tell(conversation(), {**audio(), "type": name}) == ["audio 2400 i1"]
    for name in ("response.output_audio_transcript.delta", "response.audio_transcript.delta"):
        assert tell(conversation(), {"type": name, "delta": "Hi", "item_id": "i"}) == ["says Hi i"]
    for name in ("response.output_text.delta", "response.text.delta"):
        assert tell(conversation(), {"type": name, "delta": "Hi", "item_id": "i"}) == ["writes Hi"]
        assert tell(conversation("sglang"), {"type": name, "delta": "Hi", "item_id": "i"}) == ["says Hi i"]


def test_an_interruption_flushes_once_and_drops_what_still_comes() -> None:
    talk = conversation()
    assert tell(talk, began(), audio(), SPEECH) == ["audio 2400 i1", "flush"]
    assert tell(talk, audio(), ended(status="cancelled")) == []
    assert tell(talk, began("r2"), audio("i2", "r2")) == ["audio 2400 i2"]


def test_a_cancelled_response_flushes_even_before_the_speech_is_announced() -> None:
    assert tell(conversation(), began(), audio(), ended(status="cancelled"), SPEECH) == [
        "audio 2400 i1",
        "flush",
    ]


def test_speech_after_the_response_was_generated_still_flushes_what_is_unheard() -> None:
    assert tell(conversation(), began(), audio(), ended(), SPEECH) == ["audio 2400 i1", "flush"]


def test_without_interruptions_speech_flushes_nothing() -> None:
    assert tell(conversation(cuts=False), began(), audio(), SPEECH, audio()) == ["audio 2400 i1"] * 2


def test_speech_before_any_answer_flushes_nothing() -> None:
    assert tell(conversation(), SPEECH) == []


def test_truncation_tells_what_was_heard_and_never_more_than_was_received() -> None:
    talk = conversation()
    tell(talk, began(), audio())
    talk.told_heard("i1", 57.9)
    talk.told_heard("i1", 250.0)
    talk.told_heard("unknown", 5.0)
    assert [m["audio_end_ms"] for m in talk.replies] == [57, 100]


def test_a_service_that_cannot_truncate_is_told_nothing() -> None:
    talk = conversation("qwen")
    tell(talk, began(), audio())
    talk.told_heard("i1", 50.0)
    assert talk.replies == []


def test_after_a_cut_the_next_answer_waits_for_the_cancel_where_that_is_confirmed() -> None:
    for dialect, asked_at_once in (("ga", False), ("qwen", True)):
        talk = conversation(dialect)
        tell(talk, began(), audio())
        assert meaning(talk.cut_in()) == ["flush"]
        talk.commit()
        asked = ["response.create"] if asked_at_once else []
        assert replied(talk) == ["response.cancel", "input_audio_buffer.commit", *asked]
        assert tell(talk, audio(), ended(status="cancelled")) == []
        assert replied(talk) == ([] if asked_at_once else ["response.create"])


def test_a_call_counts_once_and_only_when_complete() -> None:
    arguments = {"type": "response.function_call_arguments.done", "item_id": "f1", "call_id": "c1"}
    arguments |= {"name": "f", "arguments": '{"a": 1}'}
    assert tell(conversation(), began(), arguments, ended(status="cancelled")) == []
    assert tell(conversation(), began(), call("incomplete"), ended(status="cancelled")) == []
    assert tell(conversation(), began(), arguments, call(), ended()) == ['calls f {"a": 1}']
    assert tell(conversation(), began(), arguments, ended()) == ['calls f {"a": 1}']
    done = ended(output=[call()["item"]])
    assert tell(conversation(), began(), done) == ['calls f {"a": 1}']


def test_a_call_s_name_may_have_come_with_its_beginning() -> None:
    added = {"type": "response.output_item.added", "item": {"id": "f1", "type": "function_call"}}
    added["item"] |= {"call_id": "c1", "name": "f"}  # type: ignore[operator]
    arguments = {"type": "response.function_call_arguments.done", "item_id": "f1", "arguments": "{}"}
    assert tell(conversation(), began(), added, arguments, ended()) == ["calls f {}"]


def test_a_result_is_sent_at_once_and_answered_when_nothing_is_under_way() -> None:
    talk = conversation()
    tell(talk, began(), call())
    talk.give_result(ToolResult("c1", "f", {"x": 1}))
    assert replied(talk) == ["conversation.item.create"]
    tell(talk, ended())
    assert replied(talk) == ["response.create"]
    tell(talk, began("r2"), ended("r2"))
    assert replied(talk) == []


def test_the_results_of_one_batch_are_answered_together() -> None:
    talk = conversation()
    tell(talk, began(), call(), call(call_id="c2", id="f2"), ended())
    talk.give_result(ToolResult("c1", "f", 1))
    assert replied(talk) == ["conversation.item.create"]
    talk.give_result(ToolResult("c2", "f", 2, is_error=True))
    assert json.loads(talk.replies[0]["item"]["output"]) == {"error": 2}
    assert replied(talk) == ["conversation.item.create", "response.create"]


def test_a_slow_call_holds_up_neither_other_results_nor_what_the_user_writes() -> None:
    """A user who wrote while a function was at work, and every quick function, waited for the slowest one."""
    talk = conversation()
    tell(talk, began(), call(), ended())
    talk.give_text({"type": "text"})
    assert replied(talk) == ["text", "response.create"]
    tell(talk, began("r2"), call(call_id="c2", id="f2"), ended("r2"))
    talk.give_result(ToolResult("c2", "f", 2))
    assert replied(talk) == ["conversation.item.create", "response.create"]
    tell(talk, began("r3"), ended("r3"))
    talk.give_result(ToolResult("c1", "f", 1))
    assert replied(talk) == ["conversation.item.create", "response.create"]


def test_a_batch_half_answered_is_not_asked_about_though_the_conversation_goes_on() -> None:
    talk = conversation()
    tell(talk, began(), call(), call(call_id="c2", id="f2"), ended())
    talk.give_result(ToolResult("c1", "f", 1))
    taken = {"type": "conversation.item.added", "item": {"type": "function_call_output", "call_id": "c1"}}
    tell(talk, taken, began("r2"), ended("r2"))
    assert replied(talk) == ["conversation.item.create"]
    talk.give_result(ToolResult("c2", "f", 2))
    assert replied(talk) == ["conversation.item.create", "response.create"]


@pytest.mark.parametrize("given", ['{"a": ', "[1]", '"a"', "[" * 100_000])
def test_arguments_that_are_no_json_object_are_a_call_that_is_refused(given: str) -> None:
    """The model wrote them, and its session ended as a fault of its service."""
    item = {"id": "f1", "type": "function_call", "call_id": "c1", "name": "f", "arguments": given}
    done = {"type": "response.output_item.done", "item": item, "response_id": "r1"}
    (output,) = conversation().take(done)
    assert output.tool_calls == (ToolCall("c1", "f", unreadable=given),)


def test_a_response_that_began_after_the_result_was_taken_has_seen_it() -> None:
    talk = conversation()
    tell(talk, began(), call())
    talk.give_result(ToolResult("c1", "f", 1))
    taken = {"type": "conversation.item.added", "item": {"type": "function_call_output"}}
    tell(talk, taken, ended(status="cancelled"))
    assert replied(talk) == ["conversation.item.create", "response.create"]
    refused = {"type": "error", "error": {"code": "conversation_already_has_active_response", "message": ""}}
    tell(talk, began("r2"), refused, ended("r2"))
    assert replied(talk) == []


def test_what_the_user_cut_off_without_a_word_from_the_service_holds_nothing_up() -> None:
    """Qwen may cancel what it says without a ``response.done``: the result waited for it for ever."""
    talk = conversation("qwen")
    tell(talk, began(), call(), audio())
    talk.give_result(ToolResult("c1", "f", 1))
    assert replied(talk) == ["conversation.item.create"]
    assert tell(talk, SPEECH) == ["flush"]
    assert talk.responding == ""
    assert replied(talk) == ["response.create"]
    assert tell(talk, audio(), ended(status="cancelled")) == [], "what is late of it is not heard"
    tell(talk, began("r2"), ended("r2"))
    assert replied(talk) == []
    talk.give_text({"type": "text"})
    tell(talk, SPEECH)
    talk.give_result(ToolResult("c2", "f", 1))
    assert replied(talk) == ["text", "response.create", "conversation.item.create", "response.create"]
    ga = conversation("ga")
    tell(ga, began(), audio(), SPEECH)
    assert ga.responding == "r1", "it will say when that is done"


def failed(event_id: str = "", kind: str = "invalid_request_error", code: str = "") -> dict[str, Any]:
    error = {"type": kind, "code": code or None, "message": "no", "event_id": event_id or None}
    return {"type": "error", "event_id": "theirs", "error": error}


@pytest.mark.parametrize("message", [{"type": "response.cancel"}, {"type": "conversation.item.truncate"}])
def test_an_error_about_what_came_too_late_is_no_complaint(message: dict[str, Any]) -> None:
    talk = conversation()
    talk.sent({"event_id": "tml_7", **message})
    for late in (failed("tml_7"), failed(""), failed("", code="response_cancel_not_active")):
        tell(talk, late)
        assert talk.complaint == ""
    tell(talk, failed("tml_7", "server_error"))
    assert talk.complaint == "server_error: no"
    tell(talk, failed("tml_6", code="invalid_value"))
    assert talk.complaint == "invalid_value invalid_request_error: no"


def test_a_complaint_is_forgotten_once_the_service_has_answered() -> None:
    model = adapter()
    for answer in (audio(), {"type": "response.output_text.delta", "delta": "x", "response_id": "r1"}):
        model._understood(json.dumps(failed("tml_6", code="invalid_value")))
        assert model.complaint == "invalid_value invalid_request_error: no"
        model._understood(json.dumps(began()))
        assert model.complaint, "that it begins is no answer"
        model._understood(json.dumps(answer))
        assert model.complaint == ""


def test_a_refused_ask_is_repeated_if_the_response_had_not_seen_the_result() -> None:
    talk = conversation()
    tell(talk, began(), call(), ended())
    talk.give_result(ToolResult("c1", "f", 1))
    replied(talk)
    taken = {"type": "conversation.item.added", "item": {"type": "function_call_output"}}
    refused = {"type": "error", "error": {"code": "conversation_already_has_active_response", "message": ""}}
    tell(talk, began("r2"), taken, refused)
    assert replied(talk) == []
    tell(talk, ended("r2"))
    assert replied(talk) == ["response.create"]


def test_minicpmo_is_interrupted_only_in_the_middle_of_its_turn() -> None:
    unit = {"type": "response.output_audio.delta", "text": "Hi", "end_of_turn": False}
    unit["audio"] = base64.b64encode(np.full(24000, 0.5, "<f4").tobytes()).decode()
    listen = {"type": "response.listen"}
    heard = ["audio 24000 turn-0", "says Hi turn-0"]
    assert tell(conversation("minicpmo"), unit, listen, listen) == [*heard, "flush"]
    assert tell(conversation("minicpmo"), {**unit, "end_of_turn": True}, listen) == heard


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"type": "error", "error": {"code": "insufficient_quota", "message": "no"}}, AccountError),
        ({"type": "error", "error": {"type": "session_limit_reached", "message": "no"}}, QuotaError),
        ({"type": "error", "error": {"code": "session_expired", "message": "60 min"}}, SampleRefusedError),
        (ended(status="failed", status_details={"error": {"code": "rate_limit_exceeded"}}), QuotaError),
        (ended(status="failed", status_details={"error": {"type": "server_error"}}), InfrastructureError),
        ({"type": "session.closed", "reason": "context_full"}, SampleRefusedError),
        ({"type": "session.closed", "reason": "shutdown"}, InfrastructureError),
        ({"type": "session.expired"}, SampleRefusedError),
    ],
)
def test_what_is_not_the_model_s_fault_ends_the_session_so(message: dict[str, Any], kind: type) -> None:
    with pytest.raises(InfrastructureError) as raised:
        tell(conversation(), message)
    assert type(raised.value) is kind


def test_other_errors_and_unknown_messages_are_kept_and_harmless() -> None:
    for message in (
        {"type": "error", "error": {"code": "response_cancel_not_active", "message": "nothing to cancel"}},
        {"type": "response.something_new", "x": 1},
        {"no": "type"},
    ):
        (event,) = list(adapter().understand(json.dumps(message)))
        assert isinstance(event, ProviderEvent)
        assert event.type == str(message.get("type"))


GARBAGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "type", "item", "response", "delta", "call_id", "status", "error", "audio"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


TYPES = sorted(
    set(re.findall(r'"((?:[a-z_]+\.)+[a-z_]+|error)"', inspect.getsource(RealtimeConversation.take)))
)


@given(
    st.sampled_from(TYPES),
    st.dictionaries(
        st.sampled_from(
            [
                "item",
                "response",
                "delta",
                "item_id",
                "response_id",
                "error",
                "audio",
                "text",
                "kind",
                "sglang",
            ]
        ),
        GARBAGE,
    ),
)
def test_garbage_is_a_protocol_error_or_means_nothing(kind: str, message: dict[str, Any]) -> None:
    live = adapter("ga")
    try:
        events = live._understood(json.dumps({**message, "type": kind}))
    except (ProtocolError, InfrastructureError):
        return
    assert all(isinstance(event, ProviderEvent | Output) for event in events)


START = SessionStart("t/s", 200_000_000, instructions="Be brief.", tools=(ToolSpec("f", "does f"),))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("vad", ["server", "semantic", "manual"])
def test_sessions_of_all_dialects_are_valid(dialect: str, vad: str) -> None:
    spoken = DIALECTS[dialect]
    if vad not in spoken.vads:
        with pytest.raises(UserError, match=f"no vad={vad}"):
            adapter(dialect, vad=vad)
        return
    wishes = SessionWishes("m", "v" if spoken.voices else "", vad)
    if vad == "server":
        wishes = replace(wishes, silence_ms=400, threshold=0.5)
    if vad == "semantic":
        wishes = replace(wishes, eagerness="high")
    message = spoken.configure(wishes, START)
    PROFILES[dialect].check({"event_id": "e", **message} if spoken.numbered else message)
    assert "Be brief." in json.dumps(message)


def test_everything_asked_for_is_in_the_session() -> None:
    wishes = SessionWishes("m", "cedar", "semantic", None, None, "low", False, "high", "gpt-transcribe")
    session = DIALECTS["ga"].configure(wishes, START)["session"]
    assert session["reasoning"] == {"effort": "high"}
    assert session["audio"]["output"]["voice"] == "cedar"
    assert session["audio"]["input"]["transcription"] == {"model": "gpt-transcribe"}
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": False,
    }
    assert session["tools"] == [
        {
            "type": "function",
            "name": "f",
            "description": "does f",
            "parameters": {"type": "object", "properties": {}},
        }
    ]
    assert DIALECTS["ga"].configure(SessionWishes(spoken=False), START)["session"]["output_modalities"] == [
        "text"
    ]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_audio_and_frames_of_all_dialects_are_valid(dialect: str) -> None:
    spoken = DIALECTS[dialect]
    messages = spoken.append(UserStretch("AAAA", (("/9j/", 1500.0),), 7, 1400.0, 200.0, 16000))
    for message in messages:
        PROFILES[dialect].check({"event_id": "e", **message} if spoken.numbered else message)
    assert "AAAA" in json.dumps(messages[0])
    assert "/9j/" in json.dumps(messages)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"dialect": "gaa"}, "no dialect"),
        ({"dialect": "qwen", "effort": "high"}, "no effort"),
        ({"dialect": "sglang", "voice": "x"}, "no voice"),
        ({"dialect": "minicpmo", "transcribe": "x"}, "no transcribe"),
        ({"vad": "semantic", "silence_ms": 300}, "silence_ms has no meaning"),
        ({"eagerness": "low"}, "eagerness has no meaning"),
    ],
)
def test_wishes_a_dialect_cannot_be_told_are_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        OpenAIRealtime(base_url=URL, **options)


def test_a_vendor_s_own_address_needs_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("TML_BENCH_KEYS", raising=False)
    with pytest.raises(UserError, match="OPENAI_API_KEY"):
        OpenAIRealtime()


def test_addresses() -> None:
    ga = {"model": "m"}
    assert _address("https://h/v1/", ga) == "wss://h/v1/realtime?model=m"
    assert _address("ws://h:1/openai/v1/realtime?model=other&x=1", ga) == (
        "ws://h:1/openai/v1/realtime?model=other&x=1"
    )
    assert DIALECTS["vllm-duplex"].query(SessionWishes("m")) == {
        "duplex": "1",
        "autostart": "0",
        "model": "m",
    }
    assert DIALECTS["minicpmo"].query(SessionWishes(video=True)) == {"mode": "video"}


def test_video_can_be_slowed_down_or_left_out() -> None:
    assert adapter(fps=0).video_in is None
    slow = adapter(fps=0.5).video_in
    assert slow is not None
    assert (slow.fps, slow.max_side) == (0.5, 768)
    assert adapter("minicpmo").video_in is None
    assert "mode=audio" in adapter("minicpmo")._url
    assert "mode=video" in adapter("minicpmo", fps=1)._url


def test_endpointing_by_loudness() -> None:
    ends = Endpointer(16000, 100)
    loud, quiet = np.full(1600, 0.1, np.float32), np.zeros(1600, np.float32)
    assert ends.feed(quiet) == []
    assert ends.feed(np.concatenate([loud[:800], quiet[:800], loud])) == ["began"]
    assert ends.feed(np.concatenate([quiet, loud])) == ["ended", "began"]
