"""A server that means harm, or is broken: one recorded outcome each, the run goes on, nothing leaks."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
import resource
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from fakes import attempts_of, run_session, sample_of, session_of, silence, write_data
from websockets.asyncio.server import ServerConnection
from wire_servers import Handler, greet, open_files, serving, step_server, until_tick

from tml_bench.adapter import InfrastructureError, QuotaError
from tml_bench.adapters.wire import Wire, WireLockstep
from tml_bench.recording_writer import RecordingWriter
from tml_bench.report.files import write_report
from tml_bench.runs import heard_index
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import record
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import open_run
from tml_bench.samples import UserTurn
from tml_bench.scoring import kept_floors, kept_results
from tml_bench.scoring.score import score_runs
from tml_bench.session.checks import AdapterFaultError
from tml_bench.session.live import LiveSession
from tml_bench.session.settings import Settings, opened_event
from tml_bench.wire.messages import AUDIO, BinaryFrame

SECOND = BinaryFrame(AUDIO, 1, 0, 0, np.full(24000, 3000, "<i2").tobytes()).pack()
Misdeed = Callable[[ServerConnection], Awaitable[None]]


async def floods_audio(socket: ServerConnection) -> None:
    for _ in range(2**30 // len(SECOND)):
        await socket.send(SECOND)


async def floods_text(socket: ServerConnection) -> None:
    text = json.dumps({"type": "text", "text": "x" * 500_000})
    for _ in range(2**30 // len(text)):
        await socket.send(text)


async def sends_one_huge_message(socket: ServerConnection) -> None:
    await socket.send(bytes(2**21))


async def sends_garbage(socket: ServerConnection) -> None:
    await socket.send("garbage \x1b[31m")


async def breaks_the_frame(socket: ServerConnection) -> None:
    socket.transport.write(b"\xff\xff\xff\xff\xff\xff\xff\xff")
    await socket.wait_closed()


async def dies(socket: ServerConnection) -> None:
    socket.transport.abort()


async def hangs_up(socket: ServerConnection) -> None:
    await socket.close(1000, "\x1b[31mbye")


async def is_busy(socket: ServerConnection) -> None:
    await socket.send('{"type": "error", "code": "busy", "message": "one at a time", "retry_after_s": 9}')


async def never_answers(socket: ServerConnection) -> None:
    async for _ in socket:
        pass


async def never_reads(socket: ServerConnection) -> None:
    socket.transport.pause_reading()
    await asyncio.sleep(1)
    socket.transport.abort()


async def answers_late(socket: ServerConnection) -> None:
    try:
        await never_answers(socket)
    finally:
        socket.transport.write(SECOND * 10)


def after_a_while(misdeed: Misdeed) -> Handler:
    """Behaves for three micro-turns of the second session (the first only asks for the formats), then not."""

    async def handle(socket: ServerConnection) -> None:
        hello = await greet(socket)
        for _ in range(3):
            tick = await until_tick(socket)
            if hello["mode"] == "lockstep":
                await socket.send(json.dumps({"type": "tick_done", "n": tick["n"]}))
        await until_tick(socket)
        await misdeed(socket)

    return handle


def memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


LOCKSTEP = {
    floods_audio: (AdapterFaultError, "more than 300 s of audio in one micro-turn"),
    floods_text: (AdapterFaultError, "more control messages in one session than is taken"),
    sends_one_huge_message: (AdapterFaultError, "broke the websocket protocol"),
    sends_garbage: (AdapterFaultError, "no JSON: 'garbage  [31m'"),
    breaks_the_frame: (AdapterFaultError, "broke the websocket protocol"),
    dies: (InfrastructureError, "the connection to ws://"),
    hangs_up: (InfrastructureError, "closed the connection: 1000 (OK)  [31mbye"),
    is_busy: (QuotaError, "busy: one at a time"),
    never_answers: (AdapterFaultError, "no tick_done within 0.5 s"),
    never_reads: (InfrastructureError, "no tick_done within 0.5 s, and no answer to a ping"),
}


@pytest.mark.parametrize("misdeed", LOCKSTEP, ids=lambda misdeed: misdeed.__name__)
def test_lockstep_ends_in_one_error_and_leaks_nothing(
    misdeed: Misdeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tml_bench.adapters.wire.PONG_S", 0.3)
    kind, reason = LOCKSTEP[misdeed]
    with serving(after_a_while(misdeed)) as url:
        adapter = WireLockstep(url, answer_s=0.5 if misdeed in (never_answers, never_reads) else 20.0)
        adapter.warm_up()
        files, threads, memory = open_files(), threading.active_count(), memory_mib()
        with pytest.raises(kind, match=re.escape(reason)):
            run_session(tmp_path / "r", sample_of(UserTurn(silence(2.0))), adapter, Settings())
        settle(lambda: open_files() <= files)
        assert threading.active_count() == threads
        assert memory_mib() - memory < 200
    assert sum(path.stat().st_size for path in (tmp_path / "r").iterdir()) < 2**20


def settle(done: Callable[[], bool]) -> None:
    """Wait until it is so: the server's side of a socket is closed by its own loop."""
    until, pause = time.monotonic() + 5, threading.Event()
    while not done():
        assert time.monotonic() < until
        pause.wait(0.01)


