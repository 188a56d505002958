"""Links that came with somebody's results, beside runs: nothing is written where they lead."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_hostile import tree
from test_runs_store import FILE, as_it_is

from tml_bench.cli import main
from tml_bench.runs.store import RunFolder
from tml_bench.scoring import kept_floors
from tml_bench.users.reply_cache import ReplyCache, ReplyRequest

GOLDEN = Path(__file__).parent / "golden" / "runs"
VIDEO = "proactive-video-qa-mini-1--oracle"
MODEL = "openai:model=m,base_url=http://127.0.0.1:9/v1"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder of somebody's, to which links lead."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "letter.txt").write_text("mine")
    (folder / "empty").touch()
    return folder


def call(*words: object) -> str:
    return CliRunner().invoke(main, [str(word) for word in words]).output


def test_links_beside_runs_are_never_followed(
    tmp_path: Path, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_floors, "code_of", lambda *run: ("this",))  # as of a run of this version
    results = tmp_path / "results"
    run = Path(shutil.copytree(GOLDEN / VIDEO, results / VIDEO))
    for name in (".floors", "sheet-sound"):
        (results / name).symlink_to(victim)
    for name in ("sheet.html", "agreement.csv"):
        (results / name).symlink_to(victim / "letter.txt")
    before = tree(victim)
    assert "is a link" not in call("score", run, "--words", "transcript", "--quiet", "--jobs", 1)
    assert tree(victim) == before, "kept floors"
    for there in ("empty", "not there"):
        (results / "judge-cache.sqlite").symlink_to(victim / there)
        assert "is a link" in call("score", run, "--judge", MODEL, "--quiet")
        assert tree(victim) == before, "the judge's cache"
        (results / "judge-cache.sqlite").unlink()
    assert "is a link" in call("judge", "sheet", run, "--out", results / "sheet.csv")
    assert tree(victim) == before, "what is heard beside a sheet"
    (results / "sheet-sound").unlink()
    assert "questions" in call("judge", "sheet", run, "--out", results / "sheet.csv")
    (run / "agreement.json").symlink_to(victim / "letter.txt")
    call("judge", "agreement", run, results / "sheet.csv", "--save", "--json", results / "agreement.csv")
    call("compare", run, run, "--json", results / "agreement.csv")
    assert tree(victim) == before


def test_locks_that_are_other_files_too_are_not_emptied(tmp_path: Path, victim: Path) -> None:
    run, replies = tmp_path / "run", tmp_path / "replies"
    for folder in (run, replies):
        folder.mkdir()
        os.link(victim / "letter.txt", folder / ".lock")
    with RunFolder(run, FILE, as_it_is):
        pass
    ReplyCache(replies).keep(ReplyRequest("m", (), {}), "hello")
    assert (victim / "letter.txt").read_text() == "mine"
