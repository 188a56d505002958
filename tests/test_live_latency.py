"""How exactly answers are timed, on an otherwise idle machine: over 50 turns a service, in bursts and paced.

The servers run in a process of their own and say when the first audio of each answer left. What is measured
is the first sound of the recording's model track. Both are told from the user's last sample.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fake_servers.apart import Server, apart
from fake_servers.gemini import FakeGemini
from fake_servers.openai_live import FakeLive
from fake_servers.openai_realtime import Answer, FakeRealtime
from fake_servers.pipecat import FakePipecat
from fake_servers.twilio import FakeBot
from fakes import tone

from tml_bench import events as ev
from tml_bench.adapter import LiveAdapter
from tml_bench.adapters.gemini_live import GeminiLive
from tml_bench.adapters.openai_live import OpenAILive
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.adapters.pipecat import Pipecat
from tml_bench.adapters.twilio import Twilio
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import At, Reference, Sample, Script, UserTurn, Waveform
from tml_bench.session.live import LEAD_NS, LatenessLimits, LiveSession
from tml_bench.session.settings import Settings, opened_event

LIMIT_MS = 15.0
SESSIONS = 4
TURNS = 13
EVERY_S = 1.3
"""Between two turns of the user: 0.3 s of speech, an answer of 0.3 s that begins within 0.6 s, and quiet."""

DELAY_MS, ANSWER_MS = 300, 300
PATIENT = LatenessLimits(late_p99_ms=1e9, late_max_ms=1e9)


def realtime(paced: bool) -> Callable[[], Server]:
    return partial(FakeRealtime, "ga", [Answer(ms=ANSWER_MS, delay_ms=DELAY_MS, paced=paced)])


def live(paced: bool) -> Callable[[], Server]:
    """It is always paced."""
    return partial(FakeLive, [Answer(ms=ANSWER_MS, delay_ms=DELAY_MS)])


def scripted(kind: type, paced: bool) -> Callable[[], Server]:
    return partial(kind, delay_ms=DELAY_MS, answer_ms=ANSWER_MS, paced=paced)


SERVICES: dict[str, tuple[Callable[[bool], Callable[[], Server]], Callable[[str], LiveAdapter]]] = {
    "openai-realtime": (realtime, lambda url: OpenAIRealtime(base_url=url)),
    "openai-live": (live, lambda url: OpenAILive(base_url=url)),
    "gemini-live": (partial(scripted, FakeGemini), lambda url: GeminiLive(base_url=url)),
    "pipecat": (partial(scripted, FakePipecat), lambda url: Pipecat(url)),
    "twilio": (partial(scripted, FakeBot), lambda url: Twilio(url)),
}
WAYS = {"bursty": False, "paced": True}
CASES = [
    (service, way) for service in SERVICES for way in WAYS if (service, way) != ("openai-live", "bursty")
]


def sample(first_s: float) -> Sample:
    speech = Waveform(tone(0.3, 16000, 300), 16000)
    turns = tuple(UserTurn(speech, At(first_s + i * EVERY_S)) for i in range(TURNS))
    return Sample("s", "all", Script(turns, tail_s=1.2), Reference())


async def session(adapter: LiveAdapter, example: Sample, folder: Path, encoder: ThreadPoolExecutor) -> int:
    """Record a session as a run does; returns its t = 0 on the monotonic clock, in nanoseconds."""
    readings: list[int] = []

    def clock_ns() -> int:
        readings.append(time.monotonic_ns())
        return readings[-1]

    opened = opened_event("t", example, "fake", adapter, Settings())
    with RecordingWriter(folder, opened, clock="wall", compute="live", encoder=encoder) as writer:
        await LiveSession("t", example, adapter, Settings(), writer, PATIENT, clock_ns).run()
        await asyncio.get_running_loop().run_in_executor(encoder, writer.close)
    return readings[0] + LEAD_NS


def latencies_ms(folder: Path) -> list[tuple[int, float]]:
    """Of each turn of a recording: the user's end in nanoseconds, and how much later sound is heard."""
    recording = Recording(folder)
    track, rate = soundfile.read(recording.model_path)
    loud = np.flatnonzero(np.abs(track) > 0.1) / rate
    ends_ns = [event.end_ns for event in recording.events() if isinstance(event, ev.UserTurnStarted)]
    return [(end_ns, 1000 * (loud[loud > end_ns / 1e9][0] - end_ns / 1e9)) for end_ns in ends_ns]


@pytest.fixture
def undisturbed() -> Iterator[None]:
    """No collection of garbage walks through everything the tests have imported; a run sees to that too."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.wall
@pytest.mark.usefixtures("undisturbed")
@pytest.mark.parametrize(("service", "way"), CASES)
def test_answers_are_timed_within_15_ms(tmp_path: Path, service: str, way: str) -> None:
    server, adapter = SERVICES[service]
    folders = [tmp_path / str(i) for i in range(SESSIONS)]

    async def beside_each_other(urls: list[str]) -> list[int]:
        work = (
            session(adapter(url), sample(0.2 + 0.37 * i), folders[i], encoder) for i, url in enumerate(urls)
        )
        return await asyncio.gather(*work)

    with apart([server(WAYS[way])] * SESSIONS) as servers, ThreadPoolExecutor(1) as encoder:
        starts_ns = asyncio.run(beside_each_other(servers.urls))
    assert servers.problems == []
    measured = [latencies_ms(folder) for folder in folders]
    errors = np.array(
        [
            latency_ms - (answered_ns - start_ns - end_ns) / 1e6
            for start_ns, turns, answers in zip(starts_ns, measured, servers.answered_ns, strict=True)
            for (end_ns, latency_ms), answered_ns in zip(turns, answers, strict=True)
        ]
    )
    assert len(errors) == SESSIONS * TURNS > 50
    assert all(latency_ms > DELAY_MS - 50 for turns in measured for _, latency_ms in turns)
    worst = errors[np.abs(errors).argmax()]
    print(f"\n{service}, {way}: median {np.median(errors):.2f} ms, worst {worst:.2f} ms")
    assert np.abs(errors).max() <= LIMIT_MS, errors.round(1)
