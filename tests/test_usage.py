"""What services say that they have counted, as each says it; never twice, and garbage never."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, suppress

import pytest
from fake_servers.chat import FakeChat
from hypothesis import given, strategies as st
from live_driver import micro_turns

from tml_bench.adapter import (
    InfrastructureError,
    LiveAdapter,
    ModelEvent,
    ProviderEvent,
    SessionStart,
    Usage,
)
from tml_bench.adapters._usage import MOST, RunningUsage, tokens
from tml_bench.adapters.chat import ChatCompletions
from tml_bench.adapters.gemini_live import GeminiLive
from tml_bench.adapters.openai_live import OpenAILive
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.adapters.openai_realtime.dialects import DIALECTS
from tml_bench.adapters.wire import Wire

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
OPENAI = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {"text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64},
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}
COUNTED = Usage(132, 121, 13, 91, 64, calls=1)


def usages(adapter: LiveAdapter, *messages: object) -> list[Usage]:
    """What of the messages, each given to the adapter as it would come, is usage."""
    found: list[ModelEvent] = []
    for message in messages:
        events: Iterable[ModelEvent] = adapter.understand(json.dumps(message))  # type: ignore[attr-defined]
        found += events
    return [event for event in found if isinstance(event, Usage)]


def done(usage: object, number: int = 1, status: str = "completed") -> dict[str, object]:
    response = {"id": f"resp_{number}", "status": status, "output": [], "usage": usage}
    return {"type": "response.done", "response": response}


def realtime(dialect: str = "ga") -> OpenAIRealtime:
    return OpenAIRealtime(dialect, base_url="ws://127.0.0.1:1")


@pytest.mark.parametrize(
    ("dialect", "usage", "counted"),
    [
        ("ga", OPENAI, COUNTED),
        (
            "qwen",
            {
                "total_tokens": 377,
                "input_tokens": 336,
                "output_tokens": 41,
                "input_tokens_details": {"text_tokens": 228, "audio_tokens": 108},
                "output_tokens_details": {"text_tokens": 9, "audio_tokens": 32},
            },
            Usage(336, 41, 108, 32, calls=1),
        ),
        (
            "sglang",
            {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17, "engine_time_s": 0.25},
            Usage(12, 5, calls=1),
        ),
        ("vllm-duplex", {"input_tokens": 3, "output_tokens": 4}, Usage(3, 4, calls=1)),
    ],
)
def test_a_response_says_what_it_took(dialect: str, usage: object, counted: Usage) -> None:
    assert usages(realtime(dialect), done(usage)) == [counted]
    assert usages(realtime(dialect), done(usage), done(usage, 2)) == [counted, counted]


@pytest.mark.parametrize("status", ["completed", "cancelled", "incomplete"])
def test_a_response_costs_whatever_became_of_it(status: str) -> None:
    assert usages(realtime(), done(OPENAI, status=status)) == [COUNTED]


def test_the_transcript_of_the_user_is_counted_and_is_no_answer() -> None:
    def transcript(usage: object) -> dict[str, object]:
        kind = "conversation.item.input_audio_transcription.completed"
        return {"type": kind, "item_id": "u", "content_index": 0, "transcript": "hi", "usage": usage}

    tokens_of = {"type": "tokens", "input_tokens": 14, "output_tokens": 3, "total_tokens": 17}
    by_token = tokens_of | {"input_token_details": {"text_tokens": 0, "audio_tokens": 14}}
    assert usages(realtime(), transcript(by_token)) == [Usage(14, 3, 14)]
    assert usages(realtime(), transcript({"type": "duration", "seconds": 2})) == [Usage(input_audio_s=2.0)]


def test_openai_live_tells_the_seconds_of_the_session_so_far() -> None:
    def told(kind: str, seconds: object) -> dict[str, object]:
        return {"type": kind, "usage": {"seconds": seconds}}

    adapter = OpenAILive(base_url="ws://127.0.0.1:1")
    updates = [told("session.usage.updated", seconds) for seconds in (5, 5, 12.0, 11, None, "20")]
    assert usages(adapter, *updates) == [Usage(input_audio_s=5.0), Usage(input_audio_s=7.0)]


def test_openai_live_tells_the_tokens_of_the_backend_model() -> None:
    usage = {
        "input_tokens": 75,
        "input_tokens_details": {"cached_tokens": 32},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 10},
        "total_tokens": 95,
    }

    def nested(kind: str, response: object) -> dict[str, object]:
        event = {"type": kind, "response": response}
        return {"type": "response.event", "delegation_id": "d", "event": event}

    adapter = OpenAILive(base_url="ws://127.0.0.1:1")
    begun = nested("response.created", {"id": "r", "usage": None})
    assert usages(adapter, begun, nested("response.completed", {"id": "r", "usage": usage})) == [
        Usage(75, 20, cached_tokens=32, calls=1)
    ]


def gemini(prompt: int, response: int, **more: object) -> dict[str, object]:
    heard, said = ({"modality": "AUDIO", "tokenCount": n} for n in (prompt - 3, response))
    return {
        "usageMetadata": {
            "promptTokenCount": prompt,
            "responseTokenCount": response,
            "totalTokenCount": prompt + response,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 3},
                heard,
            ],
            "responseTokensDetails": [said],
            **more,
        }
    }


def test_gemini_tells_each_answer_with_all_that_was_read_for_it() -> None:
    adapter = GeminiLive(base_url="ws://127.0.0.1:1")
    turns = gemini(143, 19), gemini(181, 24), gemini(224, 24)
    assert usages(adapter, *turns) == [
        Usage(143, 19, 140, 19, calls=1),
        Usage(181, 24, 178, 24, calls=1),
        Usage(224, 24, 221, 24, calls=1),
    ]


def test_gemini_may_tell_an_answer_more_than_once_as_it_grows() -> None:
    adapter = GeminiLive(base_url="ws://127.0.0.1:1")
    told = usages(adapter, gemini(143, 8), gemini(143, 19), gemini(143, 19), gemini(181, 4))
    assert sum(told, Usage()) == Usage(143 + 181, 19 + 4, 140 + 178, 19 + 4, calls=2)


def test_gemini_counts_thoughts_as_given_and_results_of_tools_as_read() -> None:
    adapter = GeminiLive(base_url="ws://127.0.0.1:1")
    more = {"thoughtsTokenCount": 136, "toolUsePromptTokenCount": 20, "cachedContentTokenCount": 90}
    assert usages(adapter, gemini(522, 42, **more)) == [Usage(542, 178, 519, 42, 90, calls=1)]


def test_gemini_tells_it_beside_what_it_says() -> None:
    adapter = GeminiLive(base_url="ws://127.0.0.1:1")
    assert usages(adapter, {"serverContent": {"turnComplete": True}, **gemini(10, 2)}) == [
        Usage(10, 2, 7, 2, calls=1)
    ]


@pytest.mark.parametrize("usage", [None, "12", 7, [1], {}, {"total_tokens": 5}])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_usage_is_none(dialect: str, usage: object) -> None:
    assert usages(realtime(dialect), done(usage)) == []


@pytest.mark.parametrize("garbage", [-1, "12", None, True, 1.5, 10**30, [5], {"a": 1}, float("nan")])
def test_a_count_that_is_none_is_not_told(garbage: object) -> None:
    kept = {"input_tokens": 5, "output_tokens": garbage, "input_token_details": garbage}
    assert list(tokens(kept)) == [Usage(5, calls=1)]
    assert list(tokens({"output_tokens": 5, "output_tokens_details": {"audio_tokens": garbage}})) == [
        Usage(output_tokens=5, calls=1)
    ]
    assert list(RunningUsage().prompt({"promptTokenCount": 5, "promptTokensDetails": [garbage]})) == [
        Usage(5, calls=1)
    ]
    assert not list(RunningUsage().prompt({"promptTokenCount": garbage}))


@given(st.dictionaries(st.sampled_from([*OPENAI, "seconds", "prompt_tokens"]), ANYTHING) | ANYTHING)
def test_whatever_a_service_sends_as_usage_is_no_crash(usage: object) -> None:
    for counted in (*tokens(usage), *RunningUsage().prompt(usage), *RunningUsage().seconds(usage)):
        assert all(0 <= value <= 2 * MOST for value in (counted.input_tokens, counted.input_audio_s))


def test_usages_add_up() -> None:
    assert sum([COUNTED, Usage(1, 2, 3, 4, 5, 0.5, 0.25, 1)], Usage()) == Usage(
        133, 123, 16, 95, 69, 0.5, 0.25, 2
    )


def test_a_model_behind_the_wire_protocol_may_tell_what_it_took() -> None:
    counted = {"input_tokens": 100, "output_tokens": 7, "output_audio_s": 1.5, "calls": 2, "cents": 3}
    assert usages(Wire("ws://127.0.0.1:1"), {"type": "usage", "counted": counted}) == [
        Usage(100, 7, output_audio_s=1.5, calls=2)
    ]


@pytest.mark.parametrize("garbage", [-1, "12", 1.5, 10**30, [5], None])
def test_garbage_in_usage_behind_the_wire_protocol_is_ignored(garbage: object) -> None:
    messages = {"counted": {"input_tokens": garbage}}, {"counted": None}, {"input_tokens": 5}, {}
    assert usages(Wire("ws://127.0.0.1:1"), *({"type": "usage", **m} for m in messages)) == []


@pytest.mark.parametrize("step", ["speak", "no audio"])
def test_a_chat_completion_costs_also_where_its_answer_cannot_be_read(step: str) -> None:
    async def session() -> list[Usage]:
        async with FakeChat((step,)) as server:
            adapter = ChatCompletions("m", server.base_url, silence_ms=100)
            told: list[ModelEvent] = []
            await adapter.connect(SessionStart("t/s", 20_000_000))
            for turn in micro_turns("xx" + "." * 10, adapter.audio_in):
                await adapter.send(turn)
            async with aclosing(adapter.events()) as events:  # type: ignore[type-var]
                async for event in events:
                    told.append(event)
                    if isinstance(event, Usage):
                        break
            await adapter.close()
        return [event for event in told if isinstance(event, Usage)]

    assert asyncio.run(session()) == [Usage(90, 40, 70, 30, calls=1)]


def test_a_response_that_ends_the_session_has_cost_too() -> None:
    adapter = realtime()

    async def messages() -> AsyncIterator[str]:
        yield json.dumps(done(OPENAI, status="failed"))

    async def session() -> list[ModelEvent]:
        adapter._messages = messages  # type: ignore[method-assign, assignment]
        adapter._start()
        told: list[ModelEvent] = []
        with suppress(InfrastructureError):
            async for event in adapter.events():
                told.append(event)
        assert isinstance(adapter._queue.error, InfrastructureError)
        return told

    message, usage = asyncio.run(session())
    assert isinstance(message, ProviderEvent)
    assert usage == COUNTED