def test_answers_after_the_close_are_nobody_s(tmp_path: Path) -> None:
    async def handle(socket: ServerConnection) -> None:
        await greet(socket)
        try:
            while True:
                tick = await until_tick(socket)
                await socket.send(json.dumps({"type": "tick_done", "n": tick["n"]}))
        finally:
            socket.transport.write(b"\x81\x05hello" * 1000)

    with serving(handle) as url:
        adapter = WireLockstep(url)
        adapter.warm_up()
        for name in ("first", "second"):
            ran = run_session(tmp_path / name, sample_of(UserTurn(silence(1.0))), adapter, Settings())
            assert ran.events[-1].reason == "script"


def test_a_tick_done_out_of_order_is_refused(tmp_path: Path) -> None:
    server = step_server(lambda tick: [{"type": "tick_done", "n": tick["n"] + 1}])
    with serving(server) as url:
        adapter = WireLockstep(url)
        adapter.warm_up()
        with pytest.raises(AdapterFaultError, match="tick_done says 1 where 0 is due"):
            run_session(tmp_path / "r", sample_of(UserTurn(silence(1.0))), adapter, Settings())


REALTIME = {
    floods_audio: (AdapterFaultError, "s of audio wait to be heard, the limit is 300 s"),
    floods_text: (AdapterFaultError, "more control messages in one session than is taken"),
    sends_one_huge_message: (AdapterFaultError, "broke the websocket protocol"),
    sends_garbage: (AdapterFaultError, "no JSON"),
    breaks_the_frame: (AdapterFaultError, "broke the websocket protocol"),
    dies: (InfrastructureError, "the connection to ws://"),
    hangs_up: (InfrastructureError, "the service hung up after"),
    is_busy: (QuotaError, "busy: one at a time"),
}


async def live_session(folder: Path, url: str, seconds: float = 1.6) -> BaseException | None:
    """How a real-time session of that length ends; None for well."""
    adapter = Wire(url)
    await adapter.prepare()
    sample, settings = sample_of(UserTurn(silence(seconds)), tail_s=0.0), Settings()
    opened = opened_event("fake", sample, "wire", adapter, settings)
    with RecordingWriter(folder, opened, clock="wall", compute="live") as writer:
        try:
            await LiveSession("fake", sample, adapter, settings, writer).run()
        except Exception as error:
            return error
        finally:
            writer.close()
    return None


