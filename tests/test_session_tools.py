"""What becomes of each function call: when, with which arguments, and once."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from fakes import MS, Scripted, run_session, sample_of, silence
from hypothesis import given, strategies as st

from tml_bench import events as ev
from tml_bench.adapter import Output, ToolCall
from tml_bench.adapters.reference import Oracle
from tml_bench.errors import BadSampleError, UserError
from tml_bench.events import ModelToolCall, ToolReturned
from tml_bench.report.log import describe
from tml_bench.respondents import ideal
from tml_bench.samples import IdealCall, Reference, Sample, Script, Tool, ToolFunction, UserTurn, Utterance
from tml_bench.session import tool_work, tools
from tml_bench.session.settings import Settings
from tml_bench.session.tools import ToolBench
from tml_bench.tool_arguments import resolved
from tml_bench.tool_latency import TOOL_LATENCIES, ToolLatency, check_tool_latency

FLIGHTS = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "seats": {"type": "integer", "default": 1},
        "class": {"type": "string", "enum": ["economy", "business"], "default": "economy"},
    },
    "required": ["city"],
}


def called(name: str, call_id: str = "c", **arguments: object) -> ModelToolCall:
    return ModelToolCall(100 * MS, call_id, name, arguments)


def told(returned: list[ToolReturned]) -> list[tuple[int, str, object, str]]:
    """When, which, what, and how each call ended."""
    return [(r.t_ns // MS, r.call_id, r.output, r.ended) for r in returned]


def bench(*given: Tool, **more: object) -> ToolBench:
    return ToolBench(Script(tools=given), **more)  # type: ignore[arg-type]


def let_go(gate: threading.Event) -> None:
    """End the functions that hang."""
    gate.set()
    for thread in threading.enumerate():
        if thread.name == "tool":
            thread.join()


def test_results_come_when_they_are_due_and_in_the_order_called_where_that_is_the_same() -> None:
    def fails(arguments: Mapping[str, object]) -> object:
        raise ValueError("no such city")

    played = bench(
        Tool("slow", "", {}, lambda arguments: "late", latency_s=0.3),
        Tool("quick", "", {}, lambda arguments: arguments["x"]),
        Tool("bad", "", {}, fails),
    )
    for place, call in enumerate([called("slow"), called("quick", x=[1, 2]), called("bad"), called("none")]):
        played.call(100 * MS, ModelToolCall(100 * MS, str(place), call.name, call.arguments))
    assert played.due(100 * MS - 1) == []
    now = played.due(100 * MS)
    assert told(now) == [
        (100, "1", [1, 2], ""),
        (100, "2", "ValueError: no such city", ""),
        (100, "3", "there is no function 'none'", "unknown"),
    ]
    assert [r.is_error for r in now] == [False, True, True]
    assert told(played.due(400 * MS)) == [(400, "0", "late", "")]
    assert played.due(400 * MS) == played.rest(400 * MS) == []


@pytest.mark.parametrize(
    ("arguments", "filled", "wrong"),
    [
        ({"city": "Riga"}, {"city": "Riga", "seats": 1, "class": "economy"}, ""),
        ({"city": "Riga", "seats": 2, "class": "business"}, None, ""),
        ({"city": "Riga", "more": 1}, {"city": "Riga", "more": 1, "seats": 1, "class": "economy"}, ""),
        ({}, None, "data must contain ['city'] properties"),
        ({"city": 3}, None, "city must be string"),
        ({"city": "Riga", "seats": "two"}, None, "seats must be integer"),
        ({"city": "Riga", "class": "first"}, None, "class must be one of ['economy', 'business']"),
    ],
)
def test_arguments_are_checked_and_defaults_filled_in(
    arguments: dict[str, object], filled: dict[str, object] | None, wrong: str
) -> None:
    got: list[Mapping[str, object]] = []

    def search(given: Mapping[str, object]) -> object:
        got.append(dict(given))
        return "found"

    played = bench(Tool("search", "", FLIGHTS, search))
    assert played.filled("search", arguments) == filled
    played.call(0, ModelToolCall(0, "c", "search", arguments))
    (returned,) = played.due(0)
    assert (returned.output, returned.ended) == ((wrong, "arguments") if wrong else ("found", ""))
    assert got == ([] if wrong else [filled or arguments])


def test_arguments_that_are_no_json_object_are_refused_and_kept(tmp_path: Path) -> None:
    sample = sample_of(UserTurn(silence(1.0)), tools=(Tool("search", "", FLIGHTS, lambda given: 1),))
    call = ToolCall("1", "search", unreadable='{"city": "Ri' + "x" * 1000)
    result = run_session(tmp_path / "r", sample, Scripted({1: Output(tool_calls=(call,))}), Settings())
    (event,), (returned,) = result.of(ev.ModelToolCall), result.of(ToolReturned)
    assert (event.arguments, event.filled, event.unreadable[:12]) == ({}, None, '{"city": "Ri')
    assert len(event.unreadable) == 200
    assert (returned.ended, returned.is_error) == ("arguments", True)
    assert str(returned.output).startswith("the arguments are no JSON object: {")


def test_each_session_has_a_world_of_its_own() -> None:
    def world() -> dict[str, ToolFunction]:
        basket: list[object] = []

        def add(given: Mapping[str, object]) -> object:
            basket.append(given["item"])
            return list(basket)

        return {"add": add}

    script = Script(tools=(Tool("add", "", {}),), world=world)
    for _ in range(2):
        played = ToolBench(script)
        played.call(0, called("add", item="a"))
        played.call(0, called("add", item="b"))
        assert [r.output for r in played.due(0)] == [["a"], ["a", "b"]]


def test_a_cancelled_call_never_happens() -> None:
    done: list[object] = []
    played = bench(Tool("book", "", {}, lambda given: done.append(given["n"]), latency_s=2.0))
    played.call(0, called("book", "1", n=1))
    played.call(0, called("book", "2", n=2))
    assert told(played.cancel(500 * MS, ("1", "none"))) == [(500, "1", "cancelled by the model", "cancelled")]
    assert played.cancel(600 * MS, ("1",)) == []
    assert told(played.due(2000 * MS)) == [(2000, "2", None, "")]
    assert done == [2]
    assert played.cancel(2100 * MS, ("2",)) == []


def test_what_takes_too_long_and_what_is_open_at_the_end() -> None:
    played = bench(
        Tool("never", "", {}, lambda given: 1, latency_s=90.0),
        Tool("soon", "", {}, lambda given: 1, latency_s=9.0, timeout_s=10.0),
    )
    played.call(0, called("never", "1"))
    played.call(0, called("soon", "2"))
    assert told(played.rest(5000 * MS)) == [
        (5000, "2", "the session ended", "unfinished"),
        (5000, "1", "the session ended", "unfinished"),
    ]
    played.call(0, called("never", "3"))
    assert told(played.due(60_000 * MS)) == [(60_000, "3", "no result within 60 s", "time-out")]


@pytest.mark.parametrize(
    ("output", "ended"),
    [
        ({"x": [1, None, "a"]}, ""),
        (object(), "not JSON"),
        (float("nan"), "not JSON"),
        ({"deep": {1, 2}}, ""),
        ("x" * 10_000_000, "too large"),
        (b"bytes", ""),
    ],
)
def test_results_are_json_of_a_bearable_size(output: object, ended: str) -> None:
    played = bench(Tool("f", "", {}, lambda given: output))
    played.call(0, called("f"))
    (returned,) = played.due(0)
    assert (returned.ended, returned.is_error) == (ended, bool(ended))
    assert len(str(returned.output)) < 300


def test_a_function_that_hangs_costs_its_call_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_work, "HANGS_S", 0.02)
    gate = threading.Event()
    played = bench(Tool("hangs", "", {}, lambda given: gate.wait()), Tool("works", "", {}, lambda given: 7))
    for number in range(6):
        played.call(0, called("hangs", f"h{number}"))
    played.call(0, called("works", "w"))
    ended = {r.call_id: (r.output, r.ended) for r in played.due(0)}
    let_go(gate)
    assert ended.pop("w") == (7, "")
    assert set(ended) == {f"h{number}" for number in range(6)}
    assert {how for _, how in ended.values()} == {"hung"}
    assert ended["h5"][0] == "hangs has not come back 3 times"


def test_on_the_wall_clock_a_slow_function_comes_with_a_later_micro_turn() -> None:
    gate = threading.Event()
    played = bench(Tool("slow", "", {}, lambda given: gate.wait() and "done"), patience_s=0.0)
    played.call(0, called("slow"))
    assert played.due(0) == []
    gate.set()
    for thread in threading.enumerate():
        if thread.name == "tool":
            thread.join()
    assert told(played.due(200 * MS)) == [(0, "c", "done", "")]


def test_a_hanging_function_is_waited_for_a_moment_and_holds_up_no_other() -> None:
    """On the wall clock each micro-turn waited for it anew, and so did every other session on the loop."""
    gate, order = threading.Event(), list[object]()
    played = bench(
        Tool("hangs", "", {}, lambda given: gate.wait()),
        Tool("works", "", {}, lambda given: order.append(given["n"])),
        patience_s=0.05,
    )
    played.call(0, called("hangs", "h"))
    played.call(0, called("works", "0", n=0))
    assert played.due(0) == []
    for number in range(1, 40):
        played.call(number, called("works", str(number), n=number))
    began_s = time.monotonic()
    ended = {r.call_id for now in range(50, 250) for r in played.due(now)}
    assert time.monotonic() - began_s < 2.0, "200 micro-turns"
    while len(ended) < 40:
        ended |= {r.call_id for r in played.due(250)}
    assert order == list(range(40))
    assert told(played.cancel(60 * MS, ("h",))) == [(60, "h", "cancelled by the model", "cancelled")]
    assert played.rest(70 * MS) == []
    let_go(gate)


@pytest.mark.parametrize("cancelled", [False, True])
def test_after_a_function_that_hangs_the_next_one_is_executed_at_once(
    cancelled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    tools = Tool("hangs", "", {}, lambda given: gate.wait()), Tool("works", "", {}, lambda given: 7)
    played = bench(*tools, patience_s=0.05)
    played.call(0, called("hangs", "h"))
    while not played._working or played._working[0].began_s is None:
        assert played.due(0) == []
    if cancelled:
        played.cancel(1, ("h",))
    else:
        monkeypatch.setattr(tool_work, "HANGS_S", 0.0)
        assert [r.ended for r in played.due(1)] == ["hung"]
    monkeypatch.setattr(tool_work, "HANGS_S", 60.0)
    monkeypatch.setattr(played, "_patience_s", 10.0)
    played.call(2, called("works", "w"))
    assert told(played.due(2)) == [(0, "w", 7, "")]
    let_go(gate)


def test_functions_that_hang_and_are_given_up_starve_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_work, "HANGS_S", 0.02)
    gate = threading.Event()
    tools = Tool("hangs", "", {}, lambda given: gate.wait()), Tool("works", "", {}, lambda given: 7)
    played = bench(*tools, patience_s=0.001)
    for number in range(3 * tool_work.MOST_THREADS):
        played.call(number, called("hangs", str(number)))
        played.due(number)
        played.cancel(number, (str(number),))
    played.call(100, called("works", "w"))
    came: list[ToolReturned] = []
    deadline_s = time.monotonic() + 20
    while not came and time.monotonic() < deadline_s:
        came = played.due(100)
    assert told(came) == [(0, "w", 7, "")]
    assert len([t for t in threading.enumerate() if t.name == "tool"]) <= 2 * tool_work.MOST_THREADS
    let_go(gate)


def test_what_is_large_is_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold up whatever else runs in the process."""
    looked: list[object] = []
    monkeypatch.setattr(tool_work, "recordable", lambda value: looked.append(value) or value)
    nested: list[object] = []
    for _ in range(200):
        nested = [nested]
    monkeypatch.setattr(tool_work, "LARGEST_RESULT", 2000)
    large = ("x" * 3000, [1] * 3000, {str(n): [n] for n in range(1001)}, b"x" * 3000)
    for output in (*large, [nested], "small"):
        played = bench(Tool("f", "", {}, lambda given, output=output: output))  # type: ignore[misc]
        played.call(0, called("f"))
        (returned,) = played.due(0)
        assert returned.ended == ("too large" if len(output) > 1000 else "")
    assert looked == [[nested], "small"]


