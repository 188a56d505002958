"""Golden sessions of the wire protocol: logs of the reference server, replayed without a socket.

``python tests/test_wire_golden.py [wire] [wire-lockstep]`` records them anew.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import chain
from types import ModuleType

import jsonschema
import pytest
from fake_servers.golden import meaning
from live_driver import Heard, drive, micro_turns, run
from test_wire_protocol import way
from websockets.asyncio.server import ServerConnection
from wire_log import Line, Message, ReplaySocket, WireLog, same
from wire_servers import EXAMPLES, Handler, serving

from tml_bench.adapter import (
    FlushReport,
    MicroTurn,
    Output,
    ProviderEvent,
    SessionStart,
    ToolResult,
    ToolSpec,
)
from tml_bench.adapters.wire import Wire, WireLockstep, session
from tml_bench.redact import kept
from tml_bench.wire.messages import BinaryFrame

TICK_MS = 100
COMPUTE_MS = 12.5
NOWHERE = "ws://127.0.0.1:1"
SESSION = SessionStart(
    "task/sample", TICK_MS * 1_000_000, 7, "Be brief.", (ToolSpec("get_time", "the time"),)
)
# The user is silent for 300 ms with the end of micro-turn 3: the beep begins. The user barges in during
# micro-turn 6, when 200 ms of it have been heard; 300 ms have been when it is dropped.
TURNS = micro_turns(
    "x.....x..",
    16000,
    {
        1: {"texts": ("call get_time",)},
        2: {"tool_results": (ToolResult("call-get_time", "get_time", "noon"),)},
        4: {"heard_ms": 100.0},
        5: {"heard_ms": 200.0},
        6: {"heard_ms": 300.0},
        7: {"heard_ms": 300.0, "flushed": FlushReport(300.0, 700.0, (("1", 300.0),))},
        8: {"heard_ms": 300.0},
    },
    TICK_MS,
)
CUT = {"type": "truncate", "item": 1, "heard_ms": 300.0}


class Cutting(Wire):
    """Told what was heard of a reply before the micro-turn after its end, as a session tells it."""

    async def send(self, turn: MicroTurn) -> None:
        if turn.flushed is not None:
            for item, ms in turn.flushed.items:
                await self.heard(item, ms, cut=True)
        await super().send(turn)


def realtime(url: str = NOWHERE) -> Heard:
    (heard,) = run(drive(Cutting(url), TURNS, session=SESSION, paced=False, tick_ms=TICK_MS))
    assert isinstance(heard, Heard)
    return heard


def lockstep(url: str = NOWHERE) -> list[tuple[Output, ...]]:
    adapter = WireLockstep(url)
    adapter.warm_up()
    adapter.start(SESSION)
    try:
        return [adapter.step(turn) for turn in TURNS]
    finally:
        adapter.stop()


class Tapped:
    """A connection of the reference server, whose messages are logged."""

    def __init__(self, socket: ServerConnection, log: WireLog) -> None:
        self._socket = socket
        self._log = log

    async def recv(self) -> Message:
        message = await self._socket.recv()
        self._log.add("client", message)
        return message

    async def __aiter__(self) -> AsyncIterator[Message]:
        async for message in self._socket:
            self._log.add("client", message)
            yield message

    async def send(self, message: Message) -> None:
        self._log.add("server", message)
        await self._socket.send(message)


def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wire_server", EXAMPLES / "wire_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tapped(log: WireLog) -> Handler:
    server = reference()

    async def handle(socket: ServerConnection) -> None:
        await server.session(Tapped(socket, log), COMPUTE_MS)

    return handle


def kind(line: Line) -> str:
    return json.loads(line.message)["type"] if isinstance(line.message, str) else "media"


def as_stepped(lines: Sequence[Line]) -> list[Line]:
    """In the order in which a client in lockstep sends and reads: it reads nothing within its micro-turn."""
    ordered: list[Line] = []
    group: list[Line] = []
    for line in lines:
        group.append(line)
        if kind(line) in ("ready", "tick_done"):
            ordered += sorted(group, key=lambda each: each.sender)
            group = []
    return ordered + group


def record_golden(name: str) -> None:
    """Write the golden log anew, from the reference server."""
    log = WireLog()
    with serving(tapped(log)) as url:
        (lockstep if name == "wire-lockstep" else realtime)(url)
    WireLog(as_stepped(log.lines) if name == "wire-lockstep" else log.lines).write(name)


def replayed(
    name: str, monkeypatch: pytest.MonkeyPatch, alike: Callable[[Message, Message], bool] = same
) -> tuple[WireLog, WireLog, list[ReplaySocket]]:
    """The logs of the question for formats and of the session, and their sockets, in place of the network."""
    lines = WireLog.read(name).lines
    hellos = [i for i, line in enumerate(lines) if kind(line) == "hello"]
    assert len(hellos) == 2
    logs = WireLog(lines[: hellos[1]]), WireLog(lines[hellos[1] :])
    sockets = [ReplaySocket(log, alike) for log in logs]
    unopened = iter(sockets)

    async def opened(*_: object, **__: object) -> ReplaySocket:
        return next(unopened)

    monkeypatch.setattr(session, "open_socket", opened)
    return (*logs, sockets)


def told(messages: Sequence[Message], *, sent: bool) -> list[ProviderEvent]:
    """What the recording must keep of these messages."""
    events = []
    for message in messages:
        if isinstance(message, bytes):
            events.append(ProviderEvent("media", BinaryFrame.unpack(message).event.body, sent))
        else:
            body = json.loads(message)
            events.append(ProviderEvent(body["type"], kept(body), sent))
    return events


def test_golden_realtime_session_replays_message_by_message(monkeypatch: pytest.MonkeyPatch) -> None:
    _, log, sockets = replayed("wire", monkeypatch)
    heard = realtime()
    assert [socket.left for socket in sockets] == [0, 0]
    events = [event for _, event in heard.events if isinstance(event, ProviderEvent)]
    assert [e for e in events if e.sent] == told(log.of("client"), sent=True)
    assert [e for e in events if not e.sent] == told(log.of("server"), sent=False)
    assert meaning(event for _, event in heard.events) == [
        "writes You wrote: call get_time",
        "calls get_time {}",
        'writes get_time gave "noon"',
        "says beep 1",
        "audio 24000 1",
        "flush",
    ]
    ((word,),) = (piece.words for output in heard.outputs for piece in output.transcript)
    assert (word.text, word.start_s, word.end_s) == ("beep", 0.0, 1.0)


def test_golden_lockstep_session_replays_message_by_message(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, sockets = replayed("wire-lockstep", monkeypatch)
    outputs = lockstep()
    assert [socket.left for socket in sockets] == [0, 0]
    assert [meaning(given) for given in outputs] == [
        [],
        ["writes You wrote: call get_time", "calls get_time {}"],
        ['writes get_time gave "noon"'],
        ["audio 24000 1", "says beep 1"],
        [],
        [],
        ["flush"],
        [],
        [],
    ]
    assert [output.compute_s for (output,) in outputs] == [COMPUTE_MS / 1000] * len(TURNS)


def as_before(sent: Message, expected: Message) -> bool:
    """As a server of version 1.0 reads it, which ignores fields that it does not know."""
    known = json.loads(expected) if isinstance(expected, str) else {}
    if known.get("type") != "hello":
        return same(sent, expected)
    hello = json.loads(sent)
    return {field: hello[field] for field in known} == known and set(hello) - set(known) == {"minor"}


@pytest.mark.parametrize("name", ["wire-1.0", "wire-lockstep-1.0"])
def test_a_server_of_version_1_0_is_served(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs of that version: the harness sends what it sent then, and takes what came."""
    _, _, sockets = replayed(name, monkeypatch, as_before)
    said = [*chain(*lockstep())] if "lockstep" in name else [event for _, event in realtime().events]
    assert [socket.left for socket in sockets] == [0, 0]
    assert meaning(said) == [
        "writes You wrote: call get_time",
        "calls get_time {}",
        'writes get_time gave "noon"',
        *sorted(["says beep 1", "audio 24000 1"], reverse="lockstep" not in name),
        "flush",
    ]


@pytest.mark.parametrize("name", ["wire", "wire-lockstep"])
def test_golden_sessions_keep_to_the_schema(name: str) -> None:
    log = WireLog.read(name)
    for sender, direction in (("client", "FromHarness"), ("server", "FromModel")):
        valid = jsonschema.Draft202012Validator(way(direction))
        for message in log.of(sender):
            if isinstance(message, str):
                valid.validate(json.loads(message))
    kinds = [(line.sender, kind(line)) for line in log.lines]
    assert kinds.count(("client", "tick")) == len(TURNS)
    assert kinds.count(("server", "tick_done")) == (len(TURNS) if name == "wire-lockstep" else 0)
    (cut,) = (json.loads(line.message) for line in log.lines if kind(line) == "truncate")
    assert cut == CUT


if __name__ == "__main__":
    for each in sys.argv[1:] or ["wire", "wire-lockstep"]:
        record_golden(each)
