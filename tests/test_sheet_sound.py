"""What people hear beside a question is the stretch that is judged, with a lead, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from msgspec import structs

from tml_bench.errors import UserError
from tml_bench.judges.sheet import read_sheet, row_id, to_csv
from tml_bench.questions import Question, QuestionLine, Rubric
from tml_bench.scoring.agreement import judged_of, make_sheet
from tml_bench.scoring.sheet_sound import LEAD_S, TAIL_S, RunSounds, stretch_of
from tml_bench.timeline import Word

GOLDEN = Path(__file__).resolve().parent / "golden" / "runs" / "proactive-video-qa-mini-1--oracle"
SAMPLE = "TV-mini_tv_1"
RUBRIC = Rubric("right", 1, "Is it right?", ("yes", "no"))
WORDS = [
    Word(text, float(k), k + 0.5)
    for k, text in enumerate(["So,", "a", "red", "ball", "rolls", "in.", "Then", "a", "blue", "ball."])
]


def asked(*lines: QuestionLine) -> Question:
    return Question("k", RUBRIC, lines)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "run"))


@pytest.mark.parametrize(
    ("lines", "stretch"),
    [
        ([QuestionLine("reply", "A red ball rolls in")], (1.0, 5.5)),
        ([QuestionLine("final reply", "a BLUE ball")], (7.0, 9.5)),
        ([QuestionLine("reply", "a red ball"), QuestionLine("reply", "a blue ball")], (1.0, 9.5)),
        # What is expected is no reply, wherever the model says it.
        ([QuestionLine("expected answer", "then"), QuestionLine("reply", "red ball")], (2.0, 3.5)),
        ([QuestionLine("what was said", "red ball")], (2.0, 3.5)),
        ([QuestionLine("reply", "red"), QuestionLine("user", "?", 20.0, 21.0)], (20.0, 21.0)),
        ([QuestionLine("model", "x", 1.0, None), QuestionLine("user", "y", 3.0, 4.0)], (1.0, 4.0)),
        ([QuestionLine("reply", "a green ball")], None),
        ([QuestionLine("reply", "")], None),
    ],
)
def test_the_stretch_is_where_the_judged_texts_were_said(
    lines: list[QuestionLine], stretch: tuple[float, float] | None
) -> None:
    assert stretch_of(asked(*lines), WORDS) == stretch


def test_words_without_times_are_found_nowhere() -> None:
    assert stretch_of(asked(QuestionLine("reply", "red")), [Word("red", None, None)]) is None


def test_the_page_plays_what_is_judged(run: Path, tmp_path: Path) -> None:
    made = make_sheet([run], tmp_path / "my sheet.csv")
    (file,) = (tmp_path / "my sheet-sound").iterdir()
    assert (made.rows, made.heard, file.stem) == (1, 1, read_sheet(made.csv)[0].id)
    assert f'"sound": "my%20sheet-sound/{file.name}"' in made.page.read_text(encoding="utf-8")
    heard, rate = soundfile.read(file, dtype="int16")
    place = run / "proactive-video-qa" / SAMPLE / "1"
    # The reply of the recording, from its first to its last word.
    start, stop = round((14.563 - LEAD_S) * rate), round((15.761 + TAIL_S) * rate)
    for side, name in enumerate(("user", "model")):
        whole, _ = soundfile.read(place / f"{name}.flac", dtype="int16")
        assert np.array_equal(heard[:, side], whole[start:stop])
    assert abs(heard[:, 1]).max() > 1000


def test_a_sheet_that_grows_keeps_its_sounds(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.csv"
    make_sheet([run], out)
    (file,) = (tmp_path / "sheet-sound").iterdir()
    before = file.stat().st_mtime_ns
    shutil.rmtree(run / "proactive-video-qa")
    assert make_sheet([run], out).heard == 1
    assert file.stat().st_mtime_ns == before


def test_an_unknown_stretch_is_the_whole_recording(run: Path) -> None:
    clip = RunSounds(run).clip(SAMPLE, asked(QuestionLine("reply", "something else")))
    assert clip is not None
    (run / "clip.flac").write_bytes(clip)
    place = run / "proactive-video-qa" / SAMPLE / "1"
    assert soundfile.info(run / "clip.flac").frames == soundfile.info(place / "model.flac").frames


def test_without_a_recording_there_is_nothing_to_hear(run: Path, tmp_path: Path) -> None:
    shutil.rmtree(run / "proactive-video-qa")
    made = make_sheet([run], tmp_path / "sheet.csv")
    assert made.heard == 0
    assert not (tmp_path / "sheet-sound").exists()
    assert RunSounds(run).clip("another", judged_of(run)[0].question) is None


def test_a_damaged_track_is_named(run: Path, tmp_path: Path) -> None:
    (run / "proactive-video-qa" / SAMPLE / "1" / "user.flac").write_bytes(b"noise")
    with pytest.raises(UserError, match=f"{SAMPLE}/1 cannot be heard"):
        make_sheet([run], tmp_path / "sheet.csv")


def test_no_name_leads_out_of_the_run_or_the_sheet_s_folder(run: Path, tmp_path: Path) -> None:
    """Neither a sample's name in the run's own files, nor an id that somebody wrote into the sheet."""
    outside = shutil.move(run / "proactive-video-qa" / SAMPLE, tmp_path / "outside")
    question = judged_of(run)[0].question
    for file in ("attempts.jsonl", "verdicts.jsonl"):
        text = (run / file).read_text(encoding="utf-8").replace(SAMPLE, "../../outside")
        (run / file).write_text(text, encoding="utf-8")
    assert RunSounds(run).clip("../../outside", question) is None
    (run / "proactive-video-qa" / SAMPLE).symlink_to(outside)
    assert RunSounds(GOLDEN).clip(SAMPLE, question) is not None
    shutil.copy(GOLDEN / "attempts.jsonl", run)
    assert RunSounds(run).clip(SAMPLE, question) is None
    out = tmp_path / "sheet.csv"
    make_sheet([run], out)
    (row,) = read_sheet(out)
    (tmp_path / "elsewhere.flac").write_bytes(b"")
    rows = [row, structs.replace(row, id="../elsewhere")]
    out.write_text(to_csv(rows), encoding="utf-8")
    assert make_sheet([run], out).heard == 0
    assert row.id == row_id(question)
