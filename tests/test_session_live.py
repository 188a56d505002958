"""The wall-clock session, in virtual time, against services with a known right behaviour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from virtual_time import VirtualTimeLoop, run_virtual

from tml_bench import events as ev
from tml_bench.adapter import (
    InfrastructureError,
    LiveAdapter,
    MicroTurn,
    ModelEvent,
    Output,
    ProtocolError,
    ProviderEvent,
    SessionStart,
    ToolCall,
)
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import AfterModelStops, At, Reference, Sample, Script, Tool, UserTurn, Waveform
from tml_bench.session import exchange
from tml_bench.session.checks import AdapterFaultError
from tml_bench.session.live import LEAD_NS, Lateness, LatenessLimits, LiveSession
from tml_bench.session.network import LinkDirection, Network
from tml_bench.session.settings import Settings, opened_event

MS = 1_000_000
RATE = 16000


def tone(seconds: float, rate: int = RATE) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


class Service(LiveAdapter):
    """Plays a list of (seconds after the session is ready, event) and remembers what it was told."""

    audio_in = RATE
    audio_out = RATE

    def __init__(self, plan: list[tuple[float, ModelEvent]] | None = None) -> None:
        self.plan = plan or []
        self.turns: list[tuple[float, MicroTurn]] = []
        self.told: list[tuple[str, float, bool]] = []
        self.order: list[tuple[float, int | str]] = []
        self.closed = 0
        self.ready = 0.0

    def now(self) -> float:
        return asyncio.get_running_loop().time() - self.ready

    async def connect(self, session: SessionStart) -> None:
        self.ready = asyncio.get_running_loop().time() + LEAD_NS / 1e9

    async def send(self, turn: MicroTurn) -> None:
        self.turns.append((self.now(), turn))
        self.order.append((round(self.now(), 4), turn.index))

    async def events(self) -> AsyncIterator[ModelEvent]:
        loop = asyncio.get_running_loop()
        for at, event in self.plan:
            await asyncio.sleep(max(0.0, self.ready + at - loop.time()))
            yield event
        await asyncio.Event().wait()

    async def heard(self, item: str, ms: float, cut: bool) -> None:
        self.told.append((item, ms, cut))
        self.order.append((round(self.now(), 4), item))

    async def close(self) -> None:
        self.closed += 1


def sample(seconds: float = 2.0, tail: float = 2.0, **script: object) -> Sample:
    turns = (UserTurn(Waveform(tone(seconds), RATE), At()),)
    return Sample("s", "x", Script(turns, tail_s=tail, **script), Reference())  # type: ignore[arg-type]


def play(
    folder: Path,
    service: LiveAdapter,
    example: Sample | None = None,
    settings: Settings | None = None,
    limits: LatenessLimits | None = None,
    jitter: Callable[[], int] = lambda: 0,
) -> tuple[Recording, Lateness]:
    loop = VirtualTimeLoop()
    example = example or sample()
    settings = settings or Settings()
    opened = opened_event("t", example, "service", service, settings)
    with RecordingWriter(folder, opened, clock="wall", compute="live") as writer:

        async def session() -> Lateness:
            return await LiveSession(
                "t",
                example,
                service,
                settings,
                writer,
                limits or LatenessLimits(),
                lambda: loop.clock_ns() + jitter(),
            ).run()

        try:
            lateness = run_virtual(session(), loop)
        except (AdapterFaultError, InfrastructureError):
            writer.close()
            raise
        writer.close()
    return Recording(folder), lateness


@pytest.mark.parametrize("tick_ms", [20, 80, 200, 1000])
def test_every_micro_turn_is_sent_at_its_deadline_and_nothing_drifts(tmp_path: Path, tick_ms: int) -> None:
    service = Service()
    recording, lateness = play(tmp_path / "r", service, settings=Settings(tick_ns=tick_ms * MS))
    assert [round(at * 1000) for at, _ in service.turns] == [
        (k + 1) * tick_ms for k in range(len(service.turns))
    ]
    assert len(service.turns) == 4000 // tick_ms - 1
    assert lateness == Lateness(0.0, 0.0)
    sent = [e for e in recording.events() if isinstance(e, ev.TurnSent)]
    assert [e.late_ns for e in sent] == [0] * len(service.turns)
    heard = np.concatenate([turn.audio for _, turn in service.turns])
    np.testing.assert_allclose(heard[: 2 * RATE], tone(2.0)[: len(heard)], atol=1e-6)
    assert not heard[2 * RATE :].any()
    assert service.closed == 1


@pytest.mark.parametrize("paced", [True, False])
def test_an_answer_is_heard_when_it_arrives(tmp_path: Path, paced: bool) -> None:
    speech = tone(1.0)
    pieces = np.split(speech, 10)
    plan: list[tuple[float, ModelEvent]] = [
        (2.345 + (0.1 * k if paced else 0.0), Output(audio=piece, item="a")) for k, piece in enumerate(pieces)
    ]
    recording, _ = play(tmp_path / "r", Service(plan))
    model, rate = soundfile.read(recording.model_path, dtype="float32")
    assert np.flatnonzero(model)[0] == pytest.approx(2.345 * rate, abs=2)
    assert np.flatnonzero(model)[-1] == pytest.approx(3.345 * rate, abs=2)


def test_a_flush_tells_the_service_what_was_heard(tmp_path: Path) -> None:
    plan: list[tuple[float, ModelEvent]] = [
        (1.0, Output(audio=tone(2.0), item="a")),
        (1.5, Output(flush=True)),
        (1.75, Output(audio=tone(0.5), item="b")),
    ]
    service = Service(plan)
    recording, _ = play(tmp_path / "r", service)
    assert service.told == [("a", pytest.approx(500, abs=0.2), True)]
    model, rate = soundfile.read(recording.model_path, dtype="float32")
    loud = np.flatnonzero(np.abs(model) > 0.01) / rate
    assert not np.any((loud > 1.501) & (loud < 1.749))
    told = [turn.flushed for _, turn in service.turns if turn.flushed]
    assert len(told) == 1
    assert told[0].dropped_ms == pytest.approx(1500, abs=0.2)


def test_what_was_heard_goes_up_through_the_network_in_its_turn(tmp_path: Path) -> None:
    """The flush is given at 1.5 s, heard at 1.57 s, and told 50 ms later, between the audio of 1.4 and 1.6 s.

    It was told at 1.5 s, when the listener had not even heard that it was cut.
    """
    network = Network("test", LinkDirection(delay_ms=50), LinkDirection(delay_ms=70))
    service = Service([(1.0, Output(tone(2.0), item="a")), (1.5, Output(flush=True))])
    play(tmp_path / "r", service, settings=Settings(network=network))
    assert service.told == [("a", pytest.approx(500, abs=0.2), True)]
    assert service.order[6:9] == [(1.45, 6), (1.62, "a"), (1.65, 7)]


def test_a_slow_uplink_holds_up_what_was_heard(tmp_path: Path) -> None:
    """6400 bytes take 150 ms at 341.3 kbit/s: the report of 1.3 s waits for the audio of 1.2 s."""
    network = Network("test", LinkDirection(kbps=6400 * 8 / 150))
    service = Service([(1.0, Output(tone(2.0), item="a")), (1.3, Output(flush=True))])
    play(tmp_path / "r", service, settings=Settings(network=network))
    assert service.order[5:8] == [(1.35, 5), (1.35, "a"), (1.55, 6)]


def test_every_reply_that_was_cut_is_told_in_order(tmp_path: Path) -> None:
    plan: list[tuple[float, ModelEvent]] = [
        (1.0, Output(tone(1.0), item="a")),
        (1.0, Output(tone(1.0), item="b")),
        (1.5, Output(flush=True)),
        (1.5, Output(tone(1.0), item="c")),
        (1.55, Output(flush=True)),
    ]
    service = Service(plan)
    play(tmp_path / "r", service)
    assert [item for item, _, _ in service.told] == ["a", "b", "c"]
    assert [ms for _, ms, _ in service.told] == pytest.approx([500, 0, 50], abs=0.2)
    (report,) = [turn.flushed for _, turn in service.turns if turn.flushed]
    assert [item for item, _ in report.items] == ["a", "b", "c"]


def test_the_user_reacts_to_what_was_heard(tmp_path: Path) -> None:
    turns = (
        UserTurn(Waveform(tone(1.0), RATE), At()),
        UserTurn(Waveform(tone(0.5), RATE), AfterModelStops(0.4)),
    )
    service = Service([(1.3, Output(audio=tone(1.0)))])
    recording, _ = play(tmp_path / "r", service, Sample("s", "x", Script(turns, tail_s=0.5)))
    starts = [e.t_ns / 1e9 for e in recording.events() if isinstance(e, ev.UserTurnStarted)]
    assert starts == [0.0, pytest.approx(1.3 + 1.0 + 0.4, abs=0.002)]


def test_tools_answer_after_their_latency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "LIVE_PATIENCE_S", 5.0)  # virtual time does not wait for functions
    tool = Tool("add", "adds", {"type": "object"}, lambda a: int(str(a["x"])) + 1, latency_s=0.3)
    calls = (ToolCall("1", "add", {"x": 4}), ToolCall("2", "nothing", {}))
    service = Service([(1.05, Output(tool_calls=calls))])
    play(tmp_path / "r", service, sample(tools=(tool,)))
    got = [(at, result) for at, turn in service.turns for result in turn.tool_results]
    assert [(round(at, 3), r.call_id, r.output, r.is_error) for at, r in got] == [
        (1.2, "2", "there is no function 'nothing'", True),
        (1.4, "1", 5, False),
    ]


def test_provider_messages_are_kept(tmp_path: Path) -> None:
    service = Service([(0.5, ProviderEvent("odd.thing", {"a": 1})), (0.6, ProviderEvent("x", {}, sent=True))])
    recording, _ = play(tmp_path / "r", service)
    kept = [e for e in recording.events() if isinstance(e, ev.ProviderMessage)]
    assert [(e.type, e.body, e.sent) for e in kept] == [("odd.thing", {"a": 1}, False), ("x", {}, True)]
    assert kept[0].t_ns == pytest.approx(500 * MS, abs=MS)


def test_the_networks_delay_comes_on_top_both_ways(tmp_path: Path) -> None:
    network = Network("test", LinkDirection(delay_ms=50), LinkDirection(delay_ms=70))
    service = Service([(2.0, Output(audio=tone(0.5)))])
    recording, _ = play(tmp_path / "r", service, settings=Settings(network=network))
    assert [round(at, 3) for at, _ in service.turns[:3]] == [0.25, 0.45, 0.65]
    audio = next(e for e in recording.events() if isinstance(e, ev.ModelAudio))
    assert audio.t_ns == pytest.approx(2000 * MS, abs=MS)
    assert (audio.heard_ns - audio.t_ns, audio.down_ns) == (pytest.approx(70 * MS, abs=MS // 10), 70 * MS)


class HangsUp(Service):
    async def events(self) -> AsyncIterator[ModelEvent]:
        await asyncio.sleep(1.0)
        yield Output(text="bye")


class NeverReady(Service):
    async def connect(self, session: SessionStart) -> None:
        await asyncio.Event().wait()


class RefusesToBegin(Service):
    async def connect(self, session: SessionStart) -> None:
        await asyncio.sleep(1.0)
        raise ProtocolError("no such model")


class NeverReads(Service):
    async def send(self, turn: MicroTurn) -> None:
        await asyncio.Event().wait()


class Babbles(Service):
    async def events(self) -> AsyncIterator[ModelEvent]:
        while True:
            await asyncio.sleep(0.001)
            yield ProviderEvent("x", {"a": "b" * 10_000})


class Garbage(Service):
    async def events(self) -> AsyncIterator[ModelEvent]:
        await asyncio.sleep(1.0)
        yield Output(text="a")
        raise ProtocolError("not JSON: sk-1234567890abcdefghij")


class Buggy(Service):
    async def send(self, turn: MicroTurn) -> None:
        if turn.index == 3:
            raise KeyError("oops")


class NotAnEvent(Service):
    async def events(self) -> AsyncIterator[ModelEvent]:
        yield 7  # type: ignore[misc]


class NeverCloses(Service):
    async def close(self) -> None:
        await super().close()
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        (HangsUp(), "hung up after 1.0 s"),
        (NeverReady(), "no session within 30 s"),
        (NeverReads(), "has not read its input"),
        (NeverCloses(), "does not answer the goodbye for 5 s"),
    ],
    ids=["hangs-up", "never-ready", "never-reads", "never-closes"],
)
def test_trouble_with_the_service_is_infrastructure(tmp_path: Path, service: Service, reason: str) -> None:
    with pytest.raises(InfrastructureError, match=reason):
        play(tmp_path / "r", service)
    assert service.closed == 1
    events = list(Recording(tmp_path / "r").events())
    assert isinstance(events[-2], ev.Fault)
    assert isinstance(events[-1], ev.SessionClosed)


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        (Babbles(), "floods the session"),
        (Garbage(), r"not JSON: \[redacted\]"),
        (Buggy(), "send raised KeyError: 'oops'"),
        (NotAnEvent(), "events gave int"),
    ],
    ids=["babbles", "garbage", "buggy", "not-an-event"],
)
def test_a_fault_of_the_adapter_ends_a_whole_recording(tmp_path: Path, service: Service, reason: str) -> None:
    limits = LatenessLimits(log_bytes=1_000_000)
    with pytest.raises(AdapterFaultError, match=reason):
        play(tmp_path / "r", service, sample(tail=30.0), limits=limits)
    assert service.closed == 1
    events = list(Recording(tmp_path / "r").events())
    assert isinstance(events[-2], ev.Fault)
    assert isinstance(events[-1], ev.SessionClosed)


def test_a_fault_before_the_session_begins_has_its_first_instant(tmp_path: Path) -> None:
    with pytest.raises(AdapterFaultError, match="no such model"):
        play(tmp_path / "r", RefusesToBegin())
    assert [e.t_ns for e in Recording(tmp_path / "r").events() if isinstance(e, ev.Fault)] == [0]


def test_nothing_is_left_running(tmp_path: Path) -> None:
    loop = VirtualTimeLoop()
    example, settings, service = sample(), Settings(), Service([(1.0, Output(audio=tone(0.5)))])
    left: list[object] = []
    opened = opened_event("t", example, "service", service, settings)
    with RecordingWriter(tmp_path / "r", opened, clock="wall", compute="live") as writer:

        async def session() -> None:
            await LiveSession("t", example, service, settings, writer, LatenessLimits(), loop.clock_ns).run()
            left.extend(task for task in asyncio.all_tasks() if task is not asyncio.current_task())

        run_virtual(session(), loop)
    assert left == []


@pytest.mark.parametrize("phase", [0.0, 0.25, 0.999])
def test_deadlines_keep_the_phase_asked_for(tmp_path: Path, phase: float) -> None:
    """Whenever the service is ready: t = 0 is the next such instant, at least 20 ms later."""
    loop, example, settings, service = VirtualTimeLoop(), sample(), Settings(), Service()
    opened = opened_event("t", example, "service", service, settings)
    with RecordingWriter(tmp_path / "r", opened, clock="wall", compute="live") as writer:

        async def session() -> None:
            await asyncio.sleep(1.03)
            live = LiveSession("t", example, service, settings, writer, clock_ns=loop.clock_ns, phase=phase)
            await live.run()

        run_virtual(session(), loop)
    first = service.turns[0][0] + service.ready
    assert 1.03 + LEAD_NS / 1e9 <= first - 0.2 < 1.03 + LEAD_NS / 1e9 + 0.2
    assert (first / 0.2 - phase + 0.5) % 1 == pytest.approx(0.5, abs=1e-6)


class SlowOnce(Service):
    """Takes 0.5 s for the third micro-turn, so that two more wait."""

    async def send(self, turn: MicroTurn) -> None:
        await super().send(turn)
        if turn.index == 2:
            await asyncio.sleep(0.5)


def test_waiting_for_a_slow_service_is_not_the_harness_being_late(tmp_path: Path) -> None:
    recording, lateness = play(tmp_path / "r", SlowOnce())
    sent = [e for e in recording.events() if isinstance(e, ev.TurnSent)]
    assert [round(e.took_ns / MS) for e in sent[:4]] == [0, 0, 500, 0]
    assert lateness == Lateness(0.0, 0.0)


class HoldsUp(Service):
    """Keeps the loop busy for 30 ms while the fifth micro-turn, handed over in time, is on its way."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self.loop = loop
        self.stolen_ns = 0

    def clock_ns(self) -> int:
        return self.loop.clock_ns() + self.stolen_ns

    async def events(self) -> AsyncIterator[ModelEvent]:
        await asyncio.sleep(self.ready + 1.03 - self.loop.time())
        self.stolen_ns = 30 * MS
        await asyncio.Event().wait()
        yield Output()


def test_lateness_counts_to_the_moment_of_sending(tmp_path: Path) -> None:
    network = Network("test", up=LinkDirection(delay_ms=50))
    loop, example, settings = VirtualTimeLoop(), sample(), Settings(network=network)
    service = HoldsUp(loop)
    opened = opened_event("t", example, "service", service, settings)
    with RecordingWriter(tmp_path / "r", opened, clock="wall", compute="live") as writer:
        live = LiveSession("t", example, service, settings, writer, clock_ns=service.clock_ns)
        lateness = run_virtual(live.run(), loop)
        writer.close()
    late = [e.late_ns for e in Recording(tmp_path / "r").events() if isinstance(e, ev.TurnSent)]
    assert max(late[:4]) < MS
    assert late[4] == pytest.approx(30 * MS, abs=MS)
    assert lateness.max_ms == late[4] / MS


def test_own_lateness_is_measured_and_makes_a_session_invalid() -> None:
    assert Lateness(5.0, 50.0).excess(LatenessLimits()) == ""
    assert "late by 30.0 ms" in Lateness(30.0, 50.0).excess(LatenessLimits())
    assert "at most 150.0 ms" in Lateness(5.0, 150.0).excess(LatenessLimits())
