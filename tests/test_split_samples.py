"""Audio in messages of any size: wherever a sample is split between two, the same is heard."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from hypothesis import given, strategies as st
from live_driver import micro_turns
from numpy.typing import NDArray

from tml_bench.adapter import Output
from tml_bench.adapters._media import to_mulaw
from tml_bench.adapters._session import SocketAdapter
from tml_bench.adapters.gemini_live import GeminiLive
from tml_bench.adapters.moshi import Moshi
from tml_bench.adapters.openai_live import OpenAILive
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.adapters.pipecat import Pipecat, encode
from tml_bench.adapters.twilio import Twilio
from tml_bench.adapters.wire import Wire
from tml_bench.wire.messages import AUDIO, BinaryFrame

Message = str | bytes
URL = "ws://localhost:1"
SPEECH = (0.5 * np.sin(np.arange(600) / 5)).astype(np.float32)
PCM = np.rint(SPEECH * 32768).astype("<i2")


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def realtime(data: bytes, reply: int) -> Message:
    ids = {"response_id": f"r{reply}", "item_id": f"i{reply}"}
    return json.dumps({"type": "response.output_audio.delta", "delta": text(data), **ids})


def realtime_end(reply: int) -> Message:
    return json.dumps({"type": "response.done", "response": {"id": f"r{reply}", "status": "completed"}})


def unit(data: bytes, reply: int) -> Message:
    return json.dumps({"type": "response.output_audio.delta", "audio": text(data)})


def unit_end(reply: int) -> Message:
    return json.dumps({"type": "response.output_audio.delta", "audio": "", "end_of_turn": True})


def piece(data: bytes, reply: int) -> Message:
    return json.dumps({"type": "response.output.delta", "kind": "audio", "audio": text(data)})


def piece_end(reply: int) -> Message:
    return json.dumps({"type": "response.output.delta", "kind": "listen"})


def live(data: bytes, reply: int) -> Message:
    return json.dumps({"type": "session.output_audio.delta", "delta": text(data)})


def gemini(data: bytes, reply: int) -> Message:
    blob = {"data": text(data), "mimeType": "audio/pcm;rate=24000"}
    return json.dumps({"serverContent": {"modelTurn": {"parts": [{"inlineData": blob}]}}})


def gemini_end(reply: int) -> Message:
    return json.dumps({"serverContent": {"turnComplete": True}})


def pipecat(data: bytes, reply: int) -> Message:
    return encode("audio", audio=data, sample_rate=24000, num_channels=1)


def pipecat_end(reply: int) -> Message:
    return encode("interruption")


def twilio(data: bytes, reply: int) -> Message:
    return json.dumps({"event": "media", "media": {"payload": text(data)}})


def wire(data: bytes, reply: int) -> Message:
    return BinaryFrame(AUDIO, 1 + reply, 0, 0, data).pack()


@dataclass(frozen=True)
class Service:
    """An adapter, a message of it that holds bytes of a reply, and one that ends a reply, if there is any."""

    make: Callable[[], SocketAdapter]
    message: Callable[[bytes, int], Message]
    data: bytes = PCM.tobytes()
    end: Callable[[int], Message] | None = None


SERVICES = {
    "ga": Service(lambda: OpenAIRealtime(base_url=URL), realtime, end=realtime_end),
    "qwen": Service(lambda: OpenAIRealtime("qwen", base_url=URL), realtime, end=realtime_end),
    "minicpmo": Service(
        lambda: OpenAIRealtime("minicpmo", base_url=URL), unit, SPEECH.astype("<f4").tobytes(), unit_end
    ),
    "minicpmo-v2": Service(
        lambda: OpenAIRealtime("minicpmo-v2", base_url=URL), piece, SPEECH.astype("<f4").tobytes(), piece_end
    ),
    "openai-live": Service(lambda: OpenAILive(base_url=URL), live),
    "gemini-live": Service(lambda: GeminiLive(base_url=URL), gemini, end=gemini_end),
    "pipecat": Service(Pipecat, pipecat, end=pipecat_end),
    "twilio": Service(Twilio, twilio, to_mulaw(SPEECH)),
    "wire": Service(lambda: Wire(URL), wire, end=lambda reply: wire(b"", reply)),
}


def heard(adapter: SocketAdapter, messages: Sequence[Message]) -> NDArray[np.float64]:
    """The audio that messages give, full scale 1."""
    outputs = (o for m in messages for o in adapter._understood(m) if isinstance(o, Output))
    chunks = [np.asarray(o.audio) for o in outputs if o.audio is not None]
    whole = [c / 32768.0 if c.dtype == np.int16 else c.astype(np.float64) for c in chunks]
    return np.concatenate([np.zeros(0), *whole])


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    at = [0, *sorted(places), len(data)]
    return [data[a:b] for a, b in pairwise(at)]


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "openai-live"])
@given(places=st.lists(st.integers(0, 2400), max_size=30))
def test_any_cut_of_the_bytes_gives_the_same_audio(name: str, places: list[int]) -> None:
    service = SERVICES[name]
    pieces = cut(service.data, places)
    got = heard(service.make(), [service.message(data, 0) for data in pieces])
    assert np.array_equal(got, heard(service.make(), [service.message(service.data, 0)]))
    assert np.abs(got - SPEECH).max() < 0.02


@given(place=st.integers(400, 800))
def test_any_cut_of_a_stream_without_pauses_gives_the_same_audio(place: int) -> None:
    """Its silence is left out message by message, so the messages must be long enough to tell."""
    service = SERVICES["openai-live"]
    pieces = [data for part in cut(service.data, [place]) for data in (part, b"")]
    got = heard(service.make(), [service.message(data, 0) for data in pieces])
    assert np.array_equal(got, PCM / 32768.0)


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service.end])
def test_half_a_sample_at_the_end_of_a_reply_does_not_shift_the_next(name: str) -> None:
    service = SERVICES[name]
    assert service.end is not None
    first = [service.message(service.data + b"\1", 0), service.end(0)]
    got = heard(service.make(), [*first, service.message(service.data, 1)])
    assert np.array_equal(got, np.concatenate([heard(service.make(), first)] * 2))


def test_replies_that_come_at_once_keep_their_own_bytes() -> None:
    service = SERVICES["ga"]
    messages = [service.message(data, reply) for data in cut(service.data, [301, 600]) for reply in (0, 1)]
    assert len(heard(service.make(), messages)) == 2 * len(PCM)


def test_half_a_sample_before_a_pause_of_a_bot_does_not_shift_what_follows() -> None:
    service = SERVICES["pipecat"]
    bot = service.make()
    assert isinstance(bot, Pipecat)
    odd = heard(bot, [service.message(service.data + b"\1", 0)])
    bot._now_ns = micro_turns("." * 40, 16000)[-1].end_ns
    assert np.array_equal(heard(bot, [service.message(service.data, 0)]), odd)


def test_a_bot_s_frames_may_be_files() -> None:
    """Their headers were played: a click with every frame."""
    file = BytesIO()
    soundfile.write(file, PCM, 24000, "PCM_16", format="WAV")
    assert np.array_equal(heard(Pipecat(), [pipecat(file.getvalue(), 0)] * 2), np.tile(PCM / 32768.0, 2))


@cache
def opus() -> tuple[bytes, ...]:
    """A stream of Opus, packet by packet."""
    import sphn

    writer = sphn.OpusStreamWriter(24000)
    tone = (0.5 * np.sin(np.arange(24000) / 10)).astype(np.float32)
    return tuple(bytes(writer.append_pcm(part)) for part in np.split(tone[: 1920 * 12], 12))


@given(places=st.lists(st.integers(0, 5000), max_size=10))
def test_a_stream_of_opus_may_be_cut_anywhere(places: list[int]) -> None:
    packets = opus()
    whole = heard(Moshi(), [b"\x01" + packet for packet in packets])
    stream = b"".join(packets)
    got = heard(Moshi(), [b"\x01" + data for data in cut(stream, [p % len(stream) for p in places])])
    assert len(got) == len(whole) == 1920 * 12
    assert np.array_equal(got, whole)
