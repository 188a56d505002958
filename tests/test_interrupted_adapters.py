"""What each live adapter plays around an interruption: nothing of the reply that was cut, all of the next.

A service that names its replies is followed by their ids (``test_adapter_openai_orders``), Gemini Live by its
turns. The others stop by themselves: what they send after they have said so is the next reply's.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from fakes import MS, Scripted, run_session, sample_of, silence

from tml_bench.adapter import ModelEvent, Output
from tml_bench.adapters._media import to_mulaw
from tml_bench.adapters._session import SocketAdapter
from tml_bench.adapters.gemini_live import GeminiLive
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.adapters.pipecat import Pipecat, encode
from tml_bench.adapters.twilio import Twilio
from tml_bench.adapters.wire import Wire
from tml_bench.samples import UserTurn
from tml_bench.session.settings import Settings
from tml_bench.wire.messages import AUDIO, BinaryFrame

Message = str | bytes
URL = "ws://localhost:1"
SECOND = 8000
OLD, NEW = 0.25, 0.5
"""Levels of the reply that is cut and of the one after it."""


def pcm(level: float, seconds: float, rate: int) -> bytes:
    return np.full(round(seconds * rate), level * 32768, "<i2").tobytes()


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def realtime(level: float, seconds: float) -> Message:
    reply = "old" if level == OLD else "new"
    ids = {"response_id": f"resp-{reply}", "item_id": f"item-{reply}"}
    return json.dumps(
        {"type": "response.output_audio.delta", "delta": text(pcm(level, seconds, 24000)), **ids}
    )


def realtime_done(reply: str, status: str) -> Message:
    return json.dumps({"type": "response.done", "response": {"id": f"resp-{reply}", "status": status}})


def gemini(level: float, seconds: float, **also: object) -> Message:
    blob = {"data": text(pcm(level, seconds, 24000)), "mimeType": "audio/pcm;rate=24000"}
    return json.dumps({"serverContent": {"modelTurn": {"parts": [{"inlineData": blob}]}, **also}})


def pipecat(level: float, seconds: float) -> Message:
    return encode("audio", audio=pcm(level, seconds, 24000), sample_rate=24000, num_channels=1)


def twilio(level: float, seconds: float) -> Message:
    samples = np.full(round(seconds * SECOND), level, np.float32)
    return json.dumps({"event": "media", "media": {"payload": text(to_mulaw(samples))}})


def wire(level: float, seconds: float) -> Message:
    return BinaryFrame(AUDIO, 1 if level == OLD else 2, 0, 0, pcm(level, seconds, 24000)).pack()


SPEECH = json.dumps({"type": "input_audio_buffer.speech_started", "item_id": "u", "audio_start_ms": 0})
SERVICES: dict[str, tuple[Callable[[], SocketAdapter], Sequence[Message], Sequence[Message]]] = {
    "openai-realtime": (
        lambda: OpenAIRealtime(base_url=URL),
        [realtime(OLD, 7)],
        [SPEECH, realtime(OLD, 7), realtime(NEW, 0.5), realtime_done("old", "cancelled")],
    ),
    "gemini-live": (
        lambda: GeminiLive(base_url=URL),
        [gemini(OLD, 7)],
        [
            gemini(OLD, 7, interrupted=True),
            gemini(OLD, 7),
            gemini(OLD, 1, turnComplete=True),
            gemini(NEW, 0.5),
        ],
    ),
    "pipecat": (Pipecat, [pipecat(OLD, 7)], [encode("interruption"), pipecat(NEW, 0.5)]),
    "twilio": (Twilio, [twilio(OLD, 7)], [json.dumps({"event": "clear"}), twilio(NEW, 0.5)]),
    "wire": (lambda: Wire(URL), [wire(OLD, 7)], ['{"type": "interrupted"}', wire(NEW, 0.5)]),
}


def outputs(adapter: SocketAdapter, messages: Sequence[Message]) -> list[Output]:
    events: list[ModelEvent] = [event for message in messages for event in adapter._understood(message)]
    return [event for event in events if isinstance(event, Output)]


@pytest.mark.parametrize("name", SERVICES)
def test_a_cut_reply_is_over_at_once_and_the_next_is_heard_whole(tmp_path: Path, name: str) -> None:
    """Cut after 0.8 s; Gemini's was heard for 7 s more, and OpenAI's next reply not at all."""
    make, before, after = SERVICES[name]
    adapter = make()
    first, then = outputs(adapter, before), outputs(adapter, after)
    planned = {at * 10 + k: output for at, given in ((0, first), (4, then)) for k, output in enumerate(given)}
    model = Scripted(planned, audio_out=adapter.audio_out)
    ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(2.0))), model, Settings(tick_ns=20 * MS))
    rate = len(ran.model) / ran.recording.duration_s
    heard = {level: np.count_nonzero(np.abs(ran.model - level) < 0.02) / rate for level in (OLD, NEW)}
    assert heard[OLD] == pytest.approx(0.8, abs=0.03)
    assert heard[NEW] == pytest.approx(0.5, abs=0.03)
