"""What `tml-bench compare` says of two sets of runs, and when it fails a build."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import msgspec
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from tml_bench.api import compare_results
from tml_bench.cli import main
from tml_bench.errors import UserError
from tml_bench.metrics import comparison
from tml_bench.outcome import Outcome
from tml_bench.questions import Verdicts
from tml_bench.report.change_text import print_changes
from tml_bench.report.changes import ResultsChange, ScoreChange, changes
from tml_bench.report.junit import to_junit
from tml_bench.samples import Sample
from tml_bench.scoring.summary import RunFacts, Summary, summarise
from tml_bench.scoring.summary_file import to_json
from tml_bench.scoring.timelines import SampleOutcome
from tml_bench.task import NO_VERDICTS, BoardScore, Direction, Kind, Metric, Score, Task, Value
from tml_bench.timeline import Timeline
from tml_bench.viewer.run_files import run_key

SAMPLES = 40


class Marked(Task):
    """Marks that a run is given: ``right`` is the board's score, ``delay`` is lower for better."""

    name = "marked"
    title = "Marked"
    subsets = ("all",)
    metrics = tuple(
        Metric(
            name=name, title=name, unit=unit, direction=direction, kind=kind, version=1, subsets=("all",),
            family="made-up", describes=f"What {name} is.",
        )
        for name, unit, direction, kind in (
            ("delay", "s", Direction.LOWER, Kind.MEAN), ("right", "%", Direction.HIGHER, Kind.RATE),
        )
    )  # fmt: skip
    headline = ("delay", "right")
    board = BoardScore("right", "all")
    data_help = "There is no data."

    def dataset(self, data: Path | None) -> str:
        return "mini-1"

    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        return (Sample(f"s{i}", "all") for i in range(SAMPLES))

    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        raise NotImplementedError


class Slow(Marked):
    """The same, and the delay is the board's score."""

    name = "slow"
    board = BoardScore("delay", "all")


def run(
    right: int, adapter: str = "my.py:Model", task: Task | None = None, lost: int = 0, delay: float = 1.0,
    **facts: object,
) -> Summary:  # fmt: skip
    """A run in which the first so many samples are right, and the last so many have no valid outcome."""
    task = task or Marked()
    samples = list(task.samples())
    valid = samples[: SAMPLES - lost]
    known = {
        "run": f"{task.name}-mini-1--{adapter.rpartition(':')[2]}", "task": task.name, "dataset": "mini-1",
        "tick_ns": 200_000_000, "compute": "ideal", "adapter": adapter,
        "created": "2026-05-04T10:20:30+00:00",
    }  # fmt: skip
    scores = [
        Score(
            task.name,
            "all",
            s.id,
            "",
            {"right": Value(float(k < right)), "delay": Value(delay + (k % 7) / 10)},
        )
        for k, s in enumerate(valid)
    ]
    outcomes = {
        s.id: SampleOutcome(*((Outcome.VALID,) if s in valid else (Outcome.ADAPTER_ERROR, "raised")))
        for s in samples
    }
    return summarise(task, msgspec.convert(known | facts, RunFacts), samples, scores, outcomes)


def stored(folder: Path, *summaries: Summary) -> Path:
    """A results folder with these runs."""
    for summary in summaries:
        place = folder / summary.facts.run
        place.mkdir(parents=True)
        (place / "run.json").write_text("{}")
        (place / "summary.json").write_text(to_json([summary]), encoding="utf-8")
    return folder


def named(*summaries: Summary) -> list[tuple[Path, Summary]]:
    return [(Path("results") / s.facts.run, s) for s in summaries]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def printed(found: ResultsChange, **options: Any) -> str:
    out = io.StringIO()
    print_changes(found, console=Console(file=out, width=200), **options)
    return out.getvalue()


def test_the_change_is_that_of_the_board_s_score_on_common_samples() -> None:
    before, after = run(30), run(20, lost=4)
    (found,) = changes(named(before), named(after)).tasks
    exact = comparison.compare(after.metrics[1].observations, before.metrics[1].observations, Kind.RATE)
    score = found.score
    assert exact.difference is not None
    assert exact.low is not None
    assert (score.metric, score.n, score.before) == ("right", 36, 75.0)
    assert (score.change, score.low) == (100 * exact.difference, 100 * exact.low)
    assert score.change == pytest.approx(-1000 / 36)
    assert (score.p, score.p_holm) == (exact.p, exact.p)
    assert (found.samples, found.lost) == (40, 4)
    assert [m.metric for m in found.headline] == ["delay", "right"]


