"""Runs to view, of every kind: simulated, of a live service, failed, imported; with hostile texts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np

from tml_bench import events as ev
from tml_bench.outcome import Outcome
from tml_bench.recording_writer import RecordingWriter
from tml_bench.runs.config import RUN_SCHEMA, Environment, RunConfig, RunFile
from tml_bench.runs.store import Attempt
from tml_bench.viewer.run_files import ViewedRun, open_viewed
from tml_bench.viewer.run_samples import SampleShelf
from tml_bench.viewer.sample_document import sample_document
from tml_bench.viewer.sample_schema import SampleDocument

GOLDEN = Path(__file__).parent / "golden" / "runs"
TURN_TAKING = "fd-bench-v1-mini-1--delayed-700"
VIDEO = "proactive-video-qa-mini-1--oracle"
EVIL = "</script><script>alert('é\u2028')</script>\u202e\x00"
RATE = 16000
MS = 1_000_000


def golden(tmp_path: Path, name: str = TURN_TAKING) -> Path:
    """A copy of a stored run, in a folder of runs."""
    return Path(shutil.copytree(GOLDEN / name, tmp_path / "results" / name))


def run_file(task: str = "nowhere", adapter: str = "mine.py:Model", **other: object) -> RunFile:
    config = {
        "schema": RUN_SCHEMA, "task": task, "dataset": "mini-1", "dataset_sha256": "json1:0", "data": "",
        "subsets": (), "limit": 0, "adapter": adapter, "privileged": False, "clock": "wall",
        "compute": "live", "replay": "", "tick_ns": 200 * MS, "seed": 0, "max_session_s": 60.0, **other,
    }  # fmt: skip
    return RunFile(RunConfig(**config), Environment("3.11", "Linux", "cpu", {}))  # type: ignore[arg-type]


def made_run(path: Path, attempts: list[Attempt], file: RunFile | None = None) -> Path:
    """A run's folder with these attempts and no recordings."""
    path.mkdir(parents=True)
    (path / "run.json").write_bytes(msgspec.json.encode(file or run_file()))
    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in attempts)
    (path / "attempts.jsonl").write_bytes(lines)
    return path


def attempt(sample: str, outcome: Outcome = Outcome.VALID, number: int = 1, reason: str = "") -> Attempt:
    return Attempt(sample, "part", number, outcome, reason, audio_s=2.0, ended="2026-11-26T19:00:40+00:00")


def live_recording(run: Path, sample: str = "one", text: str = EVIL) -> Path:
    """A session of 2 s with a service: the user sounds from 0 to 1 s, the model from 1.4 s on."""
    folder = run / "nowhere" / sample / "1"
    opened = ev.SessionOpened(ev.SCHEMA, "nowhere", sample, "mine", 200 * MS, 0, RATE, RATE, RATE)
    with RecordingWriter(folder, opened, clock="wall", compute="live") as writer:
        for event in (
            ev.UserTurnStarted(0, 1000 * MS, 0, text, "At"),
            ev.UserTextSent(100 * MS, text),
            ev.TurnSent(0, 200 * MS, 1 * MS, 2 * MS),
            ev.ProviderMessage(300 * MS, "session.created", {"text": text * 200}),
            ev.ModelToolCall(1100 * MS, "a", text, {text: 1}),
            ev.ToolReturned(1200 * MS, "a", text, {"b": text}),
            ev.ModelAudio(1300 * MS, 1400 * MS, 1900 * MS, 1450 * MS, "i", down_ns=50 * MS),
            ev.ModelTranscript(1300 * MS, text),
            ev.Flush(1700 * MS, 300.0, 200.0),
            ev.ModelText(1800 * MS, text),
            ev.Note(text),
            ev.SessionClosed(2000 * MS, "script"),
        ):
            writer.event(event)
        writer.user.write(sounding(0.0, 1.0))
        writer.model.write(sounding(1.4, 1.7))
        writer.close()
    return folder


def sounding(start_s: float, end_s: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """2 s of which half full scale sounds from one time to another."""
    track = np.zeros(2 * RATE, np.float32)
    track[round(start_s * RATE) : round(end_s * RATE)] = 0.5
    return track


def document(run: Path, n: int = 0, *, task_files: bool = False) -> SampleDocument:
    """A sample's document, as it is after it was written and read."""
    (viewed,) = open_viewed([run])
    made = sample_document(viewed, n, viewed.attempts()[n], SampleShelf(task_files=task_files))
    return msgspec.json.decode(msgspec.json.encode(made), type=SampleDocument)


def viewed(run: Path) -> ViewedRun:
    (found,) = open_viewed([run])
    return found


def scored(run: Path, sample: str, values: dict[str, float], rows: list[dict[str, object]]) -> None:
    """Add a score to a run that has none."""
    line = {
        "task": "nowhere", "subset": "part", "sample": sample, "unit": "", "rows": rows,
        "values": {name: {"numerator": value} for name, value in values.items()},
    }  # fmt: skip
    with (run / "scores.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def summarised(run: Path, headline: list[str], unit: str = "%", direction: str = "higher") -> None:
    """Add the parts of a summary that the viewer reads."""
    metrics = [
        {"subset": "part", "metric": {"name": name, "title": name, "unit": unit, "direction": direction}}
        for name in headline
    ]
    head = {"facts": {"judge": "rules"}, "title": "T", "headline": headline, "metrics": metrics}
    (run / "summary.json").write_text(json.dumps([head]))
