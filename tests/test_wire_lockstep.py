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
from tml_bench.adapter import FlushReport, MicroTurn, Output, ProtocolError, SessionStart, Transcript
from tml_bench.adapters.wire import WireLockstep, _Said
from tml_bench.errors import UserError
from tml_bench.samples import At, IntoModelSpeech, Tool, UserText, UserTurn, Waveform
from tml_bench.session.settings import Compute, Settings
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


def stepped(url: str, *turns: MicroTurn) -> list[tuple[Output, ...]]:
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


def chunk(item: int, value: int) -> bytes:
    return BinaryFrame(AUDIO, item, 0, 0, np.full(2400, value, "<i2").tobytes()).pack()


def spoken(item: int, start_s: float) -> dict:  # type: ignore[type-arg]
    word = {"text": "w", "start_s": start_s, "end_s": start_s + 0.1}
    return {"type": "transcript", "item": item, "text": "w", "words": [word]}


def test_what_is_given_in_one_micro_turn_is_an_output_for_each_reply() -> None:
    def answer(tick: dict) -> list:  # type: ignore[type-arg]
        given = [
            chunk(1, 1), spoken(1, 0.0), {"type": "interrupted"}, spoken(2, 0.15), chunk(2, 2), chunk(2, 3),
            {"type": "text", "text": "t"}, chunk(3, 4), {"type": "text", "text": "u"}, spoken(3, 0.0),
        ]  # fmt: skip
        return [*given, {"type": "tick_done", "n": tick["n"], "compute_ms": 12.5}]

    with serving(step_server(answer)) as url:
        (outputs,) = stepped(url, turn(0))
    assert [(o.item, o.flush, o.text, len(o.transcript), o.compute_s) for o in outputs] == [
        ("1", False, "", 1, 0.0125),
        ("2", True, "t", 1, None),
        ("3", False, "u", 1, None),
    ]
    assert [np.unique(o.audio).tolist() for o in outputs if o.audio is not None] == [[1], [2, 3], [4]]
    ((word,),) = (piece.words for piece in outputs[1].transcript)
    assert (word.start_s, outputs[1].transcript[0].of_reply) == (0.15, True)


def test_two_replies_of_one_micro_turn_are_both_in_the_recording(tmp_path: Path) -> None:
    """Their words were those of one reply, and what came before `interrupted` was nowhere."""

    def answer(tick: dict) -> list:  # type: ignore[type-arg]
        done = {"type": "tick_done", "n": tick["n"]}
        given = [
            chunk(4, 900),
            {"type": "interrupted"},
            chunk(5, 1000),
            chunk(6, 1100),
            spoken(5, 0.0),
            spoken(6, 0.0),
        ]
        return [*(given if tick["n"] == 0 else []), done]

    with serving(step_server(answer)) as url:
        ran = run_session(tmp_path / "r", sample_of(UserTurn(silence(1.0))), warmed(url), Settings())
    assert [(e.item, e.heard_ns // MS, e.end_ns // MS) for e in ran.of(ev.ModelAudio)] == [
        ("4", 200, 300),
        ("5", 200, 300),
        ("6", 300, 400),
    ]
    assert [(word.start_s, word.end_s) for word in ran.recording.facts.timed] == [(0.2, 0.3), (0.3, 0.4)]


def test_cut_replies_are_named_with_what_was_heard_of_them() -> None:
    cuts: list[dict] = []  # type: ignore[type-arg]

    async def handle(socket) -> None:  # type: ignore[no-untyped-def]
        await greet(socket)
        async for data in socket:
            message = json.loads(data) if isinstance(data, str) else {}
            if message.get("type") == "truncate":
                cuts.append(message)
            if message.get("type") == "tick":
                await socket.send(json.dumps({"type": "tick_done", "n": message["n"]}))

    cut = FlushReport(150.0, 850.0, (("4", 150.0), ("5", 0.0)))
    with serving(handle) as url:
        stepped(url, turn(0, flushed=FlushReport(20.0, 0.0)), turn(1, flushed=cut), turn(2))
    assert cuts == [
        {"type": "truncate", "item": 4, "heard_ms": 150.0},
        {"type": "truncate", "item": 5, "heard_ms": 0.0},
    ]


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
    said = _Said(24000)
    said.add(Output(transcript=(Transcript("hello"),), item="3"))
    ((only,), both) = (said.outputs(None), said)
    assert (only.item, only.audio) == ("3", None)
    both.add(Output(np.zeros(1, np.int16), item="4"))
    assert [output.item for output in both.outputs(None)] == ["3", "4"]


def test_a_micro_turn_of_a_thousand_pieces_is_one_output_and_so_is_an_empty_one() -> None:
    said = _Said(24000)
    assert said.outputs(7.0) == (Output(compute_s=0.007),)
    for _ in range(1000):
        said.add(Output(text="x"))
        said.add(Output(np.zeros(2, np.int16), item="1"))
    (whole,) = said.outputs(None)
    assert whole.audio is not None
    assert (len(whole.audio), whole.text, whole.item) == (2000, "x" * 1000, "1")
