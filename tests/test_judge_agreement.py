"""Judges compared: by hand, from runs, sheets and caches, and in the reports of the runs."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fake_servers.judge import FakeJudge
from msgspec import structs

from tml_bench.cli import main
from tml_bench.errors import UserError
from tml_bench.judges.cache import JudgeCache
from tml_bench.judges.sheet import read_sheet, row_id, rows_of, to_csv
from tml_bench.questions import Question, QuestionLine, Rubric, Verdict
from tml_bench.report.board import board_of
from tml_bench.report.files import full_markdown, leaderboard_markdown, read_summaries
from tml_bench.report.layout import tables
from tml_bench.report.site import site
from tml_bench.scoring.agreement import agreement, labels_of
from tml_bench.scoring.judge_labels import JudgeLabels, compare, merged

pytestmark = pytest.mark.usefixtures("without_pictures", "in_this_process")

YES_NO = Rubric("polite", 1, "Is it polite?", ("yes", "no"))
MARK = Rubric("mark", 2, "How good?", ("1", "2", "3"), ordered=True)
# Both yes 20, both no 15, otherwise 5 and 10: kappa .4, and by hand alpha 1 - 99 * 30 / (2 * 55 * 45).
TABLE = {("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def question(number: int, rubric: Rubric = YES_NO) -> Question:
    return Question(f"q{number}", rubric, (QuestionLine("reply", f"text {number}"),))


def labels(judge: str, answers: Mapping[int, str], rubric: Rubric = YES_NO) -> JudgeLabels:
    found = JudgeLabels(judge)
    for number, answer in answers.items():
        found.add(rubric, row_id(question(number, rubric)), answer)
    return found


def two(table: Mapping[tuple[str, str], int]) -> tuple[dict[int, str], dict[int, str]]:
    pairs = [pair for pair, n in table.items() for _ in range(n)]
    return {k: a for k, (a, _) in enumerate(pairs)}, {k: b for k, (_, b) in enumerate(pairs)}


def test_two_judges_by_hand() -> None:
    first, second = two(TABLE)
    ((pair,), joint) = compare([labels("a", first | {99: "yes"}), labels("b", second | {98: "no", 97: "no"})])
    assert joint == []
    assert (pair.rubric, pair.version, pair.first, pair.second) == ("polite", "1", "a", "b")
    assert (pair.n, pair.only_first, pair.only_second) == (50, 1, 2)
    assert pair.accuracy.value == pytest.approx(0.7)
    assert pair.kappa.value == pytest.approx(0.4)
    assert pair.alpha.value == pytest.approx(1 - 99 * 30 / (2 * 55 * 45))
    assert pair.weighted is None
    assert pair.confusion == ((20, 5), (10, 15))
    for measured in (pair.accuracy, pair.kappa, pair.alpha):
        assert measured.value is not None
        assert measured.low is not None
        assert measured.high is not None
        assert measured.low < measured.value < measured.high


def test_ordered_answers_have_a_weighted_kappa_and_ordinal_alpha() -> None:
    near = {0: "1", 1: "2", 2: "3", 3: "1", 4: "2"}, {0: "1", 1: "2", 2: "3", 3: "2", 4: "3"}
    far = near[0], near[1] | {3: "3", 4: "2"}
    ((close,), _) = compare([labels("a", near[0], MARK), labels("b", near[1], MARK)])
    ((wide,), _) = compare([labels("a", far[0], MARK), labels("b", far[1], MARK)])
    assert close.weighted is not None
    assert wide.weighted is not None
    assert (close.weighted.value or 0) > (close.kappa.value or 0)
    assert (close.weighted.value or 0) > (wide.weighted.value or 0)
    # Observed 1 + 1; expected sum of w r c / 5 with rows 2, 2, 1 and columns 1, 2, 2.
    assert close.weighted.value == pytest.approx(1 - 2 / ((4 + 16 + 2 + 4 + 4 + 2) / 5))


def test_three_judges_pairwise_and_together() -> None:
    answers = {0: "yes", 1: "no", 2: "yes"}
    pairs, (joint,) = compare([labels("a", answers), labels("b", answers), labels("c", answers | {3: "no"})])
    assert [(p.first, p.second) for p in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert (joint.judges, joint.n, joint.alpha.value) == (("a", "b", "c"), 3, 1.0)


def test_rubrics_are_compared_each_by_itself_and_versions_never_meet() -> None:
    changed = Rubric("polite", 2, "Is it really polite?", YES_NO.answers)
    one = merged([labels("a", {0: "yes"}), labels("a", {0: "1"}, MARK), labels("a", {0: "no"}, changed)])
    pairs, _ = compare([*one, labels("b", {0: "yes"}), labels("c", {0: "yes"}, changed)])
    assert [(p.rubric, p.version, p.second) for p in pairs] == [("polite", "1", "b"), ("polite", "2", "c")]


def test_judges_that_always_say_the_same_have_no_kappa() -> None:
    ((pair,), _) = compare([labels("a", {0: "yes", 1: "yes"}), labels("b", {0: "yes", 1: "yes"})])
    assert (pair.accuracy.value, pair.kappa.value, pair.alpha.value) == (1.0, None, None)


def test_questions_about_one_sample_are_one_unit() -> None:
    first, second = two(TABLE)
    apart, together = labels("a", first), labels("a", first)
    together.groups = {row_id(question(k)): "one sample" for k in first}
    assert compare([apart, labels("b", second)])[0][0].kappa.low is not None
    assert compare([together, labels("b", second)])[0][0].kappa.low is None


# ---- sources


def sheet(path: Path, answers: Mapping[int, str], rubric: Rubric = YES_NO) -> Path:
    asked = {row_id(question(k, rubric)): answer for k, answer in answers.items()}
    rows = [structs.replace(r, answer=asked[r.id]) for r in rows_of(question(k, rubric) for k in answers)]
    path.write_text(to_csv(rows), encoding="utf-8")
    return path


def cache(path: Path, answers: Mapping[int, str], model: str = "m") -> Path:
    kept = JudgeCache(path)
    for number, answer in answers.items():
        kept.keep(("openai", model, "prompt=1 temperature=0"), question(number), Verdict(answer))
    kept.close()
    return path


def test_sheets_and_caches_meet(tmp_path: Path) -> None:
    first, second = two(TABLE)
    stored = cache(tmp_path / "c.sqlite", first)
    people = sheet(tmp_path / "people.csv", second | {60: ""})
    ((pair,), _) = agreement([f"{stored}:openai:model=m", str(people)])
    assert pair.first == "openai m prompt=1 temperature=0"
    assert pair.second.startswith("human ")
    assert (pair.n, pair.confusion) == (50, ((20, 5), (10, 15)))
    assert agreement([str(stored), str(people)]).pairs == [pair]


def test_two_people_who_answer_the_same_are_two(tmp_path: Path) -> None:
    anna, bela = (sheet(tmp_path / f"{name}.csv", {0: "yes", 1: "no"}) for name in ("anna", "bela"))
    ((pair,), _) = agreement([str(anna), str(bela)])
    assert pair.second == f"{pair.first} ({bela})"
    assert (pair.n, pair.accuracy.value, pair.kappa.value) == (2, 1.0, 1.0)
    with pytest.raises(UserError, match="one judge alone"):
        agreement([str(anna), f"{tmp_path}/./anna.csv"])


def test_a_sheet_keeps_that_answers_are_ordered(tmp_path: Path) -> None:
    one = sheet(tmp_path / "one.csv", {0: "1", 1: "3"}, MARK)
    other = sheet(tmp_path / "two.csv", {0: "1", 1: "2"}, MARK)
    ((pair,), _) = agreement([str(one), str(other)])
    assert pair.weighted is not None


def test_sources_that_cannot_be_compared(tmp_path: Path) -> None:
    people, others = sheet(tmp_path / "a.csv", {0: "yes"}), sheet(tmp_path / "b.csv", {1: "no"})
    stored = cache(tmp_path / "c.sqlite", {0: "yes"})
    cache(stored, {0: "no"}, "n")
    for sources, says in (
        ([people], "one judge alone"),
        ([people, others], "no question in common"),
        ([people, tmp_path / "none"], "none does not exist"),
        ([people, stored], "say whose"),
        ([people, f"{stored}:openai:model=x"], "holds no answers of openai x"),
        ([people, f"{stored}:rules"], "caches hold no answers of 'rules'"),
        ([people, tmp_path], "score the run first"),
    ):
        with pytest.raises(UserError, match=says):
            agreement([str(source) for source in sources])


# ---- runs and reports


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, scored by the rules; not to be changed."""
    out = tmp_path_factory.mktemp("results")
    wanted = ("--task", "proactive-video-qa", "--subset", "WEB", "--limit", "3", "--adapter", "oracle")
    assert call("run", *wanted, "--jobs", "1", "--out", out).exit_code == 0
    (run,) = (path for path in out.iterdir() if (path / "run.json").is_file())
    return run


