"""The page of a judging sheet, opened from disk: heard, filled in by the keyboard, run by no text."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest
from chromium import WatchedPage
from msgspec import structs

from tml_bench.scoring.agreement import SheetFiles, judged_of, make_sheet
from tml_bench.scoring.judging import QuestionVerdict

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "runs" / "proactive-video-qa-mini-1--oracle"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}"

# Playwright's own waiting evaluates texts, which the page's policy refuses.
WAIT = """new Promise((go) => {
  const sound = document.getElementById("sound");
  const look = () => (%s) && go(true);
  for (const kind of ["loadeddata", "timeupdate"]) sound.addEventListener(kind, look);
  look();
})"""
LOADED, MOVED = WAIT % "sound.readyState >= 2", WAIT % "sound.currentTime > 0.2"


@pytest.fixture
def sheet(tmp_path: Path) -> SheetFiles:
    """Two questions about a recording: the real one, and one with a script in every text."""
    run = Path(shutil.copytree(GOLDEN, tmp_path / "run"))
    first = judged_of(run)[0]
    lines = tuple(
        structs.replace(one, text=HOSTILE) if one.role != "reply" else one for one in first.question.lines
    )
    rubric = structs.replace(first.question.rubric, name=HOSTILE, text=HOSTILE, answers=("1", HOSTILE))
    hostile = QuestionVerdict(
        first.sample, structs.replace(first.question, lines=lines, rubric=rubric), first.verdict
    )
    (run / "verdicts.jsonl").write_bytes(
        b"".join(msgspec.json.encode(one) + b"\n" for one in (first, hostile))
    )
    return make_sheet([run], tmp_path / "a <b> sheet.csv")


def test_what_is_judged_is_heard_and_answered_by_the_keyboard(
    watched: WatchedPage, sheet: SheetFiles
) -> None:
    page = watched.page
    page.goto(sheet.page.as_uri())
    for _ in range(2):
        page.evaluate(LOADED)
        length = page.evaluate("document.getElementById('sound').duration")
        # The reply lasts 1.198 s; before it 2 s are heard, after it 1 s.
        assert length == pytest.approx(4.198, abs=0.05)
        page.keyboard.press("p")
        page.evaluate(MOVED)
        page.keyboard.press("p")
        assert page.evaluate("document.getElementById('sound').paused")
        assert not watched.violations()
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("1")
    with page.expect_download() as download:
        page.keyboard.press("s")
    saved = Path(download.value.path()).read_text(encoding="utf-8")
    assert saved.count("\n") >= 3
    assert "Question 2 of 2; 1 answered" in page.locator("#state").inner_text()


def test_no_text_of_a_question_runs(watched: WatchedPage, sheet: SheetFiles) -> None:
    page = watched.page
    page.goto(sheet.page.as_uri())
    texts = page.locator("main").inner_text()
    page.keyboard.press("ArrowRight")
    texts += page.locator("main").inner_text()
    assert texts.count(HOSTILE) >= 4
    assert page.locator("main img, main script").count() == 0
