"""Runs the mini task through ``tml-bench run``, and tells whether what was heard is what the server said."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from tml_bench import events as ev
from tml_bench.outcome import Outcome
from tml_bench.recording import Recording
from tml_bench.runs.store import Attempt, last_attempts, read_lines
from tml_bench.task import Score

Audio = NDArray[np.float32]
SUBSET = "candor_turn_taking"
COMMANDS = 4
"""How often the command is given while the machine is too busy for a valid session."""
LOUD = 0.01
"""RMS above which a piece counts as heard."""
GAP_S = 0.002
"""Digital silence that ends a piece: what a listener hears while a server is behind."""
LONGEST_S, SHORTEST_S = 0.25, 0.06
"""Of a piece."""
TASK = ("--task", "fd-bench-v1", "--subset", SUBSET)


@dataclass(frozen=True)
class Run:
    """A scored run: its recordings and scores in the order of the samples."""

    folder: Path
    recordings: list[Recording]
    scores: list[Score]


def run(adapter: str, out: Path, samples: int) -> Run:
    """Run the mini task as a user would, to a report in which every sample is scored."""
    options = ("--limit", str(samples), "--concurrency", "1", "--words", "transcript", "--out", str(out))
    command = [Path(sys.executable).with_name("tml-bench"), "run", "--adapter", adapter, *TASK, *options]
    for _ in range(COMMANDS):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=out.parent)
        assert done.returncode in (0, 3), done.stderr
        (folder,) = out.glob("fd-bench-v1-*")
        attempts = last_attempts(read_lines(folder / "attempts.jsonl", Attempt))
        if not any(attempt.outcome is Outcome.INVALID for attempt in attempts.values()):
            break
    outcomes = {attempt.sample: (attempt.outcome, attempt.reason) for attempt in attempts.values()}
    assert outcomes == {f"{SUBSET}-{n}": (Outcome.VALID, "") for n in range(1, samples + 1)}, done.stderr
    assert done.returncode == 0, done.stderr
    assert adapter.partition(":")[0] in (out / "report" / "index.html").read_text(encoding="utf-8")
    scores = read_lines(folder / "scores.jsonl", Score)
    assert sorted(score.sample for score in scores) == sorted(outcomes)
    recordings = [
        Recording(folder / "fd-bench-v1" / sample / str(attempts[sample].attempt))
        for sample in sorted(outcomes)
    ]
    for score in scores:
        print(score.sample, {name: value.numerator for name, value in score.values.items()})
    for recording in recordings:
        print(f"first audio after {first_audio_s(recording):.3f} s")
    return Run(folder, recordings, scores)


def first_audio_s(recording: Recording) -> float:
    """When the session's first audio of the server arrived, in seconds."""
    return next(event.t_ns for event in recording.events() if isinstance(event, ev.ModelAudio)) / 1e9


def user(recording: Recording) -> Audio:
    """The user's track."""
    return read(recording.user_path)


def model(recording: Recording) -> Audio:
    """The model's track as heard, at the same rate."""
    return read(recording.model_path)


def read(path: Path) -> Audio:
    """An audio file at 24 kHz, the rate of all recordings here."""
    audio, rate = soundfile.read(path, dtype="float32")
    return at_24k(audio, rate)


def at_24k(audio: Audio, rate: int) -> Audio:
    """The same at 24 kHz."""
    return audio if rate == 24000 else soxr.resample(audio, rate, 24000)


def traced(heard: Audio, source: Audio) -> tuple[float, float]:
    """How much of ``heard`` is loud, in seconds, and how well that is found in ``source``.

    The second is the median over pieces of the highest normalised cross-correlation with any place of the
    source: 1 is the same waveform, at any loudness. Nothing loud gives (0, 0).
    """
    pieces = [piece for piece in _pieces(heard) if np.sqrt(np.mean(piece**2)) > LOUD]
    if not pieces:
        return 0.0, 0.0
    seconds = sum(map(len, pieces)) / 24000
    likeness = float(np.median([_highest_correlation(piece, source) for piece in pieces]))
    print(f"heard {seconds:.2f} s, found again with {likeness:.3f}")
    return seconds, likeness


def _pieces(heard: Audio) -> Iterator[Audio]:
    sounding = np.flatnonzero(heard)
    for run in np.split(sounding, np.flatnonzero(np.diff(sounding) > GAP_S * 24000) + 1):
        if len(run) > SHORTEST_S * 24000:
            stretch = heard[run[0] : run[-1] + 1]
            yield from np.array_split(stretch, math.ceil(len(stretch) / (LONGEST_S * 24000)))


def _highest_correlation(piece: Audio, source: Audio) -> float:
    source = np.pad(source, len(piece))
    energy = np.maximum(fftconvolve(source**2, np.ones(len(piece)), mode="valid"), 1e-6)
    products = fftconvolve(source, piece[::-1], mode="valid")
    return float(np.max(products / np.sqrt(energy * np.sum(piece**2))))
