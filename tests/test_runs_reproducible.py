"""Same seed, same bytes: whatever the number of processes, and for a replay of measured compute."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import attempts_of, recordings_of, run_and_score, score_lines, write_data

from tml_bench.recording import Recording
from tml_bench.runs.selection import Selection
from tml_bench.session.settings import Compute

JITTERY = '''
import time
import numpy as np
from tml_bench.adapter import Output, SpokenWord, StepAdapter, Transcript

class Jittery(StepAdapter):
    """Random audio and words by the session's seed; takes as long as the machine happens to."""
    audio_in, audio_out = 16000, 24000
    def start(self, session):
        self.rng = np.random.default_rng(session.seed)
    def step(self, turn):
        time.sleep(0.001 * (turn.index % 3))
        if turn.index == 7:
            return Output(flush=True)
        if turn.index % 5:
            return None
        word = SpokenWord("well", 0.0, 0.2)
        return Output(0.1 * self.rng.standard_normal(9000), (Transcript("well ", (word,)),))
'''


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"), each=2)


@pytest.fixture(scope="module")
def jittery(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("adapter") / "jittery.py"
    path.write_text(JITTERY)
    return f"{path}:Jittery"


def test_ideal_runs_are_byte_identical_on_one_process_and_on_two(
    tmp_path: Path, data: Path, jittery: str
) -> None:
    adapters = ("delayed:200", jittery)
    one, two = (
        run_and_score(tmp_path / str(jobs), adapters, jobs=jobs, selection=Selection(data)) for jobs in (1, 2)
    )
    for adapter in adapters:
        assert len(recordings_of(one[adapter])) == 6
        assert recordings_of(one[adapter]) == recordings_of(two[adapter])
        scores = (one[adapter] / "scores.jsonl").read_bytes()
        assert scores == (two[adapter] / "scores.jsonl").read_bytes()
        assert len(score_lines(one[adapter])) == 6


@pytest.mark.usefixtures("here")
def test_another_seed_gives_other_bytes(tmp_path: Path, data: Path, jittery: str) -> None:
    runs = [
        run_and_score(tmp_path / str(seed), [jittery], selection=Selection(data, limit=1), seed=seed)[jittery]
        for seed in (0, 1)
    ]
    first, second = (recordings_of(run) for run in runs)
    assert first.keys() == second.keys()
    assert all(first[place]["model.flac"] != second[place]["model.flac"] for place in first)


@pytest.mark.usefixtures("here")
def test_a_replay_of_charged_compute_is_byte_identical(tmp_path: Path, data: Path, jittery: str) -> None:
    selection = Selection(data, limit=1)
    charged = run_and_score(
        tmp_path / "charged", [jittery], selection=selection, compute=Compute.CHARGED, jobs=1
    )[jittery]
    replay = run_and_score(
        tmp_path / "replay", [jittery], selection=selection, compute=Compute.RECORDED, replay=charged
    )[jittery]
    measured, replayed = recordings_of(charged), recordings_of(replay)
    assert measured.keys() == replayed.keys()
    for place, files in measured.items():
        costs = Recording(charged / place).compute_ns()
        assert len(costs) > 20
        assert min(costs) > 0
        for name in ("session.jsonl", "user.flac", "model.flac"):
            assert files[name] == replayed[place][name]
        assert b'"charged"' in files["manifest.json"]
        assert b'"recorded"' in replayed[place]["manifest.json"]
    assert (charged / "scores.jsonl").read_bytes() == (replay / "scores.jsonl").read_bytes()


@pytest.mark.usefixtures("here")
def test_a_replay_with_another_tick_is_refused(tmp_path: Path, data: Path) -> None:
    selection = Selection(data, limit=1)
    charged = run_and_score(tmp_path / "a", ["silent"], selection=selection, compute=Compute.CHARGED)
    replay = run_and_score(
        tmp_path / "b",
        ["silent"],
        selection=selection,
        compute=Compute.RECORDED,
        replay=charged["silent"],
        tick_ms=400,
    )
    attempts = attempts_of(replay["silent"])
    assert {a.outcome for a in attempts.values()} == {"infrastructure"}
    assert all("micro-turns of 200 ms, not 400 ms" in a.reason for a in attempts.values())