def test_a_judge_against_people_and_the_report_that_says_so(made: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(made, tmp_path / made.name))
    people = tmp_path / "people.csv"
    call("judge", "sheet", run, "--out", people)
    rows = read_sheet(people)
    given = [structs.replace(r, answer="2" if k == 0 else "3") for k, r in enumerate(rows)]
    people.write_text(to_csv(given), encoding="utf-8")
    shown = call("judge", "agreement", run, people, "--save", "--json", tmp_path / "all.json")
    assert shown.exit_code == 0, shown.output
    n = len(rows)
    assert "pvqa-coverage 1: rules pvqa-coverage=2 (rows) and human " in shown.output
    assert f"accuracy        {(n - 1) / n:.3f}" in shown.output
    assert json.loads((tmp_path / "all.json").read_text())["pairs"][0]["n"] == n
    (summary,) = read_summaries([run])
    assert summary.judgements is not None
    (pair,) = summary.judgements.agreement
    assert (pair.first, pair.n) == ("rules pvqa-coverage=2", n)
    assert pair.confusion == ((0, 0, 0), (0, 0, 0), (0, 1, n - 1))
    line = f"agreement of rules pvqa-coverage=2 with {pair.second} on pvqa-coverage 1: n {n}, accuracy "
    for text in (
        full_markdown([summary]).replace("\\", ""),
        leaderboard_markdown([summary]).replace("\\", ""),
        "".join(site(board_of([summary])).values()),
        " ".join(call("score", run, "-v").output.split()),
        " ".join(call("report", run, "-v", "--out", tmp_path / "report").output.split()),
    ):
        assert line in text
    # It stays where the judge is the same, and goes with another judge.
    other = Path(shutil.copytree(run, tmp_path / "other"))
    with FakeJudge(decide=lambda texts: "3") as fake:
        call("score", other, "--judge", f"openai:model=m,base_url={fake.base_url}")
    judgements = read_summaries([other])[0].judgements
    assert judgements is not None
    # With the rules of the task every other judge is compared at once.
    (beside,) = judgements.agreement
    assert (beside.first, beside.second) == ("openai m prompt=1 temperature=0", "rules pvqa-coverage=2")
    assert (beside.n, beside.confusion) == (n, ((0, 0, 0), (0, 0, 0), (0, 0, n)))
    pages = site(board_of(read_summaries([other])))
    assert "with rules pvqa-coverage=2 on pvqa-coverage 1: n" in "".join(pages.values())
    assert len(tables(read_summaries([run, made]))) == 1
    assert len(tables(read_summaries([run, other]))) == 2


