"""Signs of life of services of known behaviour, in virtual time, and of a process that is stopped."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from fake_servers.apart import apart
from fake_servers.openai_realtime import Answer, FakeRealtime
from fakes import MS, sample_of, silence, tone
from virtual_time import VirtualTimeLoop, run_virtual

from tml_bench import events as ev
from tml_bench.adapter import InfrastructureError, LiveAdapter, MicroTurn, ModelEvent, Output, SessionStart
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import At, UserTurn, Waveform
from tml_bench.session.live import LatenessLimits, LiveSession
from tml_bench.session.network import IDEAL, LinkDirection, Network, Outage
from tml_bench.session.settings import Settings, opened_event

FOREVER_S = 1e9
LIMITS = LatenessLimits()


class Service(LiveAdapter):
    """Answers pings after ``pong_s``; from ``hangs_s`` on it answers none and reads nothing.

    Args:
        pong_s: None when it cannot be asked.
        says_every_s: it says something so often, until it hangs.
    """

    audio_in = audio_out = 16000

    def __init__(
        self, pong_s: float | None = 0.05, hangs_s: float = FOREVER_S, says_every_s: float = FOREVER_S
    ) -> None:
        self.loop = VirtualTimeLoop()
        self.pong_s, self.hangs_s, self.says_every_s = pong_s, hangs_s, says_every_s
        self.stopped_ns = 0
        self.asked = 0

    def clock_ns(self) -> int:
        return self.loop.clock_ns() + self.stopped_ns

    async def connect(self, session: SessionStart) -> None:
        pass

    async def _unless_hung(self, after_s: float) -> None:
        await asyncio.sleep(after_s if self.loop.time() + after_s < self.hangs_s else FOREVER_S)

    async def send(self, turn: MicroTurn) -> None:
        await self._unless_hung(0.0)

    async def events(self) -> AsyncIterator[ModelEvent]:
        while True:
            await self._unless_hung(self.says_every_s)
            yield Output(text="a")

    async def ping(self) -> bool:
        self.asked += 1
        if self.pong_s is None:
            return False
        await self._unless_hung(self.pong_s)
        return True

    async def close(self) -> None:
        pass


def play(
    folder: Path,
    service: Service,
    seconds: float = 30.0,
    network: Network = IDEAL,
    limits: LatenessLimits = LIMITS,
) -> list[ev.AnyEvent]:
    """So many seconds in micro-turns of 0.2 s; the recording is whole, also where an error is raised."""
    sample, settings = sample_of(UserTurn(silence(seconds)), tail_s=0), Settings(network=network)
    opened = opened_event("t", sample, "service", service, settings)
    with RecordingWriter(folder, opened, clock="wall", compute="live") as writer:
        try:
            live = LiveSession("t", sample, service, settings, writer, limits, service.clock_ns)
            run_virtual(live.run(), service.loop)
        finally:
            writer.close()
    return list(Recording(folder).events())


def failure(folder: Path, service: Service, **how: object) -> tuple[str, float]:
    """Why the session ended as infrastructure, and when."""
    with pytest.raises(InfrastructureError) as caught:
        play(folder, service, **how)  # type: ignore[arg-type]
    (fault,) = (e for e in Recording(folder).events() if isinstance(e, ev.Fault))
    assert fault.reason == str(caught.value)
    return fault.reason, fault.t_ns / 1e9


def pings(events: list[ev.AnyEvent]) -> list[ev.ServicePinged]:
    return [e for e in events if isinstance(e, ev.ServicePinged)]


def test_a_silent_service_is_asked_every_second_and_once_more_at_the_end(tmp_path: Path) -> None:
    found = pings(play(tmp_path / "r", Service(pong_s=0.05), 10.0))
    assert [round(ping.took_ns / MS) for ping in found] == [50] * 10
    assert [round(ping.t_ns / 1e9, 2) for ping in found] == [
        *(round(k + 0.05 * (k - 1) - 0.02, 2) for k in range(1, 10)),
        10.0,
    ]


def test_a_service_that_hangs_is_given_up_in_mid_session(tmp_path: Path) -> None:
    """The last pong comes at 5.25 s, the next ping goes at 6.25 s and is unanswered at 16.25 s."""
    reason, at_s = failure(tmp_path / "r", Service(hangs_s=6.0), limits=LatenessLimits(unsent_s=99))
    assert reason == "the service gave no sign of life since 5.2 s"
    assert at_s == pytest.approx(16.23, abs=0.01)


def test_a_service_that_hangs_in_a_shorter_session_is_found_at_its_end(tmp_path: Path) -> None:
    reason, at_s = failure(tmp_path / "r", Service(hangs_s=4.0), seconds=8.0)
    assert reason == "the service gave no sign of life since 3.1 s"
    assert at_s == pytest.approx(13.0, abs=0.01)


def test_a_service_that_is_held_up_for_some_seconds_is_not_dead(tmp_path: Path) -> None:
    found = pings(play(tmp_path / "r", Service(pong_s=4.5)))
    assert [round(ping.took_ns / 1e9, 1) for ping in found] == [4.5] * 7


def test_whatever_a_service_says_is_a_sign_of_life(tmp_path: Path) -> None:
    assert pings(play(tmp_path / "r", Service(pong_s=FOREVER_S, says_every_s=3.0))) == []
    reason, _ = failure(tmp_path / "s", Service(pong_s=FOREVER_S, says_every_s=20.0))
    assert reason == "the service gave no sign of life since 0.0 s"


def test_a_service_that_cannot_be_asked_is_taken_at_its_word(tmp_path: Path) -> None:
    service = Service(pong_s=None)
    assert pings(play(tmp_path / "r", service)) == []
    assert service.asked == 31


class Stopped(Service):
    """This process stands still for 20 s while the answer to the fourth ping is on its way."""

    async def ping(self) -> bool:
        if self.asked == 3:
            self.asked += 1
            self.stopped_ns = 20_000_000_000
            await asyncio.sleep(FOREVER_S)
        return await super().ping()


def test_a_pause_of_this_process_is_not_a_service_that_hangs(tmp_path: Path) -> None:
    assert len(pings(play(tmp_path / "r", Stopped(), 60.0))) > 10


# ---- what is not taken


class ReadsSlowly(Service):
    """Takes the micro-turn handed over at ``at_s`` for so many seconds."""

    def __init__(self, at_s: float, takes_s: float, pong_s: float | None = 0.05) -> None:
        super().__init__(pong_s)
        self.at_s, self.takes_s = at_s, takes_s

    async def send(self, turn: MicroTurn) -> None:
        if turn.end_ns == round(self.at_s * 1e9):
            await asyncio.sleep(self.takes_s)


@pytest.mark.parametrize("pong_s", [0.05, None])
def test_what_is_unread_at_the_end_is_waited_for(tmp_path: Path, pong_s: float | None) -> None:
    play(tmp_path / "r", ReadsSlowly(9.8, 4.0, pong_s), 10.0)
    reason, _ = failure(tmp_path / "s", ReadsSlowly(9.8, 7.0, pong_s), seconds=10.0)
    assert reason.startswith("the service has not read its input for 5.")


def test_micro_turns_behind_the_one_that_holds_up_are_waited_for_too(tmp_path: Path) -> None:
    """Taken at 10.2 s: all that was due by 10 s follows at once."""
    found = play(tmp_path / "r", ReadsSlowly(6.0, 4.2), 10.0)
    assert len([e for e in found if isinstance(e, ev.TurnSent)]) == 49


def test_a_service_that_falls_behind_for_good_is_infrastructure(tmp_path: Path) -> None:
    reason, at_s = failure(tmp_path / "r", ReadsSlowly(2.0, FOREVER_S))
    assert (reason, at_s) == ("the service has not read its input for 10 s", pytest.approx(12.2, abs=0.01))


@pytest.mark.parametrize("outage", [Outage(3.0, 12.0), Outage(3.0, 60.0)], ids=["comes back", "does not"])
def test_an_outage_of_the_emulated_network_is_nobody_s_fault(tmp_path: Path, outage: Outage) -> None:
    """It was the service that had not read its input for 10 s, and a fault of the adapter."""
    network = Network("out", LinkDirection(20), LinkDirection(20), (outage,))
    found = play(tmp_path / "r", Service(), network=network)
    assert isinstance(found[-1], ev.SessionClosed)
    assert found[-1].reason == "script"


# ---- the last that a service said


class Complains(Service):
    """Reports an error at 2 s; ``answers`` at 3 s."""

    def __init__(self, answers: bool) -> None:
        super().__init__()
        self.answers = answers

    async def events(self) -> AsyncIterator[ModelEvent]:
        await asyncio.sleep(2.0)
        self.complaint = "server_error: sk-1234567890abcdefghij"
        await asyncio.sleep(1.0)
        if self.answers:
            self.complaint = ""
            yield Output(audio=tone(0.5, 16000))
        await asyncio.Event().wait()


def test_an_error_counts_unless_it_was_answered_after_all(tmp_path: Path) -> None:
    play(tmp_path / "r", Complains(answers=True), 10.0)
    reason, _ = failure(tmp_path / "s", Complains(answers=False), seconds=10.0)
    assert reason == "the last that the service said is an error: server_error: [redacted]"


class BreaksAtTheEnd(Service):
    async def close(self) -> None:
        raise KeyError("socket")


def test_an_adapter_that_cannot_close_has_played_its_session_all_the_same(tmp_path: Path) -> None:
    found = play(tmp_path / "r", BreaksAtTheEnd(), 2.0)
    (note,) = (e for e in found if isinstance(e, ev.Note))
    assert note.text.startswith("closing raised KeyError: 'socket'")


# ---- a process that is stopped


def test_of_six_sessions_none_is_valid_whose_server_is_stopped(tmp_path: Path) -> None:
    """All six were, with a response rate of 0 %."""
    speech = Waveform(tone(0.3, 16000), 16000)
    sample = sample_of(UserTurn(speech, At(0.1)), tail_s=0.8)
    limits = LatenessLimits(close_s=0.4, late_p99_ms=1e9, late_max_ms=1e9)

    async def session(url: str, folder: Path) -> str:
        adapter = OpenAIRealtime(base_url=url)
        opened = opened_event("t", sample, "fake", adapter, Settings())
        with RecordingWriter(folder, opened, clock="wall", compute="live") as writer:
            try:
                await LiveSession("t", sample, adapter, Settings(), writer, limits).run()
            except InfrastructureError as error:
                return str(error)
            finally:
                writer.close()
        return "valid"

    async def six(urls: list[str], process: int) -> list[str]:
        sessions = [asyncio.create_task(session(url, tmp_path / str(i))) for i, url in enumerate(urls)]
        await asyncio.sleep(0.4)
        os.kill(process, signal.SIGSTOP)
        return await asyncio.gather(*sessions)

    with apart([partial(FakeRealtime, "ga", [Answer(delay_ms=200, paced=True)])] * 6) as servers:
        try:
            reasons = asyncio.run(six(servers.urls, servers.process))
        finally:
            os.kill(servers.process, signal.SIGCONT)
    assert [reason.rpartition(" since ")[0] for reason in reasons] == ["the service gave no sign of life"] * 6
