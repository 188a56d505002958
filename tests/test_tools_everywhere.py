"""The same model calls the same functions in process and behind each protocol: the same is recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
import pytest
from fakes import run_session, silence
from tool_agents import GeminiTools, LiveTools, RealtimeTools, in_virtual_time, live, wire_tools
from virtual_time import VirtualTimeLoop
from websockets.asyncio.server import serve
from wire_servers import serving

from tml_bench.adapters.gemini_live import GeminiLive
from tml_bench.adapters.openai_live import OpenAILive
from tml_bench.adapters.openai_realtime import OpenAIRealtime
from tml_bench.adapters.reference import Oracle
from tml_bench.adapters.wire import Wire, WireLockstep
from tml_bench.perception.recordings import timeline_of
from tml_bench.plugins import load_task, task_names
from tml_bench.recording import Recording
from tml_bench.samples import IdealCall, Reference, Sample, Script, Tool, UserTurn, Utterance
from tml_bench.session.settings import Settings
from tml_bench.timeline import TimedCall

FLIGHTS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "seats": {"type": "integer", "default": 1}},
    "required": ["city"],
}
TOOLS = (
    Tool(
        "search",
        "Finds flights.",
        FLIGHTS,
        lambda given: {"found": [{"id": f"{given['city']}-{given['seats']}"}]},
        latency_s=1.0,
    ),
    Tool(
        "book",
        "Books one.",
        {"type": "object", "properties": {"id": {"type": "string"}}},
        lambda given: {"booked": given["id"]},
        latency_s=0.4,
    ),
)
CALLS = (
    IdealCall(0.4, "search", {"city": "Riga"}),
    IdealCall(0.4, "book", {"id": "$RESULT_0.found[0].id"}),
    IdealCall(0.6, "cancel_everything", {"now": True}),
    IdealCall(0.8, "search", {"city": 3}),
    IdealCall(1.2, "search", {"city": "Oslo", "seats": 2}),
    IdealCall(1.2, "search", {"city": "Oslo"}),
)
GIVEN_UP = IdealCall(1.0, "search", {"city": "Wien"}, cancelled_s=1.4)
SAYS = (Utterance(0.4, "backchannel"), Utterance(1.0, text="It is booked.", needs=(1,)))


def sample(*, cancels: bool) -> Sample:
    reference = Reference(ideal=SAYS, calls=(*CALLS, GIVEN_UP) if cancels else CALLS)
    return Sample("a", "all", Script((UserTurn(silence(2.0)),), tail_s=3.0, tools=TOOLS), reference)


def in_process(folder: Path, given: Sample) -> Recording:
    return run_session(folder, given, Oracle(), Settings()).recording


def in_lockstep(folder: Path, given: Sample) -> Recording:
    with serving(wire_tools(given.reference)) as url:
        adapter = WireLockstep(url)
        adapter.warm_up()
        return run_session(folder, given, adapter, Settings()).recording


async def over_realtime(loop: VirtualTimeLoop, folder: Path, given: Sample) -> list[str]:
    async with RealtimeTools(given.reference) as server:
        await live(loop, folder, given, OpenAIRealtime(base_url=server.url))
    assert server.refused <= 1, "asked for when a response had begun that it could not know of"
    return server.problems


async def over_live(loop: VirtualTimeLoop, folder: Path, given: Sample) -> list[str]:
    async with LiveTools(given.reference) as server:
        await live(loop, folder, given, OpenAILive(base_url=server.url))
    return server.problems


async def over_gemini(loop: VirtualTimeLoop, folder: Path, given: Sample) -> list[str]:
    async with GeminiTools(given.reference) as server:
        await live(loop, folder, given, GeminiLive(base_url=server.url))
    return server.problems


async def over_wire(loop: VirtualTimeLoop, folder: Path, given: Sample) -> list[str]:
    async with serve(wire_tools(given.reference), "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        await live(loop, folder, given, Wire(f"ws://127.0.0.1:{port}"))
    return []


WAYS: dict[str, tuple[Callable[[Path, Sample], Recording], bool]] = {
    "openai-realtime": (partial(in_virtual_time, over_realtime), False),
    "openai-live": (partial(in_virtual_time, over_live), False),
    "gemini-live": (partial(in_virtual_time, over_gemini), True),
    "wire": (partial(in_virtual_time, over_wire), True),
    "wire-lockstep": (in_lockstep, True),
}
"""How the model is reached, and whether its protocol lets it give calls up."""


def what_became(calls: Sequence[TimedCall]) -> object:
    """Which calls there were, and what became of each."""
    told = ((c.name, c.arguments, c.filled, c.ended, c.is_error, c.output) for c in calls)
    return Counter(msgspec.json.encode(one).decode() for one in told)


def in_one_order(calls: Sequence[TimedCall]) -> list[TimedCall]:
    return sorted(calls, key=lambda call: (call.name, msgspec.json.encode(call.arguments)))


SCORES: dict[str, Callable[[Sequence[TimedCall]], object]] = {"calls": what_became}
"""What must be the same however the model is reached: functions of ``Timeline.calls``."""


@pytest.mark.parametrize("way", WAYS)
def test_the_same_calls_are_recorded_however_the_model_is_reached(way: str, tmp_path: Path) -> None:
    play, cancels = WAYS[way]
    given = sample(cancels=cancels)
    here, there = in_process(tmp_path / "here", given), play(tmp_path / "there", given)
    for name, score in SCORES.items():
        assert score(there.facts.calls) == score(here.facts.calls), name
    assert "It is booked." in there.facts.claimed
    same = zip(in_one_order(there.facts.calls), in_one_order(here.facts.calls), strict=True)
    late_s = [one.at_s - other.at_s for one, other in same]
    bound_s = 1.4 if way == "openai-live" else 0.4  # its backend goes on once all of its calls are answered
    assert max(map(abs, late_s)) <= bound_s + 0.02, "a chained call comes one micro-turn later, or two"


BY_CALLS = ("pass_at_1", "fdb3_pass_at_1", "tool_f1", "fdb3_tool_f1_all", "arguments", "fdb3_arguments_all")
"""What FD-bench v3 makes of calls alone."""


@pytest.mark.skipif("fd-bench-v3" not in task_names(), reason="the task is not installed")
def test_an_item_of_fd_bench_v3_scores_the_same_however_the_model_is_reached(tmp_path: Path) -> None:
    task = load_task("fd-bench-v3")
    given = next(one for one in task.samples() if len(one.reference.calls) > 1)
    plays = {"in process": in_process, **{way: play for way, (play, _) in WAYS.items()}}
    found = {}
    for way, play in plays.items():
        facts = play(tmp_path / way, given).facts
        values = task.score(given, timeline_of(facts, tmp_path / f"{way}.json", "transcript")).values
        found[way] = {name: values[name].numerator for name in BY_CALLS}
    assert found == dict.fromkeys(plays, dict.fromkeys(BY_CALLS, 1.0))


def test_in_process_each_call_ends_as_planned(tmp_path: Path) -> None:
    calls = in_process(tmp_path / "r", sample(cancels=True)).facts.calls
    assert [(c.name, c.filled, c.ended, c.output) for c in calls if not c.is_error] == [
        ("search", {"city": "Riga", "seats": 1}, "", {"found": [{"id": "Riga-1"}]}),
        ("search", {"city": "Oslo", "seats": 2}, "", {"found": [{"id": "Oslo-2"}]}),
        ("search", {"city": "Oslo", "seats": 1}, "", {"found": [{"id": "Oslo-1"}]}),
        ("book", {"id": "Riga-1"}, "", {"booked": "Riga-1"}),
    ]
    assert [(c.arguments, c.ended) for c in calls if c.is_error] == [
        ({"now": True}, "unknown"),
        ({"city": 3}, "arguments"),
        ({"city": "Wien"}, "cancelled"),
    ]
