"""A case has tried what it says only if that went out, and speech is what the harness's detector calls so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from virtual_time import VirtualTimeLoop, run_virtual

from tml_bench.adapter import LiveAdapter, MicroTurn, ModelEvent, Output, ProviderEvent, ToolCall, VideoSpec
from tml_bench.adapters.reference.voice import clip
from tml_bench.conformance import CaseResult, CaseVerdict
from tml_bench.conformance.direct import run_live
from tml_bench.conformance.evidence import Evidence
from tml_bench.conformance.sessions import CASES, scripts
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.samples import Sample
from tml_bench.session.live import LiveSession
from tml_bench.session.settings import opened_event

VOICE = clip("answer", 24000).audio


class Service(LiveAdapter):
    """Answers everything, and sends what it is made to send; ``parts`` are recorded as sent."""

    video_in = VideoSpec()

    def __init__(self, *parts: str, says: np.ndarray = VOICE) -> None:
        self.parts = parts
        self.says = says
        self.queue: asyncio.Queue[ModelEvent] = asyncio.Queue()

    def note(self, part: str, kind: str, **body: object) -> None:
        if part in self.parts:
            self.queue.put_nowait(ProviderEvent(kind, body, sent=True))

    async def connect(self, session) -> None:  # type: ignore[no-untyped-def]
        self.note("tools", "session.update", tools=[tool.description for tool in session.tools])
        self.answered = not session.tools

    async def send(self, turn: MicroTurn) -> None:
        self.note("audio", "audio", bytes=len(turn.audio))
        if turn.frames:
            self.note("frames", "input_image", size=9)
        for text in turn.texts:
            self.note("texts", "text", text=text)
            self.note("lacks", "unsupported", text=text)
            self.queue.put_nowait(Output(text="Yes?"))
            if not self.answered:
                self.queue.put_nowait(Output(tool_calls=(ToolCall("1", "get_time"),)))
        for result in turn.tool_results:
            self.note("results", "result", output=result.output)
        if turn.index in (14, 22):
            self.queue.put_nowait(Output(audio=self.says, flush=turn.index == 22, item=str(turn.index)))

    async def heard(self, item: str, ms: float, cut: bool) -> None:
        self.note("positions", "item.truncate", item=item, audio_end_ms=ms)

    async def events(self) -> AsyncIterator[ModelEvent]:
        while True:
            yield await self.queue.get()

    async def close(self) -> None:
        """Nothing to do."""


def shown(folder: Path, play: str, service: LiveAdapter) -> Evidence:
    loop = VirtualTimeLoop()
    script = scripts(folder)[play]
    sample = Sample("s", "all", script.script, script.reference)
    place = folder / f"{play}-{len(list(folder.iterdir()))}"
    opened = opened_event("t", sample, "fake", service, script.settings)
    with RecordingWriter(place, opened, clock="wall", compute="live") as writer:
        session = LiveSession("t", sample, service, script.settings, writer, clock_ns=loop.clock_ns)
        run_virtual(session.run(), loop)
        writer.close()
    return Evidence(Recording(place), live=True)


def judged(case: str, folder: Path, *parts: str) -> CaseResult:
    session = CASES[case]
    return session.judge(*(shown(folder, play, Service(*parts)) for play in session.plays))


@pytest.mark.parametrize(
    ("case", "sends", "why"),
    [
        ("text", ("texts",), "no message with text is recorded as sent, so an answer would prove nothing"),
        ("video", ("frames",), "no message with a frame is recorded as sent"),
        ("tool", ("tools", "texts", "results"), "no message with the offer of functions is recorded as sent"),
        ("truncate", ("positions",), "no message with how much was heard is recorded as sent"),
    ],
)
def test_what_was_not_sent_proves_nothing(
    case: str, sends: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    """A text message that the adapter dropped was "answered", since the model spoke anyway."""
    told = judged(case, tmp_path, "audio", *sends)
    assert told.verdict is CaseVerdict.PASS, told
    assert told.sent
    dropped = judged(case, tmp_path, "audio")
    assert (dropped.verdict, dropped.sent) == (CaseVerdict.SKIPPED, ())
    assert why in dropped.detail


def test_what_an_adapter_says_it_cannot_send_was_not_sent(tmp_path: Path) -> None:
    assert judged("text", tmp_path, "audio", "lacks").detail == (
        "the adapter has no way to send text, so none was sent"
    )


def test_an_adapter_that_records_nothing_is_told_so(tmp_path: Path) -> None:
    assert "records none of its messages" in judged("text", tmp_path).detail


def test_a_function_that_was_not_asked_for_is_not_missed(tmp_path: Path) -> None:
    told = judged("tool", tmp_path, "audio", "tools")
    assert told.verdict is CaseVerdict.SKIPPED
    assert "it was not asked to call a function" in told.detail
    unreturned = judged("tool", tmp_path, "audio", "tools", "texts")
    assert unreturned.detail.startswith("calls a function; no message with the result of a function")


@pytest.mark.parametrize(
    ("says", "verdict", "detail"),
    [
        (VOICE, CaseVerdict.PASS, "answers +0.6"),
        (VOICE * 0, CaseVerdict.FAIL, "says nothing to 2.0 s of speech"),
        (
            np.full(24000, 2**-15, np.float32),
            CaseVerdict.FAIL,
            "its sound, of at most -90 dBFS, is no speech",
        ),
        (
            0.003 * np.random.default_rng(0).standard_normal(24000).astype(np.float32),
            CaseVerdict.FAIL,
            "dBFS, is no speech",
        ),
        (
            0.3 * np.sin(np.arange(24000) * 0.1).astype(np.float32),
            CaseVerdict.WARNING,
            "gives a sound +0.60 s after the user's end that is no speech",
        ),
    ],
    ids=["speech", "zeros", "offset", "comfort noise", "beep"],
)
def test_speech_is_what_the_detector_calls_so(
    says: np.ndarray, verdict: CaseVerdict, detail: str, tmp_path: Path
) -> None:
    """Any sample that was not zero was an answer."""
    result = CASES["speech"].judge(shown(tmp_path, "speech", Service("audio", says=says)))
    assert result.verdict is verdict
    assert detail in result.detail


class Answers(Service):
    """Can be asked for a sign of life."""

    pings = 0

    async def ping(self) -> bool:
        type(self).pings += 1
        await asyncio.sleep(0 if "lively" in self.parts else 60)
        return True


def test_a_service_is_asked_for_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    from tml_bench.conformance import direct

    monkeypatch.setattr(direct, "PING_S", 0.05)
    monkeypatch.setattr(direct, "TICK_NS", 10_000_000)
    assert run_live("alive", Service).detail == "cannot be asked for a sign of life"
    lively = run_live("alive", lambda: Answers("lively"))
    assert (lively.verdict, Answers.pings) == (CaseVerdict.PASS, 2 * direct.PINGS)
    hung = run_live("alive", Answers)
    assert (hung.verdict, hung.detail) == (CaseVerdict.FAIL, "gives no sign of life within 0.05 s while idle")
