"""What worker processes are asked for, and what they give back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tml_bench.outcome import Outcome
from tml_bench.perception.recordings import TranscriptPair
from tml_bench.perception.words import WordMode
from tml_bench.recording import SessionFacts
from tml_bench.samples import Sample
from tml_bench.session.settings import Settings
from tml_bench.timeline import Timeline


class Deadline(Protocol):
    """A number shared with the supervisor, without a lock that a killed process could hold for ever."""

    value: float


@dataclass(frozen=True, slots=True)
class SessionJob:
    """Run one sample.

    Attributes:
        key: what the caller knows it by.
        task: name of the task.
        sample: what to play.
        adapter: the adapter as given.
        settings: how.
        folder: where to write the recording, aside.
        replay: recording whose compute is replayed; None otherwise.
        reported: what the model said of itself in earlier sessions of the run.
    """

    key: tuple[int, str]
    task: str
    sample: Sample
    adapter: str
    settings: Settings
    folder: Path
    replay: Path | None = None
    reported: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PerceiveJob:
    """Perceive one recording and keep its timeline in the cache.

    Attributes:
        key: what the caller knows it by.
        task: the task, as ``load_task`` takes it.
        sample: what was played.
        facts: of the recording.
        cache: where its timeline is kept.
        words: where words may come from.
    """

    key: tuple[int, str]
    task: str
    sample: Sample
    facts: SessionFacts
    cache: Path
    words: WordMode


@dataclass(frozen=True, slots=True)
class TranscriptJob:
    """Compare the transcript of a recording with what is recognised in its audio.

    Attributes:
        key: what the caller knows it by.
        facts: of the recording.
        cache: where its timeline is kept; what is recognised is cached beside.
        timeline: what was perceived in it.
    """

    key: tuple[int, str]
    facts: SessionFacts
    cache: Path
    timeline: Timeline


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a job ended.

    Attributes:
        outcome: as for an attempt; perception gives ``valid`` or ``infrastructure``.
        reason: why, when it is not valid.
        recording: there is a recording in the job's folder.
        audio_s: length of the session.
        wall_s: how long it took.
        fatal: the adapter cannot be used at all; no further session makes sense.
        retry: it may go better another time: the model could not be reached, or this machine was too busy.
        quota_s: the service refused for its limits and asks to wait so long; None when it did not refuse.
        traceback: of what was raised, whole; empty where nothing was, or the reason says it all.
        transcript: what a transcript job found.
        reported: what the model says of itself.
        timeline: what was perceived; None for a session, or where it failed.
    """

    outcome: Outcome
    reason: str = ""
    recording: bool = False
    audio_s: float = 0.0
    wall_s: float = 0.0
    fatal: bool = False
    retry: bool = False
    quota_s: float | None = None
    traceback: str = ""
    transcript: TranscriptPair | None = None
    reported: Mapping[str, str] = field(default_factory=dict)
    timeline: Timeline | None = None


Job = SessionJob | PerceiveJob | TranscriptJob


class SessionPool(Protocol):
    """What does jobs, wherever it does them."""

    def submit(self, job: Job) -> None:
        """Queue a job."""

    def drop(self, unwanted: Callable[[Job], bool]) -> list[Job]:
        """Forget waiting jobs; returns them."""

    def results(self) -> Iterator[tuple[Job, JobResult]]:
        """Results as they come, until nothing waits or runs; jobs may be submitted in between."""