def test_calls_beyond_what_can_be_open_are_refused() -> None:
    played = bench(Tool("slow", "", {}, lambda given: 1, latency_s=1.0))
    for number in range(tools.MOST_OPEN + 2):
        played.call(0, called("slow", str(number)))
    ended = [r.ended for r in played.due(1000 * MS)]
    assert ended.count("too many") == 2
    assert ended.count("") == tools.MOST_OPEN


@pytest.mark.parametrize("tool", [Tool("f", "", {}), Tool("f", "", {"type": "no type"}, lambda given: 1)])
def test_a_tool_that_cannot_be_played_is_the_fault_of_the_sample(tool: Tool) -> None:
    with pytest.raises(BadSampleError, match="tool 'f'"):
        bench(tool)


@pytest.mark.parametrize("profile", TOOL_LATENCIES)
def test_latencies_lie_in_their_profile_and_follow_the_seed(profile: str) -> None:
    own = ToolLatency(200, 800)
    made = [Tool("a", "", {}, lambda given: 1, reference_latency=own), Tool("b", "", {}, lambda given: 1)]
    expected = {"reference": {"a": own}}.get(profile, {})

    def times(seed: int) -> list[int]:
        played = bench(*made, seed=seed, profile=profile)
        for k in range(8):
            played.call(0, called("ab"[k % 2], str(k)))
        by_call = {r.call_id: r.t_ns for r in played.due(10**15)}
        return [by_call[str(k)] for k in range(8)]

    first = times(1)
    assert first == times(1)
    assert (first != times(2)) == (TOOL_LATENCIES[profile].high_ms > 0 or bool(expected))
    for k, t_ns in enumerate(first):
        low, high, growth = (getattr(expected.get("ab"[k % 2], TOOL_LATENCIES[profile]), name) for name in
                             ("low_ms", "high_ms", "growth"))  # fmt: skip
        assert low * growth**k <= t_ns / MS <= min(60_000, high * growth**k)