def test_runs_of_one_judge_count_as_one(made: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(made, tmp_path / "other"))
    with FakeJudge(decide=lambda texts: "3") as fake:
        call("score", other, "--judge", f"openai:model=m,base_url={fake.base_url}")
    twice = Path(shutil.copytree(made, tmp_path / "twice"))
    ((pair,), joint) = agreement([str(made), str(other), str(twice)])
    assert joint == []
    assert (pair.first, pair.second) == ("rules pvqa-coverage=2", "openai m prompt=1 temperature=0")
    assert pair.accuracy.value == 1.0
    assert set(labels_of(str(made)).groups.values()) == {
        json.loads(line)["sample"] for line in (made / "scores.jsonl").read_text().splitlines()
    }


def test_a_malformed_agreement_is_said(made: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(made, tmp_path / made.name))
    for content in (b'{"pairs": 3}', b'{"pairs": [{"rubric": "\xff"}]}'):
        (run / "agreement.json").write_bytes(content)
        with pytest.raises(UserError, match=r"agreement\.json"):
            read_summaries([run])


def test_nothing_is_kept_for_a_run_that_was_not_compared(made: Path, tmp_path: Path) -> None:
    people = sheet(tmp_path / "a.csv", {0: "yes"}), sheet(tmp_path / "b.csv", {0: "no"})
    result = call("judge", "agreement", *people, made, "--save")
    assert result.exit_code == 2
    assert "was not compared" in result.stderr


def test_the_csv_stays_one_line_a_metric(made: Path, tmp_path: Path) -> None:
    call("report", made, "--out", tmp_path)
    rows = list(csv.DictReader((tmp_path / "report.csv").open(encoding="utf-8")))
    judged = {row["metric"] for row in rows if row["judge"]}
    assert judged == {f"pauc{end}_{omega}" for end in ("", "_end") for omega in ("000", "050", "100")}
