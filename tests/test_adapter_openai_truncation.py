"""OpenAI Realtime is told of each item that a barge-in cut, through the network, in a whole session."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import sample_of, silence
from virtual_time import VirtualTimeLoop, run_virtual
from wire_log import Message

from tml_bench.adapters import openai_realtime
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import UserTurn
from tml_bench.session.live import LEAD_NS, LiveSession
from tml_bench.session.network import LinkDirection, Network
from tml_bench.session.settings import Settings, opened_event

SAMPLE = sample_of(UserTurn(silence(2.0)), tail_s=0)
SECOND = base64.b64encode(np.full(24000, 1000, "<i2").tobytes()).decode()


def says(item: str) -> dict[str, Any]:
    return {"type": "response.output_audio.delta", "delta": SECOND, "item_id": item, "response_id": "r"}


PLAN: list[tuple[float, dict[str, Any]]] = [
    (0.3, {"type": "response.created", "response": {"id": "r"}}),
    (0.3, says("first")),
    (0.3, says("second")),
    (0.9, {"type": "input_audio_buffer.speech_started"}),
]


class Service:
    """Stands for the websocket; remembers when it is told of truncation, after how many chunks of audio."""

    def __init__(self) -> None:
        self._opening = [{"type": "session.created"}, {"type": "session.updated", "session": {}}]
        self._began = 0.0
        self._chunks = 0
        self.told: list[tuple[float, int, str, int]] = []

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    async def send(self, message: Message) -> None:
        body = json.loads(message)
        self._chunks += body["type"] == "input_audio_buffer.append"
        if body["type"] == "conversation.item.truncate":
            self.told.append((round(self._now(), 4), self._chunks, body["item_id"], body["audio_end_ms"]))

    async def receive(self, timeout_s: float = 5) -> Message:
        self._began = asyncio.get_running_loop().time() + LEAD_NS / 1e9
        return json.dumps(self._opening.pop(0))

    async def messages(self) -> AsyncIterator[Message]:
        for at, message in PLAN:
            await asyncio.sleep(max(0.0, at - self._now()))
            yield json.dumps(message)
        await asyncio.Event().wait()

    async def ping(self) -> None:
        return

    async def close(self) -> None:
        return


@pytest.mark.parametrize(("way_ms", "at", "after_chunks"), [(0, 0.9, 4), (150, 1.2, 5)])
def test_both_items_are_truncated_one_of_them_at_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way_ms: int, at: float, after_chunks: int
) -> None:
    service = Service()

    async def opened(*_: object, **__: object) -> Service:
        return service

    monkeypatch.setattr(openai_realtime, "open_socket", opened)
    far = Network("far", LinkDirection(way_ms), LinkDirection(way_ms))
    adapter, settings, loop = (
        OpenAIRealtime(base_url="ws://localhost:1/v1"),
        Settings(network=far),
        VirtualTimeLoop(),
    )
    writing = opened_event("fake", SAMPLE, "openai", adapter, settings)
    with RecordingWriter(tmp_path / "r", writing, clock="wall", compute="live") as writer:
        live = LiveSession("fake", SAMPLE, adapter, settings, writer, clock_ns=loop.clock_ns)
        run_virtual(live.run(), loop)
        writer.close()
    assert service.told == [(at, after_chunks, "first", 600), (at, after_chunks, "second", 0)]
