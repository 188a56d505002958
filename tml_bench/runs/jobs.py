"""What worker processes are asked for, and what they give back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tml_bench.outcome import Outcome
from tml_bench.perception.perceive import WordMode
from tml_bench.perception.recordings import TranscriptPair
from tml_bench.recording import SessionFacts
from tml_bench.runs.heard_recording import HeardRecording
from tml_bench.samples import Reference, Sample, Script, UserTurn, Waveform
from tml_bench.session.settings import Settings
from tml_bench.timeline import Timeline
from tml_bench.turns import Usage

TRIES = 3
"""How often a command tries what ended for no fault of its own, in all."""


class Deadline(Protocol):
    """A number shared with the supervisor, without a lock that a killed process could hold for ever."""

    value: float


@dataclass(frozen=True, slots=True)
class Hearing:
    """How a recording will be perceived.

    Attributes:
        task: of which task, as ``load_task`` takes it.
        place: where the recording will be.
        cache: where its timeline is kept.
        words: where words may come from.
    """

    task: str
    place: Path
    cache: Path
    words: WordMode


@dataclass(frozen=True, slots=True)
class SessionJob:
    """Run one sample, and write its recording to a folder aside; the caller knows it by its key.

    The compute of the recording ``replay`` is replayed, None for none; ``reported`` is what the model said of
    itself in earlier sessions of the run. The simulated user's lines in the recording ``lines`` are played
    again, None for none. ``config`` is that of the recording's `Manifest`. With ``hearing`` the recording is
    perceived at once where it can be, while its sound is in memory; what is not is perceived for scoring.
    """

    key: tuple[int, str]
    task: str
    sample: Sample
    adapter: str
    settings: Settings
    folder: Path
    replay: Path | None = None
    lines: Path | None = None
    reported: Mapping[str, str] = field(default_factory=dict)
    config: str = ""
    hearing: Hearing | None = None


@dataclass(frozen=True, slots=True)
class PerceiveJob:
    """Perceive one recording, by its facts, of a task as ``load_task`` takes it, and cache its timeline."""

    key: tuple[int, str]
    task: str
    sample: Sample
    facts: SessionFacts
    cache: Path
    words: WordMode


@dataclass(frozen=True, slots=True)
class TranscriptJob:
    """Compare a recording's transcript with what is recognised in its audio, cached beside its timeline."""

    key: tuple[int, str]
    languages: tuple[str, ...]
    facts: SessionFacts
    cache: Path
    timeline: Timeline


@dataclass(frozen=True, slots=True)
class CallJob:
    """Call a function, which goes to another process by its name; what it gives is the result's value."""

    key: tuple[int, str]
    call: Callable[[], Any]


class ServiceFailure(StrEnum):
    """When a service failed that may be there again another time."""

    OPENING = "opening"
    """It opened no session: nothing of the sample was played."""
    SESSION = "session"
    """It broke off within one."""


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a job ended.

    Attributes:
        outcome: as for an attempt; what is no session gives ``valid`` or ``infrastructure``.
        reason: why, when it is not valid.
        recording: there is a recording in the job's folder.
        fatal: the adapter cannot be used at all; no further session makes sense.
        retry: it may go better another time: the model could not be reached, or this machine was too busy.
        failed: when the service failed that is to be waited for; None when it did not fail.
        quota_s: the service refused for its limits and asks to wait so long; None when it did not refuse.
        traceback: of what was raised, whole; empty where nothing was, or the reason says it all.
        reported: what the model says of itself.
        usage: what the service says that it has counted, also for a session that failed.
        heard: of a session that was perceived at once, what was heard.
    """

    outcome: Outcome
    reason: str = ""
    recording: bool = False
    audio_s: float = 0.0
    wall_s: float = 0.0
    fatal: bool = False
    retry: bool = False
    failed: ServiceFailure | None = None
    quota_s: float | None = None
    traceback: str = ""
    transcript: TranscriptPair | None = None
    reported: Mapping[str, str] = field(default_factory=dict)
    timeline: Timeline | None = None
    value: Any = None
    usage: Usage = field(default_factory=Usage)
    heard: HeardRecording | None = None


Job = SessionJob | PerceiveJob | TranscriptJob | CallJob

PREFLIGHT = "preflight"
PREFLIGHT_S = 1.0
"""How much silence the session has that is held before all others."""


def preflight_job(adapter: str, folder: Path) -> SessionJob:
    """A short session that is part of no run: does the service take one at all?"""
    silence = Waveform(np.zeros(round(16_000 * PREFLIGHT_S), np.float32), 16_000)
    sample = Sample(PREFLIGHT, PREFLIGHT, Script((UserTurn(silence),), tail_s=0.0), Reference())
    return SessionJob((-1, PREFLIGHT), PREFLIGHT, sample, adapter, Settings(), folder)
