"""The live session when the machine's clock does not behave, its bytes on the network, and its bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from fakes import MS, sample_of, silence, tone
from virtual_time import VirtualTimeLoop, run_virtual

from tml_bench import events as ev
from tml_bench.adapter import (
    InfrastructureError,
    LiveAdapter,
    MicroTurn,
    ModelEvent,
    Output,
    ProviderEvent,
    SessionStart,
)
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import UserTurn
from tml_bench.session.checks import AdapterFaultError
from tml_bench.session.live import LEAD_NS, Lateness, LatenessLimits, LiveSession
from tml_bench.session.network import LinkDirection, Network
from tml_bench.session.settings import Settings, opened_event

DIRECT, LIMITS = LinkDirection(), LatenessLimits()


class Service(LiveAdapter):
    """Gives events at planned seconds of the session; an integer shifts the clock by milliseconds instead."""

    audio_in = audio_out = 16000

    def __init__(self, *plan: tuple[float, ModelEvent | int]) -> None:
        self.plan = plan
        self.loop = VirtualTimeLoop()
        self.shift_ns = 0
        self.ready_s = 0.0

    def clock_ns(self) -> int:
        return self.loop.clock_ns() + self.shift_ns

    async def connect(self, session: SessionStart) -> None:
        await asyncio.sleep(0.5)
        self.ready_s = self.loop.time() + LEAD_NS / 1e9

    async def send(self, turn: MicroTurn) -> None:
        pass

    async def events(self) -> AsyncIterator[ModelEvent]:
        for at_s, event in self.plan:
            await asyncio.sleep(max(0.0, self.ready_s + at_s - self.loop.time()))
            if isinstance(event, int):
                self.shift_ns += event * MS
            else:
                yield event
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass


def play(
    folder: Path,
    service: Service,
    up: LinkDirection = DIRECT,
    down: LinkDirection = DIRECT,
    limits: LatenessLimits = LIMITS,
    phase: float | None = None,
) -> tuple[list[ev.AnyEvent], Lateness]:
    """Four seconds in micro-turns of 0.2 s; the recording is whole where a fault is raised, too."""
    sample = sample_of(UserTurn(silence(4.0)), tail_s=0)
    settings = Settings(network=Network("test", up, down))
    opened = opened_event("t", sample, "service", service, settings)
    with RecordingWriter(folder, opened, clock="wall", compute="live") as writer:
        session = LiveSession("t", sample, service, settings, writer, limits, service.clock_ns, phase)
        try:
            lateness = run_virtual(session.run(), service.loop)
        finally:
            writer.close()
    return list(Recording(folder).events()), lateness


def late_ms(found: list[ev.AnyEvent]) -> dict[int, float]:
    """How late each micro-turn was sent that was late at all."""
    sent = {e.i: e.late_ns / MS for e in found if isinstance(e, ev.TurnSent)}
    return {k: pytest.approx(late, abs=0.01) for k, late in sent.items() if late}


def test_a_clock_that_steps_back_does_not_take_events_into_what_was_played(tmp_path: Path) -> None:
    """30 ms back just after the hand-over at 1 s: until the clock has caught up it is 1 s."""
    service = Service(
        (1.005, -30),
        (1.01, ProviderEvent("a")),
        (1.01, Output(tone(0.1))),
        (1.025, ProviderEvent("b")),
        (1.05, ProviderEvent("c")),
    )
    found, _ = play(tmp_path / "r", service)
    assert [e.t_ns / MS for e in found if isinstance(e, ev.ProviderMessage)] == [
        1000,
        1000,
        pytest.approx(1020, abs=0.01),
    ]
    assert [(e.t_ns, e.heard_ns) for e in found if isinstance(e, ev.ModelAudio)] == [(1000 * MS, 1000 * MS)]


def test_what_comes_before_the_first_instant_comes_at_it(tmp_path: Path) -> None:
    service = Service(
        (-0.01, ProviderEvent("hello")), (-0.005, Output(tone(0.1))), (0.01, ProviderEvent("b"))
    )
    found, _ = play(tmp_path / "r", service)
    assert [e.t_ns / MS for e in found if isinstance(e, ev.ProviderMessage)] == [
        0,
        pytest.approx(10, abs=0.01),
    ]
    assert [(e.t_ns, e.heard_ns) for e in found if isinstance(e, ev.ModelAudio)] == [(0, 0)]


def test_an_event_has_its_own_instant_within_the_micro_turn(tmp_path: Path) -> None:
    found, _ = play(tmp_path / "r", Service((1.19, ProviderEvent("a")), (1.21, ProviderEvent("b"))))
    assert [e.t_ns / MS for e in found if isinstance(e, ev.ProviderMessage)] == pytest.approx(
        [1190, 1210], abs=0.01
    )


def test_waking_too_soon_is_not_being_late_by_less_than_nothing(tmp_path: Path) -> None:
    """The clock falls 5 ms behind during the wait for 1 s: the session wakes at 0.995 s."""
    found, lateness = play(tmp_path / "r", Service((0.9, -5)))
    assert all(e.late_ns >= 0 for e in found if isinstance(e, ev.TurnSent))
    assert late_ms(found) == {}
    assert lateness == Lateness(0.0, 0.0)


def test_a_late_hand_over_is_late_even_where_the_network_hides_it(tmp_path: Path) -> None:
    """The clock jumps 60 ms during the wait for 1 s; 100 ms of network later the sending is in time again."""
    for up_ms in (0.0, 100.0):
        found, lateness = play(tmp_path / f"up {up_ms}", Service((0.95, 60)), LinkDirection(up_ms))
        assert late_ms(found) == {4: 60}
        # Of 19 micro-turns one was late: the 99th percentile lies 0.82 of the way from the 18th to it.
        assert lateness.max_ms == pytest.approx(60, abs=0.01)
        assert lateness.p99_ms == pytest.approx(0.82 * 60, abs=0.01)


def test_a_session_that_hands_nothing_over_is_not_late(tmp_path: Path) -> None:
    service = Service()
    sample, settings = sample_of(UserTurn(silence(0.1)), tail_s=0), Settings()
    opened = opened_event("t", sample, "service", service, settings)
    with RecordingWriter(tmp_path / "r", opened, clock="wall", compute="live") as writer:
        session = LiveSession("t", sample, service, settings, writer, clock_ns=service.clock_ns)
        assert run_virtual(session.run(), service.loop) == Lateness(0.0, 0.0)


@pytest.mark.parametrize(
    ("p99_ms", "max_ms", "valid"),
    [(20.0, 100.0, True), (20.01, 100.0, False), (20.0, 100.01, False), (0.0, 0.0, True)],
)
def test_lateness_at_the_limit_is_within_it(p99_ms: float, max_ms: float, valid: bool) -> None:
    assert (Lateness(p99_ms, max_ms).excess(LatenessLimits()) == "") is valid


def test_any_phase_begins_on_a_whole_nanosecond(tmp_path: Path) -> None:
    """The recording holds whole nanoseconds and cannot be read otherwise."""
    found, _ = play(tmp_path / "r", Service((1.0, ProviderEvent("a"))), phase=1 / 3)
    assert len([e for e in found if isinstance(e, ev.TurnSent)]) == 19


# ---- bytes on the network


def test_audio_takes_two_bytes_a_sample_both_ways(tmp_path: Path) -> None:
    """Up 6400 bytes at 512 kbit/s take 100 ms; down 16,000 bytes at 640 kbit/s take 200 ms."""

    class Told(Service):
        def __init__(self, *plan: tuple[float, ModelEvent | int]) -> None:
            super().__init__(*plan)
            self.sent_s: list[float] = []

        async def send(self, turn: MicroTurn) -> None:
            self.sent_s.append(round(self.loop.time() - self.ready_s, 6))

    service = Told((1.0, Output(tone(0.5))), (1.5, Output(text="a")), (2.0, Output(tone(0.5))))
    found, _ = play(tmp_path / "r", service, LinkDirection(kbps=512), LinkDirection(kbps=640))
    assert service.sent_s[:3] == [0.3, 0.5, 0.7]
    assert [e.down_ns for e in found if isinstance(e, ev.ModelAudio)] == [200 * MS, 200 * MS]


def test_what_is_no_audio_takes_no_time_on_the_line(tmp_path: Path) -> None:
    """At a byte a second, a text before it would hold the audio up."""
    service = Service((1.0, Output(text="a")), (1.0, Output(np.ones(1, np.float32))))
    found, _ = play(tmp_path / "r", service, down=LinkDirection(kbps=0.008))
    assert [e.down_ns for e in found if isinstance(e, ev.ModelAudio)] == [2000 * MS]


# ---- bounds


def test_a_service_that_reads_nothing_is_given_up_when_more_than_the_limit_waits(tmp_path: Path) -> None:
    """The first reached it at 0.2 s and may be unread until 2.2 s; it is looked at again at 2.4 s."""

    class NeverReads(Service):
        async def send(self, turn: MicroTurn) -> None:
            await asyncio.Event().wait()

    with pytest.raises(InfrastructureError, match="has not read its input for 2 s"):
        play(tmp_path / "r", NeverReads(), limits=LatenessLimits(unsent_s=2.0))
    (fault,) = (e for e in Recording(tmp_path / "r").events() if isinstance(e, ev.Fault))
    assert fault.t_ns == pytest.approx(2400 * MS, abs=MS)


def test_a_flood_ends_the_session_at_once_and_not_at_the_next_hand_over(tmp_path: Path) -> None:
    flood = [(0.4 + k / 1000, ProviderEvent("x", {"a": "b " * 5_000})) for k in range(150)]
    with pytest.raises(AdapterFaultError, match="floods the session"):
        play(tmp_path / "r", Service(*flood), limits=LatenessLimits(log_bytes=1_000_000))
    (fault,) = (e for e in Recording(tmp_path / "r").events() if isinstance(e, ev.Fault))
    assert fault.t_ns == pytest.approx(500 * MS, abs=3 * MS)