@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 2**40), st.integers(0, 500))
def test_a_latency_lies_between_its_ends(low: int, more: int, seed: int, call: int) -> None:
    assert low * MS <= ToolLatency(low, low + more).draw_ns(seed, call) <= (low + more) * MS


def test_a_profile_that_does_not_exist_is_told() -> None:
    assert check_tool_latency("slow") == "slow"
    with pytest.raises(UserError, match="no latency of tools 'quick'"):
        check_tool_latency("quick")


def test_every_call_of_a_session_has_one_outcome_in_its_recording(tmp_path: Path) -> None:
    sample = sample_of(
        UserTurn(silence(2.0)),
        tools=(
            Tool("f", "", FLIGHTS, lambda given: given["seats"], latency_s=0.5),
            Tool("g", "", {}, lambda g: 1, 9),
        ),
        tail_s=0.0,
    )
    given = {
        1: Output(
            tool_calls=(ToolCall("1", "f", {"city": "Riga"}), ToolCall("2", "f", {}), ToolCall("3", "h"))
        ),
        2: Output(tool_calls=(ToolCall("4", "f", {"city": "Wien"}), ToolCall("5", "g"))),
        3: Output(cancelled_calls=("4",)),
    }
    result = run_session(tmp_path / "r", sample, Scripted(given), Settings())
    assert [(e.call_id, e.filled) for e in result.of(ev.ModelToolCall)][:2] == [
        ("1", {"city": "Riga", "seats": 1, "class": "economy"}),
        ("2", None),
    ]
    assert {e.call_id: (e.ended, e.t_ns // MS) for e in result.of(ToolReturned)} == {
        "1": ("", 900), "2": ("arguments", 400), "3": ("unknown", 400), "4": ("cancelled", 800),
        "5": ("unfinished", 2000),
    }  # fmt: skip
    told = "\n".join(describe(result.recording))
    assert "calls f(city='Riga', class='economy' (default), seats=1 (default))" in told
    assert "f gives cancelled 'cancelled by the model'" in told
    calls = result.recording.facts.calls
    assert [(c.call_id, c.at_s, c.returned_s, c.ended, c.output) for c in calls][::3] == [
        ("1", 0.4, 0.9, "", 1),
        ("4", 0.6, 0.8, "cancelled", "cancelled by the model"),
    ]


def test_a_thousand_calls_a_second_have_an_outcome_each(tmp_path: Path) -> None:
    sample = sample_of(UserTurn(silence(1.0)), tools=(Tool("f", "", {}, lambda given: 1),), tail_s=0.0)
    given = {
        k: Output(tool_calls=tuple(ToolCall(f"{k}-{n}", "fg"[n % 2]) for n in range(200))) for k in range(4)
    }
    result = run_session(tmp_path / "r", sample, Scripted(given), Settings())
    ids = [e.call_id for e in result.of(ToolReturned)]
    assert len(ids) == len(set(ids)) == 800
    assert sum(e.ended == "unknown" for e in result.of(ToolReturned)) == 400


def chained() -> Script:
    """Two functions of which the second takes a part of what the first gives."""
    return Script(
        turns=(UserTurn(silence(3.0)),),
        tail_s=2.0,
        tools=(
            Tool(
                "search", "", FLIGHTS, lambda given: {"found": [{"id": f"{given['city']}-1"}]}, latency_s=1.0
            ),
            Tool("book", "", {}, lambda given: {"booked": given["id"]}, latency_s=0.4),
        ),
    )


CHAIN = Reference(
    ideal=(Utterance(0.4, "backchannel"), Utterance(1.0, text="Booked.", needs=(1,))),
    calls=(
        IdealCall(0.4, "search", {"city": "Riga"}),
        IdealCall(0.4, "book", {"id": "$RESULT_0.found[0].id"}),
    ),
)


def test_the_oracle_makes_the_calls_of_its_reference_and_speaks_when_they_are_back(tmp_path: Path) -> None:
    sample = Sample("a", "all", chained(), CHAIN)
    result = run_session(tmp_path / "r", sample, Oracle(), Settings())
    assert [(c.name, c.arguments, c.at_s, c.returned_s, c.output) for c in result.recording.facts.calls] == [
        ("search", {"city": "Riga"}, 0.4, 1.4, {"found": [{"id": "Riga-1"}]}),
        ("book", {"id": "Riga-1"}, 1.4, 1.8, {"booked": "Riga-1"}),
    ]
    onsets = [e.onset_ns for e in result.of(ev.ModelAudio) if e.onset_ns is not None]
    assert (onsets[0] // MS, min(t for t in onsets if t > 1500 * MS) // MS) == (400, 1800)


def test_the_ideal_timeline_holds_the_same_calls() -> None:
    calls = ideal(Sample("a", "all", chained(), CHAIN)).calls
    assert [(c.name, c.arguments, c.filled, c.output) for c in calls] == [
        (
            "search",
            {"city": "Riga"},
            {"city": "Riga", "seats": 1, "class": "economy"},
            {"found": [{"id": "Riga-1"}]},
        ),
        ("book", {"id": "Riga-1"}, {"id": "Riga-1"}, {"booked": "Riga-1"}),
    ]


def test_the_oracle_gives_up_what_its_reference_cancels(tmp_path: Path) -> None:
    reference = Reference(calls=(IdealCall(0.2, "search", {"city": "Riga"}, cancelled_s=0.8),))
    result = run_session(tmp_path / "r", Sample("a", "all", chained(), reference), Oracle(), Settings())
    (call,) = result.recording.facts.calls
    assert (call.ended, call.returned_s) == ("cancelled", 0.8)
    (planned,) = ideal(Sample("a", "all", chained(), reference)).calls
    assert (planned.ended, planned.returned_s, planned.is_error) == ("cancelled", 0.8, True)


@pytest.mark.parametrize("text", ["$RESULT_1.x", "$RESULT_0.found[3]", "$RESULT_0.found.id"])
def test_a_part_of_a_result_that_is_not_there_is_told(text: str) -> None:
    assert resolved({"a": "$RESULT_0", "b": "$5", "c": 3}, [7]) == {"a": 7, "b": "$5", "c": 3}
    with pytest.raises(LookupError):
        resolved({"a": text}, [{"found": [1]}])
