"""Fakes with known right answers: scripted adapters, tones, and a session run into a folder."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tml_bench import events as ev, redact
from tml_bench.adapter import MicroTurn, Output, SessionStart, StepAdapter
from tml_bench.api import scores
from tml_bench.plugins import load_task
from tml_bench.recording import Recording
from tml_bench.recording_writer import RecordingWriter
from tml_bench.runs.back_off import Patience
from tml_bench.runs.in_process import InProcessPool
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import record
from tml_bench.runs.store import Attempt, last_attempts, open_run, read_lines
from tml_bench.runs.worker import session_seed
from tml_bench.samples import Reference, Sample, Script, UserTurn, Waveform
from tml_bench.scoring.score import score_runs
from tml_bench.session.settings import Settings, opened_event, session_id
from tml_bench.session.simulated import SimulatedSession

MS = 1_000_000
Audio = NDArray[np.float32]


class Scripted(StepAdapter):
    """Gives planned outputs at planned micro-turns and remembers what it was handed."""

    def __init__(
        self, outputs: dict[int, Output] | None = None, audio_in: int = 16000, audio_out: int = 16000
    ) -> None:
        self.audio_in = audio_in
        self.audio_out = audio_out
        self.outputs = outputs or {}
        self.turns: list[MicroTurn] = []
        self.sessions: list[SessionStart] = []
        self.stopped = 0

    def start(self, session: SessionStart) -> None:
        self.sessions.append(session)
        self.turns = []

    def step(self, turn: MicroTurn) -> Output | None:
        self.turns.append(turn)
        return self.outputs.get(turn.index)

    def stop(self) -> None:
        self.stopped += 1

    def heard(self) -> Audio:
        """Everything it was handed, in one piece."""
        return np.concatenate([turn.audio for turn in self.turns])


class Wrapped(StepAdapter):
    """Another adapter whose audio is changed on its way out: ``change(audio, micro-turn index)``."""

    def __init__(self, inner: StepAdapter, change: Callable[[Audio | None, MicroTurn], Audio]) -> None:
        self.inner = inner
        self.audio_in, self.audio_out, self.privileged = inner.audio_in, inner.audio_out, inner.privileged
        self._change = change

    def start(self, session: SessionStart) -> None:
        self.inner.start(session)

    def step(self, turn: MicroTurn) -> Output | None:
        output = self.inner.step(turn)
        audio = None if output is None or output.audio is None else np.asarray(output.audio, np.float32)
        return Output(audio=self._change(audio, turn))


@dataclass(frozen=True)
class Ran:
    """What a session left."""

    recording: Recording
    events: list[ev.AnyEvent]
    adapter: StepAdapter

    def of(self, kind: type) -> list:  # type: ignore[type-arg]
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def user(self) -> Audio:
        """The user's track."""
        return soundfile.read(self.recording.user_path, dtype="float32")[0]

    @property
    def model(self) -> Audio:
        """The model's track."""
        return soundfile.read(self.recording.model_path, dtype="float32")[0]

    def files(self) -> dict[str, bytes]:
        """Contents of every file."""
        return {path.name: path.read_bytes() for path in sorted(self.recording.folder.iterdir())}


def run_session(
    folder: Path, sample: Sample, adapter: StepAdapter, settings: Settings, costs_ns: Sequence[int] = ()
) -> Ran:
    """Run one session as a worker does and read its recording back."""
    opened = opened_event("fake", sample, "fake", adapter, settings)
    with RecordingWriter(folder, opened, clock="simulated", compute=settings.compute) as writer:
        try:
            SimulatedSession("fake", sample, adapter, settings, writer, costs_ns).run()
        finally:
            writer.close()
    recording = Recording(folder)
    return Ran(recording, list(recording.events()), adapter)


def sample_of(*turns: UserTurn, tail_s: float = 1.0, reference: Reference | None = None, **script) -> Sample:  # type: ignore[no-untyped-def]
    """A sample of user turns."""
    return Sample("s", "all", Script(turns, tail_s=tail_s, **script), reference or Reference())


def silence(duration_s: float, rate: int = 16000) -> Waveform:
    """Digital silence, as user audio."""
    return Waveform(np.zeros(round(duration_s * rate), np.float32), rate)


def tone(duration_s: float, rate: int = 16000, hz: float = 440.0, level: float = 0.5) -> Audio:
    """A sine, loud from its first sample (it starts at its crest)."""
    return (level * np.cos(2 * np.pi * hz * np.arange(round(duration_s * rate)) / rate)).astype(np.float32)


