"""A recording perceived while its sound is in memory gives the timelines that its files give."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fakes import write_data

from tml_bench import recording_writer
from tml_bench.outcome import Outcome
from tml_bench.plugins import load_task
from tml_bench.recording import Recording
from tml_bench.recording_writer import AudioWriter
from tml_bench.runs.jobs import Hearing, Job, PerceiveJob, SessionJob
from tml_bench.runs.plan import RunRequest, plan_runs
from tml_bench.runs.pool import Pool
from tml_bench.runs.record import record_all
from tml_bench.runs.selection import Selection
from tml_bench.runs.store import open_run
from tml_bench.runs.worker import Worker
from tml_bench.scoring.timelines import timelines_of
from tml_bench.session.settings import Settings


@pytest.fixture
def worker() -> Worker:
    return Worker(lambda until: None, math.inf)


def job(task: str, adapter: str, folder: Path) -> SessionJob:
    sample = next(s for s in load_task(task).samples() if not s.companions)
    hearing = Hearing(task, folder / "recording", folder / "timelines" / "a.json", "transcript")
    return SessionJob(
        (0, sample.id), task, sample, adapter, Settings(), folder / "recording", hearing=hearing
    )


def heard(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("timelines/*"))}


def from_files(done: SessionJob, folder: Path, worker: Worker) -> dict[str, bytes]:
    facts = Recording(done.folder).facts
    perceived = worker.do(
        PerceiveJob(done.key, done.task, done.sample, facts, folder / "timelines" / "a.json", "transcript")
    )
    assert perceived.outcome is Outcome.VALID
    return heard(folder)


@pytest.mark.parametrize(
    ("task", "adapter", "files"),
    [
        ("fd-bench-v1", "echo", {"a.json"}),
        ("fd-bench-v1.5", "delayed:400", {"a.json", "a-user.json"}),
        ("timespeak", "always-on:audio_out=22050", {"a.json", "a-user-speech.json"}),
    ],
)
def test_timelines_are_those_of_the_files(
    tmp_path: Path, worker: Worker, task: str, adapter: str, files: set[str]
) -> None:
    done = job(task, adapter, tmp_path / "at once")
    result = worker.do(done)
    assert (result.outcome, result.timeline) == (Outcome.VALID, None)
    at_once = heard(tmp_path / "at once")
    assert files <= set(at_once)
    assert at_once == from_files(done, tmp_path / "later", worker)


def test_a_long_recording_is_left_for_scoring(
    tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_writer, "LONGEST_BYTES", 50_000)
    done = job("fd-bench-v1", "echo", tmp_path)
    assert worker.do(done).outcome is Outcome.VALID
    assert heard(tmp_path) == {}
    assert from_files(done, tmp_path, worker)


def broken(*_: object) -> Iterator[Any]:
    raise RuntimeError("a task with a fault")


def test_what_cannot_be_perceived_leaves_the_session_as_it_is(
    tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = job("fd-bench-v1", "echo", tmp_path)
    monkeypatch.setattr(type(load_task("fd-bench-v1")), "stretches", broken)
    result = worker.do(done)
    assert (result.outcome, result.recording, result.reason) == (Outcome.VALID, True, "")
    assert Recording(done.folder).facts


def test_a_session_that_is_not_valid_is_not_perceived(tmp_path: Path, worker: Worker) -> None:
    done = job("fd-bench-v1", "echo", tmp_path)
    silent = replace(done.settings, max_backlog_s=0.0)
    assert worker.do(replace(done, settings=silent)).outcome is Outcome.ADAPTER_ERROR
    assert heard(tmp_path) == {}


def test_what_a_writer_holds_is_what_is_read(tmp_path: Path) -> None:
    audio = np.random.default_rng(1).uniform(-1.2, 1.2, 130_000).astype(np.float32)
    writer = AudioWriter(tmp_path / "a.flac", 24_000, held=True)
    for piece in np.array_split(audio, 11):
        writer.write(piece.copy())
    writer.close()
    assert writer.holds
    sound = writer.sound()
    read, rate = soundfile.read(tmp_path / "a.flac", dtype="float32")
    assert (sound.rate, sound.samples.dtype) == (rate, np.float32)
    np.testing.assert_array_equal(sound.samples, read)


class Deaf(Pool):
    """Processes that hold sessions, and are asked for nothing else."""

    def submit(self, job: Job) -> None:
        assert isinstance(job, SessionJob)
        super().submit(job)


@pytest.mark.parametrize(("devices", "hears"), [((), True), (("0",), False)])
def test_a_run_is_perceived_when_it_has_been_recorded(
    tmp_path: Path, devices: tuple[str, ...], hears: bool
) -> None:
    data = write_data(tmp_path / "data")
    plans = plan_runs(RunRequest(("fd-bench-v1",), ("echo",), tmp_path, selection=Selection(data)))
    with Deaf(1, 60.0, devices=devices) as pool:
        record_all({pool: plans}, lambda line: None, words="transcript")
        run = open_run(plans[0].path)
        assert bool(list(run.path.glob("timelines/*"))) is hears
        if hears:
            (found,) = timelines_of([run], pool, lambda line: None, "transcript")
            assert set(found.timelines) == {sample.id for sample in run.samples}
