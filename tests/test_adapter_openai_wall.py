"""OpenAI Realtime and Live over real sockets, on the wall clock, against servers of known timing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile
from fake_servers.golden import meaning, read_golden, replay
from fake_servers.openai_live import FakeLive
from fake_servers.openai_realtime import Answer, Call, FakeRealtime
from fakes import tone

from tml_bench import events as ev
from tml_bench.adapter import (
    AccountError,
    Frame,
    InfrastructureError,
    LiveAdapter,
    MicroTurn,
    ProtocolError,
    ProviderEvent,
    QuotaError,
    SessionStart,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from tml_bench.adapters._loudness import SilenceGate
from tml_bench.adapters.openai_live import OpenAILive
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.adapters.openai_realtime.dialects import DIALECTS
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import (
    At,
    IntoModelSpeech,
    Reference,
    Sample,
    Script,
    Tool,
    UserText,
    UserTurn,
    Waveform,
)
from tml_bench.session.live import LEAD_NS, LatenessLimits, LiveSession
from tml_bench.session.settings import Settings, opened_event

MS = 1_000_000
RATE = 16000
EVERY_S = 1.5
"""Between two turns of the user in the latency tests: 0.4 s of speech, an answer of 0.4 s, and quiet."""

PATIENT = LatenessLimits(late_p99_ms=1e9, late_max_ms=1e9)


class Ran:
    """A session's recording, and when its t = 0 was on the monotonic clock."""

    def __init__(self, folder: Path, t0_ns: int) -> None:
        self.recording = Recording(folder)
        self.track, self.rate = soundfile.read(self.recording.model_path)
        self.events = list(self.recording.events())
        self.t0_ns = t0_ns

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def provider(self, kind: str, sent: bool) -> list[Any]:
        return [e for e in self.of(ev.ProviderMessage) if e.type == kind and e.sent == sent]


async def ran(adapter: LiveAdapter, sample: Sample, folder: Path, tick_ms: int = 200) -> Ran:
    readings: list[int] = []

    def clock_ns() -> int:
        readings.append(time.monotonic_ns())
        return readings[-1]

    settings = Settings(tick_ns=tick_ms * MS)
    opened = opened_event("fake", sample, "fake", adapter, settings)
    with RecordingWriter(folder, opened, clock="wall", compute="ideal") as writer:
        try:
            await LiveSession("fake", sample, adapter, settings, writer, PATIENT, clock_ns).run()
        finally:
            writer.close()
    return Ran(folder, readings[0] + LEAD_NS)


def speech(seconds: float) -> Waveform:
    return Waveform(tone(seconds, RATE, 300), RATE)


def sample_of(*turns: UserTurn, tail_s: float = 1.0, **script: Any) -> Sample:
    return Sample("s", "all", Script(turns, tail_s=tail_s, **script), Reference())


def turns(n: int) -> tuple[UserTurn, ...]:
    return tuple(UserTurn(speech(0.4), At(0.2 + i * EVERY_S)) for i in range(n))


Latencies = list[tuple[float, float]]
"""Of each turn, in milliseconds from the user's end: as measured in the recording, and as it was."""


async def latencies(folder: Path, live: bool, paced: bool, n: int) -> Latencies:
    """One session of ``n`` turns; measured by the first loud sample of the model's track after each."""
    answer = Answer(ms=400, delay_ms=300, paced=paced)
    server = FakeLive([answer]) if live else FakeRealtime("ga", [answer])
    async with server:
        adapter = OpenAILive(base_url=server.url) if live else OpenAIRealtime(base_url=server.url)
        result = await ran(adapter, sample_of(*turns(n), tail_s=1.3), folder)
    assert not server.problems, server.problems
    loud = np.flatnonzero(np.abs(result.track) > 0.1) / result.rate
    pairs = []
    for turn, sent_ns in zip(result.of(ev.UserTurnStarted), server.sessions[0].answered_ns, strict=True):
        onset_s = loud[loud > turn.end_ns / 1e9][0]
        truth_ms = (sent_ns - result.t0_ns - turn.end_ns) / 1e6
        pairs.append((1000 * onset_s - turn.end_ns / 1e6, truth_ms))
    return pairs