def test_the_correction_runs_over_the_tasks() -> None:
    found = changes(named(run(30), run(30, task=Slow())), named(run(20), run(30, task=Slow(), delay=1.3)))
    p = [task.score.p for task in found.tasks]
    assert [task.task for task in found.tasks] == ["marked", "slow"]
    assert [task.score.p_holm for task in found.tasks] == comparison.holm([x for x in p if x is not None])
    assert found.tasks[1].score.p_holm != p[1]


def test_the_samples_that_changed_most_come_first_the_worse_before_the_better() -> None:
    (found,) = changes(named(run(2)), named(run(0))).tasks
    assert [(c.sample, c.before, c.after) for c in found.changed] == [("s0", 100.0, 0.0), ("s1", 100.0, 0.0)]
    assert found.changed[0].link == "#run=marked-mini-1--Model&sample=s0&with=marked-mini-1--Model"
    (slow,) = changes(named(run(2, task=Slow())), named(run(2, task=Slow(), delay=0.5))).tasks
    assert [c.after - c.before for c in slow.changed] == pytest.approx([-0.5] * SAMPLES)
    assert slow.score.gain == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("first", "second", "pairs"),
    [
        (["a"], ["b"], [("a", "b")]),
        (["a", "b"], ["b", "a"], [("a", "a"), ("b", "b")]),
        (["silent", "old"], ["new", "silent"], [("old", "new"), ("silent", "silent")]),
        (["a", "b"], ["c", "d"], []),
        (["a"], ["a", "b"], [("a", "a")]),
        (["a"], ["b", "c"], []),
    ],
)
def test_runs_of_one_adapter_are_partners_then_what_is_left(
    first: list[str], second: list[str], pairs: list[tuple[str, str]]
) -> None:
    found = changes(named(*(run(1, a) for a in first)), named(*(run(1, b) for b in second)))
    assert [(t.before_adapter, t.after_adapter) for t in found.tasks] == pairs
    assert len(found.alone) == len(first) + len(second) - 2 * len(pairs)


def test_runs_of_one_adapter_with_other_seeds_are_told_apart_by_their_names() -> None:
    runs = named(run(1, run="x-1", seed=1), run(1, run="x-2", seed=2))
    found = changes(runs, runs[::-1])
    assert [(t.before_run, t.after_run) for t in found.tasks] == [("results/x-1",) * 2, ("results/x-2",) * 2]
    assert len(changes(runs, runs[:1]).alone) == 1
    assert not changes(runs, named(run(1, run="x-3", seed=3))).tasks


def test_what_has_no_partner_is_told_with_the_reason() -> None:
    first = named(run(1), run(1, "other", task=Slow()), run(1, "a", clock="wall"))
    found = changes(first, named(run(1), run(1, "a", network="wifi"), run(1, "b", network="wifi")))
    assert {(alone.run, alone.first, alone.why) for alone in found.alone} == {
        ("results/slow-mini-1--other", True, "no run of slow on the other side"),
        ("results/marked-mini-1--a", True, "clock wall against clock simulated; network wifi"),
        ("results/marked-mini-1--a", False, "clock simulated; network wifi against clock wall"),
        ("results/marked-mini-1--b", False, "network wifi, which the other side has not"),
    }
    text = " ".join(printed(found).split())
    assert "not compared: results/slow-mini-1--other (first): no run of slow on the other side." in text
    two = changes(named(run(1, "a")), named(run(1, "b"), run(1, "c")))
    assert {alone.why for alone in two.alone if alone.first} == {"2 runs could be its partner: give two runs"}
    taken = changes(named(run(1, "a")), named(run(1, "a"), run(1, "b")))
    assert {alone.why for alone in taken.alone} == {"the run by a on the other side has its partner"}


def change(direction: str, gain: float, low: float | None, high: float | None, p: float = 0.5) -> ScoreChange:
    return ScoreChange("all", "m", "%", direction, 50.0, 50 + gain, gain, low, high, p, p, 5.0, 40, 40)


@pytest.mark.parametrize(
    ("score", "points", "worse", "surely"),
    [
        (change("higher", -5.1, -9.0, -1.0), 5, True, True),
        (change("higher", -5.1, -9.0, 1.0), 5, True, False),
        (change("higher", -5.1, None, None), 5, True, False),
        # Every sample is worse: there is no interval, and no doubt.
        (change("higher", -50.0, None, None, 0.001), 5, True, True),
        (change("lower", 50.0, None, None, 0.001), 5, True, True),
        (change("higher", -5.0, -9.0, -1.0), 5, False, False),
        (change("higher", 100 * (0.65 - 0.7), -9.0, -1.0), 5, False, False),
        (change("higher", 20.0, 10.0, 30.0), 0, False, False),
        (change("higher", 0.0, 0.0, 0.0), 0, False, False),
        (change("lower", 5.1, 1.0, 9.0), 5, True, True),
        (change("lower", 5.1, -1.0, 9.0), 5, True, False),
        (change("lower", -5.1, -9.0, -1.0), 0, False, False),
        (change("none", -50.0, -60.0, -40.0), 5, False, False),
    ],
)
def test_worse_is_by_more_than_so_many_points_in_the_better_direction(
    score: ScoreChange, points: float, worse: bool, surely: bool
) -> None:
    assert score.worse(points) is worse
    assert score.worse(points, significant=True) is surely