def test_real_time_sessions_end_in_one_error_each_side_by_side_and_leak_nothing(tmp_path: Path) -> None:
    async def all_at_once(urls: dict[str, str]) -> dict[str, BaseException | None]:
        tasks = len(asyncio.all_tasks())
        # Long enough for a flood to reach its bound on a busy machine; only these two play to the end.
        seconds = dict.fromkeys(urls, 20.0) | {"never_answers": 1.6, "answers_late": 1.6}
        sessions = (live_session(tmp_path / name, url, seconds[name]) for name, url in urls.items())
        ends = await asyncio.gather(*sessions)
        assert len(asyncio.all_tasks()) == tasks
        return dict(zip(urls, ends, strict=True))

    with ExitStack() as stack:
        misdeeds = {misdeed.__name__: misdeed for misdeed in (*REALTIME, never_answers, answers_late)}
        urls = {name: stack.enter_context(serving(after_a_while(m))) for name, m in misdeeds.items()}
        files, threads, memory = open_files(), threading.active_count(), memory_mib()
        ends = asyncio.run(all_at_once(urls))
        settle(lambda: open_files() <= files)
        assert threading.active_count() == threads
        assert memory_mib() - memory < 300
    for misdeed, (kind, reason) in REALTIME.items():
        end = ends[misdeed.__name__]
        assert isinstance(end, kind), (misdeed, end)
        assert reason in str(end)
        size = sum(path.stat().st_size for path in (tmp_path / misdeed.__name__).iterdir())
        assert size < 32 * 2**20
    assert ends["never_answers"] is None
    assert ends["answers_late"] is None


VICTIM = "candor_turn_taking-1"
MARKUP = "<script>alert(1)</script>\x1b[31m"


def test_a_run_goes_on_and_nothing_of_the_server_s_gets_into_the_report(tmp_path: Path) -> None:
    async def handle(socket: ServerConnection) -> None:
        hello = await greet(socket, model=MARKUP)
        while True:
            tick = await until_tick(socket)
            if hello["session_id"] == session_of("fd-bench-v1", VICTIM):
                await socket.send(json.dumps({"type": "error", "code": "../../x", "message": MARKUP}))
                return
            if tick["n"] == 14:
                await socket.send(json.dumps({"type": "transcript", "item": 1, "text": MARKUP}))
                await socket.send(SECOND)
                call = {"type": "tool_call", "call_id": "../../../c", "name": f"../{MARKUP}", "arguments": {}}
                await socket.send(json.dumps(call))
                await socket.send(json.dumps({"type": "text", "text": MARKUP}))
            await socket.send(json.dumps({"type": "tick_done", "n": tick["n"]}))

    out = tmp_path / "deep" / "out"
    with serving(handle) as url:
        processes = len(multiprocessing.active_children())
        request = RunRequest(
            tasks=("fd-bench-v1",),
            adapters=(f"wire-lockstep:{url}",),
            out=out,
            selection=Selection(write_data(tmp_path / "data", duration_s=3.0)),
        )
        (plan,) = plan_runs(request)
        with Pool(1, 60.0) as pool:
            assert record([plan], pool, lambda line: None) == []
            summaries = score_runs([open_run(plan.path)], pool, lambda line: None, "transcript")
        page = write_report(summaries, out / "report")
        assert len(multiprocessing.active_children()) == processes
    attempts = attempts_of(plan.path)
    assert {name: str(attempt.outcome) for name, attempt in attempts.items()} == {
        "candor_pause_handling-1": "valid",
        VICTIM: "adapter_error",
        "synthetic_user_interruption-1": "valid",
    }
    assert "the model answers ../../x: <script>" in attempts[VICTIM].reason
    assert "\x1b" not in attempts[VICTIM].reason
    assert {path.name for path in tmp_path.iterdir()} == {"data", "deep"}
    kept = {module.FOLDER for module in (heard_index, kept_floors, kept_results)}
    assert {path.name for path in out.iterdir()} == {plan.path.name, "report", *kept}
    html = "".join(p.read_text(encoding="utf-8") for p in page.parent.rglob("*.html"))
    assert "<script>alert" not in html
    assert "\x1b" not in html
