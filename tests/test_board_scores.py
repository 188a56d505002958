"""Each task's score for the board: declared, explained, with room above what no model must earn."""

from __future__ import annotations

import gzip
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from msgspec import structs

from tml_bench.plugins import load_task, suite_names
from tml_bench.report.board import CellState, RowKind, board_of
from tml_bench.scoring.floors import Baseline, baselines
from tml_bench.scoring.summary import FEW_EVENTS, MetricSummary, Summary
from tml_bench.scoring.summary_file import from_json, to_json
from tml_bench.task import BoardScore, Task

ROOT = Path(__file__).resolve().parent.parent
HABITS = ("silent", "always-on", "echo", "early:500")
"""Reference adapters that do one thing, whatever happens."""


def score_of(task: Task) -> BoardScore:
    assert task.board is not None
    return task.board


@cache
def baseline(name: str) -> Baseline:
    task = load_task(name)
    score = score_of(task)
    samples = [s for s in task.samples() if s.scored and not s.problem]
    (found,) = (b for b in baselines(task, samples, only=(score.metric,)) if b.subset == score.part)
    return found


@cache
def committed(name: str) -> dict[str, Summary]:
    path = ROOT / "results" / "baselines" / name / "report.json.gz"
    return {s.facts.adapter: s for s in from_json(gzip.decompress(path.read_bytes()), str(path))}


def measured(summary: Summary, score: BoardScore) -> MetricSummary:
    wanted = score.part, score.metric
    (found,) = (m for m in summary.metrics if (m.subset, m.metric.name) == wanted)
    return found


@pytest.mark.parametrize("name", suite_names())
def test_habits_are_at_or_below_the_floor_and_the_oracle_at_the_ceiling(name: str) -> None:
    score = score_of(load_task(name))
    runs = committed(name)
    for adapter in HABITS:
        found = measured(runs[adapter], score)
        if (name, adapter) == ("cuespeak", "echo"):
            # It has no transcript, and the bundled recogniser knows only English.
            assert found.estimate.mean is None
            continue
        assert found.estimate.mean is not None
        assert found.baseline.floor is not None
        assert found.estimate.mean <= found.baseline.floor + 1e-9
    assert measured(runs["oracle"], score).estimate.mean == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize("name", suite_names())
def test_the_card_says_what_the_score_is_and_why_it_is_fair(name: str) -> None:
    task = load_task(name)
    score = score_of(task)
    folder = Path(__file__).resolve().parent.parent / "tasks" / type(task).__module__.split(".")[2]
    card = (folder / "README.md").read_text(encoding="utf-8")
    section = card.split("## The score on the board\n", 1)[1].split("\n## ", 1)[0]
    assert f"`{score.metric}`" in section
    assert score.part in section
    assert score.fair


def test_of_turn_taking_half_is_holding_back_and_half_is_acting() -> None:
    found = baseline("fd-bench-v1").blind
    assert found["silent"] == pytest.approx((1 + 0.5) / 4)  # both kinds of pauses, and half of the listening
    assert found["always-on"] == 0
    single = {k: v for k, v in found.items() if k.startswith("constant@") and "and" not in k}
    assert max(v for v in single.values() if v is not None) <= 0.5
    runs = committed("fd-bench-v1")
    score = score_of(load_task("fd-bench-v1"))
    # It answers every end 0.7 s later, and gives no backchannels.
    assert measured(runs["delayed:700"], score).estimate.mean == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert measured(runs["always-on"], score).estimate.mean == 0
    assert measured(runs["echo"], score).estimate.mean == 0


def test_of_overlaps_nothing_is_earned_without_an_answer_to_the_question() -> None:
    found = baseline("fd-bench-v1.5").blind
    assert found["silent"] == found["always-on"] == 0
    runs = committed("fd-bench-v1.5")
    expected = replace_metric(score_of(load_task("fd-bench-v1.5")), "expected")
    # The measure it replaces on the board: talk without end has three of four scenarios right by it.
    assert measured(runs["always-on"], expected).estimate.mean == 0.75


def replace_metric(score: BoardScore, name: str) -> BoardScore:
    return structs.replace(score, metric=name)


def one(events: float | None, n: int, unit: str = "%") -> MetricSummary:
    found = measured(committed("fd-bench-v1")["oracle"], score_of(load_task("fd-bench-v1")))
    metric = structs.replace(found.metric, unit=unit)
    return structs.replace(found, metric=metric, estimate=replace(found.estimate, n=n), events=events)


@pytest.mark.parametrize(
    ("events", "n", "few"),
    [(9.0, 30, True), (10.0, 2, False), (0.0, 0, False), (None, 9, True), (None, 10, False)],
)
def test_events_are_counted_and_not_samples(events: float | None, n: int, few: bool) -> None:
    assert FEW_EVENTS == 10
    assert one(events, n).few is few
    assert not one(events, n, unit="s").few


def test_a_cell_has_the_parts_of_its_score_and_what_it_counts() -> None:
    board = board_of(list(committed("fd-bench-v1").values()))
    (column,) = board.columns
    assert (column.metric.name, column.part) == ("turn_score", "turn taking")
    cells = {row.label.split(" ")[0]: row.cells[0] for row in board.rows}
    assert {row.kind for row in board.rows} == {RowKind.RULER}
    delayed, silent = (
        next(c for label, c in cells.items() if name in label) for name in ("delayed", "silent")
    )
    assert delayed is not None
    assert silent is not None
    assert [value for _, value, _ in delayed.parts] == [1.0, 1.0, 0.5, 1.0, 1.0]
    assert (delayed.few, silent.few) == (False, False)
    assert silent.state is CellState.BELOW
    assert delayed.events == 30


def test_summaries_that_were_made_before_can_be_read() -> None:
    (summary,) = from_json(to_json([committed("fd-bench-v1")["silent"]]).replace('"events":', '"once":'))
    assert {m.events for m in summary.metrics} == {None}
