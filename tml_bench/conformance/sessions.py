"""The cases that are sessions: which scripts they play, and what their recordings must show."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tml_bench import samples
from tml_bench.conformance import CaseResult, judging, passed
from tml_bench.conformance.judging import ASKED, HISTORY, NOTE, TOOL, TOOL_ABOUT, TOOL_ANSWER
from tml_bench.session.settings import Settings

RATE = 16000
WORDS_S = 2.0
"""Length of what the user says, in seconds."""
SHORT_TICK_NS = 40_000_000
"""Length of the micro-turns of the case ``short ticks``."""


@dataclass(frozen=True, slots=True)
class PlayedScript:
    """What one session plays; sessions of the same sample have the same seed."""

    script: samples.Script
    reference: samples.Reference = field(default_factory=samples.Reference)
    settings: Settings = field(default_factory=Settings)
    sample: str = ""


@dataclass(frozen=True, slots=True)
class SessionCase:
    """A case that is judged by the evidence of one or more sessions, by name, if they went through.

    What it tries is skipped, or fails, of adapters without or with the ``claim``; a case with ``needs`` is
    not tried at all without that claim.
    """

    plays: tuple[str, ...]
    judge: Callable[..., CaseResult]
    claim: str = ""
    needs: str = ""


CASES: Mapping[str, SessionCase] = {
    "hello": SessionCase(("hello",), judging.opened),
    "silence": SessionCase(("silence",), judging.silent),
    "speech": SessionCase(("speech",), judging.answered),
    "scale": SessionCase(("speech",), judging.scaled),
    "rate": SessionCase(("speech",), judging.at_its_rate),
    "text": SessionCase(("text", "silence"), judging.replied, "text_in"),
    "video": SessionCase(("video",), judging.seen, "video_in", needs="video_in"),
    "tool": SessionCase(("tool",), judging.called, "tools"),
    "history": SessionCase(("history",), judging.recalled, "history", needs="history"),
    "cancel": SessionCase(("interruption",), judging.cancelled, "interrupt"),
    "truncate": SessionCase(("interruption",), judging.truncated),
    "odd input": SessionCase(
        ("odd input",), lambda shown: passed("survives full-scale noise and an odd text", "noise", "text")
    ),
    "short ticks": SessionCase(
        ("short ticks",), lambda shown: passed(f"takes micro-turns of {SHORT_TICK_NS / 1e6:g} ms")
    ),
    "reconnect": SessionCase(("hello again",), judging.opened),
    "repeat": SessionCase(("speech", "speech again"), judging.repeated, needs="lockstep"),
}
"""The cases by name."""


def get_time(arguments: Mapping[str, object]) -> object:
    """The function that the model may call."""
    return {"time": TOOL_ANSWER}


def scripts(folder: Path) -> dict[str, PlayedScript]:
    """What is played, by name; files that it needs are written to the folder."""
    said = spoken()
    noise = samples.Waveform(np.random.default_rng(0).choice([-1.0, 1.0], RATE).astype(np.float32), RATE)
    turn = samples.UserTurn(said, samples.At(0.4))
    asked = samples.UserText(0.2, ASKED)
    nothing: dict[str, object] = {"type": "object", "properties": {}}
    clock = samples.Tool(TOOL, TOOL_ABOUT, nothing, get_time, latency_s=0.6)
    barge_in = samples.UserTurn(said, samples.IntoModelSpeech(0.5, timeout_s=6.0))
    end_s = 0.4 + WORDS_S
    expected = samples.Reference(end_s, (samples.Utterance(end_s + 0.2),))
    odd = samples.UserText(0.2, "\u200b\U0001f99c\u0000 " + "x" * 10_000)
    before = (samples.Message("user", HISTORY), samples.Message("assistant", "I will remember that."))
    speech = PlayedScript(samples.Script((turn,), tail_s=4.0), expected, sample="speech")
    return {
        "hello": PlayedScript(samples.Script(tail_s=0.5)),
        "silence": PlayedScript(samples.Script(tail_s=3.0)),
        "speech": speech,
        "speech again": speech,
        "text": PlayedScript(samples.Script(texts=(samples.UserText(0.2, NOTE),), tail_s=3.0)),
        "video": PlayedScript(
            samples.Script((turn,), videos=(samples.UserVideo(_video(folder)),), tail_s=1.0)
        ),
        "tool": PlayedScript(samples.Script((turn,), (asked,), tail_s=3.0, tools=(clock,))),
        "history": PlayedScript(samples.Script((turn,), tail_s=2.0, history=before)),
        "interruption": PlayedScript(samples.Script((turn, barge_in), tail_s=2.0)),
        "odd input": PlayedScript(
            samples.Script((samples.UserTurn(noise, samples.At(0.4)),), (odd,), tail_s=1.0)
        ),
        "short ticks": PlayedScript(
            samples.Script((turn,), tail_s=0.5), settings=Settings(tick_ns=SHORT_TICK_NS)
        ),
        "hello again": PlayedScript(samples.Script(tail_s=0.5)),
    }


def spoken(rate: int = RATE) -> samples.Waveform:
    """What the user says: 2 s of clear speech."""
    from tml_bench.adapters.reference.voice import clip

    return samples.Waveform(clip("talk", rate).audio[: round(WORDS_S * rate)], rate)


def _video(folder: Path) -> Path:
    import cv2

    path = folder / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5.0, (64, 48))
    for level in range(0, 250, 25):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    return path
