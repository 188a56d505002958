"""How exactly answers are timed, on an otherwise idle machine: 50 turns a service, in bursts and paced."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from fake_servers.gemini import FakeGemini
from fake_servers.pipecat import FakePipecat
from fake_servers.scripted import ScriptedServer
from fake_servers.twilio import FakeBot
from live_driver import drive, micro_turns, run

from tml_bench.adapter import LiveAdapter
from tml_bench.adapters.gemini_live import GeminiLive
from tml_bench.adapters.pipecat import Pipecat
from tml_bench.adapters.twilio import Twilio

TURNS = 25
LIMIT_S = 0.015
SERVICES: dict[str, tuple[type[ScriptedServer], Callable[[int], LiveAdapter]]] = {
    "gemini-live": (FakeGemini, lambda port: GeminiLive(base_url=f"ws://127.0.0.1:{port}")),
    "pipecat": (FakePipecat, lambda port: Pipecat(f"ws://127.0.0.1:{port}")),
    "twilio": (FakeBot, lambda port: Twilio(f"ws://127.0.0.1:{port}/ws")),
}


@pytest.mark.wall
@pytest.mark.parametrize("service", SERVICES)
def test_answers_are_timed_within_15_ms(service: str) -> None:
    kind, adapter = SERVICES[service]

    async def lateness(paced: bool) -> list[float]:
        async with kind(answer_ms=60, paced=paced) as server:
            model = adapter(server.port)
            heard = await drive(model, micro_turns("xx............" * TURNS, model.audio_in))
            truth = [last_loud + server.delay_s for last_loud, _ in server.answers]
            return heard.delays(truth)

    late = np.concatenate(run(lateness(False), lateness(True)))
    assert len(late) == 2 * TURNS
    assert late.max() < LIMIT_S, f"median {np.median(late):.4f} s, at most {late.max():.4f} s"
