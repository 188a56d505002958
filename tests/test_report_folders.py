"""What a report is over, and where it may be written."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_report import HALF, PROMPT, run

import tml_bench
from tml_bench.errors import UserError
from tml_bench.report.files import read_summaries, write_report
from tml_bench.report.folders import free_folder, refuse_to_replace, run_folders
from tml_bench.scoring.summary_file import from_json, to_json

pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with two scored runs, one that is not scored, another report, a file and something else."""
    folder = tmp_path / "results"
    for name, said in (("run-a", PROMPT), ("run-b", HALF)):
        (folder / name).mkdir(parents=True)
        (folder / name / "run.json").write_text("{}")
        (folder / name / "summary.json").write_text(to_json([run(name, said, run=name)]))
    (folder / "run-c").mkdir()
    (folder / "run-c" / "run.json").write_text("{}")
    (folder / "report").mkdir()
    (folder / "other").mkdir()
    (folder / "note.txt").write_text("x")
    return folder


def names(*given: Path) -> list[str]:
    return [path.name for path in run_folders(given)[0]]


def test_runs_patterns_and_folders_of_runs_are_taken(results: Path) -> None:
    assert names(results / "run-b", results / "run-a") == ["run-b", "run-a"]
    assert names(results) == ["run-a", "run-b"]
    assert names(results / "run-*") == ["run-a", "run-b"]
    assert names(results / "*a", results, results / "run-a" / "..") == ["run-a", "run-b"]


def test_what_is_no_run_is_skipped_with_a_word(results: Path) -> None:
    for given in (results, results / "*"):
        words = run_folders([given])[1]
        assert f"skipped {results / 'other'}: no run" in words
        assert f"skipped {results / 'report'}: no run" in words
        (unscored,) = (w for w in words if "run-c" in w)
        assert unscored.endswith(f"it has no scores yet, tml-bench score {results / 'run-c'} makes them")
    assert run_folders([results / "run-a"])[1] == []


def test_what_is_named_by_itself_is_never_skipped(results: Path) -> None:
    for named in ("run-c", "other", "nowhere"):
        (path,) = run_folders([results / named])[0]
        with pytest.raises(UserError, match=r"summary\.json does not exist"):
            read_summaries([path])


def test_nothing_found_is_said_with_what_to_do(results: Path) -> None:
    with pytest.raises(UserError, match="nothing matches"):
        run_folders([results / "none-*"])
    with pytest.raises(UserError, match=r"skipped .*other: no run") as caught:
        run_folders([results / "oth*"])
    assert "tml-bench run" in caught.value.remedy


def test_a_name_with_brackets_is_a_folder_before_it_is_a_pattern(results: Path) -> None:
    (results / "run-a").rename(results / "run[1]")
    assert names(results / "run[1]") == ["run[1]"]


def test_a_report_of_other_runs_is_never_replaced(results: Path, tmp_path: Path) -> None:
    a, b, out = results / "run-a", results / "run-b", tmp_path / "out"
    page = tml_bench.report([a], out)
    before = page.read_bytes()
    with pytest.raises(UserError, match="out holds a report over run-a, which would be lost"):
        tml_bench.report([b], out)
    assert page.read_bytes() == before
    tml_bench.report([a, b], out)  # with all that it held it is brought up to date
    assert [s.facts.run for s in from_json((out / "report.json").read_bytes())] == ["run-a", "run-b"]
    with pytest.raises(UserError, match="over run-b, which"):
        tml_bench.report([a], out)


def test_what_cannot_be_read_is_not_replaced_either(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(UserError, match="runs that cannot be read"):
        refuse_to_replace(tmp_path, [run("a", PROMPT)])
    (tmp_path / "report.json").unlink()
    refuse_to_replace(tmp_path, [run("a", PROMPT)])
    (tmp_path / "index.html").write_text("my own page")
    with pytest.raises(UserError, match="cannot be read"):
        refuse_to_replace(tmp_path, [run("a", PROMPT)])


def test_the_next_free_folder_is_taken_where_none_is_named(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = tml_bench.report(["results/run-a"])
    second = tml_bench.report(["results/run-b"])
    assert (first.parent, second.parent) == (Path("results/report"), Path("results/report-2"))
    assert tml_bench.report(["results/run-a"]) == first
    assert tml_bench.report(["results/run-b"]) == second
    assert free_folder(Path("results/report"), []) == Path("results/report-3")


def test_pages_that_are_not_made_again_go_and_nothing_else_does(results: Path, tmp_path: Path) -> None:
    summaries = read_summaries([results / "run-a", results / "run-b"])
    write_report(summaries, tmp_path / "out")
    mine = tmp_path / "out" / "runs" / "mine.html"
    mine.write_text("<p>my own page")
    write_report(summaries[:1], tmp_path / "out")
    assert {p.name for p in mine.parent.iterdir()} == {"mine.html", "run-a.html"}


def test_pages_say_where_the_runs_are_and_tell_no_folder_of_the_machine(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tml_bench.report([results / "run-a"], tmp_path / "one")
    everything = "".join(p.read_text(encoding="utf-8") for p in page.parent.rglob("*.html"))
    assert "tml-bench view results/run-a" in everything
    assert str(tmp_path) not in everything
