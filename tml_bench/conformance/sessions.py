"""The cases that are sessions: a script each, and what its recording must hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from tml_bench import events as ev, samples
from tml_bench.conformance import CaseVerdict
from tml_bench.recording import Recording

RATE = 16000
WORDS_S = 2.0
"""Length of what the user says, in seconds."""
QUIET = 1e-3
"""Speech that never peaks above -60 dBFS has most likely been scaled down twice."""
CaseResult = tuple[CaseVerdict, str, str]
"""Verdict, what was seen, what to do."""


@dataclass(frozen=True, slots=True)
class SessionCase:
    """A case that is one session, judged by its recording if it went through.

    A lack of what it tries is a failure of those adapters that have the ``claim``.
    """

    script: samples.Script
    judge: Callable[[Recording], CaseResult]
    claim: str = ""
    reference: samples.Reference = field(default_factory=samples.Reference)


def get_time(arguments: Mapping[str, object]) -> object:
    """The function that the model may call."""
    return {"time": "12:00"}


def session_cases(folder: Path) -> dict[str, SessionCase]:
    """The cases by name, in order; files that they need are written to the folder."""
    from tml_bench.adapters.reference.voice import clip

    said = samples.Waveform(clip("talk", RATE).audio[: round(WORDS_S * RATE)], RATE)
    noise = samples.Waveform(np.random.default_rng(0).choice([-1.0, 1.0], RATE).astype(np.float32), RATE)
    turn = samples.UserTurn(said, samples.At(0.4))
    note = samples.UserText(0.2, "Please answer this message.")
    asked = samples.UserText(0.2, "Call the function get_time and say what it gives.")
    clock = samples.Tool(
        "get_time", "The time of day.", {"type": "object", "properties": {}}, get_time, latency_s=0.6
    )
    barge_in = samples.UserTurn(said, samples.IntoModelSpeech(0.5, timeout_s=6.0))
    end_s = 0.4 + WORDS_S
    expected = samples.Reference(end_s, (samples.Utterance(end_s + 0.2),))
    odd = samples.UserText(0.2, "\u200b\U0001f99c\u0000 " + "x" * 10_000)
    return {
        "hello": SessionCase(samples.Script(tail_s=0.5), _opened),
        "silence": SessionCase(samples.Script(tail_s=3.0), _silent),
        "speech": SessionCase(samples.Script((turn,), tail_s=4.0), _answered, reference=expected),
        "scale": SessionCase(samples.Script((turn,), tail_s=4.0), _scaled, reference=expected),
        "text": SessionCase(samples.Script(texts=(note,), tail_s=3.0), _replied, "text_in"),
        "video": SessionCase(
            samples.Script((turn,), videos=(samples.UserVideo(_video(folder)),), tail_s=1.0),
            lambda recording: _passed("takes video"),
            "video_in",
        ),
        "tool": SessionCase(samples.Script((turn,), (asked,), tail_s=3.0, tools=(clock,)), _called, "tools"),
        "cancel": SessionCase(samples.Script((turn, barge_in), tail_s=2.0), _cancelled, "interrupt"),
        "truncate": SessionCase(samples.Script((turn, barge_in), tail_s=2.0), _truncated, "interrupt"),
        "odd input": SessionCase(
            samples.Script((samples.UserTurn(noise, samples.At(0.4)),), (odd,), tail_s=1.0),
            lambda recording: _passed("survives full-scale noise and an odd text"),
        ),
    }


def _video(folder: Path) -> Path:
    import cv2

    path = folder / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5.0, (64, 48))
    for level in range(0, 250, 25):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    return path


Kind = TypeVar("Kind")


def _of(recording: Recording, kind: type[Kind]) -> list[Kind]:
    return [event for event in recording.events() if isinstance(event, kind)]


def _onsets_s(recording: Recording) -> list[float]:
    """When the model's audio begins to be heard, in seconds."""
    return [audio.onset_ns / 1e9 for audio in _of(recording, ev.ModelAudio) if audio.onset_ns is not None]


def _passed(detail: str) -> CaseResult:
    return CaseVerdict.PASS, detail, ""