KINDS = {"bursty": (False, False), "paced": (False, True), "continuous": (True, True)}


def test_latency_is_measured_as_it_was(tmp_path: Path) -> None:
    """The best of a few turns, for a busy machine delays some; all of many in ``test_live_latency``."""

    async def beside_each_other() -> list[Latencies]:
        work = (latencies(tmp_path / kind, *options, 3) for kind, options in KINDS.items())
        return await asyncio.gather(*work)

    for kind, pairs in zip(KINDS, asyncio.run(beside_each_other()), strict=True):
        assert len(pairs) == 3
        assert min(abs(measured - truth) for measured, truth in pairs) <= 15, (kind, pairs)
        assert all(measured > 250 for measured, _ in pairs), (kind, pairs)


INTERRUPTING = (UserTurn(speech(0.4), At(0.1)), UserTurn(speech(0.3), IntoModelSpeech(0.4)))


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[FakeRealtime, Ran]]:
    """A barge-in with every dialect, and with GA also bursty; all beside each other."""
    folder = tmp_path_factory.mktemp("interrupted")

    async def one(name: str, dialect: str, answer: Answer) -> tuple[str, FakeRealtime, Ran]:
        async with FakeRealtime(dialect, [answer]) as server:
            adapter = OpenAIRealtime(dialect, base_url=server.url)
            return name, server, await ran(adapter, sample_of(*INTERRUPTING, tail_s=1.0), folder / name)

    async def all_of_them() -> list[tuple[str, FakeRealtime, Ran]]:
        cases = [(name, name, Answer(ms=2000, paced=True)) for name in DIALECTS]
        return await asyncio.gather(*(one(*case) for case in [*cases, ("bursty", "ga", Answer(ms=2000))]))

    return {name: (server, result) for name, server, result in asyncio.run(all_of_them())}


CASES = [*DIALECTS, "bursty"]


@pytest.mark.parametrize("name", CASES)
def test_every_message_to_the_service_was_valid(
    interrupted: dict[str, tuple[FakeRealtime, Ran]], name: str
) -> None:
    server, result = interrupted[name]
    assert server.problems == []
    assert len(server.sessions) == 1
    assert len(result.of(ev.ModelAudio)) > 2