def sixteen_bit(n: int, seed: int = 0) -> Audio:
    """White noise whose samples are exact 16-bit values, full scale included."""
    values = np.random.default_rng(seed).integers(-32768, 32768, n)
    return (values / 32768).astype(np.float32)


SUBSETS = ("candor_pause_handling", "candor_turn_taking", "synthetic_user_interruption")
ANNOTATIONS = {
    "candor_pause_handling": ("pause.json", [{"text": "[PAUSE]", "timestamp": [1.0, 1.6]}]),
    "candor_turn_taking": ("turn_taking.json", [{"text": "[TURN-TAKING]", "timestamp": [2.5, 2.9]}]),
    "synthetic_user_interruption": (
        "interrupt.json",
        [{"context": "a", "interrupt": "b", "timestamp": [1.5, 2.5]}],
    ),
}


def write_data(root: Path, each: int = 1, duration_s: float = 5.0) -> Path:
    """A data folder in the official layout: noise bursts as the user, three subsets."""
    for subset, (name, annotation) in ANNOTATIONS.items():
        for number in range(1, each + 1):
            folder = root / subset / str(number)
            folder.mkdir(parents=True)
            audio = 0.1 * sixteen_bit(round(duration_s * 16000), seed=number)
            audio[round(2.5 * 16000) :] = 0
            soundfile.write(folder / "input.wav", audio, 16000, subtype="PCM_16")
            (folder / name).write_text(json.dumps(annotation))
    return root


def run_and_score(
    out: Path,
    adapters: Sequence[str],
    *,
    task: str = "fd-bench-v1",
    jobs: int = 2,
    step_timeout_s: float = 60.0,
    **request: object,
) -> dict[str, Path]:
    """Record and score runs as ``tml-bench run`` does; gives the run folder of each adapter."""
    plans = plan_runs(RunRequest(tasks=(task,), adapters=adapters, out=out, **request))  # type: ignore[arg-type]
    with Pool(jobs, step_timeout_s) as pool:
        record(plans, pool, lambda line: None)
        score_runs([open_run(plan.path) for plan in plans], pool, lambda line: None, "transcript")
    return {plan.config.adapter: plan.path for plan in plans}


def replaced_by_a_copy(run: Path) -> None:
    """A copy in a run's place, with the same bytes: nobody knows any more who wrote them."""
    aside = run.with_name("aside")
    shutil.copytree(run, aside)
    shutil.rmtree(run)
    aside.rename(run)


@contextmanager
def no_workers() -> Iterator[None]:
    """Runs play and perceive in this process, for tests of something else.

    A worker process takes half a second to import what it needs: longer than a few short sessions.
    """

    def pool(
        size: int,
        step_limit_s: float,
        patience: Patience | None = None,
        tell: Callable[[str], None] = lambda line: None,
        devices: Sequence[str] = (),
    ) -> InProcessPool:
        return InProcessPool(patience, tell)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "Pool", pool)
        patch.setattr(sys.modules[__name__], "Pool", pool)
        yield


@contextmanager
def no_floor_search(task: str) -> Iterator[None]:
    """Floors of a task are of the strategies it names alone, for tests of something else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(load_task(task)), "family", lambda task, samples: {})
        yield


def forget_secrets(but: Iterable[str] = ()) -> None:
    """Know these secrets only, besides those that the environment has now."""
    redact._known.clear()
    redact._known.update(but)
    for cached in (redact._secrets, redact._marks, redact._pattern, redact._pieces, redact._short):
        cached.cache_clear()


def session_of(task: str, sample: str) -> str:
    """The name an adapter knows a session by, in a run of seed 0."""
    return session_id(session_seed(0, task, sample), task, sample)


def attempts_of(run: Path) -> dict[str, Attempt]:
    """The last attempt of each sample of a run."""
    return last_attempts(read_lines(run / "attempts.jsonl", Attempt))


def recordings_of(run: Path) -> dict[str, dict[str, bytes]]:
    """Every recording's files, by place."""
    return {
        str(manifest.parent.relative_to(run)): {
            path.name: path.read_bytes() for path in sorted(manifest.parent.iterdir())
        }
        for manifest in sorted(run.glob("*/*/*/manifest.json"))
    }


def score_lines(run: Path) -> dict[str, bytes]:
    """Lines of ``scores.jsonl`` by sample."""
    lines = (run / "scores.jsonl").read_bytes().splitlines()
    return {json.loads(line)["sample"]: line for line in lines}
