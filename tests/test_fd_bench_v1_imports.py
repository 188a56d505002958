"""Importing recordings of another harness: flaws by hand, and the benchmark's own public examples."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tml_bench.errors import UserError
from tml_bench.events import ModelAudio
from tml_bench.recording import Recording
from tml_bench.runs import imports
from tml_bench.task import ImportedExchange
from tml_bench.tasks.fd_bench_v1.task import FdBenchV1
from tml_bench.timebase import NS
from tml_bench.timeline import Segment, Timeline, Word, WordSource

TASK = FdBenchV1()
GOOD = {
    "text": " Yes it",
    "chunks": [{"text": " Yes", "timestamp": [6.0, 6.5]}, {"text": "it", "timestamp": [6.5, None]}],
}
TURN = [{"timestamp": [5.0, 5.4]}]


def recording(folder: Path, transcript: Any = GOOD, annotation: str = "turn_taking.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("input.wav", "output.wav"):
        soundfile.write(folder / name, np.zeros(80000), 8000)
    if annotation:
        (folder / annotation).write_text(json.dumps(TURN))
    if transcript is not None:
        text = transcript if isinstance(transcript, str) else json.dumps(transcript)
        (folder / "output.json").write_text(text)
    return folder


def only(root: Path) -> ImportedExchange:
    (found,) = TASK.imports(root)
    return found


def test_words_are_kept_as_they_stand(tmp_path: Path) -> None:
    folder = recording(tmp_path / "some run" / "1")
    found = only(tmp_path)
    assert found.words == (Word(" Yes", 6.0, 6.5), Word("it", 6.5, None))
    assert found.model_audio == folder / "output.wav"
    assert (found.sample.id, found.sample.subset) == ("some_run-1", "smooth_turn_taking")
    assert found.sample.problem == ""


@pytest.mark.parametrize(
    ("annotation", "subset"),
    [
        ("pause.json", "pause_handling"),
        ("turn_taking.json", "smooth_turn_taking"),
        ("interrupt.json", "user_interruption"),
        ("", "backchannel"),
    ],
)
def test_the_annotation_tells_the_protocol(tmp_path: Path, annotation: str, subset: str) -> None:
    recording(tmp_path / "x", annotation=annotation)
    found = only(tmp_path)
    assert (found.sample.subset, found.sample.problem) == (subset, "")
    assert subset in TASK.subsets
    assert any(subset in m.subsets for m in TASK.metrics)
    assert TASK.score(found.sample, Timeline(10.0)).subset == subset


def test_official_folders_keep_their_names(tmp_path: Path) -> None:
    for number in ("10", "9"):
        recording(tmp_path / "model" / "candor_turn_taking" / number)
    for root in (tmp_path, tmp_path / "model" / "candor_turn_taking"):
        found = list(TASK.imports(root))
        assert [i.sample.id for i in found] == ["candor_turn_taking-9", "candor_turn_taking-10"]
        assert {i.sample.subset for i in found} == {"candor_turn_taking"}
    assert only(tmp_path / "model" / "candor_turn_taking" / "9").sample.id == "candor_turn_taking-9"


def test_two_systems_at_once_are_refused(tmp_path: Path) -> None:
    for system in ("a", "b"):
        recording(tmp_path / system / "candor_turn_taking" / "1")
    with pytest.raises(UserError, match="both sample candor_turn_taking-1"):
        TASK.imports(tmp_path)


@pytest.mark.parametrize("make", [False, True])
def test_nothing_to_import(tmp_path: Path, make: bool) -> None:
    root = tmp_path / "runs"
    if make:
        (root / "1").mkdir(parents=True)
        (root / "1" / "clean_output.wav").touch()
    with pytest.raises(UserError):
        TASK.imports(root)


def test_no_transcript_is_no_problem_and_clean_ones_are_ignored(tmp_path: Path) -> None:
    folder = recording(tmp_path / "1", transcript=None)
    (folder / "clean_output.json").write_text("broken")
    (folder / "clean_output.wav").touch()
    found = only(tmp_path)
    assert (found.words, found.sample.problem) == (None, "")
    assert found.model_audio is not None


def test_empty_transcript_is_silence(tmp_path: Path) -> None:
    recording(tmp_path / "1", {"text": "", "chunks": []})
    assert only(tmp_path).words == ()


@pytest.mark.parametrize(
    ("transcript", "says"),
    [
        ("", "the file is empty"),
        ("{", "not JSON"),
        ([], "Expected `object`, got `array` ([])"),
        ({"text": "a"}, "chunks: is missing"),
        ({"text": "a", "chunks": []}, "chunks: empty, although there is text"),
        ({"chunks": [{"timestamp": [1, 2]}]}, "chunks[0].text: is missing"),
        ({"chunks": [{"text": "a"}]}, "chunks[0].timestamp: is missing"),
        (
            {"chunks": [{"text": "a", "timestamp": [1]}]},
            "chunks[0].timestamp: Expected `array` of length 2, got 1 ([1])",
        ),
        (
            {"chunks": [{"text": "a", "timestamp": [None, 2]}]},
            "chunks[0].timestamp[0]: Expected `float`, got `null`",
        ),
        (
            '{"chunks": [{"text": "a", "timestamp": [1, NaN]}]}',
            "chunks[0].timestamp[1]: Expected `float` >= 0.0 (nan)",
        ),
    ],
)
def test_broken_transcript_is_a_problem_of_that_sample(tmp_path: Path, transcript: Any, says: str) -> None:
    recording(tmp_path / "1", transcript)
    recording(tmp_path / "2")
    broken, fine = TASK.imports(tmp_path)
    assert says in broken.sample.problem
    assert "1/output.json: " in broken.sample.problem
    assert broken[1:] == (None, None)
    assert fine.sample.problem == ""


@pytest.mark.parametrize("name", ["input.wav", "output.wav", "turn_taking.json"])
def test_missing_file_is_a_problem_of_that_sample(tmp_path: Path, name: str) -> None:
    (recording(tmp_path / "candor_turn_taking" / "1") / name).unlink()
    recording(tmp_path / "candor_turn_taking" / "2")
    broken, fine = TASK.imports(tmp_path)
    assert f"1/{name}: the file is missing" in broken.sample.problem
    assert fine.sample.problem == ""


def test_other_lengths_and_odd_times_are_noted(tmp_path: Path) -> None:
    folder = recording(tmp_path / "1", {"chunks": [{"text": "a", "timestamp": [2.0, 1.0]}]})
    soundfile.write(folder / "output.wav", np.zeros((16000, 2)), 8000)
    notes = " / ".join(only(tmp_path).sample.notes)
    assert "2.00 s, the input is 10.00 s" in notes
    assert "ends before it starts" in notes
    assert "channels" in notes


@pytest.mark.parametrize("lengths", [(800, 2000), (2000, 800), (900, 900)])
def test_an_exchange_is_read_a_piece_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lengths: tuple[int, int]
) -> None:
    source = tmp_path / "in" / "candor_turn_taking" / "1"
    source.mkdir(parents=True)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 2000)
    noise[:777] = 0
    for name, n in zip(("input", "output"), lengths, strict=True):
        soundfile.write(source / f"{name}.wav", noise[:n], 8000, subtype="PCM_16")
    (source / "turn_taking.json").write_text('[{"timestamp": [0.05, 0.06]}]')
    found = []
    for block in (1 << 18, 100):
        monkeypatch.setattr(imports, "_BLOCK", block)
        out = tmp_path / str(block)
        (attempt,) = imports.import_run(TASK, tmp_path / "in", out, "them")
        assert attempt.outcome == "valid"
        recording = Recording(out / "fd-bench-v1" / attempt.sample / "1")
        found.append({name: entry.sha256 for name, entry in recording.manifest.files.items()})
        tracks, rate = recording.audio()
        (heard,) = (event for event in recording.events() if isinstance(event, ModelAudio))
    assert found[0] == found[1]
    assert (tracks.shape, rate) == ((2, lengths[1]), 8000)
    assert heard.onset_ns == 777 * NS // rate
    assert not tracks[0, min(lengths) :].any()
    assert np.abs(tracks[:, : min(lengths)] - noise[: min(lengths)]).max() < 1e-4


# ---- the public examples: expected values worked out from their JSON

EXAMPLES = (
    Path(os.environ.get("TML_BENCH_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    / "fd-bench-examples"
)
needs_examples = pytest.mark.skipif(
    not EXAMPLES.is_dir(), reason=f"{EXAMPLES} is missing; set TML_BENCH_TEST_DATA to the test data"
)


def imported_scores() -> dict[str, dict[str, float]]:
    found = {}
    for recorded in TASK.imports(EXAMPLES):
        assert recorded.sample.problem == ""
        assert recorded.words is not None
        spans = tuple(
            Segment(w.start_s, w.end_s) for w in recorded.words if w.start_s is not None and w.end_s
        )
        timeline = Timeline(30.0, spans, recorded.words, WordSource.IMPORTED, spans)
        score = TASK.score(recorded.sample, timeline)
        assert score.missing.keys() <= {"fdb_rating"}  # which needs a judge
        found[score.subset] = {name: value.numerator for name, value in score.values.items()}
    return found


@needs_examples
def test_public_examples() -> None:
    scores = imported_scores()
    assert scores.keys() == {"pause_handling", "smooth_turn_taking", "user_interruption"}
    # 12 words from 0.0 to 4.68 s.
    assert scores["pause_handling"]["fdb_pause_tor"] == 1
    smooth = scores["smooth_turn_taking"]
    assert smooth["fdb_tor"] == 1
    assert smooth["fdb_latency"] == 3.36 - 2.0100000000000016
    interruption = scores["user_interruption"]
    assert interruption["fdb_tor"] == 1
    assert interruption["fdb_latency"] == pytest.approx(4.08, abs=1e-9)


@needs_examples
def test_repaired_measures_of_the_public_examples() -> None:
    scores = imported_scores()
    # It talks from the clip's start on, across the pause: a fault, but not a failure to wait.
    assert (scores["pause_handling"]["pause_takeover"], scores["pause_handling"]["other_takeover"]) == (0, 1)
    # "Yes," stands 0.56 s before the rest and is its opening.
    assert scores["smooth_turn_taking"]["latency"] == pytest.approx(3.36 - 2.01)
    assert scores["user_interruption"]["latency"] == pytest.approx(4.08)
    assert "yield" not in scores["user_interruption"]