@pytest.mark.parametrize("name", [name for name in CASES if name != "minicpmo-v2"])
def test_a_barge_in_silences_the_model(interrupted: dict[str, tuple[FakeRealtime, Ran]], name: str) -> None:
    _, result = interrupted[name]
    (flush, *_) = result.of(ev.Flush)
    after = round(flush.t_ns / 1e9 * result.rate)
    assert np.abs(result.track[after - result.rate // 4 : after]).max() > 0.1
    assert not result.track[after + 1 : after + result.rate // 10].any()


@pytest.mark.parametrize("name", [n for n in CASES if n == "bursty" or DIALECTS[n].truncates])
def test_truncation_tells_the_milliseconds_heard(
    interrupted: dict[str, tuple[FakeRealtime, Ran]], name: str
) -> None:
    """By the track: all that is loud before the flush, in steps of 5 ms (every answer is a tone)."""
    _, result = interrupted[name]
    (truncate, *_) = result.provider("conversation.item.truncate", sent=True)
    (flush, *_) = result.of(ev.Flush)
    step = result.rate // 200
    before = np.abs(result.track[: round(flush.t_ns / 1e9 * result.rate)])
    heard_ms = 5 * np.count_nonzero(before[: len(before) // step * step].reshape(-1, step).max(axis=1) > 0.1)
    assert abs(truncate.body["audio_end_ms"] - heard_ms) <= 25
    assert truncate.body["item_id"] == result.of(ev.ModelAudio)[0].item
    assert result.provider("conversation.item.truncated", sent=False)


WEATHER = Tool("weather", "of a city", {"type": "object"}, lambda given: {"sunny": True}, latency_s=0.2)
CALL = Answer(calls=(Call("call_1", "weather", '{"city": "Lima"}'),))


@pytest.mark.parametrize("live", [False, True])
def test_functions_texts_and_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, live: bool) -> None:
    """A function is called, its result sent and answered; a text is sent; the key is nowhere."""
    key = "sk-planted-0123456789abcdef"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    answers = [CALL, Answer(ms=200, text="It is sunny.")]
    sample = sample_of(
        UserTurn(speech(0.4), At(0.1)),
        tools=(WEATHER,),
        texts=(UserText(1.9, "And tomorrow?"),),
        instructions="Be brief.",
    )

    async def go() -> tuple[Any, Ran]:
        async with FakeLive(answers) if live else FakeRealtime("ga", answers) as server:
            adapter: LiveAdapter = (
                OpenAILive(base_url=server.url) if live else OpenAIRealtime(base_url=server.url)
            )
            return server, await ran(adapter, sample, tmp_path / "r", tick_ms=100)

    server, result = asyncio.run(go())
    assert server.problems == []
    (call,) = result.of(ev.ModelToolCall)
    assert (call.call_id, call.name, call.arguments) == ("call_1", "weather", {"city": "Lima"})
    assert "It is sunny." in result.recording.facts.claimed
    said = [message for sent, _, message in server.sessions[0].log if not sent]
    (result_item,) = [m["item"] for m in said if m.get("item", {}).get("type") == "function_call_output"]
    assert result_item["output"] == '{"sunny": true}'
    assert "And tomorrow?" in json.dumps(said)
    written = b"".join(path.read_bytes() for path in (tmp_path / "r").iterdir())
    assert key.encode() not in written
    assert b"response.create" in written


def micro_turn(index: int, audio: np.ndarray, tick_ms: int = 100, **more: Any) -> MicroTurn:
    start = index * tick_ms * MS
    return MicroTurn(index, start, start + tick_ms * MS, audio.astype(np.float32), **more)


async def by_hand(
    adapter: LiveAdapter, sending: Callable[[], Coroutine[Any, Any, None]], start: SessionStart
) -> list[str]:
    """Connect, send, and give back what was sent and what it meant, in order."""
    await adapter.connect(start)
    heard: list[Any] = []

    async def listen() -> None:
        heard.extend([event async for event in adapter.events()])

    listener = asyncio.create_task(listen())
    await sending()
    await asyncio.sleep(0.3)
    await adapter.close()
    await listener
    return [
        line
        for event in heard
        for line in ([event.type] if isinstance(event, ProviderEvent) and event.sent else meaning([event]))
    ]


START = SessionStart("t/s", 100 * MS)


def test_manual_turns_are_committed_and_cut_in(tmp_path: Path) -> None:
    async def go() -> tuple[FakeRealtime, list[str]]:
        async with FakeRealtime("ga", [Answer(ms=3000, delay_ms=0, paced=True)]) as server:
            adapter = OpenAIRealtime(base_url=server.url, vad="manual", silence_ms=200)
            loud, quiet = 0.3 * np.ones(2400), np.zeros(2400)

            async def send() -> None:
                for index, audio in enumerate([loud, quiet, quiet, quiet, loud, quiet]):
                    await adapter.send(micro_turn(index, audio))
                    await asyncio.sleep(0.05)

            return server, await by_hand(adapter, send, START)

    server, lines = asyncio.run(go())
    assert server.problems == []
    rules = [line.split()[0] for line in lines if not line.startswith("input_audio_buffer.append")]
    assert rules[:5] == ["session.update", "input_audio_buffer.commit", "response.create", "audio", "says"]
    assert rules.index("flush") < rules.index("response.cancel")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_images_travel_as_jpeg(dialect: str) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :, 0] = 200

    async def go() -> FakeRealtime:
        async with FakeRealtime(dialect) as server:
            adapter = OpenAIRealtime(dialect, base_url=server.url, fps=1)
            audio = np.zeros(adapter.audio_in)

            async def send() -> None:
                frame = Frame(500 * MS, 500 * MS, image)
                await adapter.send(micro_turn(0, audio, 1000, frames=(frame,)))

            await by_hand(adapter, send, START)
            return server

    server = asyncio.run(go())
    assert server.problems == []
    sent = json.dumps([message for by_server, _, message in server.sessions[0].log if not by_server])
    start = sent.index("/9j/")
    import base64

    data = np.frombuffer(base64.b64decode(sent[start : sent.index('"', start)]), np.uint8)
    shown = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert shown.shape == image.shape
    assert np.abs(shown.astype(int) - image).max() <= 6


def outcome(answer: Answer, live: bool) -> BaseException | None:
    """How a session ends whose first turn gets this answer."""

    async def go() -> None:
        async with FakeLive([answer]) if live else FakeRealtime("ga", [answer]) as server:
            adapter: LiveAdapter = (
                OpenAILive(base_url=server.url) if live else OpenAIRealtime(base_url=server.url)
            )
            await adapter.connect(START)
            try:
                for index, level in enumerate([0.3, 0, 0, 0]):
                    await adapter.send(micro_turn(index, level * np.ones(2400)))
                async with asyncio.timeout(2):
                    async for _ in adapter.events():
                        continue
            finally:
                await adapter.close()

    try:
        asyncio.run(go())
    except Exception as error:
        return error
    return None


QUOTA = {"type": "tokens", "code": "rate_limit_exceeded", "message": "slow down"}


@pytest.mark.parametrize(
    ("answer", "live", "kind"),
    [
        (Answer(hang_up=True, delay_ms=0), False, InfrastructureError),
        (Answer(error=QUOTA, delay_ms=0), False, QuotaError),
        (Answer(error=QUOTA, delay_ms=0, hang_up=True), True, QuotaError),
    ],
)
def test_failures_of_the_service_are_not_the_model_s(answer: Answer, live: bool, kind: type) -> None:
    assert type(outcome(answer, live)) is kind


@pytest.mark.parametrize("live", [False, True])
def test_nobody_there_is_an_infrastructure_error(live: bool) -> None:
    url = "ws://127.0.0.1:9/v1"
    adapter: LiveAdapter = OpenAILive(base_url=url) if live else OpenAIRealtime(base_url=url)

    async def go() -> None:
        try:
            await adapter.connect(START)
        finally:
            await adapter.close()

    with pytest.raises(InfrastructureError, match="cannot be reached"):
        asyncio.run(go())


def test_a_golden_live_session_means_message_by_message_what_it_meant() -> None:
    lines = read_golden("openai-live")
    recorded = [line["means"] for line in lines if line["from"] == "service"]
    assert replay(OpenAILive(base_url="ws://localhost:1", rate=16000), lines) == recorded
    flat = [meant for means in recorded for meant in means]
    assert flat.count("audio 1600") == 4
    assert 'calls weather {"city": "Lima"}' in flat
    assert "says It is sunny." in flat
    kinds = [line["message"]["type"] for line in lines if line["from"] == "client"]
    assert kinds[0] == "session.start"
    assert kinds.index("response.item.create") + 1 == kinds.index("response.create")


def nested(kind: str, **fields: object) -> dict[str, object]:
    return {"type": f"response.{kind}", **fields}


def called(call_id: str) -> dict[str, object]:
    item = {"type": "function_call", "id": f"i{call_id}", "call_id": call_id, "name": "f", "arguments": "{}"}
    return nested("output_item.done", item=item)


BEGUN, OVER = (nested(kind, response={"id": "r"}) for kind in ("created", "completed"))


@pytest.mark.parametrize(
    ("steps", "asked"),
    [
        # The response tells of itself: its end is waited for, and no longer.
        ([BEGUN, called("a"), called("b"), OVER, "a", "b"], [False] * 5 + [True]),
        ([BEGUN, called("a"), "a", called("b"), "b", OVER], [False] * 5 + [True]),
        # It was asked for between the two calls, which the second one's answer then did again.
        ([BEGUN, called("a"), "a", None, called("b"), OVER, "b"], [False] * 6 + [True]),
        ([BEGUN, called("a"), nested("output_item.added", item={"type": "function_call"}), "a", OVER],
         [False] * 4 + [True]),
        # It does not: what has come by the next micro-turn is of the batch.
        ([called("a"), called("b"), "a", "b", None], [False] * 4 + [True]),
        ([called("a"), "a", called("b"), None, "b", None], [False] * 5 + [True]),
    ],
)  # fmt: skip
def test_live_answers_a_batch_of_calls_together(steps: list[Any], asked: list[bool]) -> None:
    """A call is followed by its answer's name, None by a micro-turn that passes."""
    calls = OpenAILive(base_url="ws://localhost:1")._calls
    seen = []
    for step in steps:
        calls.replies.clear()
        if step is None:
            calls.time_passes()
        elif isinstance(step, str):
            calls.answered(ToolResult(step, "f", 1))
        else:
            list(calls.take(step))
        seen.append({"type": "response.create"} in calls.replies)
    assert seen == asked


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (
            nested("failed", response={"error": {"code": "rate_limit_exceeded", "message": "slow"}}),
            QuotaError,
        ),
        (nested("failed", response={"error": {"code": "server_error"}}), InfrastructureError),
        ({"type": "error", "code": "insufficient_quota", "message": "no"}, AccountError),
    ],
)
def test_a_backend_that_fails_is_not_the_speaking_model_s_fault(event: dict[str, Any], kind: type) -> None:
    """It was passed over, and the model was scored for saying nothing."""
    live = OpenAILive(base_url="ws://localhost:1")
    with pytest.raises(InfrastructureError) as raised:
        live._understood(json.dumps({"type": "response.event", "event": event}))
    assert type(raised.value) is kind


def test_live_passes_arguments_on_that_are_no_json_object() -> None:
    item = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "[1"}
    (output,) = OpenAILive(base_url="ws://localhost:1")._calls.take(nested("output_item.done", item=item))
    assert output.tool_calls == (ToolCall("a", "f", unreadable="[1"),)


