"""What a model behind the wire is told of replies that it cut: the sessions of the protocol page, both modes.

A model plays what the page says it does, in real time over a socket of this process in virtual time, and in
lockstep over a real one. What the harness sends must be what the page says, to the millisecond.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes import run_session, sample_of, silence
from virtual_time import VirtualTimeLoop, run_virtual
from wire_log import Message
from wire_servers import READY, greet, serving

from tml_bench.adapters.wire import Wire, WireLockstep, session
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import UserTurn
from tml_bench.session.live import LEAD_NS, LiveSession
from tml_bench.session.network import IDEAL, LinkDirection, Network
from tml_bench.session.settings import Settings, opened_event
from tml_bench.wire.messages import AUDIO, BinaryFrame

PAGE = Path(__file__).resolve().parent.parent / "docs" / "wire-protocol.md"
SAMPLE = sample_of(UserTurn(silence(3.0)), tail_s=0)
RATE = 24000


@dataclass(frozen=True)
class Said:
    """A line of a session: when, who, what."""

    at_ms: int
    who: str
    message: dict[str, object]

    @property
    def data(self) -> Message:
        """As it is sent."""
        if self.message["type"] != "audio":
            return json.dumps(self.message)
        item, ms = self.message["item"], self.message["ms"]
        assert isinstance(item, int)
        assert isinstance(ms, int)
        return BinaryFrame(AUDIO, item, 0, 0, b"\0\20" * (RATE * ms // 1000)).pack()


def sessions() -> list[list[Said]]:
    """Those of the page."""
    blocks = re.findall(r"```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [[line.split(maxsplit=2) for line in block.splitlines()] for block in blocks]
    return [[Said(int(at), who, json.loads(message)) for at, who, message in block] for block in lines]


PAGE_SESSIONS = sessions()


def of(said: Sequence[Said], who: str) -> list[Said]:
    return [line for line in said if line.who == who]


class ScriptedSocket:
    """Stands for the websocket of a model that plays its lines, and remembers when it was told what."""

    def __init__(self, said: Sequence[Said]) -> None:
        self._said = said
        self._began = 0.0
        self.told: list[tuple[float, dict[str, object]]] = []
        self.ticks: list[float] = []

    def _now_ms(self) -> float:
        return round(1000 * (asyncio.get_running_loop().time() - self._began), 3)

    async def send(self, message: Message) -> None:
        body = json.loads(message) if isinstance(message, str) else {}
        if body.get("type") == "truncate":
            self.told.append((self._now_ms(), body))
        if body.get("type") == "tick":
            self.ticks.append(self._now_ms())

    async def receive(self, timeout_s: float = 5) -> Message:
        self._began = asyncio.get_running_loop().time() + LEAD_NS / 1e9
        return json.dumps(READY)

    async def messages(self) -> AsyncIterator[Message]:
        for line in self._said:
            await asyncio.sleep(max(0.0, (line.at_ms - self._now_ms()) / 1000))
            yield line.data
        await asyncio.Event().wait()

    async def ping(self) -> None:
        return

    async def drop(self) -> None:
        return

    async def close(self) -> None:
        return


def in_real_time(
    folder: Path, said: Sequence[Said], monkeypatch: pytest.MonkeyPatch, network: Network = IDEAL
) -> ScriptedSocket:
    socket = ScriptedSocket(of(said, "model"))

    async def opened(*_: object, **__: object) -> ScriptedSocket:
        return socket

    adapter, settings, loop = Wire("ws://127.0.0.1:1"), Settings(network=network), VirtualTimeLoop()
    writing = opened_event("fake", SAMPLE, "wire", adapter, settings)
    with RecordingWriter(folder, writing, clock="wall", compute="live") as writer:
        live = LiveSession("fake", SAMPLE, adapter, settings, writer, clock_ns=loop.clock_ns)
        with monkeypatch.context() as patch:
            patch.setattr(session, "open_socket", opened)
            run_virtual(live.run(), loop)
        writer.close()
    return socket


def in_lockstep(folder: Path, said: Sequence[Said]) -> list[tuple[float, dict[str, object]]]:
    """What was told, each with the end of the micro-turn that it began."""
    told: list[tuple[float, dict[str, object]]] = []

    async def handle(socket) -> None:  # type: ignore[no-untyped-def]
        await greet(socket)
        waiting, heard, begun = list(of(said, "model")), [], False
        async for data in socket:
            message = json.loads(data) if isinstance(data, str) else {}
            if message.get("type") == "truncate":
                assert not begun, "it stands before all else of its micro-turn"
                heard.append(message)
                continue
            begun = message.get("type") != "tick"
            if message.get("type") == "tick":
                told.extend((message["t_ms"], each) for each in heard)
                heard.clear()
                while waiting and waiting[0].at_ms <= message["t_ms"]:
                    await socket.send(waiting.pop(0).data)
                await socket.send(json.dumps({"type": "tick_done", "n": message["n"]}))

    with serving(handle) as url:
        adapter = WireLockstep(url)
        adapter.warm_up()
        run_session(folder, SAMPLE, adapter, Settings())
    return told


def test_the_page_holds_the_two_sessions() -> None:
    told = [[line.message for line in of(said, "harness")] for said in PAGE_SESSIONS]
    assert [[(each["item"], each["heard_ms"]) for each in one] for one in told] == [
        [(2, 1000.0)],  # in lockstep (2, 2000.0) was told, which is the stretch's
        [(1, 600.0), (2, 0.0)],  # in lockstep (2, 600.0)
    ]


@pytest.mark.parametrize("said", PAGE_SESSIONS)
def test_real_time_is_as_on_the_page(
    said: list[Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = in_real_time(tmp_path / "r", said, monkeypatch)
    assert socket.told == [(line.at_ms, line.message) for line in of(said, "harness")]


@pytest.mark.parametrize("said", PAGE_SESSIONS)
def test_lockstep_is_as_on_the_page(said: list[Said], tmp_path: Path) -> None:
    told = in_lockstep(tmp_path / "r", said)
    assert told == [(line.at_ms + 200, line.message) for line in of(said, "harness")]


@pytest.mark.parametrize("said", PAGE_SESSIONS)
def test_a_network_delays_what_was_heard_both_ways(
    said: list[Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = Network("far", LinkDirection(delay_ms=100), LinkDirection(delay_ms=100))
    socket = in_real_time(tmp_path / "r", said, monkeypatch, far)
    assert socket.told == [(line.at_ms + 200, line.message) for line in of(said, "harness")]
    assert socket.ticks[:2] == [300, 500]


def test_what_was_heard_to_its_end_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In lockstep it was told, and in real time not."""
    said = [
        Said(400, "model", {"type": "audio", "item": 1, "ms": 300}),
        Said(1000, "model", {"type": "interrupted"}),
    ]
    assert in_real_time(tmp_path / "live", said, monkeypatch).told == []
    assert in_lockstep(tmp_path / "step", said) == []


def test_two_interruptions_within_a_micro_turn_are_both_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [
        Said(400, "model", {"type": "audio", "item": 1, "ms": 1000}),
        Said(600, "model", {"type": "interrupted"}),
        Said(600, "model", {"type": "audio", "item": 2, "ms": 1000}),
        Said(600, "model", {"type": "interrupted"}),
        Said(800, "model", {"type": "audio", "item": 2, "ms": 500}),
        Said(1000, "model", {"type": "interrupted"}),
    ]
    expected = [(1, 200.0), (2, 0.0), (2, 200.0)]
    live = in_real_time(tmp_path / "live", said, monkeypatch).told
    step = in_lockstep(tmp_path / "step", said)
    assert [(each["item"], each["heard_ms"]) for _, each in live] == expected
    assert [(each["item"], each["heard_ms"]) for _, each in step] == expected
    assert [at for at, _ in live] == [600, 600, 1000]
    assert [at for at, _ in step] == [800, 800, 1200]
