"""Importing recordings of FD-bench v1.5 made elsewhere, and scoring them without a model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import tml_bench.adapters.reference
from tml_bench.errors import UserError
from tml_bench.outcome import Outcome
from tml_bench.runs.imports import import_run
from tml_bench.runs.in_process import InProcessPool
from tml_bench.runs.store import open_run
from tml_bench.scoring.score import score_runs
from tml_bench.scoring.summary import Summary
from tml_bench.task import ImportedExchange
from tml_bench.tasks.fd_bench_v15.task import MINI, FdBenchV15
from tml_bench.timeline import Word

TASK = FdBenchV15()
TALK = Path(tml_bench.adapters.reference.__file__).parent / "voice" / "talk.flac"
RATE = 16000


def transcript(path: Path, *words: tuple[str, float, float | None]) -> None:
    chunks = [{"text": text, "timestamp": [start, end]} for text, start, end in words]
    path.write_text(json.dumps({"text": " ".join(w for w, _, _ in words), "chunks": chunks}))


def spoken(path: Path, like: Path, *spans: tuple[float, float]) -> None:
    """Speech in these spans, as long as another file."""
    talk, rate = soundfile.read(TALK, dtype="float32")
    talk = talk[:: rate // 8000]
    track = np.zeros(2 * round(soundfile.info(like).duration * 8000), np.float32)
    for start, end in spans:
        length = round((end - start) * 8000)
        track[round(start * 8000) * 2 : round(start * 8000) * 2 + 2 * length] = np.repeat(talk[:length], 2)
    soundfile.write(path, track, RATE)


def finished(root: Path, subset: str = "user_interruption", number: str = "1") -> Path:
    """An item of the mini set as the reference leaves it: four tracks, four transcripts.

    The model stops 0.5 s into the overlap and says "Peppers need sun." 1 s after its end.
    """
    folder = root / subset / number
    shutil.copytree(MINI / subset / number, folder)
    begins, ends = json.loads((folder / "metadata.json").read_text())["timestamps"]
    spoken(folder / "output.wav", folder / "input.flac", (4.0, begins + 0.5), (ends + 1.0, ends + 3.0))
    spoken(folder / "clean_output.wav", folder / "clean_input.flac", (4.0, 14.0))
    transcript(
        folder / "output.json",
        ("Tomatoes", 4.0, 5.0),
        ("like", 5.0, begins + 0.4),
        ("Peppers", ends + 1.0, ends + 1.5),
        ("need", ends + 1.5, ends + 2.0),
        ("sun.", ends + 2.0, ends + 3.0),
    )
    transcript(folder / "clean_output.json", ("Tomatoes", 4.0, 5.0), ("like", 5.0, 6.0), ("soil.", 6.0, 14.0))
    return folder


def test_an_item_is_two_recordings_and_words_are_kept_as_they_stand(tmp_path: Path) -> None:
    folder = finished(tmp_path / "moshi")
    transcript(folder / "output.json", (" Yes", 9.0, 9.5), ("it", 9.5, None))
    with_overlap, clean = TASK.imports(tmp_path)
    assert with_overlap.words == (Word(" Yes", 9.0, 9.5), Word("it", 9.5, None))
    assert (with_overlap.model_audio, clean.model_audio) == (
        folder / "output.wav",
        folder / "clean_output.wav",
    )
    assert clean.words is not None
    assert [w.text for w in clean.words] == ["Tomatoes", "like", "soil."]
    assert with_overlap.sample.companions == {"clean": clean.sample.id}
    assert (with_overlap.sample.problem, clean.sample.scored) == ("", False)


def test_scores_without_a_model(tmp_path: Path) -> None:
    finished(tmp_path / "data")
    finished(tmp_path / "data", "background_speech", "2")
    (finished(tmp_path / "data", "background_speech", "3") / "clean_output.wav").unlink()
    attempts = {a.sample: a for a in import_run(TASK, tmp_path / "data", tmp_path / "run", "moshi")}
    assert len(attempts) == 6
    invalid = {name for name, a in attempts.items() if a.outcome is Outcome.INVALID}
    assert invalid == {"background_speech-3", "background_speech-3-clean"}
    assert "clean_output.wav: the file is missing" in attempts["background_speech-3"].reason
    with InProcessPool() as pool:
        (summary,) = score_runs([open_run(tmp_path / "run")], pool, lambda line: None)
    assert means(summary, "user_interruption") == {"respond": 1.0, "expected": 1.0, "unknown": 0.0}
    assert means(summary, "background_speech") == {"respond": 0.0, "expected": 0.0, "unknown": 1.0}
    found = {m.metric.name: m for m in summary.metrics if m.subset == "user_interruption"}
    assert found["stop_latency"].estimate.mean == pytest.approx(0.5, abs=0.05)
    assert found["response_latency"].estimate.mean == pytest.approx(1.0, abs=0.05)
    assert found["wpm_after"].estimate.mean == pytest.approx(3 / (2 / 60))
    (outcomes,) = (o for o in summary.outcomes if o.subset == "background_speech")
    assert (outcomes.samples, outcomes.counts["valid"], outcomes.counts["invalid"]) == (2, 1, 1)


def test_a_folder_given_relatively_is_found_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (finished(tmp_path / "data") / "output.wav").write_bytes(b"RIFF nothing")
    monkeypatch.chdir(tmp_path)
    first, _ = import_run(TASK, Path("data"), tmp_path / "run", "moshi")
    assert "output.wav is not audio that can be read" in first.reason
    assert len(open_run(tmp_path / "run").samples) == 2


def test_a_remark_is_made_once(tmp_path: Path) -> None:
    folder = finished(tmp_path / "data")
    samples, rate = soundfile.read(folder / "output.wav")
    soundfile.write(folder / "output.wav", np.stack([samples, samples], 1), rate)
    first, _ = import_run(TASK, tmp_path / "data", tmp_path / "run", "moshi")
    assert first.notes == ("output.wav: 2 channels averaged",)


def means(summary: Summary, subset: str) -> dict[str, float | None]:
    names = ("respond", "expected", "unknown")
    return {
        m.metric.name: m.estimate.mean
        for m in summary.metrics
        if m.subset == subset and m.metric.name in names
    }


@pytest.mark.parametrize("name", ["output.wav", "clean_output.wav", "input.flac", "metadata.json"])
def test_a_missing_file_is_the_problem_of_both(tmp_path: Path, name: str) -> None:
    (finished(tmp_path) / name).unlink()
    finished(tmp_path, number="2")
    first, clean, *fine = TASK.imports(tmp_path)
    assert "the file is missing" in first.sample.problem
    assert first.sample.problem == clean.sample.problem
    assert (first.model_audio, clean.model_audio) == (None, None)
    assert [f.sample.problem for f in fine] == ["", ""]


@pytest.mark.parametrize("name", ["output.json", "clean_output.json", "input.json"])
def test_a_broken_transcript_is_the_problem_of_both(tmp_path: Path, name: str) -> None:
    (finished(tmp_path) / name).write_text("[]")
    first, clean = TASK.imports(tmp_path)
    assert f"{name}: Expected `object`, got `array` ([])" in first.sample.problem
    assert first.sample.problem == clean.sample.problem


@pytest.mark.parametrize("name", ["output.json", "clean_output.json"])
def test_a_transcript_may_be_missing(tmp_path: Path, name: str) -> None:
    (finished(tmp_path) / name).unlink()
    found = {i.model_audio.stem: i for i in TASK.imports(tmp_path) if i.model_audio}
    assert found[name.removesuffix(".json")].words is None


def test_lengths_that_differ_are_noted(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    soundfile.write(folder / "output.wav", np.zeros(16000), RATE)
    first, _ = TASK.imports(tmp_path)
    assert any("output.wav: 1.00 s, the input is" in note for note in first.sample.notes)


def refused(root: Path) -> UserError:
    with pytest.raises(UserError) as error:
        list[ImportedExchange](TASK.imports(root))
    return error.value


def test_folders_that_are_no_items_are_refused(tmp_path: Path) -> None:
    assert "no such folder" in str(refused(tmp_path / "none"))
    assert "no recordings" in str(refused(tmp_path))
    shutil.move(finished(tmp_path / "a"), tmp_path / "b" / "elsewhere" / "1")
    assert "is in none of user_interruption" in str(refused(tmp_path / "b"))
    shutil.move(tmp_path / "b" / "elsewhere" / "1", tmp_path / "c" / "user_backchannel" / "one")
    assert "its name is not a number" in str(refused(tmp_path / "c"))


def test_two_systems_at_once_are_refused(tmp_path: Path) -> None:
    for system in ("a", "b"):
        finished(tmp_path / system)
    assert "both sample user_interruption-1" in str(refused(tmp_path))


def chunks_of(path: Path) -> Any:
    return json.loads(path.read_text())["chunks"]


def test_the_user_s_transcripts_reach_the_judge(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    first, _ = TASK.imports(tmp_path)
    annotation: Any = first.sample.reference.annotation
    assert [w.text for w in annotation.user] == [c["text"] for c in chunks_of(folder / "input.json")]
    assert len(annotation.user_clean) == len(chunks_of(folder / "clean_input.json")) < len(annotation.user)