def test_live_session_configuration_is_valid() -> None:
    live = OpenAILive(base_url="ws://localhost:1", voice="marin", effort="high", rate=16000)
    start = SessionStart("t/s", MS, instructions="Be brief.", tools=(ToolSpec("f", "does f"),))
    message = {"type": "session.start", "session": live._session(start)}
    from fake_servers.openai_live import LiveSessionFake

    LiveSessionFake.check_client(message)
    assert message["session"]["delegation"]["responses"]["reasoning"] == {"effort": "high"}
    assert message["session"]["audio"] == {
        "format": {"type": "audio/pcm", "rate": 16000},
        "output": {"voice": "marin"},
    }


def test_live_garbage_is_a_protocol_error() -> None:
    live = OpenAILive(base_url="ws://localhost:1")
    for message in ("[]", "nothing", '{"type": "session.output_audio.delta", "delta": 5}'):
        with pytest.raises(ProtocolError):
            live._understood(message)


def test_the_gate_leaves_out_silence_between_utterances_only() -> None:
    gate = SilenceGate(1000)
    faint, loud = np.full(100, 50, np.int16), np.full(100, 3000, np.int16)
    quiet, click = np.zeros(100, np.int16), np.zeros(100, np.int16)
    click[60:80] = 200
    passed = [
        gate.lets_through(piece) for piece in (quiet, faint, click, faint, quiet, faint, loud, quiet[:0])
    ]
    assert passed == [False, False, True, True, False, False, True, False]
