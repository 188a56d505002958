"""`tml-bench inspect`: where the user's speech ends, and the score of the sample."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from viewer_runs import attempt, golden, live_recording, made_run

from tml_bench import events as ev
from tml_bench.cli import main
from tml_bench.recording_writer import RecordingWriter

RECORDING = "fd-bench-v1/candor_turn_taking-1/1"


def inspected(recording: Path) -> str:
    result = CliRunner(env={"COLUMNS": "120"}).invoke(main, ["inspect", str(recording)])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_end_of_the_user_s_speech_is_named_not_that_of_the_file(tmp_path: Path) -> None:
    """The file goes on for seconds: its end, which was printed, says nothing about the answer's delay."""
    output = inspected(golden(tmp_path) / RECORDING)
    stops = re.search(
        r"([\d.]+) s  user   stops speaking in turn 0; the turn's audio ends at ([\d.]+) s", output
    )
    assert stops is not None
    says = re.search(r"([\d.]+) s  model  is heard", output)
    assert says is not None
    assert float(says[1]) - float(stops[1]) == pytest.approx(0.7, abs=0.1)
    assert float(stops[2]) > float(stops[1]) + 0.5
    assert "ends turn" not in output


def test_the_score_of_the_sample_is_printed(tmp_path: Path) -> None:
    output = inspected(golden(tmp_path) / RECORDING)
    assert "outcome valid" in output
    assert re.search(r"\(latency\): 0\.6\d+ s|\(latency\): 0\.7\d* s", output)


def test_a_recording_of_no_run_has_no_score(tmp_path: Path) -> None:
    recording = golden(tmp_path) / RECORDING
    alone = recording.rename(tmp_path / "alone")
    assert "outcome" not in inspected(alone)


def test_a_turn_without_speech_and_a_run_without_scores(tmp_path: Path) -> None:
    run = made_run(tmp_path / "r", [attempt("one", reason="\x1b[31mred")])
    output = inspected(live_recording(run, text="hello"))
    assert "ends the audio of turn 0; no speech is heard in it" in output
    assert "the sample is not scored" in output
    assert "\x1b[31m" not in output
    assert "\\x1b[31mred" in output


def test_a_session_of_no_length_and_a_run_that_cannot_be_read(tmp_path: Path) -> None:
    run = made_run(tmp_path / "r", [attempt("one")])
    opened = ev.SessionOpened(ev.SCHEMA, "nowhere", "one", "mine", 200_000_000, 0, 16000, 16000, 16000)
    with RecordingWriter(run / "nowhere" / "one" / "1", opened, clock="wall", compute="live") as writer:
        writer.event(ev.UserTurnStarted(0, 1_000_000_000, 0))
        writer.event(ev.Fault(0, "it was gone"))
        writer.close()
    (run / "run.json").write_text("{}")
    output = inspected(run / "nowhere" / "one" / "1")
    assert "it was gone" in output
    assert "ends the audio of turn 0\n" in output
    assert "no score: " in output
    assert "run.json" in output
