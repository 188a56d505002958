"""A hung service is never taken for a silent model: every live adapter, at every moment, in virtual time.

Client, relay and server share a loop whose clock jumps; between them are real sockets of the loopback
interface. All limits are those of a run.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_servers import openai_live, openai_realtime
from fake_servers.chat import FakeChat
from fake_servers.gemini import FakeGemini
from fake_servers.moshi import FakeMoshi
from fake_servers.openai_live import FakeLive
from fake_servers.openai_realtime import Answer, FakeRealtime
from fake_servers.pipecat import FakePipecat
from fake_servers.twilio import FakeBot
from fakes import MS, sample_of, tone
from taps import Tap
from virtual_time import VirtualTimeLoop, run_virtual
from websockets.asyncio.server import ServerConnection, serve
from wire_servers import greet

from tml_bench import events as ev
from tml_bench.adapter import InfrastructureError, LiveAdapter, ModelEvent, Output
from tml_bench.adapters.chat import ChatCompletions
from tml_bench.adapters.gemini_live import GeminiLive
from tml_bench.adapters.moshi import Moshi, PersonaPlex
from tml_bench.adapters.openai_live import FAREWELL_S, OpenAILive
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.adapters.openai_realtime.dialects import DIALECTS
from tml_bench.adapters.pipecat import Pipecat
from tml_bench.adapters.twilio import Twilio
from tml_bench.adapters.wire import Wire
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import At, UserTurn, Waveform
from tml_bench.session.live import LiveSession
from tml_bench.session.settings import Settings, opened_event
from tml_bench.wire.messages import AUDIO, BinaryFrame

SAMPLE = sample_of(UserTurn(Waveform(tone(0.6, 16000), 16000), At(0.2)), tail_s=5.0)
DELAY_MS, ANSWER_MS = 300, 1500
NEVER_MS = 10**8
PATIENCE_S = 0.0005
SERVER_ERROR = {"type": "server_error", "code": "server_error", "message": "out of memory"}


class FakeWire:
    """A model of the wire protocol that answers, or does something else, once it has heard 1.2 s."""

    def __init__(self, behaviour: str) -> None:
        self._behaviour = behaviour
        self.port = 0

    async def __aenter__(self) -> FakeWire:
        self._server = await serve(self._serve, "127.0.0.1", 0, compression=None)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, ws: ServerConnection) -> None:
        await greet(ws)
        async for data in ws:
            n = json.loads(data)["n"] if isinstance(data, str) and '"tick"' in data else 0
            if n == 6 and self._behaviour == "errs":
                await ws.send(json.dumps({"type": "error", "code": "unavailable", "message": "no GPU"}))
            elif 6 <= n < 13 and self._behaviour == "speaks":
                audio = (tone(0.2, 24000) * 32767).astype("<i2").tobytes()
                await ws.send(BinaryFrame(AUDIO, 1, n - 6, 0, audio).pack())


@dataclass(frozen=True)
class Service:
    """How a service is served and spoken to; ``errs`` is whether its protocol has messages of errors."""

    serve: Callable[[str], AbstractAsyncContextManager[Any]]
    speak: Callable[[int], LiveAdapter]
    errs: bool = True


def realtime(dialect: str) -> Service:
    answers = {
        "speaks": Answer(DELAY_MS, ANSWER_MS, paced=True),
        "is silent": Answer(NEVER_MS),
        "errs": Answer(error=SERVER_ERROR),
    }

    @asynccontextmanager
    async def served(behaviour: str) -> AsyncIterator[FakeRealtime]:
        async with FakeRealtime(dialect, [answers[behaviour]]) as server:
            server.port = int(server.url.split(":")[2].split("/")[0])  # type: ignore[attr-defined]
            yield server

    return Service(served, lambda port: OpenAIRealtime(dialect, base_url=f"ws://127.0.0.1:{port}/v1"))


@asynccontextmanager
async def live(behaviour: str) -> AsyncIterator[Any]:
    answers = {
        "speaks": Answer(DELAY_MS, ANSWER_MS),
        "is silent": Answer(NEVER_MS),
        "errs": Answer(error=SERVER_ERROR),
    }
    async with FakeLive([answers[behaviour]]) as server:
        yield SimpleNamespace(port=int(server.url.split(":")[2].split("/")[0]))


def scripted(kind: type, **options: Any) -> Callable[[str], AbstractAsyncContextManager[Any]]:
    def made(behaviour: str) -> AbstractAsyncContextManager[Any]:
        plan = ["error"] if behaviour == "errs" else []
        delay_ms = NEVER_MS if behaviour == "is silent" else DELAY_MS
        server: AbstractAsyncContextManager[Any] = kind(
            plan, delay_ms, answer_ms=ANSWER_MS // 80 * 80, paced=True, **options
        )
        return server

    return made


def chat(behaviour: str, think_ms: float = 30) -> AbstractAsyncContextManager[Any]:
    return FakeChat({"speaks": (), "is silent": ("nothing",) * 9, "errs": ("broken",)}[behaviour], think_ms)


SERVICES = {
    **{f"openai-realtime {dialect}": realtime(dialect) for dialect in DIALECTS},
    "openai-live": Service(live, lambda port: OpenAILive(base_url=f"ws://127.0.0.1:{port}/v1/live/sessions")),
    "gemini-live": Service(
        scripted(FakeGemini), lambda port: GeminiLive(base_url=f"ws://127.0.0.1:{port}"), errs=False
    ),
    "moshi": Service(scripted(FakeMoshi), lambda port: Moshi(f"ws://127.0.0.1:{port}/api/chat")),
    "personaplex": Service(
        scripted(FakeMoshi, personaplex=True), lambda port: PersonaPlex(f"ws://127.0.0.1:{port}/api/chat")
    ),
    "pipecat": Service(scripted(FakePipecat), lambda port: Pipecat(f"ws://127.0.0.1:{port}", rtvi=True)),
    "twilio": Service(scripted(FakeBot), lambda port: Twilio(f"ws://127.0.0.1:{port}/ws"), errs=False),
    "wire": Service(FakeWire, lambda port: Wire(f"ws://127.0.0.1:{port}")),
    "chat": Service(chat, lambda port: ChatCompletions(base_url=f"http://127.0.0.1:{port}/v1")),
}
MOMENTS = ("at connect", "after connect", "in mid-answer", "at close")
CHAT_ANSWER_BYTES = 1500
"""Within its one answer, of 3 kB."""


@dataclass(frozen=True)
class Ended:
    """How a session ended: its outcome and reason, its events, and how long it took in virtual seconds."""

    outcome: str
    reason: str
    events: list[ev.AnyEvent]
    took_s: float

    def all(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def ended(name: str, folder: Path, behaviour: str = "speaks", act: str = "", moment: str = "") -> Ended:
    """Play the sample against a service that hangs (``freeze``) or closes (``cut``) at a moment."""
    loop = VirtualTimeLoop(PATIENCE_S)
    clock = SimpleNamespace(monotonic_ns=loop.clock_ns)
    with pytest.MonkeyPatch.context() as patch:
        for module in (openai_realtime, openai_live):
            patch.setattr(module, "time", clock)
        outcome, reason, took_s = run_virtual(
            _played(loop, SERVICES[name], folder, behaviour, act, moment), loop
        )
    return Ended(outcome, reason, list(Recording(folder).events()), took_s)


async def _played(
    loop: VirtualTimeLoop, service: Service, folder: Path, behaviour: str, act: str, moment: str
) -> tuple[str, str, float]:
    async with service.serve(behaviour) as server, Tap(server.port) as tap:
        adapter = service.speak(tap.port)
        await adapter.prepare()
        strike: Callable[[], None] = getattr(tap, act) if act else lambda: None
        if moment == "at connect":
            strike()
        if moment == "in mid-answer" and isinstance(adapter, ChatCompletions):
            tap.after(CHAT_ANSWER_BYTES, act)
        _hook(adapter, strike, moment)
        opened = strike if moment == "after connect" else lambda: None
        settings = Settings()
        first = opened_event("t", SAMPLE, "service", adapter, settings)
        with RecordingWriter(folder, first, clock="wall", compute="live") as writer:
            session = LiveSession(
                "t", SAMPLE, adapter, settings, writer, clock_ns=loop.clock_ns, opened=opened
            )
            began_s, outcome, reason = loop.time(), "valid", ""
            try:
                await session.run()
            except InfrastructureError as error:
                outcome, reason = "infrastructure", str(error)
            took_s = loop.time() - began_s
            writer.close()
    return outcome, reason, took_s


def _hook(adapter: LiveAdapter, strike: Callable[[], None], moment: str) -> None:
    events, close = adapter.events, adapter.close

    async def listened() -> AsyncIterator[ModelEvent]:
        async for event in events():
            yield event
            spoken = isinstance(event, Output) and event.audio is not None and len(event.audio)
            if moment == "in mid-answer" and spoken:
                strike()

    async def closed() -> None:
        if moment == "at close":
            strike()
        await close()

    adapter.events, adapter.close = listened, closed  # type: ignore[method-assign]


@pytest.mark.parametrize("name", SERVICES)
def test_a_healthy_service_that_answers_is_valid(tmp_path: Path, name: str) -> None:
    session = ended(name, tmp_path / "r")
    assert (session.outcome, session.reason) == ("valid", "")
    assert session.all(ev.ModelAudio)


@pytest.mark.parametrize("name", SERVICES)
def test_a_healthy_service_that_is_silent_is_valid(tmp_path: Path, name: str) -> None:
    session = ended(name, tmp_path / "r", "is silent")
    assert (session.outcome, session.reason) == ("valid", "")
    assert not session.all(ev.ModelAudio)
    pings = session.all(ev.ServicePinged)
    assert len(pings) >= 5 or name == "chat"
    assert all(ping.took_ns < 100 * MS for ping in pings)


HUNG = {
    "at connect": "timed out during opening handshake",
    "after connect": r"the service gave no sign of life since 0\.0 s",
    "in mid-answer": r"the service gave no sign of life since 1\.[0-4] s",
    "at close": "does not answer the goodbye",
}
LONGEST_S = {"at connect": 20.2, "after connect": 6.3, "in mid-answer": 6.3, "at close": 4.3}
"""Until it is given up, beyond the 5.8 s of the script where that is played."""


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", SERVICES)
def test_a_hung_service_is_never_valid(tmp_path: Path, name: str, moment: str) -> None:
    """Chat has a connection only while it is asked something: what hangs after that is not seen."""
    session = ended(name, tmp_path / "r", act="freeze", moment=moment)
    if (name, moment) == ("chat", "at close"):
        assert session.outcome == "valid"
        return
    assert session.outcome == "infrastructure"
    assert re.search("ReadTimeout" if name == "chat" else HUNG[moment], session.reason)
    farewell_s = FAREWELL_S if name == "openai-live" else 0.0
    assert session.took_s <= 5.9 + farewell_s + (60.3 if name == "chat" else LONGEST_S[moment])
    (fault,) = session.all(ev.Fault)
    assert fault.reason == session.reason
    assert isinstance(session.events[-1], ev.SessionClosed)


@pytest.mark.parametrize(("behaviour", "outcome"), [("speaks", "valid"), ("errs", "infrastructure")])
def test_a_request_that_is_under_way_at_the_end_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, outcome: str
) -> None:
    """The turn ends at 1.4 s, the script at 5.8 s, and the answer comes after 9 s: slow, but well."""
    slow = Service(partial(chat, think_ms=9000), SERVICES["chat"].speak)
    monkeypatch.setitem(SERVICES, "chat", slow)
    session = ended("chat", tmp_path / "r", behaviour)
    assert session.outcome == outcome
    assert session.took_s == pytest.approx(10.45, abs=0.1)
    assert session.all(ev.SessionClosed)[0].t_ns == 5800 * MS


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_ends_the_connection_is_infrastructure_until_the_script_has_ended(
    tmp_path: Path, name: str, moment: str
) -> None:
    session = ended(name, tmp_path / "r", act="cut", moment=moment)
    assert session.outcome == ("valid" if moment == "at close" else "infrastructure")
    assert session.took_s < 6


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service.errs])
def test_an_error_and_then_silence_is_infrastructure(tmp_path: Path, name: str) -> None:
    session = ended(name, tmp_path / "r", "errs")
    assert session.outcome == "infrastructure"
    assert re.search("out of memory|no voice|no GPU", session.reason)
