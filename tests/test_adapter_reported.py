"""What services say of themselves, as far as they do: the model they name, the version of their server."""

from __future__ import annotations

import pytest
from fake_servers.chat import FakeChat
from fake_servers.gemini import FakeGemini
from fake_servers.openai_live import FakeLive
from fake_servers.openai_realtime import Answer, FakeRealtime
from fake_servers.pipecat import FakePipecat
from live_driver import drive, micro_turns, run
from wire_servers import LANGUAGES, reference_server

from tml_bench.adapter import LiveAdapter, SessionStart
from tml_bench.adapters.chat import ChatCompletions
from tml_bench.adapters.gemini_live import GeminiLive
from tml_bench.adapters.openai_live import OpenAILive
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.adapters.pipecat import Pipecat
from tml_bench.adapters.wire import Wire, WireLockstep

SESSION = SessionStart("task/sample", 20_000_000)


async def reported(adapter: LiveAdapter, pattern: str = "xx" + "." * 20) -> dict[str, str]:
    assert adapter.reported.keys() <= {"model"}
    await drive(adapter, micro_turns(pattern, adapter.audio_in), session=SESSION)
    return dict(adapter.reported)


def test_openai_realtime_names_its_model() -> None:
    async def session() -> dict[str, str]:
        async with FakeRealtime("ga", [Answer(ms=20)]) as server:
            return await reported(OpenAIRealtime(base_url=server.url))

    assert run(session()) == [{"model": "fake"}]


def test_openai_live_names_its_model() -> None:
    async def session() -> dict[str, str]:
        async with FakeLive([Answer(ms=20)]) as server:
            return await reported(OpenAILive("gpt-live-1", base_url=server.url))

    assert run(session()) == [{"model": "gpt-live-1"}]


def test_gemini_live_is_set_up_with_a_model() -> None:
    async def session() -> dict[str, str]:
        async with FakeGemini([]) as server:
            return await reported(GeminiLive("m", server.url))

    assert run(session()) == [{"model": "models/m"}]


def test_chat_completions_name_their_model_in_an_answer() -> None:
    async def session(pattern: str) -> dict[str, str]:
        async with FakeChat() as server:
            return await reported(ChatCompletions("alias", server.base_url, silence_ms=100), pattern)

    assert run(session("xx" + "." * 20), session("." * 5)) == [{"model": "fake"}, {}]


def test_a_bot_of_pipecat_names_its_protocol() -> None:
    async def session() -> dict[str, str]:
        async with FakePipecat([]) as server:
            return await reported(Pipecat(server.url, rtvi=True))

    assert run(session()) == [{"rtvi_version": "2.2.0", "server_version": ""}]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_wire_server_names_its_model_and_version(language: str) -> None:
    says = {"model": "beep", "server_version": "1"}
    with reference_server(language) as url:
        assert run(reported(Wire(url))) == [says]
        lockstep = WireLockstep(url)
        assert lockstep.reported == {}
        lockstep.warm_up()
        assert lockstep.reported == says