def test_a_score_nobody_has_on_both_sides_is_not_worse() -> None:
    (found,) = changes(named(run(30, lost=40)), named(run(20))).tasks
    assert (found.score.change, found.score.n, found.score.worse(0)) == (None, 0, False)
    assert "the runs have no sample in common that has a score" in printed(
        changes(named(run(30, lost=40)), named(run(20)))
    )


def test_results_folders_runs_and_patterns(tmp_path: Path) -> None:
    first = stored(tmp_path / "a", run(30), run(30, "other"))
    second = stored(tmp_path / "b", run(20), run(30, "other"))
    (second / "report").mkdir()
    (second / "notes.txt").write_text("no run")
    (second / "unscored").mkdir()
    (second / "unscored" / "run.json").write_text("{}")
    found, skipped = compare_results(first, str(second))
    assert [t.score.change for t in found.tasks] == [-25.0, 0.0]
    assert [word.partition(":")[0] for word in skipped] == [
        f"skipped {second / name}" for name in ("report", "unscored")
    ]
    one, none = compare_results(first / "marked-mini-1--Model", f"{second}/*--Mod*")
    assert [t.score.change for t in one.tasks] == [-25.0]
    assert not none


def test_links_are_those_of_the_viewer_of_both_runs(tmp_path: Path) -> None:
    odd = "marked (1) & more"
    for before, after in ((odd, odd), (odd, "other"), ("a", "b")):
        places = [
            stored(tmp_path / f"{before}{after}{k}", run(right, run=name)) / name
            for k, (right, name) in enumerate(((30, before), (29, after)))
        ]
        found, _ = compare_results(*places)
        link = dict(parse_qsl(found.tasks[0].changed[0].link[1:]))
        first = run_key(before, set())
        assert link == {"run": run_key(after, {first}), "sample": "s29", "with": first}


def test_places_without_runs_are_refused(tmp_path: Path) -> None:
    run_folder = stored(tmp_path / "a", run(30)) / "marked-mini-1--Model"
    (tmp_path / "empty").mkdir()
    for place, says in (
        (tmp_path / "no", "does not exist"),
        (tmp_path / "no*", "nothing matches"),
        (tmp_path / "empty", "does not exist"),
    ):
        with pytest.raises(UserError, match=says):
            compare_results(run_folder, place)
    other = stored(tmp_path / "b", run(30, tick_ns=100_000_000))
    with pytest.raises(UserError, match=r"may be compared: .*micro-turn 200 ms against micro-turn 100 ms"):
        compare_results(run_folder, other)


SURELY = ", beyond chance"


@pytest.mark.parametrize(
    ("after", "options", "code", "last"),
    [
        (run(20), [], 0, None),
        (run(20), ["--fail-if-worse", 5], 1, "worse by more than 5: marked"),
        (run(20), ["--fail-if-worse", 5, "--significant"], 1, f"worse by more than 5{SURELY}: marked"),
        (run(27), ["--fail-if-worse", 5], 1, "worse by more than 5: marked"),
        (run(27), ["--fail-if-worse", 5, "--significant"], 0, f"no task is worse by more than 5{SURELY}"),
        (run(20), ["--fail-if-worse", 25], 0, "no task is worse by more than 25"),
        (run(40), ["--fail-if-worse", 0], 0, "no task is worse by more than 0"),
        (run(30, lost=2), ["--fail-if-worse", 5], 3, "no task is worse by more than 5"),
        (run(20, lost=2), ["--fail-if-worse", 5], 1, "worse by more than 5: marked"),
    ],
)  # fmt: skip
def test_exit_codes(
    tmp_path: Path, after: Summary, options: list[object], code: int, last: str | None
) -> None:
    places = stored(tmp_path / "a", run(30)), stored(tmp_path / "b", after)
    done = call(*places, *options)
    assert done.exit_code == code, done.output
    if last:
        assert done.output.splitlines()[-1] == last


