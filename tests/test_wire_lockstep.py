"""Models behind the wire in lockstep: the reference servers, compute by the queue rule, and replies."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from fakes import MS, run_session, sample_of, silence, tone
from wire_servers import LANGUAGES, READY, greet, reference_server, serving, step_server, until_tick

from tml_bench import events as ev
from tml_bench.adapter import MicroTurn, Output, ProtocolError, SessionStart
from tml_bench.adapters.wire import WireLockstep, _Whole
from tml_bench.adapters.wire.session import Replies
from tml_bench.errors import UserError
from tml_bench.samples import At, IntoModelSpeech, Tool, UserText, UserTurn, Waveform
from tml_bench.session.settings import Compute, Settings
from tml_bench.wire import messages as wire
from tml_bench.wire.messages import AUDIO, BinaryFrame

TICK_MS = 200
SPOKEN = Waveform(tone(1.0), 16000)
DUE = 8
"""The user speaks from 0.5 to 1.5 s; 300 ms of silence are complete in micro-turn 8, handed over at 1.8 s."""


def warmed(url: str, **options: float) -> WireLockstep:
    adapter = WireLockstep(url, **options)
    adapter.warm_up()
    return adapter


def turn(index: int, **parts: object) -> MicroTurn:
    audio = np.zeros(3200, np.float32)
    return MicroTurn(index, index * TICK_MS * MS, (index + 1) * TICK_MS * MS, audio, **parts)  # type: ignore[arg-type]


def stepped(url: str, *turns: MicroTurn) -> list[Output | None]:
    adapter = warmed(url)
    adapter.start(SessionStart("t/s", TICK_MS * MS))
    try:
        return [adapter.step(each) for each in turns]
    finally:
        adapter.stop()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_reference_servers_answer_when_the_user_is_silent(language: str, tmp_path: Path) -> None:
    sample = sample_of(UserTurn(SPOKEN, At(0.5)), tail_s=3.0, texts=(UserText(0.3, "hello"),))
    with reference_server(language) as url:
        ran = run_session(tmp_path / "r", sample, warmed(url), Settings())
    (audio,) = ran.of(ev.ModelAudio)
    assert (audio.t_ns, audio.heard_ns, audio.end_ns) == (1800 * MS, 1800 * MS, 2800 * MS)
    assert [event.text for event in ran.of(ev.ModelText)] == ["You wrote: hello"]
    ((word,),) = (event.words for event in ran.of(ev.ModelTranscript))
    assert (word.text, word.start_ns, word.end_ns) == ("beep", 1800 * MS, 2800 * MS)
    assert ran.of(ev.SessionClosed)[0].reason == "script"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_reference_servers_call_functions_and_stop_when_interrupted(
    language: str, tmp_path: Path
) -> None:
    answered = Tool("get_time", "the time", {"type": "object"}, lambda arguments: "noon", latency_s=0.3)
    sample = sample_of(
        UserTurn(SPOKEN, At(0.5)), UserTurn(SPOKEN, IntoModelSpeech(0.4)), tail_s=1.0,
        texts=(UserText(1.9, "call get_time"),), tools=(answered,),
    )  # fmt: skip
    with reference_server(language) as url:
        ran = run_session(tmp_path / "r", sample, warmed(url), Settings())
    assert [call.name for call in ran.of(ev.ModelToolCall)] == ["get_time"]
    assert 'get_time gave "noon"' in [event.text for event in ran.of(ev.ModelText)]
    # It starts at 1.8 s, is interrupted at 2.2 s, and hears of it with the micro-turn that ends at 2.4 s.
    (flush,) = ran.of(ev.Flush)
    assert (flush.t_ns, flush.heard_ms, flush.dropped_ms) == (2400 * MS, 600.0, 400.0)


def test_both_reference_servers_leave_the_same_recording(tmp_path: Path) -> None:
    sample = sample_of(UserTurn(SPOKEN, At(0.5)), UserTurn(SPOKEN, IntoModelSpeech(0.4)), tail_s=2.0)
    files = []
    for language in LANGUAGES:
        with reference_server(language) as url:
            files.append(run_session(tmp_path / language, sample, warmed(url), Settings()).files())
    assert files[0] == files[1]


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_the_lag_of_a_slow_model_is_what_the_queue_rule_predicts(factor: float, tmp_path: Path) -> None:
    cost_ms = factor * TICK_MS
    sample = sample_of(UserTurn(SPOKEN, At(0.5)), tail_s=5.0)
    with reference_server("python", "--compute-ms", str(cost_ms)) as url:
        ran = run_session(tmp_path / "r", sample, warmed(url), Settings(compute=Compute.CHARGED))
    done_ms = 0.0
    for n in range(DUE + 1):
        done_ms = max((n + 1) * TICK_MS, done_ms) + cost_ms
    (audio,) = ran.of(ev.ModelAudio)
    assert audio.heard_ns == done_ms * MS
    assert done_ms == {0.5: 1900, 1.0: 2000, 2.0: 3800}[factor]


def test_compute_that_is_not_reported_is_measured(tmp_path: Path) -> None:
    with serving(step_server(lambda tick: [{"type": "tick_done", "n": tick["n"]}])) as url:
        sample = sample_of(UserTurn(silence(1.0)), tail_s=0)
        ran = run_session(tmp_path / "r", sample, warmed(url), Settings(compute=Compute.CHARGED))
    costs = [event.compute_ns for event in ran.of(ev.StepDone)]
    assert len(costs) == 4
    assert all(0 < cost < TICK_MS * MS for cost in costs)


def test_the_rates_are_those_of_the_model(tmp_path: Path) -> None:
    formats = {
        "audio_in": {"rate": 8000},
        "audio_out": {"rate": 48000},
        "video_in": {"fps": 4, "max_side": 64},
    }
    frame = BinaryFrame(AUDIO, 1, 0, 0, bytes(2 * 4800)).pack()

    def answer(tick: dict) -> list:  # type: ignore[type-arg]
        return [frame, {"type": "tick_done", "n": tick["n"]}]

    with serving(step_server(answer, **formats)) as url:
        adapter = warmed(url)
        ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(0.5)), tail_s=0), adapter, Settings())
    assert (adapter.audio_in, adapter.audio_out) == (8000, 48000)
    assert adapter.video_in is not None
    assert (adapter.video_in.fps, adapter.video_in.max_side) == (4, 64)
    assert ran.recording.opened.rate == 48000
    assert {event.end_ns - event.heard_ns for event in ran.of(ev.ModelAudio)} == {100 * MS}


def test_one_micro_turn_is_one_output() -> None:
    def chunk(item: int, value: int) -> bytes:
        return BinaryFrame(AUDIO, item, 0, 0, np.full(2400, value, "<i2").tobytes()).pack()

    def spoken(item: int, start_s: float) -> dict:  # type: ignore[type-arg]
        word = {"text": "w", "start_s": start_s, "end_s": start_s + 0.1}
        return {"type": "transcript", "item": item, "text": "w", "words": [word]}

    def answer(tick: dict) -> list:  # type: ignore[type-arg]
        dropped = [chunk(1, 1), spoken(1, 0.0)]
        given = [
            chunk(2, 2),
            chunk(2, 3),
            spoken(2, 0.15),
            {"type": "text", "text": "t"},
            {"type": "text", "text": "u"},
        ]
        done = {"type": "tick_done", "n": tick["n"], "compute_ms": 12.5}
        return [*dropped, {"type": "interrupted"}, *given, done]

    with serving(step_server(answer)) as url:
        (output,) = stepped(url, turn(0))
    assert output is not None
    assert output.audio is not None
    assert (len(output.audio), output.audio[0], output.audio[-1]) == (4800, 2, 3)
    assert (output.flush, output.item, output.text, output.compute_s) == (True, "2", "tu", 0.0125)
    ((word,),) = (piece.words for piece in output.transcript)
    assert word.start_s == pytest.approx(0.15)


def test_a_cut_reply_is_named_with_what_was_heard_of_it() -> None:
    from tml_bench.adapter import FlushReport

    cuts: list[dict] = []  # type: ignore[type-arg]

    async def handle(socket) -> None:  # type: ignore[no-untyped-def]
        await greet(socket)
        async for data in socket:
            message = json.loads(data) if isinstance(data, str) else {}
            if message.get("type") == "truncate":
                cuts.append(message)
            if message.get("type") == "tick":
                if message["n"] == 0:
                    await socket.send(BinaryFrame(AUDIO, 4, 0, 0, bytes(48000)).pack())
                if message["n"] == 1:
                    await socket.send('{"type": "interrupted"}')
                await socket.send(json.dumps({"type": "tick_done", "n": message["n"]}))

    with serving(handle) as url:
        stepped(url, turn(0), turn(1), turn(2, flushed=FlushReport(150.0, 850.0)))
    assert cuts == [{"type": "truncate", "item": 4, "heard_ms": 150.0}]


def test_a_model_without_lockstep_is_named_with_the_adapter_that_fits() -> None:
    async def handle(socket) -> None:  # type: ignore[no-untyped-def]
        await greet(socket, modes=["realtime"])

    with serving(handle) as url, pytest.raises(UserError, match="not lockstep") as caught:
        warmed(url)
    assert f"wire:{url}" in caught.value.remedy


def test_rates_that_change_between_sessions_are_refused() -> None:
    rates = iter([16000, 8000])

    async def handle(socket) -> None:  # type: ignore[no-untyped-def]
        await greet(socket, audio_in={"rate": next(rates)})
        await until_tick(socket)

    with serving(handle) as url, pytest.raises(ProtocolError, match="wants audio at 8000"):
        stepped(url, turn(0))


def test_the_token_goes_into_the_header(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    token = base64.b64encode(b"planted for this test").decode()

    async def handle(socket) -> None:  # type: ignore[no-untyped-def]
        seen.append(socket.request.headers.get("Authorization"))
        await socket.recv()
        await socket.send(json.dumps({**READY, "model": token}))

    monkeypatch.setenv("TML_BENCH_WIRE_TOKEN", token)
    with serving(handle) as url:
        warmed(url)
    assert seen == [f"Bearer {token}"]


def test_what_is_written_of_a_reply_carries_its_number_also_without_audio() -> None:
    whole = _Whole(Replies(24000), 24000)
    whole.add(wire.TranscriptPiece(3, "hello"))
    assert (whole.output(None).item, whole.output(None).audio) == ("3", None)
    whole.add(BinaryFrame(AUDIO, 4, 0, 0, b"\0\0"))
    assert whole.output(None).item == "4"