def _skipped(detail: str, remedy: str = "") -> CaseResult:
    return CaseVerdict.SKIPPED, detail, remedy


def _failed(detail: str, remedy: str) -> CaseResult:
    return CaseVerdict.FAIL, detail, remedy


def _opened(recording: Recording) -> CaseResult:
    (opened,) = _of(recording, ev.SessionOpened)
    return _passed(f"takes audio at {opened.audio_in} Hz, gives it at {opened.audio_out} Hz")


def _silent(recording: Recording) -> CaseResult:
    onsets = _onsets_s(recording)
    return _passed(f"speaks first, after {onsets[0]:.1f} s" if onsets else "keeps silent")


def _answered(recording: Recording) -> CaseResult:
    (turn,) = _of(recording, ev.UserTurnStarted)
    onsets = [onset for onset in _onsets_s(recording) if onset > turn.t_ns / 1e9]
    if onsets:
        return _passed(f"answers {onsets[0] - turn.end_ns / 1e9:+.2f} s after the user's end")
    return _failed(
        f"says nothing to {WORDS_S:g} s of speech and 4 s of silence",
        "check that it reads audio at its rate and full scale, and how it finds the end of a turn; "
        "on the wire, that its audio is in binary frames with their header",
    )


def _scaled(recording: Recording) -> CaseResult:
    audio, _ = recording.audio()
    peak = float(np.abs(audio[1]).max(initial=0.0))
    if not _onsets_s(recording):
        return _skipped("says nothing, so its scale cannot be seen")
    if clipped := recording.facts.clipped:
        return (
            CaseVerdict.WARNING,
            f"{100 * clipped:.2g} % of its samples are over full scale and were clipped",
            "full scale of floats is [-1, 1]: lower its level, or limit it",
        )
    level = f"{20 * np.log10(max(peak, 2**-16)):.0f} dBFS"
    if peak < QUIET:
        return (
            CaseVerdict.WARNING,
            f"its audio peaks at {level}, too quiet to be told from silence",
            "divide 16-bit samples by 32768 once, not twice; full scale of floats is [-1, 1]",
        )
    return _passed(f"its audio peaks at {level}")


def _replied(recording: Recording) -> CaseResult:
    if _of(recording, ev.ModelText) or _onsets_s(recording):
        return _passed("answers a text message")
    return _skipped("does not answer text messages", "use turn.texts, on the wire `text`, if it can read")


def _called(recording: Recording) -> CaseResult:
    calls, returned = _of(recording, ev.ModelToolCall), _of(recording, ev.ToolReturned)
    if not calls:
        return _skipped("calls no function when asked to", "offer session.tools to the model")
    if not returned:
        return _failed("calls a function and the result never comes back", "call it while the session lasts")
    if calls[0].name != "get_time":
        return _failed(f"calls {calls[0].name!r}, which was not offered", "call only functions offered")
    return _passed("calls a function and takes its result while the user speaks")


def _cancelled(recording: Recording) -> CaseResult:
    interruption = _of(recording, ev.UserTurnStarted)[1]
    if interruption.timed_out:
        return _skipped("did not speak, so it could not be interrupted")
    flushes = [flush for flush in _of(recording, ev.Flush) if flush.t_ns > interruption.t_ns]
    if flushes:
        late_s = (flushes[0].t_ns - interruption.t_ns) / 1e9
        return _passed(f"drops its unheard audio {late_s:.2f} s after it is interrupted")
    return _skipped(
        "drops nothing when it is interrupted",
        "right for a model that gives its audio as it is to be heard; one that is ahead must flush, "
        "on the wire by `interrupted`",
    )


def _truncated(recording: Recording) -> CaseResult:
    flushes = _of(recording, ev.Flush)
    if not flushes:
        return _skipped("drops nothing, so there is no position to be told")
    handed = [step.handed_ns for step in recording.events() if isinstance(step, ev.StepDone | ev.TurnSent)]
    after = [t_ns for t_ns in handed if t_ns > flushes[0].t_ns]
    if not after:
        return _failed("the session ends with the flush", "go on taking micro-turns after a flush")
    return _passed(f"is told that {flushes[0].heard_ms:.0f} ms were heard, and goes on")
