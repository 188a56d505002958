"""Runs scored by a language model, from the command line to the report, against a local server."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_servers.judge import FakeJudge
from msgspec import structs

from tml_bench.cli import main
from tml_bench.judges.sheet import read_sheet, to_csv as to_sheet
from tml_bench.report.board import board_of
from tml_bench.report.files import full_markdown, leaderboard_markdown, read_summaries, to_csv
from tml_bench.report.layout import tables
from tml_bench.report.site import site
from tml_bench.runs.store import read_lines
from tml_bench.scoring.judging import QuestionVerdict
from tml_bench.scoring.summary import MetricSummary, Summary

pytestmark = pytest.mark.usefixtures("without_pictures", "in_this_process")

TASK = "proactive-video-qa"
MAIN = """import signal; signal.signal(signal.SIGINT, signal.default_int_handler)
from tml_bench.cli import main; main()"""
RUN = ("run", "--task", TASK, "--subset", "VAD", "--limit", "2", "--adapter", "oracle", "--jobs", "1")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def by_wording(texts: list[dict[str, Any]]) -> str:
    """``3`` where the last reply is the expected answer to the letter, else ``1``."""
    expected, said = (next(t["text"] for t in texts[::way] if t["role"] == role) for way, role in
                      ((1, "expected answer"), (-1, "reply")))  # fmt: skip
    return "3" if expected == said else "1"


def spec(fake: FakeJudge, model: str = "m") -> str:
    return f"openai:model={model},base_url={fake.base_url},concurrency=2"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, scored by the rules; not to be changed."""
    out = tmp_path_factory.mktemp("results")
    assert call(*RUN, "--out", out).exit_code == 0
    (run,) = (path for path in out.iterdir() if (path / "run.json").is_file())
    return run


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "runs" / made.name))


def metric(summary: Summary, name: str = "pauc_050") -> MetricSummary:
    (found,) = (m for m in summary.metrics if m.metric.name == name)
    return found


def test_by_the_rules_nothing_is_asked_and_no_cache_is_made(made: Path) -> None:
    (summary,) = read_summaries([made])
    assert summary.facts.judge == "rules pvqa-coverage=2"
    assert summary.judgements is not None
    assert (summary.judgements.rubrics, summary.judgements.missing) == (("pvqa-coverage 1",), {})
    assert metric(summary).estimate.mean == pytest.approx(1.0, abs=2e-4)  # onsets are heard to 5 ms
    assert not (made.parent / "judge-cache.sqlite").exists()


def test_a_run_is_judged_and_the_same_command_asks_nothing(tmp_path: Path) -> None:
    with FakeJudge(decide=by_wording) as fake:
        command = (*RUN, "--out", tmp_path, "--judge", spec(fake))
        first = call(*command)
        assert first.exit_code == 0, first.output
        asked = len(fake.requests)
        (run,) = (path for path in tmp_path.iterdir() if (path / "run.json").is_file())
        scores = (run / "scores.jsonl").read_bytes()
        assert call(*command).exit_code == 0
        assert len(fake.requests) == asked > 0
    assert (run / "scores.jsonl").read_bytes() == scores
    assert "floors and ceilings included" in first.stderr
    assert f"about {asked} calls" in first.stderr
    lines = read_lines(run / "verdicts.jsonl", QuestionVerdict)
    assert {line.verdict.answer for line in lines} == {"3"}
    assert all(line.verdict.cached for line in lines)
    (summary,) = read_summaries([run])
    assert summary.facts.judge == "openai m prompt=1 temperature=0"
    assert metric(summary).estimate.mean == pytest.approx(1.0, abs=2e-4)  # onsets are heard to 5 ms
    assert metric(summary).baseline.floor == pytest.approx(0.25)


