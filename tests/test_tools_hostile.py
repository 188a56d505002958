"""Models and functions that do not behave, over a live session: one outcome each, and the session goes on."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fakes import silence
from test_session_live import Service, play, sample
from tool_agents import in_virtual_time, live
from virtual_time import VirtualTimeLoop
from websockets.asyncio.server import ServerConnection, serve
from wire_servers import greet

from tml_bench import events as ev
from tml_bench.adapter import ModelEvent, Output, ToolCall
from tml_bench.adapters.wire import Wire
from tml_bench.recording import Recording
from tml_bench.samples import Reference, Sample, Script, Tool, UserTurn
from tml_bench.session import tool_work

Calls = Mapping[int, list[dict[str, Any]]]


def call(call_id: str, name: str, **arguments: object) -> dict[str, Any]:
    return {"type": "tool_call", "call_id": call_id, "name": name, "arguments": arguments}


class Played:
    """A session of a model behind the wire protocol that makes these calls at these micro-turns."""

    def __init__(
        self, folder: Path, calls: Calls, *tools: Tool, seconds: float = 2.0, patience_s: float = 5.0
    ) -> None:
        self._calls = calls
        self.told: list[tuple[int, dict[str, Any]]] = []
        script = Script((UserTurn(silence(seconds)),), tools=tools)
        given = Sample("a", "all", script, Reference())
        self.recording: Recording = in_virtual_time(self._play, folder, given, patience_s)
        self.ended = [e for e in self.recording.events() if isinstance(e, ev.ToolReturned)]

    async def _play(self, loop: VirtualTimeLoop, folder: Path, given: Sample) -> list[str]:
        async with serve(self._serve, "127.0.0.1", 0, compression=None) as server:
            port = server.sockets[0].getsockname()[1]
            await live(loop, folder, given, Wire(f"ws://127.0.0.1:{port}"))
        return []

    async def _serve(self, socket: ServerConnection) -> None:
        await greet(socket)
        n = 0
        async for data in socket:
            message = json.loads(data) if isinstance(data, str) else {}
            if message.get("type") == "tool_result":
                self.told.append((n, message))
            if message.get("type") == "tick":
                n = message["n"] + 1
                for said in self._calls.get(message["n"], []):
                    await socket.send(json.dumps(said))

    @property
    def outcomes(self) -> dict[str, str]:
        """How each call ended, of which none may have ended twice."""
        ids = [event.call_id for event in self.ended]
        assert len(ids) == len(set(ids))
        return {event.call_id: event.ended for event in self.ended}


def test_functions_that_raise_or_give_what_cannot_be_handed_over(tmp_path: Path) -> None:
    def raises(given: Mapping[str, object]) -> object:
        raise RuntimeError("out of order")

    def exits(given: Mapping[str, object]) -> object:
        raise SystemExit(3)

    tools = (
        Tool("raises", "", {}, raises),
        Tool("exits", "", {}, exits),
        Tool("huge", "", {}, lambda given: "x" * 10_000_000),
        Tool("odd", "", {}, lambda given: object()),
        Tool("endless", "", {}, lambda given: float("inf")),
        Tool("works", "", {}, lambda given: 7),
    )
    played = Played(tmp_path / "r", {1: [call(tool.name, tool.name) for tool in tools]}, *tools)
    assert played.outcomes == {
        "raises": "", "exits": "", "huge": "too large", "odd": "not JSON", "endless": "not JSON", "works": "",
    }  # fmt: skip
    told = {message["call_id"]: (message["is_error"], message["output"]) for _, message in played.told}
    assert {name for name, (is_error, _) in told.items() if not is_error} == {"works"}
    assert told["raises"] == (True, "RuntimeError: out of order")
    assert told["works"] == (False, 7)
    assert {n for n, _ in played.told} == {2}, "all in the micro-turn after"


def test_a_function_that_hangs_never_holds_up_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool_work, "HANGS_S", 0.02)
    gate = threading.Event()
    tools = (Tool("hangs", "", {}, lambda given: gate.wait()), Tool("works", "", {}, lambda given: 7))
    calls = {1: [call("h", "hangs"), call("1", "works")], 30: [call("2", "works")]}
    played = Played(tmp_path / "r", calls, *tools, seconds=16.0, patience_s=0.001)
    gate.set()
    ends = {event.call_id: event for event in played.ended}
    assert (ends["1"].output, ends["2"].output) == (7, 7)
    assert ends["h"].ended == "hung"
    (closed,) = (e for e in played.recording.events() if isinstance(e, ev.SessionClosed))
    assert (closed.reason, closed.t_ns) == ("script", 16_000_000_000)


def test_a_thousand_calls_a_second_have_an_outcome_each(tmp_path: Path) -> None:
    calls = {
        k: [call(f"{k}-{n}", ("works", "none", "strict")[n % 3], x=n) for n in range(200)] for k in range(5)
    }
    strict = {"type": "object", "properties": {"x": {"type": "string"}}}
    tools = (Tool("works", "", {}, lambda given: given["x"]), Tool("strict", "", strict, lambda given: 1))
    played = Played(tmp_path / "r", calls, *tools)
    assert Counter(played.outcomes.values()) == {"": 335, "unknown": 335, "arguments": 330}
    assert Counter(message["call_id"] for _, message in played.told) == dict.fromkeys(played.outcomes, 1)
    late = [n - int(m["call_id"].split("-")[0]) for n, m in played.told]
    assert max(late) <= 2, "each result within the micro-turns after its call"


def test_calls_of_one_id_are_calls_of_their_own(tmp_path: Path) -> None:
    tool = Tool("adds", "", {}, lambda given: given["n"], latency_s=0.3)
    played = Played(tmp_path / "r", {1: [call("c", "adds", n=n) for n in range(20)]}, tool)
    assert [event.output for event in played.ended] == list(range(20))
    assert [one.output for one in played.recording.facts.calls] == list(range(20))


def test_a_call_given_up_is_not_told_and_its_function_not_executed(tmp_path: Path) -> None:
    done: list[object] = []
    tool = Tool("books", "", {}, lambda given: done.append(given["n"]), latency_s=1.0)
    calls = {
        1: [call("a", "books", n=1), call("b", "books", n=2)],
        3: [{"type": "tool_cancel", "call_ids": ["a", "none"]}],
        8: [{"type": "tool_cancel", "call_ids": ["b"]}],
    }
    played = Played(tmp_path / "r", calls, tool)
    assert played.outcomes == {"a": "cancelled", "b": ""}
    assert done == [2]
    assert [message["call_id"] for _, message in played.told] == ["b"]


class CallsAfterTheEnd(Service):
    """Answers the last ping late, and calls a function before that."""

    def __init__(self) -> None:
        super().__init__([(4.5, Output(tool_calls=(ToolCall("late", "add"), ToolCall("late-2", "none"))))])

    async def ping(self) -> bool:
        await asyncio.sleep(1.0)
        return True

    async def events(self) -> AsyncIterator[ModelEvent]:
        async for event in super().events():
            yield event


def test_calls_after_the_end_are_recorded_and_not_executed(tmp_path: Path) -> None:
    done: list[object] = []
    tool = Tool("add", "", {}, lambda given: done.append(1))
    recording, _ = play(tmp_path / "r", CallsAfterTheEnd(), sample(tools=(tool,)))
    ended = [(e.call_id, e.ended) for e in recording.events() if isinstance(e, ev.ToolReturned)]
    assert ended == [("late", "late"), ("late-2", "late")]
    assert done == []
    assert recording.facts.calls == ()