def test_a_gate_does_not_pass_over_a_run_that_is_missing(tmp_path: Path) -> None:
    first = stored(tmp_path / "a", run(30), run(30, task=Slow()))
    second = stored(tmp_path / "b", run(30))
    assert call(first, second, "--fail-if-worse", 5).exit_code == 3
    assert call(second, first, "--fail-if-worse", 5).exit_code == 0
    assert call(first, second).exit_code == 0


def test_the_output_fits_80_columns(tmp_path: Path) -> None:
    first = stored(tmp_path / "a", run(30, "x" * 60), run(30, task=Slow()))
    second = stored(tmp_path / "b", run(20, "x" * 60), run(30, task=Slow(), delay=2.0))
    lines = call(first, second).output.splitlines()
    assert all(len(line) <= 80 for line in lines if "#run=" not in line and "tml-bench view" not in line)
    assert lines[0].split()[-1] == "n"
    assert {line.split()[-1] for line in lines if line.startswith(("marked ", "slow "))} == {"40"}
    row = next(line for line in lines if line.startswith("marked "))
    assert row.split()[:5] == ["marked", "75.0", "50.0", "-25.0", "▼"]
    assert sum("#run=" in line for line in lines) == 6
    name = f"marked-mini-1--{'x' * 60}"
    assert f"  tml-bench view {first / name} {second / name}" in lines
    assert "headline metrics" not in "\n".join(lines)
    assert call(first, second, "-v").output.count("headline metrics") == 2


def test_a_small_p_value_is_not_told_as_0() -> None:
    assert "<0.001" in printed(changes(named(run(40)), named(run(0))))
    assert " 1.000 " in printed(changes(named(run(40)), named(run(40))))


ATTRIBUTES = {
    "testsuites": set(),
    "testsuite": {
        "id", "package", "name", "hostname", "time", "tests", "failures", "errors", "skipped", "timestamp",
    },
    "testcase": {"classname", "name", "time"},
    "failure": {"message", "type"},
    "skipped": {"message"},
}  # fmt: skip


def test_junit_holds_to_the_schema_and_tells_the_figures(tmp_path: Path) -> None:
    first = stored(tmp_path / "a", run(30), run(30, task=Slow()), run(30, "fine"))
    second = stored(tmp_path / "b", run(20), run(31, "fine"))
    file = tmp_path / "compare.xml"
    assert call(first, second, "--fail-if-worse", 5, "--junit", file).exit_code == 1
    root = ElementTree.fromstring(file.read_bytes())
    assert root.tag == "testsuites"
    (suite,) = root
    assert [child.tag for child in suite] == ["properties", *["testcase"] * 3, "system-out", "system-err"]
    for element in root.iter():
        assert set(element.attrib) == ATTRIBUTES.get(element.tag, set())
    counts = {key: suite.attrib[key] for key in ("tests", "failures", "errors", "skipped", "timestamp")}
    assert counts == {
        "tests": "3", "failures": "1", "errors": "0", "skipped": "1", "timestamp": "2026-05-04T10:20:30",
    }  # fmt: skip
    (failure,) = suite.iter("failure")
    assert failure.attrib["message"].startswith(
        "marked is worse by more than 5: 75.0 to 50.0 %, change -25.0 [-38.3, -9.3], p 0.004, n 40"
    )
    assert failure.text is not None
    assert f"second: {second}" in failure.text
    assert "#run=marked-mini-1--Model-2&sample=s20&with=marked-mini-1--Model" in failure.text
    (skipped,) = suite.iter("skipped")
    assert skipped.attrib["message"].endswith("has no partner: no run of slow on the other side")
    # Without a limit nothing is a failure.
    call(first, second, "--junit", file)
    assert 'failures="0"' in file.read_text(encoding="utf-8")


def test_json_holds_everything(tmp_path: Path) -> None:
    first, second = stored(tmp_path / "a", run(30)), stored(tmp_path / "b", run(20))
    file = tmp_path / "compare.json"
    call(first, second, "--json", file)
    (task,) = json.loads(file.read_text(encoding="utf-8"))["tasks"]
    assert (task["score"]["change"], len(task["changed"]), len(task["headline"])) == (-25.0, 10, 2)


HOSTILE = "a\x1b]0;owned\x07\x9b31m[red]\u202e<script>&\ufffe"


def test_names_are_obeyed_by_no_terminal_and_no_xml_reader() -> None:
    found = changes(named(run(30, HOSTILE)), named(run(20, HOSTILE), run(1, HOSTILE, task=Slow())))
    text = printed(found, headline=True, samples=5)
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
    assert "[red]" in text
    document = to_junit(found, found.tasks, "by more than 5")
    assert ElementTree.fromstring(document.encode())
    assert "<script>" not in document