def test_a_shipped_cache_scores_again_without_a_key(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = run / "judge.sqlite"
    with FakeJudge(decide=by_wording) as fake:
        assert call("score", run, "--judge", spec(fake), "--judge-cache", cache).exit_code == 0
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    before = (run / "scores.jsonl").read_bytes()
    again = call("score", run, "--judge", "openai:model=m", "--judge-cache", cache)
    assert again.exit_code == 0
    assert "OPENAI_API_KEY is not set; only the cache answers" in again.stderr
    assert (run / "scores.jsonl").read_bytes() == before
    assert [p.name for p in run.glob("judge.sqlite*")] == ["judge.sqlite"]


def test_what_the_budget_leaves_is_missing_everywhere_and_then_made_up(run: Path) -> None:
    with FakeJudge(decide=by_wording) as fake:
        stopped = call("score", run, "-v", "--judge", spec(fake), "--judge-calls", "1")
        assert stopped.exit_code == 0
        assert "; the budget allows 1 calls" in stopped.stderr
        assert len(fake.requests) == 1
        (summary,) = read_summaries([run])
        reason = "not asked: the budget of 1 calls is spent; the same command continues"
        assert summary.judgements is not None
        assert list(summary.judgements.missing) == [reason]
        n, missing = summary.judgements.asked, summary.judgements.missing[reason]
        assert 0 < missing < n
        found = metric(summary)
        assert found.missing == {reason: 1}
        assert found.estimate.n == 1
        assert metric(summary, "out_of_span").estimate.n == 2
        # Every way of looking at it says so.
        line = f"judged by openai m prompt=1 temperature=0: {n} questions, {missing} without an answer"
        assert line in " ".join(stopped.output.split())
        board = f"judge openai m prompt=1 temperature=0: {missing} questions not answered"
        assert board in " ".join(stopped.output.split())
        assert line in full_markdown([summary])
        assert line in "".join(site(board_of([summary])).values())
        assert f"oracle {missing} of {n}." in leaderboard_markdown([summary])
        rows = list(csv.DictReader(to_csv([summary]).splitlines()))
        (row,) = (r for r in rows if r["metric"] == "pauc_050")
        assert (row["judge"], row["judgements"]) == ("openai m prompt=1 temperature=0", str(n))
        assert (row["judgements_missing"], row["missing"], row["n"]) == (str(missing), "1", "1")
        (plain,) = (r for r in rows if r["metric"] == "out_of_span")
        assert (plain["judge"], plain["judgements"], plain["judgements_missing"]) == ("", "", "")
        assert call("score", run, "--judge", spec(fake)).exit_code == 0
    (summary,) = read_summaries([run])
    assert summary.judgements is not None
    assert summary.judgements.missing == {}
    assert metric(summary).estimate.n == 2


def test_a_judge_that_is_down_is_missing_data_and_no_score(run: Path) -> None:
    with FakeJudge() as fake:
        pass
    assert call("score", run, "--judge", f"{spec(fake)},tries=1").exit_code == 0
    (summary,) = read_summaries([run])
    assert metric(summary).estimate.n == 0
    assert metric(summary).estimate.mean is None
    assert sum(metric(summary).missing.values()) == 2


def test_ctrl_c_loses_no_answer(run: Path) -> None:
    with FakeJudge(decide=by_wording) as fake:
        call("score", run, "--judge", f"{spec(fake)},tag=count")
        needed = len(fake.requests)
    with FakeJudge(decide=by_wording, takes_s=0.3) as fake:
        one_at_a_time = f"openai:model=m,base_url={fake.base_url},concurrency=1"
        judging = subprocess.Popen(
            [sys.executable, "-P", "-c", MAIN, "score", str(run), "--jobs", "1", "--judge", one_at_a_time],
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while len(fake.requests) < 2 and judging.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        judging.send_signal(signal.SIGINT)
        _, said = judging.communicate(timeout=30)
        assert judging.returncode == 130, said
        assert "the same command continues" in said
        asked = len(fake.requests)
        assert 2 <= asked < needed
        fake.takes_s = 0.0
        assert call("score", run, "--judge", one_at_a_time).exit_code == 0
        # At most what was in flight is lost.
        assert needed <= len(fake.requests) <= needed + 1


def test_runs_by_different_judges_never_share_a_table(run: Path, made: Path) -> None:
    with FakeJudge(decide=by_wording) as fake:
        call("score", run, "--judge", spec(fake))
        other = Path(shutil.copytree(run, run.parent / "other"))
        call("score", other, "--judge", spec(fake, "n"))
    found = tables(read_summaries([made, run, other]))
    assert [next(h for h in t.holds if h.startswith("judge ")) for t in found] == [
        "judge openai m prompt=1 temperature=0",
        "judge openai n prompt=1 temperature=0",
        "judge rules pvqa-coverage=2",
    ]
    assert all("rubrics pvqa-coverage 1" in t.holds for t in found)


def test_people_judge_a_run_from_a_sheet(run: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    made = call("judge", "sheet", run, "--out", sheet)
    assert made.exit_code == 0, made.output
    assert sheet.with_suffix(".html").is_file()
    rows = read_sheet(sheet)
    assert f"{len(rows)} questions, {len(rows)} new, 0 answered" in made.output
    assert "oracle" not in sheet.read_text(encoding="utf-8")
    sheet.write_text(to_sheet([structs.replace(row, answer="2") for row in rows]), encoding="utf-8")
    assert call("score", run, "--judge", f"human:{sheet}").exit_code == 0
    (summary,) = read_summaries([run])
    assert summary.facts.judge.startswith("human ")
    assert metric(summary).estimate.mean == pytest.approx(0.5, abs=2e-4)
    # Nobody was asked what blind strategies are worth.
    assert metric(summary).baseline.blind["always-reply"] is None
    again = call("judge", "sheet", run, "--out", sheet)
    assert f"{len(rows)} questions, 0 new, {len(rows)} answered" in again.output


def test_a_sheet_that_is_half_filled_in_is_missing_data(run: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    call("judge", "sheet", run, "--out", sheet, "--limit", "1")
    sheet.write_text(to_sheet([structs.replace(r, answer="3") for r in read_sheet(sheet)]), encoding="utf-8")
    assert call("score", run, "--judge", f"human:{sheet}").exit_code == 0
    (summary,) = read_summaries([run])
    assert summary.judgements is not None
    assert summary.judgements.missing.keys() == {"not on the sheet"}
    assert metric(summary).estimate.n == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("judge", "sheet", "{run}", "--rubric", "politeness"), "rubrics of these runs: pvqa-coverage"),
        (("judge", "sheet", "{run}/nothing"), "does not exist"),
        (("judge", "sheet", "{run}", "--out", "{run}/sheet.html"), "give a name ending in .csv"),
        (("judge", "cache", "{run}/none.sqlite"), "does not exist"),
        (("score", "{run}", "--judge", "human:{run}/none.csv"), "cannot be read"),
        (("score", "{run}", "--judge", "human:"), "there is no such judge"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(made: Path, arguments: tuple[str, ...], says: str) -> None:
    result = call(*(argument.format(run=made) for argument in arguments))
    assert result.exit_code == 2
    assert says in result.stderr


def test_what_a_cache_holds_is_printed(run: Path) -> None:
    with FakeJudge(decide=by_wording) as fake:
        call("score", run, "--judge", spec(fake))
        asked = len(fake.requests)
    shown = call("judge", "cache", run.parent / "judge-cache.sqlite").output
    assert (
        f"openai m prompt=1 temperature=0: pvqa-coverage 1: {asked} answers, {100 * asked:,} tokens" in shown
    )


def test_a_judge_that_does_not_exist_is_said_before_anything_is_run(tmp_path: Path) -> None:
    result = call(*RUN, "--out", tmp_path, "--judge", "oracle-of-delphi")
    assert result.exit_code == 2
    assert "there is no such judge" in result.stderr
    assert os.listdir(tmp_path) == []
